"""Recordings with hum: syllables of a made voice with pauses, notes, and sums of steady tones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SR = 16000  # Hz

Samples = NDArray[np.float64]


def voice(seconds: float, sr: int = SR, seed: int = 0) -> Samples:
    """Make syllables of gliding pitch, 0.2 to 0.6 s long, with pauses of 0.1 to 0.4 s."""
    rng = np.random.default_rng(seed)
    x = 1e-4 * rng.standard_normal(round(seconds * sr))
    at = rng.uniform(0.1, 0.4)
    while at < seconds - 0.7:
        n = round(rng.uniform(0.2, 0.6) * sr)
        f = np.linspace(rng.uniform(90, 220), rng.uniform(90, 220), n)
        phase = 2 * np.pi * np.cumsum(f) / sr
        syllable = sum(np.sin(k * phase) / k for k in range(1, 12)) * np.hanning(n)
        start = round(at * sr)
        x[start : start + n] += 0.1 * syllable
        at += n / sr + rng.uniform(0.1, 0.4)
    return x


def notes(frequency: float, seconds: float, sr: int = SR) -> Samples:
    """Play one pitch as a bass does: notes of 0.9 s that decay, one each second."""
    t = np.arange(round(seconds * sr)) / sr
    beat = t % 1.0
    envelope = np.minimum(beat / 0.01, 1) * np.exp(-2 * beat) * (beat < 0.9)
    tones = sum(np.sin(2 * np.pi * k * frequency * t) / k for k in (1, 2, 3, 4))
    return np.asarray(0.2 * envelope * tones)


def hum(
    n: int,
    sr: int = SR,
    *,
    f0: float = 50.07,
    orders: tuple[int, ...] = (1, 2, 3, 5, 7),
    drift: float = 0.0,
    level: float = 0.02,
) -> Samples:
    """Sum harmonics of a fundamental that drifts to and fro in 7 s, by a share of itself."""
    t = np.arange(n) / sr
    phase = 2 * np.pi * np.cumsum(f0 * (1 + drift * np.sin(2 * np.pi * t / 7))) / sr
    return np.asarray(level * sum(np.cos(k * phase + k**2) / np.sqrt(k) for k in orders))


def snr_db(clean: Samples, y: Samples) -> float:
    """Compare a recording with the clean one."""
    return float(10 * np.log10(np.sum(clean**2) / np.sum((y - clean) ** 2)))


def best_notch_db(clean: Samples, y: Samples, f0: float, orders: tuple[int, ...]) -> float:
    """Give the SNR of the best bank of notch filters, which is told the fundamental."""
    from scipy.signal import filtfilt, iirnotch

    best = -np.inf
    for width in (0.5, 1, 2, 4, 8, 16):  # Hz
        z = y
        for k in orders:
            z = filtfilt(*iirnotch(k * f0, k * f0 / width, SR), z)
        best = max(best, snr_db(clean, z))
    return best
