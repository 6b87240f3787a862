"""The level of clipping that is not exactly flat: an edge in the histogram of amplitudes.

Dither, a change of rate or a lossy codec after clipping spread the flat tops over some tenths of a
decibel to a few decibels. Their samples still pile up: a window of levels near the largest value
holds more samples than the levels right below it, and hardly any lie above.

A crest that just reaches a level does so, too. Its top is a parabola, of which the mean of the
middle third of its L samples is higher than that of the outer ones; this tells its curvature, and
so how far it has fallen ``L/2`` samples beyond the top. A clipped wave is flat, but for ripple that
cancels in the sum over all tops, and falls on with the slope that it had. `steepness` is the ratio
of the falls to those of the parabolas.

A wave that is saturated softly is steep in this sense, too, but its tops have no ripple, and the
density of samples grows towards its level (`saturation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs
from spectramend.detection.clipping import are_pulses

# Chosen on recordings that were clipped and then dithered, resampled, coded or filtered; the
# figures are those of `benchmarks/clipping.py`.
BIN_DB = 0.02  # dB, of the histogram
WINDOW_BINS = (2, 10, 20, 40, 80, 120, 200)  # bins of a window: tops that spread over 0.04 to 4 dB
SEARCH_BINS = 450  # bins under the largest value where windows end: clipping rings by 9 dB at most
MIN_PILED = 20  # samples in a window
MAX_ABOVE = 0.1  # samples above a window, relative to those in it
MIN_PILE = 1.3  # ratio of the samples in a window to those below it
MIN_BELOW = 3.0  # samples; fewer below a window are taken for so many
MIN_EXCESS = 5.0  # standard deviations of the counts: samples in a window above those below it
MIN_STEEPNESS = 2.0  # of clipped tops; those of undamaged recordings have 1.3 at most
WIDE_DB = 1.6  # dB, from which a window is wide
NEAR_DB = 0.7  # dB from a window to the largest value: a codec that spreads tops widely rings more
MIDDLE_DB = 0.3  # dB, under which a window is narrow
SMOOTH_NARROW = 0.2  # turns of ripple a sample: narrow windows of soft saturation have fewer
SMOOTH_MIDDLE = 0.33  # the same of windows between narrow and wide
SMOOTH = 0.265  # the same of wide windows
SMOOTH_NEAR = 0.45  # the same of wide windows near the largest value
FULL_PILE = 4.0  # ratio of the samples in a window to those below it: even single ones are clipped
# Engineering choices:
RIPPLE = 2e-4  # of the level: least step of ripple, so that rounding is none
MIN_STEPS = 4  # quantisation steps in a window, at least
LOWEST_DB = -120.0  # dB re full scale, of the histogram
HIGHEST_DB = 60.0  # dB re full scale: floating-point files may exceed 0 dB, or be on other scales
MAX_REACH = 150  # samples beyond a run, at most
MAX_GAP = 4  # samples between runs that noise divides
LONG_S = 0.012  # s: longer than half a period of any tone that matters
MAX_LONGEST = 0.5  # of the samples of all runs in one, or in long ones: these are dropouts
MIN_LENGTH = 3  # samples of a run whose curvature is told


@dataclass(frozen=True)
class Edge:
    """A window of levels, in amplitude, in which samples pile up."""

    lowest: float
    highest: float
    pile: float = FULL_PILE  # ratio of the samples in it to those below it

    @property
    def width_db(self) -> float:
        """Width in dB."""
        return float(np.round(20 * np.log10(self.highest / self.lowest), 6))


@dataclass
class AmplitudeHistogram:
    """How many positive samples have which level; those of several blocks are added up."""

    counts: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(round((HIGHEST_DB - LOWEST_DB) / BIN_DB), np.int64)
    )

    def add(self, x: NDArray[np.float64]) -> None:
        """Count the positive samples of a block [shape=(n,)]."""
        level = 20 * np.log10(x[x > 0])
        bins = ((level - LOWEST_DB) / BIN_DB).astype(np.intp)
        bins = bins[(bins >= 0) & (bins < self.counts.size)]
        self.counts += np.bincount(bins, minlength=self.counts.size)

    def edge(self, step: float) -> Edge | None:
        """Find the window in which samples pile up the most, or None.

        `step` is the smallest difference of samples: in narrower windows any samples pile up.
        """
        total = np.concatenate([[0], np.cumsum(self.counts)])
        used = np.flatnonzero(self.counts)
        found, highest_pile = None, MIN_PILE
        if not used.size:
            return None
        top = int(used[-1]) + 1
        for width in WINDOW_BINS:
            start = np.arange(top - SEARCH_BINS - width, top - width + 1)
            start = start[start >= 3 * width]
            inside = total[start + width] - total[start]
            above = total[-1] - total[start + width]
            # Below the window and a guard of half its width; of twice its width, for the mean.
            end = start - width // 2
            below = (total[end] - total[end - 2 * width]) / 2
            pile = inside / np.maximum(below, MIN_BELOW)
            excess = (inside - below) / np.sqrt(np.maximum(inside + below, 1))
            none = (inside < MIN_PILED) | (above > MAX_ABOVE * inside) | (excess < MIN_EXCESS)
            pile[none] = 0
            if pile.size and pile.max() > highest_pile:
                i = int(np.argmax(pile))
                levels = LOWEST_DB + BIN_DB * np.array([start[i], start[i] + width])
                lowest, highest = (10 ** (levels / 20)).tolist()
                if highest - lowest >= MIN_STEPS * step:
                    highest_pile = float(pile[i])
                    found = Edge(lowest, highest, highest_pile)
        return found


@dataclass(frozen=True)
class EdgeRuns:
    """Runs of samples above the lower end of an edge."""

    spans: NDArray[np.int64]  # [shape=(n, 2)]
    fall: NDArray[np.float64]  # [shape=(n,)] from the middle of a run to the samples beyond it
    parabola: NDArray[np.float64]  # [shape=(n,)] the same of a parabola; both 0 of short runs
    turns: NDArray[np.int64]  # [shape=(n,)] of ripple
    falls: NDArray[np.float64]  # [shape=(n,)] mean fall to the samples next to a run, relative
    heights: NDArray[np.float64]  # [shape=(n,)] mean of the samples

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of samples of each run."""
        return self.spans[:, 1] - self.spans[:, 0]

    def steepness(self) -> float:
        """Sum of the falls over that of parabolas; infinite if the tops are flat or hollow."""
        fall, parabola = float(self.fall.sum()), float(self.parabola.sum())
        return fall / parabola if parabola > 0 else (np.inf if fall > 0 else 0.0)

    def ripple(self) -> float:
        """Count the turns for each sample of the tops but their first and last."""
        inside = np.maximum(self.lengths - 2, 0)
        return float(self.turns.sum() / max(1, inside.sum()))


