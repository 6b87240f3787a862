"""Slow detection: the equations of `spectramend.detection` line by line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]


def least_disturbance(x: Samples, a: Samples, start: int, stop: int) -> tuple[Samples, float]:
    """Solve for what to take off ``x[start:stop]`` so that the residual's energy is least.

    Returns it, and the energy that is left between ``start`` and ``stop + p``.
    """
    order, width = a.size - 1, stop - start
    A = np.zeros((width + order, x.size))
    for row, n in enumerate(range(start, stop + order)):
        for k in range(order + 1):
            A[row, n - k] = a[k]
    d, *_ = np.linalg.lstsq(A[:, start:stop], A @ x, rcond=None)
    left = A @ x - A[:, start:stop] @ d
    return np.asarray(d, np.float64), float(left @ left)


def repeats(x: Samples, shortest: int, longest: int) -> list[tuple[int, int]]:
    """Find whole packets that repeat the samples before them, at every lag."""
    found = []
    for lag in range(shortest, longest + 1):
        n = lag
        while n < x.size:
            stop = n
            while stop < x.size and x[stop] == x[stop - lag]:
                stop += 1
            if stop - n >= lag:
                found.append((n, stop))
            n = stop + 1
    return sorted(found)


def background(peaks: Samples, reach: int, guard: int, rank: int) -> Samples:
    """Find the peak of this rank around each, without those next to it."""
    found = np.zeros(peaks.size)
    for j in range(peaks.size):
        around = [
            peaks[i] if 0 <= i < peaks.size else 0.0
            for i in range(j - reach, j + reach + 1)
            if abs(i - j) > guard
        ]
        found[j] = sorted(around)[-rank]
    return found
