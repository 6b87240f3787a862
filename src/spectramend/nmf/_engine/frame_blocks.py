"""Blocks of frames that stay in cache, worked on by threads.

The blocks of a matrix and the order in which their results are summed do not depend on the number
of threads, so that neither does a single bit of the result. Every thread runs one block on a
single-threaded BLAS: the element-wise lines between the products, which BLAS would leave to one
core, then run on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from queue import SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from spectramend.nmf._engine.arrays import Array

T = TypeVar("T")

BLOCK_BYTES = 1 << 21  # of one F x width buffer; at half of it products are slower
MIN_WIDTH = 32  # narrower products waste most of what BLAS can do
# Other libraries have threads of their own, and devices that want large blocks.
FOREIGN_BLOCK_BYTES = 1 << 26


class Buffers(NamedTuple):
    """Matrices [shape=(F, n)] of one thread for a block of n frames: what is in them is lost."""

    V_hat: Array
    ratio: Array
    MV: Array
    M: Array
    scratch: Array
    other: Array


class Workspace:
    """Buffers of one thread, for a block of at most `width` frames.

    Parameters
    ----------
    n_bins : int
        F.
    width : int
        Frames of the largest block.
    like : ndarray
        An array of the library, dtype and device that the buffers are to have.
    xp : module
        Namespace of the library.
    by_frames : bool
        Whether the cells of a frame follow each other in memory, as opposed to those of a row.
    """

    def __init__(self, n_bins: int, width: int, like: Array, xp: Any, by_frames: bool) -> None:
        self._n_bins, self._by_frames = n_bins, by_frames
        where = {} if xp is np else {"device": like.device}
        size = n_bins * width
        self._flat = [xp.empty(size, dtype=like.dtype, **where) for _ in Buffers._fields]

    def views(self, n_frames: int) -> Buffers:
        """Give the buffers as contiguous matrices [shape=(F, n_frames)]."""
        F, size = self._n_bins, self._n_bins * n_frames
        parts = (flat[:size] for flat in self._flat)
        if self._by_frames:
            return Buffers(*(part.reshape(n_frames, F).T for part in parts))
        return Buffers(*(part.reshape(F, n_frames) for part in parts))


class Blocks:
    """Run functions on blocks of frames, in threads.

    BLAS threads are limited from entering to leaving the context, and then as they were.

    Parameters
    ----------
    n_bins, n_frames : int
        F and N.
    like : ndarray
        An array of the library, dtype and device with which to work.
    xp : module
        Namespace of the library.
    threads : int, >= 1, or None
        Threads at most; None is as many as BLAS may use.
    by_frames : bool
        How buffers are to lie in memory, see `Workspace`.
    """

    def __init__(
        self,
        n_bins: int,
        n_frames: int,
        like: Array,
        xp: Any,
        threads: int | None = None,
        *,
        by_frames: bool = False,
    ) -> None:
        self._n_bins, self._like, self._xp, self._threads = n_bins, like, xp, threads
        self._by_frames = by_frames
        self._own = xp is np
        self.divide(n_frames)
        self._width = min(n_frames, widest(n_bins, like.dtype.itemsize, own=self._own))
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None
        self._n_workers = 1

    def divide(self, n_frames: int) -> None:
        """Divide anew, into blocks of no more frames than there were."""
        self.slices = split(self._n_bins, n_frames, self._like.dtype.itemsize, own=self._own)

    def __enter__(self) -> Blocks:
        if self._own:
            blas = _blas()
            allowed = max((pool.num_threads for pool in blas.lib_controllers), default=1)
            self._n_workers = min(self._threads or allowed, len(self.slices))
            if allowed > 1:
                self._stack.enter_context(blas.limit(limits=1))
            if self._n_workers > 1:
                self._pool = self._stack.enter_context(ThreadPoolExecutor(self._n_workers))
        self._idle: SimpleQueue[Workspace] = SimpleQueue()
        for _ in range(self._n_workers):
            space = Workspace(self._n_bins, self._width, self._like, self._xp, self._by_frames)
            self._idle.put(space)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        del self._idle

    def each(self, work: Callable[[slice, Workspace], T]) -> Iterator[T]:
        """Run a function on every block and give what it returns, in the order of the blocks."""

        def run(block: slice) -> T:
            space = self._idle.get()
            try:
                with np.errstate(all="ignore"):  # which holds for one thread
                    return work(block, space)
            finally:
                self._idle.put(space)

        if self._pool is None:
            yield from map(run, self.slices)
            return
        # A few at a time: results may be as large as a factor, and the caller adds them up.
        for i in range(0, len(self.slices), self._n_workers):
            yield from self._pool.map(run, self.slices[i : i + self._n_workers])


@cache
def _blas() -> Any:
    """Find the BLAS of NumPy, which is loaded once and for all.

    `spectramend.core.threads.limited_threads` loads SciPy's, too, which nothing here uses.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def widest(n_bins: int, itemsize: int, *, own: bool = True) -> int:
    """Give the most frames that a block may have."""
    return max(MIN_WIDTH, (BLOCK_BYTES if own else FOREIGN_BLOCK_BYTES) // (n_bins * itemsize))


def split(n_bins: int, n_frames: int, itemsize: int, *, own: bool = True) -> list[slice]:
    """Split frames into blocks.

    Parameters
    ----------
    n_bins, n_frames : int
        F and N.
    itemsize : int
        Bytes of a cell.
    own : bool
        Whether our own threads share the blocks; then their number is even, so that two, four, ...
        threads have equal shares.

    Returns
    -------
    list of slice
        Blocks of nearly equal width, in order.

    Examples
    --------
    >>> split(513, 1000, 4)
    [slice(0, 500, None), slice(500, 1000, None)]
    """
    count = math.ceil(n_frames / widest(n_bins, itemsize, own=own))
    if own and n_frames >= 2 * MIN_WIDTH:
        count += count % 2
    edges = [round(i * n_frames / count) for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