def edge_runs(
    x: NDArray[np.float64],
    edge: Edge,
    *,
    own: Span,
    offset: int = 0,
    measured: NDArray[np.float64] | None = None,
) -> EdgeRuns:
    """Find the runs at an edge that begin in the part `own` of the samples, `offset` is added.

    Their heights are those of the samples `measured` [shape=(n,)], by default `x`.
    """
    spans = runs(x >= edge.lowest)
    spans = spans[(spans[:, 0] >= own[0]) & (spans[:, 0] < own[1])]
    start, stop = spans.T
    n = stop - start
    sums = np.concatenate([[0.0], np.cumsum(x)])
    outer = n // 3
    middle = np.maximum(n - 2 * outer, 1)
    mean = (sums[stop] - sums[start]) / n
    top = (sums[stop - outer] - sums[start + outer]) / middle
    # A parabola, top - h * u**2 with u from -1 to 1, has these means of u**2 in all n samples, in
    # the middle, and in the outer ones; h follows from the two means.
    whole, inner = (n**2 - 1) / (3 * n**2), (middle**2 - 1) / (3 * n**2)
    sides = (n * whole - middle * inner) / np.maximum(2 * outer, 1)
    side = (n * mean - middle * top) / np.maximum(2 * outer, 1)
    long = n >= MIN_LENGTH
    h = np.where(long, (top - side) / np.where(long, sides - inner, 1.0), 0.0)
    reach = np.clip(-(-n // 2), 1, MAX_REACH)
    beyond = x[np.maximum(start - reach, 0)] + x[np.minimum(stop - 1 + reach, x.size - 1)]
    fall = np.where(long, top - beyond / 2, 0.0)
    parabola = h * (((2 * reach + n - 1) / n) ** 2 - inner)
    next_to = x[np.maximum(start - 1, 0)] + x[np.minimum(stop, x.size - 1)]
    falls = 1 - next_to / (2 * edge.highest)
    turns = _turns(x, spans, RIPPLE * edge.highest)
    if measured is not None:
        sums = np.concatenate([[0.0], np.cumsum(measured)])
        mean = (sums[stop] - sums[start]) / n
    return EdgeRuns(spans + offset, fall, parabola, turns, falls, mean)


def _turns(x: NDArray[np.float64], spans: NDArray[np.int64], least: float) -> NDArray[np.int64]:
    """Count the samples inside each run where two steps of at least `least` change direction."""
    length = spans[:, 1] - spans[:, 0]
    total = np.concatenate([[0], np.cumsum(length)])
    at = np.arange(total[-1]) - np.repeat(total[:-1] - spans[:, 0], length)
    step = np.diff(x[at], append=0.0)
    step[np.abs(step) < least] = 0.0
    turning = np.zeros(at.size + 1, np.int64)
    turning[2:] = np.cumsum(step[1:] * step[:-1] < 0)  # at sample i: of the samples 1 to i - 1
    first, last = np.minimum(total[:-1] + 1, at.size), np.maximum(total[1:] - 1, 0)
    return np.maximum(turning[last] - turning[first], 0)


def concatenate_edges(parts: Sequence[EdgeRuns]) -> EdgeRuns:
    """Join the runs of several blocks, sorted."""
    columns = [np.concatenate(c) for c in zip(*(vars(p).values() for p in parts), strict=True)]
    order = np.argsort(columns[0][:, 0], kind="stable")
    return EdgeRuns(*(column[order] for column in columns))


def is_clipped_at_edge(found: EdgeRuns, *, shortest: int, fewest: int) -> bool:
    """Whether an edge has enough steep runs: `fewest`, of `shortest` samples, and no pulses."""
    long = found.lengths >= shortest
    if np.count_nonzero(long) < fewest or are_pulses(found.falls, long):
        return False
    return found.steepness() >= MIN_STEEPNESS


def are_dropouts(found: EdgeRuns, sr: float) -> bool:
    """Whether one run, or long ones, hold most of the samples; noise may divide them."""
    first = np.concatenate([[True], found.spans[1:, 0] - found.spans[:-1, 1] > MAX_GAP])
    joined = np.add.reduceat(found.lengths, np.flatnonzero(first))
    long = joined[joined > LONG_S * sr].sum()
    return bool(max(joined.max(), long) > MAX_LONGEST * joined.sum())
