"""Clipped runs: flat tops at a rail, which is the largest or the smallest value of a recording.

No smooth crest stays at its own maximum for three samples and falls off by more than a few times
what it varied there: a parabola that keeps within one step for L samples has fallen by
``(1 + 2/L)**2`` steps at the next. A clipped wave enters its rail with the slope that it had. Where
several runs show that, the samples at the rail are clipped, single ones too where a run is near:
elsewhere a single one is as likely a peak that just reached the rail, and lost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs

TOLERANCE = 1e-4  # of the peak: samples so near are at the rail; engineering choice: -80 dB
CREST = 3.0  # median fall of flat tops over that of a crest; engineering choice: clearly steeper
COARSE_CREST = 1.0  # the same if samples pile up; engineering choice: coarse steps hide slopes
PILE = 4.0  # samples at the rail for one a step lower: they pile up; a sine has at most 2.4
NEAR_S = 0.006  # s from a run to a single clipped sample; engineering choice: within a pitch period
PULSE_FALL = 0.5  # of the rail: the fall of a pulse; engineering choice: other sound falls less
PULSE_SHARE = 0.5  # of runs that are long, among pulses; clipped noise has mostly short ones


@dataclass(frozen=True)
class RailRuns:
    """Runs of samples at one rail: spans (n, 2), and how far the samples next to each are below."""

    spans: NDArray[np.int64]
    falls: NDArray[np.float64]
    below: int  # samples that lie a step lower

    def beginning_in(self, start: int, stop: int, offset: int) -> RailRuns:
        """Keep the runs that begin in a span, moved by an offset."""
        own = (self.spans[:, 0] >= start) & (self.spans[:, 0] < stop)
        return RailRuns(self.spans[own] + offset, self.falls[own], self.below)


def rail_runs(x: NDArray[np.float64], rail: float, step: float) -> RailRuns:
    """Find the runs at the upper rail of samples whose smallest difference is `step`."""
    tolerance = TOLERANCE * abs(rail)
    at_rail = x >= rail - tolerance
    spans = runs(at_rail)
    near = np.count_nonzero(x >= rail - tolerance - max(step, tolerance))
    padded = np.concatenate((x[:1], x, x[-1:]))
    falls = rail - (padded[spans[:, 0]] + padded[spans[:, 1] + 1]) / 2
    return RailRuns(spans, falls, int(near - np.count_nonzero(at_rail)))


def concatenate(parts: Sequence[RailRuns]) -> RailRuns:
    """Put the runs of several blocks together, in order."""
    spans = np.concatenate([part.spans for part in parts])
    falls = np.concatenate([part.falls for part in parts])
    order = np.argsort(spans[:, 0], kind="stable")
    return RailRuns(spans[order], falls[order], sum(part.below for part in parts))


def is_clipped(found: RailRuns, rail: float, *, step: float, shortest: int, fewest: int) -> bool:
    """Return whether a rail has enough runs that are flat tops: `fewest`, of `shortest` samples."""
    length = found.spans[:, 1] - found.spans[:, 0]
    long = length >= shortest
    if np.count_nonzero(long) < fewest:
        return False
    piled = int(length.sum()) >= PILE * found.below
    crest = (1 + 2 / length[long]) ** 2 * max(step, TOLERANCE * abs(rail))
    falls = found.falls[long]
    if np.median(falls / crest) < (COARSE_CREST if piled else CREST):
        return False
    # Pulses of one height stand alone, and few are short; of clipped noise most runs are.
    pulses = np.median(falls) > PULSE_FALL * abs(rail) and np.mean(long) > PULSE_SHARE
    return not pulses


def clipped_spans(found: RailRuns, sr: float) -> list[Span]:
    """Choose the runs at a clipped rail: those of two samples or more, and what is near them."""
    spans = found.spans
    longer = spans[spans[:, 1] - spans[:, 0] > 1]
    if not longer.size:
        return []
    after = np.searchsorted(longer[:, 0], spans[:, 0])
    to_next = longer[np.minimum(after, len(longer) - 1), 0] - spans[:, 1]
    since_last = spans[:, 0] - longer[np.maximum(after - 1, 0), 1]
    distance = np.minimum(np.abs(to_next), np.abs(since_last))
    long = spans[:, 1] - spans[:, 0] > 1
    return [(int(a), int(b)) for a, b in spans[long | (distance <= NEAR_S * sr)]]
