"""Splices: a repair fades in and out within its region, so that nothing outside changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT

FADE = 8  # part of a frame in which a repair fades in and out


def faded(
    x: NDArray[Any],
    y: NDArray[Any],
    span: tuple[int, int],
    first: int,
    stft: STFT,
    length: int,
) -> NDArray[np.float64]:
    """Cross-fade from a recording to its repair and back, within a span.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        A segment of the recording.
    y : ndarray [shape=(n,)]
        The same, repaired.
    span : tuple of int
        First sample of the region in the recording, and the one after its last.
    first : int
        First sample of the segment in the recording.
    stft : STFT
        The transform of the repair: the fade takes an eighth of its frame, a quarter of the span at
        most.
    length : int
        Samples of the recording, at whose ends nothing fades.

    Returns
    -------
    ndarray [shape=(span[1] - span[0],)]
        The samples of the span.

    Examples
    --------
    >>> x, y = np.zeros(40), np.ones(40)
    >>> faded(x, y, (10, 18), 0, STFT(16, 4), 40).round(2).tolist()
    [0.15, 0.85, 1.0, 1.0, 1.0, 1.0, 0.85, 0.15]
    """
    inside = slice(span[0] - first, span[1] - first)
    n = span[1] - span[0]
    fade = min(stft.n_fft // FADE, n // 4)
    weight = np.ones(n)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
    if span[0] > 0:
        weight[:fade] = ramp
    if span[1] < length:
        weight[n - fade :] = ramp[::-1]
    return (1 - weight) * x[inside] + weight * y[inside]
