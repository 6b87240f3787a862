"""Clipped runs: flat tops at a rail, which is the largest or the smallest value of a recording.

A smooth crest that stays within one step of its maximum for L samples, a parabola, has fallen by
``(1 + 2/L)**2`` steps at the next sample. A clipped wave falls by more: it enters its rail with the
slope that it had. Where several runs do so, the rail is clipped. Single samples at a clipped rail
count only near a run, unless they pile up: elsewhere they are as likely a peak that just reached
the rail.
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
MIN_SINGLES = 10  # single samples at a rail that may be piled up; engineering choice
PULSE_FALL = 0.5  # of the rail: the fall of a pulse; engineering choice: other sound falls less
PULSE_QUANTILE = 0.1  # of the falls, that is one of a pulse; engineering choice: all but a few
PULSE_SHARE = 0.5  # of runs that are long, among pulses; clipped noise has mostly short ones


@dataclass(frozen=True)
class RailRuns:
    """Runs of samples at one rail."""

    spans: NDArray[np.int64]  # [shape=(n, 2)]
    falls: NDArray[np.float64]  # [shape=(n,)] mean fall from the rail to the samples next to a run
    below: int  # samples that are a step lower than the rail


def rail_runs(
    x: NDArray[np.float64],
    rail: float,
    step: float,
    *,
    own: Span,
    offset: int = 0,
    tolerance: float = TOLERANCE,
) -> RailRuns:
    """Find the runs at the upper rail that begin in the part `own` of the samples.

    `step` is the smallest difference of samples; `offset` is added to the spans. `tolerance` is
    relative to the rail.
    """
    tolerance *= abs(rail)
    spans = runs(x >= rail - tolerance)
    spans = spans[(spans[:, 0] >= own[0]) & (spans[:, 0] < own[1])]
    padded = np.concatenate((x[:1], x, x[-1:]))
    falls = rail - (padded[spans[:, 0]] + padded[spans[:, 1] + 1]) / 2
    # Of the part alone, so that a sample in the margins of several blocks is counted once.
    part = x[slice(*own)]
    lower = rail - tolerance - max(step, tolerance)
    below = np.count_nonzero((part >= lower) & (part < rail - tolerance))
    return RailRuns(spans + offset, falls, int(below))


def concatenate(parts: Sequence[RailRuns]) -> RailRuns:
    """Join the runs of several blocks, sorted."""
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
    return not are_pulses(found.falls / abs(rail), long)


def are_pulses(falls: NDArray[np.float64], long: NDArray[np.bool_]) -> bool:
    """Whether runs are pulses of one height, from their falls in parts of it, and which are long.

    Pulses stand alone, and few are short; of clipped noise most runs are.
    """
    usual = np.quantile(falls[long], PULSE_QUANTILE)
    return bool(usual > PULSE_FALL and np.mean(long) > PULSE_SHARE)


def clipped_runs(spans: NDArray[np.int64], sr: float, *, far: bool = False) -> NDArray[np.bool_]:
    """Choose the runs at a clipped level: those of two samples or more, and what is near them.

    If `far`, single samples count wherever they are.
    """
    if far:
        return np.ones(len(spans), bool)
    long = spans[:, 1] - spans[:, 0] > 1
    longer = spans[long]
    if not longer.size:
        return long
    after = np.searchsorted(longer[:, 0], spans[:, 0])
    to_next = longer[np.minimum(after, len(longer) - 1), 0] - spans[:, 1]
    since_last = spans[:, 0] - longer[np.maximum(after - 1, 0), 1]
    distance = np.minimum(np.abs(to_next), np.abs(since_last))
    return np.asarray(long | (distance <= NEAR_S * sr))
