"""Repair of recordings: only frames with hidden cells change, channel by channel."""

from __future__ import annotations

import numpy as np
import pytest

from spectramend import STFT, Mask, inpaint, repair
from spectramend.errors import ParameterError
from spectramend.restoration import samples_touched

SR = 8000
STFT_ = STFT(n_fft=256, hop_length=64)
RNG = np.random.default_rng(0)
X = np.sin(0.3 * np.arange(4000)) + 0.01 * RNG.standard_normal(4000)
OBSERVED = np.ones((129, STFT_.n_frames(4000)), bool)
OBSERVED[:60, 20:24] = False
MASK = Mask(OBSERVED, stft=STFT_, sr=SR)


def test_samples_outside_frames_with_hidden_cells_are_bit_identical() -> None:
    out = repair(X, SR, MASK, rng=0).samples
    first, last = 20 * 64 - 128, 23 * 64 + 128
    np.testing.assert_array_equal(out[:first], X[:first])
    np.testing.assert_array_equal(out[last:], X[last:])
    assert not np.array_equal(out[first:last], X[first:last])


def test_repair_is_inpaint_in_the_frames_with_hidden_cells() -> None:
    whole = inpaint(STFT_.forward(X), MASK, stft=STFT_, sr=SR, length=X.size, rng=0)
    touched = samples_touched(MASK, STFT_, X.size)
    np.testing.assert_array_equal(
        repair(X, SR, MASK, rng=0).samples, np.where(touched, whole.samples, X)
    )


def test_reliable_cells_are_kept_on_demand() -> None:
    mask = Mask(OBSERVED, damage="occluded", stft=STFT_, sr=SR)
    kept, corrected = (repair(X, SR, mask, keep_reliable=keep, rng=0) for keep in (True, False))
    found = kept.channels[0].spectrum[OBSERVED]
    np.testing.assert_array_equal(found, STFT_.forward(X)[OBSERVED])
    assert not np.array_equal(corrected.samples, kept.samples)


@pytest.mark.parametrize("center", [True, False])
def test_touched_samples_are_those_that_a_changed_cell_can_reach(center: bool) -> None:
    stft = STFT(n_fft=10, hop_length=4, window="boxcar", center=center)
    for frame in range(stft.n_frames(50)):
        spectrum = np.zeros((6, stft.n_frames(50)), complex)
        spectrum[3, frame] = 1 + 1j
        reached = stft.inverse(spectrum, length=50) != 0
        touched = samples_touched(Mask(spectrum == 0), stft, 50)
        assert (reached <= touched).all()
        assert touched.sum() <= 10


def test_stereo_is_each_channel_in_turn() -> None:
    stereo = np.stack([X, X[::-1]])
    out = repair(stereo, SR, MASK, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    for channel, repaired in zip(stereo, out.samples, strict=True):
        np.testing.assert_array_equal(repaired, repair(channel, SR, MASK, rng=rng).samples)
    assert len(out.channels) == 2


def test_input_is_left_alone_and_may_be_read_only() -> None:
    x = X.copy()
    x.setflags(write=False)
    repair(x, SR, MASK, rng=0)
    np.testing.assert_array_equal(x, X)


def test_the_result_shows_itself_in_jupyter() -> None:
    assert "channel 1: " in repair(X, SR, MASK, rng=0)._repr_html_()


def test_bad_values_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"x has shape \(1, 1, 4000\)"):
        repair(X[None, None], SR, MASK)
    with pytest.raises(ParameterError, match="x has 100 samples, shorter than a frame of 256"):
        repair(X[:100], SR, MASK)
    with pytest.raises(ParameterError, match="says what the transform is: give stft"):
        repair(X, SR, Mask(OBSERVED))
