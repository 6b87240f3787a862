"""Signals with damage whose place is known, for the tests of detection."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.regions import Region

SR = 16000
Array: TypeAlias = NDArray[np.float64]


def tone(seconds: float = 2.0, sr: int = SR, seed: int = 0) -> Array:
    """Resonances driven by noise and slow swells: unpredictable enough, and smooth."""
    rng = np.random.default_rng(seed)
    n = round(seconds * sr)
    x = np.zeros(n)
    e = rng.standard_normal(n)
    for k in range(2, n):
        x[k] = 1.8 * x[k - 1] - 0.95 * x[k - 2] + e[k]
    return x * (1 + 0.5 * np.sin(np.arange(n) * 20 / sr)) / np.max(np.abs(x))


def spans(found: list[Region], kind: str | None = None, sr: int = SR) -> list[tuple[int, int]]:
    """Give the regions of a kind, in samples."""
    chosen = [r for r in found if kind in (None, r.label)]
    return [r.samples(length=10**9, sr=sr) for r in chosen]


def clipped(x: Array, level: float) -> Array:
    """Clip both sides."""
    return np.clip(x, -level, level)


def damaged() -> Array:
    """Make stereo with damage of every kind, some of it in one channel."""
    x = np.stack([tone(4.0), tone(4.0, seed=1)])
    x[0] = clipped(x[0], 0.6)
    x[:, 20000:20500] = 0.0
    x[1, 32700:32900] = 0.2
    x[1, 40000:40320] = x[1, 39680:40000]
    for at in range(3000, 60000, 5000):
        x[1, at : at + 5] += 1.5
    x[0, 50000:50003] = np.nan
    return x
