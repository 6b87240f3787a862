"""Search for the clicks of a channel: candidates block by block, then the tails of the clicks.

Which candidates are clicks depends on the base rate of the whole channel, so the samples around the
clicks are read again for their tails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, SpanSet, apart, join
from spectramend.detection import click_classifier, clicks
from spectramend.detection.click_features import WIDENING
from spectramend.detection.click_spans import REACH_S, likely_span
from spectramend.detection.linear_prediction import FLOOR

CLICK_DISTANCE_S = 0.002  # s from a click to other damage; engineering choice: two cells
CROWD_S = 0.004  # s between clicks whose tails mix; engineering choice: twice `TAIL_S`
TAIL_S = 0.002  # s after other clicks that no model is fitted to; engineering choice: most tails

Samples: TypeAlias = NDArray[np.float64]
ReadChannel: TypeAlias = Callable[[int, int], Samples]


class ClickSearch:
    """Candidates of a channel of some level (RMS value), from which the clicks are chosen."""

    def __init__(self, sr: float, level: float, click_db: float) -> None:
        self.sr, self.level = sr, level
        self.least = click_db * np.log(10) / 10  # log-odds of a click
        self.candidates: list[Span] = []
        self.log_odds: list[Samples] = []  # of the candidates, by block

    def add(self, x: Samples, offset: int, own: Span) -> None:
        """Find the candidates that begin in the span `own` of a part x that begins at `offset`."""
        found, features = clicks.find_candidates(
            x, self.sr, level=self.level, offset=offset, inside=own
        )
        self.candidates += [(a + offset, b + offset) for a, b in found]
        self.log_odds.append(click_classifier.MODEL.log_odds(features))

    def spans(self, read: ReadChannel, length: int, others: Sequence[Span]) -> list[Span]:
        """Find the clicks with their tails, away from `others`, in a recording to be read again."""
        free = set(apart(self.candidates, list(others), round(CLICK_DISTANCE_S * self.sr)))
        at = [i for i, span in enumerate(self.candidates) if span in free]
        log_odds = click_classifier.MODEL.adapt(np.concatenate(self.log_odds or [np.zeros(0)])[at])
        chosen = SpanSet()
        for i in np.argsort(-log_odds, kind="stable"):
            if log_odds[i] < self.least:
                break
            chosen.add(self.candidates[at[i]])
        found = self._with_tails(read, length, chosen.spans)
        bounds = join((a, b) for a, b in others)
        return [span for span in join(found) if apart([span], bounds, 0)]

    def _with_tails(self, read: ReadChannel, length: int, cores: list[Span]) -> list[Span]:
        """Find the likeliest span of each click, in order; its core where it cannot be told."""
        reach, tail = round(REACH_S * self.sr), round(TAIL_S * self.sr)
        starts, crowd = np.array([a for a, _ in cores]), round(CROWD_S * self.sr)
        found = list[Span]()
        for core in cores:
            first, last = max(0, core[0] - reach), min(length, core[1] + reach)
            lost = np.zeros(last - first, bool)
            near = slice(*np.searchsorted(starts, (first - reach, last)))
            if np.count_nonzero(np.abs(starts[near] - core[0]) < crowd) > 1:
                found.append(core)  # its residual is that of its neighbours, too
                continue
            for a, b in cores[near]:
                lost[max(0, a - first) : max(0, b + tail - first)] = True
            inner = (core[0] + WIDENING - first, core[1] - WIDENING - first)
            span = likely_span(read(first, last), lost, inner, self.sr, FLOOR * self.level)
            if span is None:
                found.append(core)
            elif span[0] < span[1]:
                found.append((span[0] + first, span[1] + first))
        return found
