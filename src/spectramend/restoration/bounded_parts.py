"""Recordings of which samples are known to intervals: restored part by part, on several cores.

What is known is a rule: it bounds the samples of any stretch of a channel. Samples that are not
finite, or lost otherwise, are missing: they have no bounds, and are not restored here. Each part
has random numbers of its own, so that the result depends on no order, and a recording in memory
gets the samples of one that is read from a file.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, marked, runs
from spectramend.core.threads import limited_threads
from spectramend.declipping import (
    EstimateOptions,
    SampleBounds,
    Segment,
    clipping_bounds,
    estimate_segment,
    plan_segments,
    quantization_bounds,
)
from spectramend.detection import ClippingLevel

Samples: TypeAlias = NDArray[np.float64]
Read: TypeAlias = Callable[[int, int], Samples]  # read(start, stop), (channels, stop - start)

# Engineering choices:
BLOCK = 1 << 18  # samples of a channel that are searched together
FLAT = 1.01e-4  # of the level: tops so flat have no noise; the tolerance of `detect` and rounding
MAX_THREADS = 4  # threads: bounds the memory


class BoundsRule(Protocol):
    """What is known of the samples of a recording."""

    def bounds(self, y: Samples, channel: int) -> SampleBounds:
        """Bound samples [shape=(n,)] of a channel, counted from 0."""
        ...


@dataclass(frozen=True)
class ClippingRule:
    """Samples at or beyond the level of their channel were beyond it.

    Where tops are flat, they were beyond what was recorded.
    """

    levels: tuple[ClippingLevel, ...]

    def bounds(self, y: Samples, channel: int) -> SampleBounds:
        """Bound samples [shape=(n,)] of a channel, counted from 0."""
        level = self.levels[channel]
        bounds = clipping_bounds(y, level.low, level.high, level.tolerance)
        if level.tolerance > FLAT * max(level.high or 0.0, -(level.low or 0.0)):
            return bounds
        lower = np.where(np.isfinite(bounds.lower), y, bounds.lower)
        return SampleBounds(lower, np.where(np.isfinite(bounds.upper), y, bounds.upper))


@dataclass(frozen=True)
class QuantizationRule:
    """Samples were within half a step of what they are."""

    step: float

    def bounds(self, y: Samples, channel: int) -> SampleBounds:
        """Bound samples [shape=(n,)] of a channel, counted from 0."""
        return quantization_bounds(y, self.step)


@dataclass(frozen=True)
class Restorable:
    """What of a recording is to be restored, and how.

    `wanted` are the spans in which samples may change, sorted and apart, of each channel; `lost`
    those of which the samples tell nothing.
    """

    rule: BoundsRule
    wanted: Sequence[Sequence[Span]]
    lost: Sequence[Sequence[Span]]
    sr: float
    options: EstimateOptions = field(default_factory=EstimateOptions)
    seed: int = 0

    def known(self, y: Samples, channel: int, start: int) -> tuple[Samples, SampleBounds]:
        """Bound a stretch of a channel that begins at `start`; missing samples are 0."""
        missing = ~np.isfinite(y) | within(self.lost[channel], start, start + y.size)
        y = np.where(missing, 0.0, y)
        bounds = self.rule.bounds(y, channel)
        lower = np.where(missing, -np.inf, bounds.lower)
        return y, SampleBounds(lower, np.where(missing, np.inf, bounds.upper))

    def free(self, y: Samples, channel: int, start: int) -> NDArray[np.bool_]:
        """Mark what is restored of a stretch of a channel that begins at `start`."""
        own = within(self.wanted[channel], start, start + y.size)
        own &= ~within(self.lost[channel], start, start + y.size) & np.isfinite(y)
        if own.any():
            own &= self.rule.bounds(np.where(own, y, 0.0), channel).free
        return own


class Part(NamedTuple):
    """A part of a channel that is restored at once."""

    channel: int  # from 0
    segment: Segment
    free: int  # samples that are restored

    @property
    def span(self) -> Span:
        """The first sample, and the one after the last."""
        return self.segment.start, self.segment.stop


def within(spans: Sequence[Span], start: int, stop: int) -> NDArray[np.bool_]:
    """Mark which samples from start to stop lie in spans, sorted and apart.

    >>> within([(0, 2), (4, 9)], 1, 6).tolist()
    [True, False, False, True, True]
    """
    if len(spans) == 1 and spans[0][0] <= start and spans[0][1] >= stop:
        return np.ones(stop - start, bool)
    ends = np.array(spans, np.int64).reshape(-1, 2)
    near = ends[(ends[:, 1] > start) & (ends[:, 0] < stop)] - start
    return marked([(max(0, int(a)), int(b)) for a, b in near], stop - start)


def plan(
    read: Read,
    wanted: Restorable,
    length: int,
    progress: Callable[[int], object] = lambda done: None,
) -> list[Part]:
    """Find the samples to be restored, and divide them into parts, in the order of time."""
    found: list[list[NDArray[np.int64]]] = [[] for _ in wanted.wanted]
    for start in range(0, length, BLOCK):
        stop = min(start + BLOCK, length)
        for channel, y in enumerate(read(start, stop)):
            found[channel].append(runs(wanted.free(y, channel, start)) + start)
        progress(stop)
    parts = []
    for channel, own in enumerate(found):
        spans = _joined(own)
        for segment in plan_segments(spans, length, wanted.sr):
            first = np.searchsorted(spans[:, 1], segment.start, side="right")
            last = np.searchsorted(spans[:, 0], segment.stop)
            inside = np.clip(spans[first:last], segment.start, segment.stop)
            parts.append(Part(channel, segment, int(np.sum(inside[:, 1] - inside[:, 0]))))
    return sorted(parts, key=lambda part: (part.segment.start, part.channel))


def _joined(blocks: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Join the runs of blocks, in order [shape=(runs, 2)]; those across a border are one."""
    spans = np.concatenate([*blocks, np.empty((0, 2), np.int64)])
    apart = spans[1:, 0] > spans[:-1, 1]
    first, last = np.append(True, apart)[: len(spans)], np.append(apart, True)[-len(spans) :]
    return np.stack([spans[first, 0], spans[last, 1]], axis=1) if len(spans) else spans


