"""Half-open spans of samples (start, stop): runs of a mask, unions, groups and distances."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Span: TypeAlias = tuple[int, int]


class SpanSet:
    """Spans in order of which no two overlap."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def add(self, span: Span) -> None:
        """Insert a span unless it overlaps one that is there."""
        i = bisect_left(self.spans, span)
        if i > 0 and self.spans[i - 1][1] > span[0]:
            return
        if i < len(self.spans) and self.spans[i][0] < span[1]:
            return
        self.spans.insert(i, span)


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find the runs in which a mask [shape=(n,)] is true: starts and stops [shape=(runs, 2)]."""
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    first = [0] if mask.size and mask[0] else []
    last = [mask.size] if mask.size and mask[-1] else []
    return np.concatenate((first, edges, last)).astype(np.int64).reshape(-1, 2)


def marked(spans: Iterable[Span], n: int) -> NDArray[np.bool_]:
    """Mark the samples of spans [shape=(n,)], the inverse of `runs`.

    >>> marked([(1, 3)], 4).tolist()
    [False, True, True, False]
    """
    mask = np.zeros(n, bool)
    for start, stop in spans:
        mask[start:stop] = True
    return mask


def join(spans: Iterable[Span], gap: int = 0) -> list[Span]:
    """Merge spans that overlap, touch, or lie at most `gap` samples apart."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def hull(spans: Iterable[Span]) -> Span:
    """Give the shortest span that holds all of one or more spans."""
    starts, stops = zip(*spans, strict=True)
    return min(starts), max(stops)


def touching(spans: Sequence[Span], gap: int = 0) -> list[list[int]]:
    """Group the indices of spans that `join` would merge, in the order of their starts."""
    groups: list[list[int]] = []
    reach = 0
    for i in sorted(range(len(spans)), key=spans.__getitem__):
        start, stop = spans[i]
        if groups and start <= reach + gap:
            groups[-1].append(i)
            reach = max(reach, stop)
        else:
            groups.append([i])
            reach = stop
    return groups


def apart(spans: list[Span], others: list[Span], distance: int) -> list[Span]:
    """Keep the spans that lie at least `distance` samples from each of `others`."""
    if not others:
        return spans
    bounds = np.array(join(others, 2 * distance))
    # Joined, the others are sorted by start and by stop, so one of them decides.
    kept = []
    for start, stop in spans:
        i = int(np.searchsorted(bounds[:, 0], stop + distance)) - 1
        if i < 0 or bounds[i, 1] + distance <= start:
            kept.append((start, stop))
    return kept
