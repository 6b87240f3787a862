"""A start for clipped samples: cubic curves that continue the slopes on both sides of a run.

A sine of amplitude a, clipped near zero, crosses its level with the slope a*omega and stays beyond
it for pi/omega samples; the cubic Hermite curve of these slopes rises to pi*a/4. An estimate that
starts at the level itself has to grow there, by a small factor in each step of any local search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import runs
from spectramend.declipping.bounds import SampleBounds

SLOPES = 0.85  # ratio, of slopes to those found; chosen on development music: noise adds to them


def hermite_start(y: NDArray[np.float64], bounds: SampleBounds) -> NDArray[np.float64]:
    """Bridge the runs that are open on one side, within their bounds [shape=(n,)].

    Other samples stay, if they are within their bounds.
    """
    x = y.copy()
    above, below = np.isposinf(bounds.upper), np.isneginf(bounds.lower)
    for side, sign in ((above & ~below, 1.0), (below & ~above, -1.0)):
        spans = runs(side)
        spans = spans[(spans[:, 0] >= 2) & (spans[:, 1] <= y.size - 2)]
        if not spans.size:
            continue
        start, stop = spans.T
        first, last = y[start - 1], y[stop]
        rise = np.maximum(sign * (first - y[start - 2]), 0)
        fall = np.maximum(sign * (last - y[stop + 1]), 0)
        # All samples of all runs at once: u runs from 0 to 1 between the reliable neighbours.
        length = stop - start
        run = np.repeat(np.arange(length.size), length)
        at = np.arange(run.size) - np.repeat(np.cumsum(length) - length, length)
        gap = (length + 1)[run]
        u = (at + 1) / gap
        level = first[run] * (1 - u) ** 2 * (1 + 2 * u) + last[run] * u**2 * (3 - 2 * u)
        bump = gap * (rise[run] * u * (1 - u) ** 2 + fall[run] * u**2 * (1 - u))
        x[start[run] + at] = level + sign * SLOPES * bump
    return bounds.nearest(x)