def restored(
    read: Read, wanted: Restorable, parts: Sequence[Part]
) -> Iterator[tuple[Part, Samples]]:
    """Restore parts, and yield each with its samples in this order; some are restored at once."""
    threads = min(MAX_THREADS, os.cpu_count() or 1, max(1, len(parts)))
    waiting: deque[tuple[Part, Future[Samples]]] = deque()
    stopped = Event()
    with limited_threads(1), ThreadPoolExecutor(threads) as pool:
        try:
            for part in parts:
                # Read here, since readers are for one thread.
                y = read(part.segment.first, part.segment.last)[part.channel].copy()
                waiting.append((part, pool.submit(_restored_part, y, part, wanted, stopped)))
                if len(waiting) > threads:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            # After an error or Ctrl-C nobody wants the others.
            stopped.set()
            for _, future in waiting:
                future.cancel()


class _Stopped(Exception):
    """A part is not wanted any more."""


def _restored_part(y: Samples, part: Part, wanted: Restorable, stopped: Event) -> Samples:
    """Restore a part from its samples with their context."""

    def tick() -> None:
        if stopped.is_set():
            raise _Stopped

    channel, (start, stop, first, _) = part.channel, part.segment
    own = slice(start - first, stop - first)
    z, bounds = wanted.known(y, channel, first)
    if not z.any():
        return y[own]
    rng = np.random.default_rng((wanted.seed, channel, start))
    x = estimate_segment(z, bounds, wanted.sr, options=wanted.options, rng=rng, tick=tick)
    if wanted.options.consistent:
        x = bounds.nearest(x)
    free = wanted.free(y[own], channel, start)
    return np.where(free, x[own], y[own])
