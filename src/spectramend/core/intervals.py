"""Half-open spans of samples, which all detectors speak of, and the masks that they come from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Span: TypeAlias = tuple[int, int]


class SpanSet:
    """Spans that do not overlap, in order; one that would overlap is not taken in."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def add(self, span: Span) -> None:
        """Take a span in if it overlaps none."""
        i = bisect_left(self.spans, span)
        if i > 0 and self.spans[i - 1][1] > span[0]:
            return
        if i < len(self.spans) and self.spans[i][0] < span[1]:
            return
        self.spans.insert(i, span)


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find where a mask is true: starts and stops, (n, 2)."""
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    ends = ([0] if mask.size and mask[0] else [], [mask.size] if mask.size and mask[-1] else [])
    return np.concatenate((ends[0], edges, ends[1])).astype(np.int64).reshape(-1, 2)


def join(spans: Iterable[Span], gap: int = 0) -> list[Span]:
    """Merge spans that overlap, touch, or lie at most so many samples apart."""
    joined: list[Span] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def apart(spans: list[Span], others: list[Span], reach: int) -> list[Span]:
    """Keep the spans that come nowhere so near to any of others."""
    if not others:
        return spans
    bounds = np.array(join(others, 2 * reach))
    # Joined, the others are sorted by start and by stop, so one of them decides.
    kept = []
    for start, stop in spans:
        i = int(np.searchsorted(bounds[:, 0], stop + reach)) - 1
        if i < 0 or bounds[i, 1] + reach <= start:
            kept.append((start, stop))
    return kept
