"""A recording of tones and an event of noise, for tests of scenes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.experiments._common.recordings import Recording

SR = 8000


def tones(seconds: float = 4.0, base_hz: float = 210.0) -> NDArray[Any]:
    t = np.arange(round(seconds * SR)) / SR
    x = sum(np.sin(2 * np.pi * base_hz * k * t + k) / k for k in range(1, 9))
    return np.asarray(0.1 * x)


def noise(seconds: float, low: float = 1500, high: float = 2500, seed: int = 0) -> NDArray[Any]:
    n = round(seconds * SR)
    X = np.fft.rfft(np.random.default_rng(seed).standard_normal(n) * np.hanning(n))
    f = np.fft.rfftfreq(n, 1 / SR)
    X[(f < low) | (f > high)] = 0
    return np.fft.irfft(X, n)


RECORDING = Recording("tones", tones(), SR, "music")
EVENT = Recording("noise", noise(0.4), SR, "event")
