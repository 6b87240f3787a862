"""Search for the clicks of a channel: candidates block by block, then the tails of the clicks.

Which candidates are clicks depends on the base rate of the whole channel, so the samples around the
clicks are read again for their tails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, apart, join
from spectramend.detection import click_classifier, clicks
from spectramend.detection.click_features import WIDENING
from spectramend.detection.click_spans import REACH_S, likely_span
from spectramend.detection.crackle import dense_spans, find_crackle
from spectramend.detection.linear_prediction import FLOOR

CLICK_DISTANCE_S = 0.002  # s from a click to other damage; engineering choice: two cells
CROWD_S = 0.02  # s to another click in crackle; engineering choice: several tails
# For each search of the likeliest spans: s after other clicks that no model is fitted to, and s to
# another click of those that are searched. Engineering choice: most tails, at first; then those
# of crackle, whose tails are known by then.
SWEEPS = ((0.002, np.inf), (0.0, CROWD_S))
# dB, least odds of clicks of crackle over those of others. Engineering choice: few pulses of voices
# that the model was not fitted to.
CRACKLE_DB = 10.0

Samples: TypeAlias = NDArray[np.float64]
ReadChannel: TypeAlias = Callable[[int, int], Samples]


class ClickSearch:
    """Candidates of a channel of some level (RMS value), from which the clicks are chosen."""

    def __init__(self, sr: float, level: float, click_db: float) -> None:
        self.sr, self.level = sr, level
        self.least = click_db * np.log(10) / 10  # log-odds of a click
        self.candidates: list[Span] = []
        self.log_odds: list[Samples] = []  # of the candidates, by block
        self.crackle: list[Span] = []  # clicks where there are many, in no need of the base rate

    def add(self, x: Samples, offset: int, own: Span) -> None:
        """Find the candidates that begin in the span `own` of a part x that begins at `offset`."""
        level, sr = self.level, self.sr
        found, features = clicks.find_candidates(x, sr, level=level, offset=offset)
        log_odds = click_classifier.MODEL.log_odds(features)
        least = self.least + CRACKLE_DB * np.log(10) / 10
        if dense := dense_spans(found, log_odds, sr):
            crackle = find_crackle(x, sr, dense, level=level, least=least, offset=offset)
            self.crackle += [(a + offset, b + offset) for a, b in crackle if own[0] <= a < own[1]]
        elsewhere = set(apart(found, dense, 0))
        kept = [i for i, s in enumerate(found) if s in elsewhere and own[0] <= s[0] < own[1]]
        self.candidates += [(found[i][0] + offset, found[i][1] + offset) for i in kept]
        self.log_odds.append(log_odds[kept])

    def spans(self, read: ReadChannel, length: int, others: Sequence[Span]) -> list[Span]:
        """Find the clicks with their tails, away from `others`, in a recording to be read again."""
        distance = round(CLICK_DISTANCE_S * self.sr)
        free = set(apart(self.candidates, list(others), distance))
        at = [i for i, span in enumerate(self.candidates) if span in free]
        log_odds = click_classifier.MODEL.adapt(np.concatenate(self.log_odds or [np.zeros(0)])[at])
        crackle = apart(self.crackle, list(others), distance)
        single = [self.candidates[i] for i in at]
        chosen = click_classifier.likely(single, log_odds, self.least, crackle)
        found = self._with_tails(read, length, chosen)
        bounds = join((a, b) for a, b in others)
        return [span for span in join(found) if apart([span], bounds, 0)]

    def _with_tails(self, read: ReadChannel, length: int, cores: list[Span]) -> list[Span]:
        """Find the likeliest span of each click, in order; its core where it cannot be told.

        Other clicks nearby are lost samples: at first with a tail, then with their likeliest spans.
        """
        spans, starts = list(cores), np.array([a for a, _ in cores])
        for tail_s, crowd_s in SWEEPS:
            before = list(spans)
            for i, core in enumerate(cores):
                first, last = self._around(core, length)
                near = range(*np.searchsorted(starts, (first - REACH_S * self.sr, last)))
                others = [j for j in near if j != i]
                distance = min((abs(starts[j] - core[0]) for j in others), default=np.inf)
                if distance > crowd_s * self.sr:
                    continue
                lost = np.zeros(last - first, bool)
                for j in others:
                    end = before[j][1] + round(tail_s * self.sr)
                    lost[max(0, before[j][0] - first) : max(0, end - first)] = True
                inner = (core[0] + WIDENING - first, core[1] - WIDENING - first)
                span = likely_span(
                    read(first, last),
                    lost,
                    inner,
                    self.sr,
                    FLOOR * self.level,
                    is_crowded=distance <= CROWD_S * self.sr,
                )
                if span is not None:
                    spans[i] = (span[0] + first, span[1] + first)
        return [span for span in spans if span[0] < span[1]]

    def _around(self, core: Span, length: int) -> Span:
        """Give the samples around a click that its likeliest span depends on."""
        reach = round(REACH_S * self.sr)
        return max(0, core[0] - reach), min(length, core[1] + reach)
