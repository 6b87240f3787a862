"""Blocks of frames that fit in cache, processed by threads.

Neither the blocks of a matrix nor the order in which their results are summed depends on the number
of threads, so that the result is the same, bit for bit. Each thread processes one block with a
single-threaded BLAS: the element-wise operations between the products, for which BLAS has no
threads, then run on all cores, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import numpy as np

from spectramend.nmf._engine.arrays import Array, on_device_of

T = TypeVar("T")

# Bytes of one buffer [shape=(F, n)] of a block. Engineering choice: fits in cache, and matrix
# products on blocks of half the width are slower; `benchmarks/update_speed.py` times iterations.
BLOCK_BYTES = 1 << 21
# Frames. Engineering choice: products of fewer columns are far from BLAS's full speed.
MIN_WIDTH = 32
# Bytes, for other libraries. Engineering choice: these have threads of their own, and devices that
# are fast on large blocks only; `benchmarks/gpu.py` times iterations.
FOREIGN_BLOCK_BYTES = 1 << 26


class Buffers(NamedTuple):
    """Matrices [shape=(F, n)] of one thread for a block of n frames; contents are not kept."""

    V_hat: Array
    ratio: Array
    MV: Array
    M: Array
    scratch: Array
    other: Array


class BlockThreads:
    """At most `threads` threads, by default as many as BLAS has, for blocks of frames.

    Each thread has buffers of its own. In the context BLAS has one thread. `shape` is F and N, the
    greatest number of frames.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        like: Array,
        xp: Any,
        threads: int | None = None,
        *,
        column_major: bool = False,
    ) -> None:
        self._n_bins, n_frames = shape
        self._like, self._xp, self._threads = like, xp, threads
        self._column_major = column_major
        self._is_numpy = xp is np
        self._n_blocks = len(self.blocks_of(n_frames))
        widest = max_width(self._n_bins, like.dtype.itemsize, is_numpy=self._is_numpy)
        self._size = self._n_bins * min(n_frames, widest)
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None
        self._n_workers = 1

    def blocks_of(self, n_frames: int) -> list[slice]:
        """Divide frames, at most as many as the context is made for, into blocks."""
        return split(self._n_bins, n_frames, self._like.dtype.itemsize, is_numpy=self._is_numpy)

    def __enter__(self) -> BlockThreads:
        if self._is_numpy:
            blas = _blas()
            allowed = max((pool.num_threads for pool in blas.lib_controllers), default=1)
            self._n_workers = min(self._threads or allowed, self._n_blocks)
            if allowed > 1:
                self._stack.enter_context(blas.limit(limits=1))
            if self._n_workers > 1:
                self._pool = self._stack.enter_context(ThreadPoolExecutor(self._n_workers))
        self._idle: SimpleQueue[list[Array]] = SimpleQueue()
        for _ in range(self._n_workers):
            self._idle.put([self._empty() for _ in Buffers._fields])
        return self

    def _empty(self) -> Array:
        """Allocate a buffer for the widest block [shape=(size,)]."""
        where = on_device_of(self._xp, self._like)
        return self._xp.empty(self._size, dtype=self._like.dtype, **where)

    def _matrix(self, flat: Array, n_frames: int) -> Array:
        """View the start of a buffer as a contiguous matrix [shape=(F, n_frames)]."""
        part = flat[: self._n_bins * n_frames]
        if self._column_major:
            return part.reshape(n_frames, self._n_bins).T
        return part.reshape(self._n_bins, n_frames)

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        del self._idle

    def map(self, work: Callable[[slice, Buffers], T], blocks: Sequence[slice]) -> Iterator[T]:
        """Apply a function to every block, with buffers of its width; yield results in order."""

        def run(block: slice) -> T:
            buffers, n = self._idle.get(), block.stop - block.start
            try:
                with np.errstate(all="ignore"):  # which holds for one thread
                    return work(block, Buffers(*(self._matrix(flat, n) for flat in buffers)))
            finally:
                self._idle.put(buffers)

        if self._pool is None:
            yield from map(run, blocks)
            return
        # A few at a time: results may be as large as a factor, and the caller adds them up.
        for i in range(0, len(blocks), self._n_workers):
            yield from self._pool.map(run, blocks[i : i + self._n_workers])


@cache
def _blas() -> Any:
    """Find the BLAS of NumPy, once for the process."""
    from threadpoolctl import ThreadpoolController  # without SciPy's BLAS, which is not used here

    return ThreadpoolController().select(user_api="blas")


def max_width(n_bins: int, itemsize: int, *, is_numpy: bool = True) -> int:
    """Give the most frames that a block may have."""
    size = BLOCK_BYTES if is_numpy else FOREIGN_BLOCK_BYTES
    return max(MIN_WIDTH, size // (n_bins * itemsize))


def split(n_bins: int, n_frames: int, itemsize: int, *, is_numpy: bool = True) -> list[slice]:
    """Split frames into blocks of nearly equal width, in order.

    NumPy's blocks are even in number, so that two, four, ... threads have equal shares.
    """
    count = math.ceil(n_frames / max_width(n_bins, itemsize, is_numpy=is_numpy))
    if is_numpy and n_frames >= 2 * MIN_WIDTH:
        count += count % 2
    edges = [round(i * n_frames / count) for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
