"""A change of a signal is kept within bands and spans: how far it reaches beyond them.

A band of B Hz, T s long, cannot be cut out more finely than about 1/T. What a repair changes
reaches beyond the drawn band by at most

    R = max(min(B, REACH_HZ), 4 / T)                                                        (1)

on either side. The filter, a windowed sinc, lets through what is up to R/8 beyond the band, and
nothing from R/4 on; the rest is for the fades of 2/R, at most, at the ends in time: the transform
of such a fade, half a period of a cosine, falls fast beyond its main lobe. Samples outside the span
do not change at all.

Reference: J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function",
Proc. IEEE ISCAS 1974.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Band: TypeAlias = tuple[float, float]  # lowest and highest Hz

# Chosen on a fourth of the scenes of `spectramend experiment occlusion` and of `everyday`: twice as
# much changes more beside a box, less lets through what a loud event has at the edges of its box.
REACH_HZ = 125.0  # Hz
CUTOFF, TRANSITION = 0.19, 0.13  # of the filter: beyond the band, and its width, in R; as above
ATTENUATION_DB = 80.0  # dB, of the filter beyond its transition; engineering choice


def reach_hz(band: Band, seconds: float) -> float:
    """Evaluate R of (1) in Hz."""
    low, high = band
    return max(min(high - low, REACH_HZ), 4 / seconds)


def limited_to_bands(
    change: NDArray[Any], bands: Sequence[Band], *, reach: float, sr: int
) -> NDArray[np.float64]:
    """Filter a change [shape=(n,)] so that it reaches a fourth of `reach` Hz beyond bands.

    The filter has zero phase; beyond the ends the change is taken to be zero.
    """
    kept = np.zeros(change.size)
    for low, high in _united(bands, reach):
        beyond, width = CUTOFF * reach, TRANSITION * reach
        kept += change if high >= sr / 2 else _low_pass(change, high + beyond, width, sr)
        if low > reach / 2:  # else 0 Hz is within the reach
            kept -= _low_pass(change, low - beyond, width, sr)
    return kept


def _united(bands: Sequence[Band], reach: float) -> list[Band]:
    """Unite bands whose transitions overlap."""
    united: list[Band] = []
    for low, high in sorted(bands):
        if united and low - reach / 2 < united[-1][1] + reach / 2:
            low, high = united[-1][0], max(high, united.pop()[1])
        united.append((low, high))
    return united


def _low_pass(x: NDArray[Any], cutoff: float, transition: float, sr: int) -> NDArray[np.float64]:
    """Filter a signal [shape=(n,)] by a windowed sinc of unit gain at 0 Hz."""
    from scipy.signal import fftconvolve
    from scipy.signal.windows import kaiser

    # Kaiser (1974): length and shape from the attenuation and the width of the transition.
    half = int(np.ceil((ATTENUATION_DB - 8) / (2.285 * 2 * np.pi * transition / sr) / 2))
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    t = np.arange(-half, half + 1)
    h = kaiser(2 * half + 1, beta) * np.sinc(2 * cutoff / sr * t)
    h /= h.sum()
    return np.asarray(fftconvolve(x, h, "same"))
