"""Complex amplitudes of tones in short blocks.

Block b of L = 2h samples is centred on sample b*h. The amplitude of a tone of f Hz in it is

    c_f[b] = 2 * sum_n w[n] * x[b*h - h + n] * exp(-2j*pi*f*(b*h - h + n)/sr),

w a Hann window of sum 1, so that a steady tone Re(A*exp(2j*pi*f*t)) has c_f[b] = A. The phase of
the first sample of a block is a factor of its own, so that all blocks share one matrix E of L
columns: c = X @ E, a product of two matrices, which is what makes it fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

HOP_S = 0.1  # s between blocks; engineering choice: half a period of voices' changes, 10 Hz wide
MIN_SHARE = 0.25  # of a block's window; engineering choice: with less a block says little
BATCH = 256  # blocks that are read at once; engineering choice: bounds memory

Read: TypeAlias = Callable[[int, int], NDArray[np.float64]]  # read(start, stop) of one channel
Complex: TypeAlias = NDArray[np.complex128]
Real: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Where blocks are: `n` of them, block b centred on sample start + b*hop."""

    start: int  # first sample
    stop: int  # the one after the last
    hop: int  # samples
    sr: float  # Hz

    @classmethod
    def over(cls, start: int, stop: int, sr: float) -> Grid:
        """Lay blocks over a part of a recording; the first and the last are half empty."""
        return cls(start, stop, max(1, round(HOP_S * sr)), sr)

    @property
    def n(self) -> int:
        """The number of blocks."""
        return -(-(self.stop - self.start) // self.hop) + 1

    @property
    def times(self) -> Real:
        """The centres in seconds since the beginning of the recording [shape=(n,)]."""
        return (self.start + np.arange(self.n) * self.hop) / self.sr


def hann(n: int) -> Real:
    """Sample a periodic Hann window [shape=(n,)], the highest at n/2."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def heterodyne(read: Read, grid: Grid, frequencies: ArrayLike) -> tuple[Complex, Real]:
    """Measure tones of given frequencies in Hz in each block [shape=(tones, n)].

    Samples that are not finite, and those outside the grid, are left out, and the window of such a
    block is scaled to sum 1. The second result is the use of each block, the square of the share of
    its window that it has; it is 0 where a block has hardly any.
    """
    f = np.asarray(frequencies, float)
    h = grid.hop
    w = hann(2 * h)
    w /= w.sum()
    E = 2 * w[:, None] * np.exp(-2j * np.pi * np.outer(np.arange(2 * h), f / grid.sr))
    table = np.hstack([E.real, E.imag])
    c = np.empty((grid.n, f.size), complex)
    use = np.empty(grid.n)
    for first, X, share in _batches(read, grid, w):
        product = X @ table
        own = slice(first, first + len(X))
        enough = share >= MIN_SHARE
        use[own] = np.where(enough, share**2, 0.0)
        scale = np.where(enough, 1 / np.maximum(share, MIN_SHARE), 0.0)[:, None]
        c[own] = (product[:, : f.size] + 1j * product[:, f.size :]) * scale
    begins = (grid.start + (np.arange(grid.n) - 1) * h) / grid.sr
    return (c * np.exp(-2j * np.pi * np.outer(begins, f))).T, use


def _batches(read: Read, grid: Grid, w: Real) -> Iterator[tuple[int, Real, Real]]:
    """Yield first block, samples [shape=(blocks, 2*hop)] and share of the window they have."""
    h = grid.hop
    for first in range(0, grid.n, BATCH):
        blocks = min(BATCH, grid.n - first)
        begin = grid.start + (first - 1) * h
        end = begin + (blocks + 1) * h
        low, high = max(grid.start, begin), min(grid.stop, end)
        x = np.pad(read(low, high), (low - begin, end - high), constant_values=np.nan)
        good = np.isfinite(x)
        X = np.lib.stride_tricks.sliding_window_view(np.where(good, x, 0.0), 2 * h)[::h]
        share = np.ones(blocks)
        if not good.all():
            share = np.lib.stride_tricks.sliding_window_view(good.astype(float), 2 * h)[::h] @ w
        yield first, X, share
