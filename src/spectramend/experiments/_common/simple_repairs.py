"""Repairs by the usual filters, told where the damage is: what an editor without a model does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import filtfilt, iirnotch

from spectramend.core.intervals import Span, marked
from spectramend.experiments._common.everyday_scenes import EverydayScene

# Hz at -3 dB, widths of the bank's notches, as of the trial; engineering choice: each doubles.
NOTCH_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
MUTED_HZ = 5.0  # Hz on either side of a tone; engineering choice: a box of 10 Hz


def best_notches(scene: EverydayScene) -> NDArray[Any]:
    """Filter the tones by the bank of notches whose result is nearest to the truth [shape=(n,)].

    All notches of a bank have one width; filters run forwards and backwards, without a delay.
    """
    nyquist, found = scene.recording.sr / 2, []
    for width in NOTCH_HZ:
        y = scene.mix
        for hz in scene.tones_hz:
            b, a = iirnotch(hz, hz / width, fs=2 * nyquist)
            y = filtfilt(b, a, y, padlen=min(y.size - 1, scene.recording.sr))
        found.append(y)
    return max(found, key=scene.snr_db)


def without_bands(x: NDArray[Any], tones_hz: Sequence[float], sr: int) -> NDArray[Any]:
    """Zero the spectrum of x [shape=(n,)] within 5 Hz of each tone."""
    X, f = np.fft.rfft(x), np.fft.rfftfreq(x.size, 1 / sr)
    for hz in tones_hz:
        X[np.abs(f - hz) <= MUTED_HZ] = 0
    return np.asarray(np.fft.irfft(X, x.size))


def muted(x: NDArray[Any], spans: Sequence[Span]) -> NDArray[Any]:
    """Zero spans of x [shape=(n,)].

    Examples
    --------
    >>> muted(np.ones(4), [(1, 3)]).tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    return np.where(marked(spans, x.size), 0, x)


def interpolated_linearly(x: NDArray[Any], spans: Sequence[Span]) -> NDArray[Any]:
    """Draw a line across each span of x [shape=(n,)] from the sample before to the one after.

    Examples
    --------
    >>> interpolated_linearly(np.array([1.0, 9.0, 9.0, 4.0]), [(1, 3)]).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    known = ~marked(spans, x.size)
    n = np.arange(x.size)
    return np.where(known, x, np.interp(n, n[known], x[known]))


def median_filtered(x: NDArray[Any], spans: Sequence[Span]) -> NDArray[Any]:
    """Replace spans of x [shape=(n,)] by the median over twice their length around each sample.

    Examples
    --------
    >>> median_filtered(np.array([1.0, 1.0, 9.0, 2.0, 2.0]), [(2, 3)]).tolist()
    [1.0, 1.0, 2.0, 2.0, 2.0]
    """
    y = x.copy()
    for first, stop in spans:
        m = stop - first
        around = np.pad(x, m, mode="edge")[first : stop + 2 * m]
        y[first:stop] = np.median(np.lib.stride_tricks.sliding_window_view(around, 2 * m + 1), 1)
    return y
