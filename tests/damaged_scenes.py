"""A scene with every kind of damage, for tests of repairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import Region
from spectramend.restoration.jobs import DamagedRegion

SR = 8000
N = 3 * SR


def scene(seed: int = 0) -> NDArray[Any]:
    """Tones in a little noise."""
    t = np.arange(N) / SR
    tones = sum(np.sin(2 * np.pi * 210 * k * t + k) / k for k in range(1, 9))
    return np.asarray(0.1 * tones + 0.01 * np.random.default_rng(seed).standard_normal(N))


def without_band(x: NDArray[Any], start: int, stop: int, low: float, high: float) -> NDArray[Any]:
    """Delete a band of some samples by a transform of them alone."""
    X = np.fft.rfft(x[start:stop])
    f = np.fft.rfftfreq(stop - start, 1 / SR)
    X[(f >= low) & (f <= high)] = 0
    y = x.copy()
    y[start:stop] = np.fft.irfft(X, stop - start)
    return y


def with_value(value: float, start: int = SR, stop: int = SR + 400) -> NDArray[Any]:
    x = scene()
    x[start:stop] = value
    return x


def repeated() -> NDArray[Any]:
    x = scene()
    x[SR : SR + 400] = x[SR - 400 : SR]
    return x


def gaps_at(*spans: tuple[int, int]) -> list[DamagedRegion]:
    """Gaps with these samples."""
    return [DamagedRegion(Region(), span, "missing", "", True) for span in spans]
