"""Signals with damage whose place is known, for the tests of detection."""

from __future__ import annotations

from collections.abc import Sequence
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


def voice(seconds: float = 6.0, sr: int = SR, seed: int = 0) -> Array:
    """Harmonics of a gliding pitch up to 3 kHz, in syllables."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sr)) / sr
    hz = 140 + 30 * np.sin(1.7 * t + seed) + 15 * np.sin(5.1 * t)
    phase = 2 * np.pi * np.cumsum(hz) / sr
    x = np.zeros(t.size)
    for k in range(1, round(3000 / 185)):
        formant = 1 / (1 + ((k * 140 - 500) / 300) ** 2) + 0.3 / (1 + ((k * 140 - 1500) / 400) ** 2)
        swell = 1 + 0.5 * np.sin(rng.uniform(2, 9) * t + rng.uniform(0, 6))
        x += formant * swell * np.sin(k * phase + rng.uniform(0, 6))
    x *= np.sin(np.pi * np.clip((t * 3.1) % 1.0 * 1.3, 0, 1)) ** 2 * (1 + 0.4 * np.sin(1.1 * t))
    return x / np.max(np.abs(x)) + 2e-4 * rng.standard_normal(t.size)


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


def share_met(
    ours: Sequence[Sequence[float]], others: Sequence[Sequence[float]], reach: float = 0
) -> float:
    """Measure the share of spans that others overlap, or come nearer to than `reach` samples."""
    first, last = np.array(ours, float).reshape(-1, 2).T
    starts, stops = np.array(others, float).reshape(-1, 2).T
    met = np.searchsorted(starts, last + reach) > np.searchsorted(stops, first - reach, "right")
    return float(np.mean(met)) if met.size else 1.0
