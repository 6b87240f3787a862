"""Repeating pulses on a voice-like sound, for the tests of their removal."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

SR = 16000
Array: TypeAlias = NDArray[np.float64]


def voice(seconds: float = 2.0, seed: int = 0) -> Array:
    """Make a voice: pulses of a gliding pitch and some noise through resonances, in syllables."""
    from scipy.signal import lfilter

    rng = np.random.default_rng(seed)
    n = round(seconds * SR)
    t = np.arange(n) / SR
    phase = np.cumsum(130 * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * t + seed)) / SR)
    x = np.diff(np.floor(phase), prepend=0) + 0.02 * rng.standard_normal(n)
    for f, width in ((600, 80), (1300, 100), (2600, 150)):
        r = np.exp(-np.pi * width / SR)
        x = lfilter([1.0], [1, -2 * r * np.cos(2 * np.pi * f / SR), r**2], x)
    x *= 0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)
    return 0.3 * x / np.abs(x).max()


def bursts(n: int, rate: float, *, noise: bool = False, seed: int = 0) -> Array:
    """Make bursts of 0.6 ms, noise or band-limited pulses that ring, at a rate in Hz.

    One pulse in 26 is left out, as by a phone.
    """
    rng = np.random.default_rng(seed)
    x = np.zeros(n)
    size = 96
    for k in range(int(n / SR * rate)):
        t = (k + 0.3) / rate * SR
        first = int(t)
        if k % 26 == 25 or first + size > n:
            continue
        u = (np.arange(size) - (t - first)) / SR
        if noise:
            x[first : first + size] += rng.standard_normal(size) * (u > 0) * (u < 0.0006)
        else:
            shape = np.exp(-u / 0.0005) * np.sin(2 * np.pi * 1500 * u) * np.clip(u / 0.0002, 0, 1)
            x[first : first + size] += shape
    return x


def with_pulses(
    x: Array, start: int, stop: int, rate: float, *, snr_db: float = 0.0, noise: bool = False
) -> Array:
    """Add pulses to samples start to stop at a signal-to-noise ratio there."""
    p = bursts(stop - start, rate, noise=noise)
    p *= np.sqrt(np.sum(x[start:stop] ** 2) / np.sum(p**2)) * 10 ** (-snr_db / 20)
    y = x.copy()
    y[start:stop] += p
    return y


def gain_db(x: Array, before: Array, after: Array) -> float:
    """Compute by how much the SNR rises."""
    return float(10 * np.log10(np.sum((before - x) ** 2) / np.sum((after - x) ** 2)))
