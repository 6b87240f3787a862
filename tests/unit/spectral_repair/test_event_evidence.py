"""Whether a sound acts in a region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from event_scenes import SR, noise, tones
from spectramend.core.stft import STFT
from spectramend.spectral_repair.event_evidence import excess_over_context, expected_outcome
from spectramend.spectral_repair.event_mask import EventMask

STFT_ = STFT(512, 128)
START, STOP = 2 * SR, 2 * SR + round(0.4 * SR)


def mixed(level: float) -> NDArray[Any]:
    """Add noise to tones that swell."""
    x = tones()
    x = x * (1 + 0.5 * np.sin(2 * np.pi * 1.3 * np.arange(x.size) / SR))
    x += 1e-4 * np.random.default_rng(1).standard_normal(x.size)
    x[START:STOP] += level * noise(0.4)
    return x


def event(intact: bool = True) -> EventMask:
    n_frames = STFT_.n_frames(tones().size)
    cells = np.zeros((STFT_.n_bins, n_frames), bool)
    cells[90:165, START // 128 - 1 : STOP // 128 + 2] = True
    return EventMask(cells, np.logical_not(cells.any(axis=0)) & np.full(n_frames, intact))


def power(x: NDArray[Any]) -> NDArray[Any]:
    return np.abs(STFT_.forward(x)) ** 2


def test_the_excess_is_that_of_what_was_added() -> None:
    clean, soft, loud = (
        excess_over_context(power(mixed(level)), event(), stft=STFT_, sr=SR)
        for level in (0, 0.1, 1)
    )
    assert clean is not None
    assert soft is not None
    assert loud is not None
    assert max(clean) < 2
    for name in ("frames", "valleys", "peaks"):
        assert getattr(clean, name) < getattr(soft, name) < getattr(loud, name) - 10


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_the_scale_does_not_matter(scale: float) -> None:
    found = excess_over_context(power(scale * mixed(1)), event(), stft=STFT_, sr=SR)
    expected = excess_over_context(power(mixed(1)), event(), stft=STFT_, sr=SR)
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_nothing_is_known_without_a_context() -> None:
    P = power(mixed(1))
    assert excess_over_context(P, event(intact=False), stft=STFT_, sr=SR) is None
    outside = np.where(event().cells.any(axis=0), P, 0)
    assert excess_over_context(outside, event(), stft=STFT_, sr=SR) is None


@pytest.mark.parametrize(("level", "removed"), [(0, False), (0.1, True), (1, True)])
def test_an_event_is_removed_and_nothing_is_left(level: float, removed: bool) -> None:
    x = mixed(level)
    change = x - mixed(0) if level else 0.3 * x
    outcome = expected_outcome(x, change, event(), stft=STFT_, sr=SR)
    assert (outcome.action == "removed") == removed
    assert outcome.snr_db is not None
    assert 0 <= outcome.snr_db <= 20


def test_an_event_is_removed_where_nothing_can_be_compared() -> None:
    x = mixed(1)
    outcome = expected_outcome(x, x - mixed(0), event(intact=False), stft=STFT_, sr=SR)
    assert outcome.action == "removed"
    assert outcome.snr_db is None
    nothing = expected_outcome(x, 0 * x, event(intact=False), stft=STFT_, sr=SR)
    assert nothing.action == "left"


def test_a_smaller_gain_promises_less() -> None:
    x = mixed(1)
    more, less = (
        expected_outcome(x, share * x, event(), stft=STFT_, sr=SR).snr_db for share in (0.2, 0.5)
    )
    assert more is not None
    assert less is not None
    # The gain is 0.8 or 0.5 in all cells, and 1 / (1 - G) is equation (4).
    assert more - less == pytest.approx(10 * np.log10(0.5 / 0.2))


def test_what_would_hardly_be_better_than_silence_is_muted() -> None:
    x = mixed(1)
    outcome = expected_outcome(x, 0.99 * x, event(), stft=STFT_, sr=SR)
    assert outcome.action == "muted"
    assert outcome.snr_db == 0


def test_the_model_fades_to_silence_where_it_is_hardly_better() -> None:
    x = mixed(1)
    shares = [
        expected_outcome(x, (1 - gain) * x, event(), stft=STFT_, sr=SR).share
        for gain in (0.01, 0.2, 0.3, 0.5)
    ]
    assert shares[0] == 0
    assert 0 < shares[1] < shares[2] < 1
    assert shares[3] == 1
