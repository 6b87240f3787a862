"""The fade at the edges of a region, from the recording to its repair and back.

The fades lie inside the region, so that nothing outside changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.restoration.segments import Segment

FRAME_PARTS = 8  # a fade takes an eighth part of a frame; engineering choice


def crossfaded(segment: Segment, y: NDArray[Any], stft: STFT) -> NDArray[np.float64]:
    """Cross-fade from a segment to its repair y [shape=(n,)] and back; return its damaged samples.

    A fade takes an eighth of a frame of the repair, and a quarter of the damaged span at most. None
    is made at the ends of the recording.

    >>> segment = Segment(np.zeros(40), 0, (10, 18), 40)
    >>> crossfaded(segment, np.ones(40), STFT(16, 4)).round(2).tolist()
    [0.15, 0.85, 1.0, 1.0, 1.0, 1.0, 0.85, 0.15]
    """
    start, stop = segment.span
    n = stop - start
    fade = min(stft.n_fft // FRAME_PARTS, n // 4)
    weight = np.ones(n)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
    if start > 0:
        weight[:fade] = ramp
    if stop < segment.length:
        weight[n - fade :] = ramp[::-1]
    return (1 - weight) * segment.samples[segment.inside] + weight * y[segment.inside]
