"""The limit on the level of a gap."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import mask_of
from spectramend.gaps.limits import MAX_PEAK, limit_level

LOST = mask_of(300, (100, 200))


def limited(gap: object, reach: int = 50) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Limit a gap among known samples of magnitude 1, but for a loud one far from it."""
    x = np.where(np.arange(300) == 20, 9.0, 1.0)
    x[LOST] = gap
    limit_level(x, LOST, 100, 200, reach)
    np.testing.assert_array_equal(np.delete(x, np.flatnonzero(LOST))[21:], 1.0)
    return x[LOST]


def test_a_quiet_gap_is_left_alone() -> None:
    for gap in (0.0, 0.9, np.where(np.arange(100) == 3, MAX_PEAK, 0.0)):
        np.testing.assert_array_equal(limited(gap), gap)


def test_a_loud_gap_is_scaled_to_the_peak_of_known_samples_within_reach() -> None:
    np.testing.assert_allclose(limited(5.0), 1.0)
    np.testing.assert_allclose(limited(5.0, reach=90), 5.0)
    assert limited(np.where(np.arange(100) == 3, 70.0, 0.0)).max() == pytest.approx(MAX_PEAK)


@pytest.mark.parametrize("worst", [np.nan, np.inf, 1e300])
def test_a_gap_that_is_not_finite_becomes_silent(worst: float) -> None:
    assert not limited(worst).any()
