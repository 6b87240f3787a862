"""Frames of a signal: those of the transform, and their overlap-add."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import mask_of
from spectramend.core.stft import STFT
from spectramend.gaps.em.framing import cut_frames, overlap_add_missing


@pytest.fixture
def x() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(0).standard_normal(50)


@pytest.mark.parametrize("center", [True, False])
def test_frames_are_those_of_the_transform(
    x: np.ndarray[tuple[int], np.dtype[np.float64]], center: bool
) -> None:
    stft = STFT(n_fft=16, hop_length=5, window="sine", center=center)
    frames = cut_frames(x, np.arange(stft.n_frames(50)), stft) * stft.window_samples
    np.testing.assert_allclose(np.fft.rfft(frames).T, stft.forward(x), atol=1e-12)
    first = cut_frames(np.ones(50, bool), np.array([0]), stft)
    assert first.dtype == bool
    assert np.count_nonzero(first) == (8 if center else 16)


def test_missing_samples_are_means_of_frames_weighted_by_the_squared_window(
    x: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    stft = STFT(n_fft=8, hop_length=4, window="sine")
    lost = mask_of(50, (0, 2), (20, 23))
    frames, errors, w2 = np.array([0, 1, 5, 6]), [5.0, 1.0, 2.0, 3.0], stft.window_samples**2
    own = cut_frames(x, frames, stft) + np.array(errors)[:, None]
    known = np.where(lost, 0.0, x)
    found = overlap_add_missing(own * stft.window_samples, frames, known, lost, stft)
    np.testing.assert_array_equal(found[~lost], x[~lost])
    for n in np.flatnonzero(lost):
        places = [n - 4 * (t - 1) for t in frames]  # of the sample in each frame
        weights = [w2[i] if 0 <= i < 8 else 0.0 for i in places]
        assert found[n] == pytest.approx(x[n] + np.average(errors, weights=weights))
