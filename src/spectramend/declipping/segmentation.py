"""The stretches of a recording that are estimated one by one.

Each has a part of its own and a context on both sides. Parts begin at reliable samples where there
are any nearby, so that no run is torn. What is chosen depends on the recording alone, so that a
recording in memory and one that is read block by block give the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import runs

# Engineering choices, in s:
LENGTH_S = 6.0  # of a part, at most
CONTEXT_S = 0.4  # about two windows of the longest frame


class Segment(NamedTuple):
    """A part of a channel, and what is seen around it, in samples."""

    start: int
    stop: int
    first: int
    last: int


def plan_segments(free: NDArray[np.int64], n: int, sr: float) -> list[Segment]:
    """Divide the runs of free samples [shape=(runs, 2)] of a channel of `n` samples.

    Runs less than a context apart are estimated together, as far as a part is not too long.
    """
    context, longest = round(CONTEXT_S * sr), round(LENGTH_S * sr)
    found = []
    for inside in np.split(free, np.flatnonzero(free[1:, 0] - free[:-1, 1] > context) + 1):
        if not inside.size:
            continue
        start, stop = int(inside[0, 0]), int(inside[-1, 1])
        while stop - start > longest:
            # The last run that begins within reach starts the next part, or the run is torn.
            last = int(np.searchsorted(inside[:, 0], start + longest, side="right")) - 1
            cut = int(inside[last, 0]) if inside[last, 0] > start else start + longest
            found.append((start, cut))
            start = cut
        found.append((start, stop))
    return [Segment(a, b, max(0, a - context), min(n, b + context)) for a, b in found]


def free_segments(free: NDArray[np.bool_], sr: float) -> list[Segment]:
    """Divide the free samples of a channel, given as a mask [shape=(n,)]."""
    return plan_segments(runs(free), free.size, sr)
