"""Changes within bands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.spectral_repair.band_limit import limited_to_bands, reach_hz

SR = 8000
N = 2 * SR


def sine(hz: float) -> NDArray[Any]:
    return np.sin(2 * np.pi * hz * np.arange(N) / SR)


def test_the_reach_is_tied_to_what_was_drawn() -> None:
    assert reach_hz((1000, 3000), 1.0) == 125
    assert reach_hz((1000, 1060), 1.0) == 60
    assert reach_hz((45, 55), 10.0) == 10
    assert reach_hz((45, 55), 0.1) == 40


@pytest.mark.parametrize("bands", [[(1000, 1400)], [(1000, 1200), (1100, 1400)]])
def test_tones_in_a_band_stay_and_those_beyond_the_reach_go(bands: Any) -> None:
    middle = slice(SR // 2, 3 * SR // 2)
    for hz in (1000, 1150, 1400):
        y = limited_to_bands(sine(hz), bands, reach=200, sr=SR)
        np.testing.assert_allclose(y[middle], sine(hz)[middle], atol=1e-3)
    for hz in (200, 890, 1510, 3000):
        y = limited_to_bands(sine(hz), bands, reach=200, sr=SR)
        assert np.abs(y[middle]).max() < 1e-3


@pytest.mark.parametrize(("low", "high"), [(0, 500), (3000, 4000), (45, 55)])
def test_bands_at_the_ends_of_the_spectrum(low: float, high: float) -> None:
    x = np.random.default_rng(0).standard_normal(N) * np.hanning(N)
    reach = reach_hz((low, high), N / SR)
    Y = np.fft.rfft(limited_to_bands(x, [(low, high)], reach=reach, sr=SR))
    X, f = np.fft.rfft(x), np.fft.rfftfreq(N, 1 / SR)
    inside = (f >= low) & (f <= high)
    beyond = (f < low - reach) | (f > high + reach)
    assert np.linalg.norm((Y - X)[inside]) < 1e-2 * np.linalg.norm(X[inside])
    assert np.linalg.norm(Y[beyond]) < 1e-3 * np.linalg.norm(X[beyond])


def test_a_band_from_less_than_half_of_the_reach_begins_at_0_hz() -> None:
    middle = slice(SR // 2, 3 * SR // 2)
    for hz in (1, 10, 300):
        y = limited_to_bands(sine(hz), [(20, 400)], reach=250, sr=SR)
        np.testing.assert_allclose(y[middle], sine(hz)[middle], atol=1e-3)


def test_short_signals_are_filtered() -> None:
    assert limited_to_bands(np.ones(5), [(45, 55)], reach=10, sr=SR).shape == (5,)
