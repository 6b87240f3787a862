"""What tests of missing samples share: masks, noise and the measure of success."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mask_of(n: int, *spans: tuple[int, int]) -> NDArray[np.bool_]:
    """Mark spans of n samples as missing."""
    missing = np.zeros(n, bool)
    for start, stop in spans:
        missing[start:stop] = True
    return missing


def snr_db(true: NDArray[Any], found: NDArray[Any]) -> float:
    """Signal-to-noise ratio in dB."""
    return float(10 * np.log10(np.sum(true**2) / np.sum((found - true) ** 2)))


def two_tones(n: int) -> NDArray[Any]:
    """Two steady tones in a little noise."""
    t = np.arange(n)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(n)
    return np.asarray(np.sin(0.1 * t) + 0.5 * np.sin(0.271 * t + 1) + noise)


def autoregressive(n: int, rng: np.random.Generator) -> NDArray[Any]:
    """Noise with two resonances, whose poles have the radii 0.98 and 0.95."""
    from scipy.signal import lfilter

    poles = [r * np.exp([1j * w, -1j * w]) for r, w in ((0.98, 0.3), (0.95, 1))]
    return np.asarray(lfilter([1.0], np.poly(np.concatenate(poles)).real, rng.standard_normal(n)))


def moving_resonance(n: int, rng: np.random.Generator) -> NDArray[Any]:
    """Noise with a resonance whose frequency rises."""
    x = rng.standard_normal(n)
    for t in range(2, n):
        x[t] += 1.9 * np.cos(0.3 + 0.3 * t / n) * x[t - 1] - 0.9 * x[t - 2]
    return x


def log_uniform(rng: np.random.Generator, *shape: int) -> NDArray[Any]:
    """Draw variances over four decades."""
    return np.asarray(10 ** rng.uniform(-2, 2, shape))


def relative(found: NDArray[Any], true: NDArray[Any]) -> float:
    """Largest error, relative to the largest true value."""
    return float(np.abs(found - true).max() / (np.abs(true).max() or 1.0))
