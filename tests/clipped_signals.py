"""Clipped and quantized sounds of which the clean samples are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SR = 8000
LEVEL = 0.35

Array = NDArray[np.float64]


def clean(seconds: float = 1.0, seed: int = 0) -> Array:
    """Four partials of a gliding tone with a slow swell, peak 0.8, and a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SR)) / SR
    phase = 2 * np.pi * (200 + 20 * seed) * t + 2 * np.sin(2 * np.pi * 1.3 * t + seed)
    x = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 5))
    x *= 1 + 0.4 * np.sin(2 * np.pi * 2.1 * t)
    return np.asarray(0.8 * x / np.abs(x).max() + 1e-4 * rng.standard_normal(t.size))


def clipped(x: Array, level: float = LEVEL) -> Array:
    """Clip both sides."""
    return np.clip(x, -level, level)


def quantized(x: Array, bits: int) -> Array:
    """Round to the middles of steps (mid-riser)."""
    step = 2.0 ** (1 - bits)
    return (np.floor(x / step) + 0.5) * step


def snr_db(reference: Array, estimate: Array) -> float:
    """Measure the SNR of an estimate."""
    return 10 * float(np.log10(np.sum(reference**2) / np.sum((estimate - reference) ** 2)))
