"""The level of clipping that is not exactly flat: an edge in the histogram of amplitudes.

Dither, a change of rate, a lossy codec or a high-pass filter after clipping spread the flat tops
over some tenths of a decibel to a few decibels. Their samples still pile up: a window of levels
near the largest value holds more samples than the levels right below it, and hardly any lie above.

A crest that just reaches a level does so, too. Its top is a parabola: if it stays within the window
[lowest, highest] for L samples, then at ``a`` samples beyond these it has fallen to

    highest - (1 + 2*a/L)**2 * (highest - lowest)                                             (1)

while a clipped wave falls on with the slope that it had. `steepness` is the ratio of the fall to
that of (1).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs
from spectramend.detection.clipping import are_pulses

# Chosen on recordings that were clipped and then dithered, resampled, coded or filtered; the
# figures are those of `benchmarks/detection.py`.
BIN_DB = 0.1  # dB, of the histogram
WINDOW_BINS = (2, 4, 8, 16)  # bins of a window: tops that spread over 0.2 to 1.6 dB
SEARCH_BINS = 30  # bins under the largest value where windows end: clipping rings by 3 dB at most
MIN_PILED = 20  # samples in a window
MAX_ABOVE = 0.1  # samples above a window, relative to those in it
MIN_PILE = 2.5  # ratio of the samples in a window to those below it
MIN_BELOW = 3.0  # samples; fewer below a window are taken for so many
MIN_STEEPNESS = 1.6  # mean ratio of the fall of tops to (1), weighted by their lengths
# Engineering choices:
MIN_STEPS = 4  # quantisation steps in a window, at least
LOWEST_DB = -120.0  # dB re full scale, of the histogram
HIGHEST_DB = 60.0  # dB re full scale: floating-point files may exceed 0 dB, or be on other scales
MAX_STEEPNESS = 10.0  # ratio; more in one run says no more
MAX_REACH = 150  # samples beyond a run, at most


@dataclass(frozen=True)
class Edge:
    """A window of levels, in amplitude, in which samples pile up."""

    lowest: float
    highest: float


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
            pile[(inside < MIN_PILED) | (above > MAX_ABOVE * inside)] = 0
            if pile.size and pile.max() > highest_pile:
                i = int(np.argmax(pile))
                highest_pile = float(pile[i])
                levels = LOWEST_DB + BIN_DB * np.array([start[i], start[i] + width])
                found = Edge(*(10 ** (levels / 20)).tolist())
        return found if found and found.highest - found.lowest >= MIN_STEPS * step else None


@dataclass(frozen=True)
class EdgeRuns:
    """Runs of samples above the lower end of an edge."""

    spans: NDArray[np.int64]  # [shape=(n, 2)]
    steepness: NDArray[np.float64]  # [shape=(n,)]
    falls: NDArray[np.float64]  # [shape=(n,)] mean fall to the samples next to a run, relative


def edge_runs(x: NDArray[np.float64], edge: Edge, *, own: Span, offset: int = 0) -> EdgeRuns:
    """Find the runs at an edge that begin in the part `own` of the samples, `offset` is added."""
    spans = runs(x >= edge.lowest)
    spans = spans[(spans[:, 0] >= own[0]) & (spans[:, 0] < own[1])]
    length = spans[:, 1] - spans[:, 0]
    reach = np.clip(-(-length // 2), 1, MAX_REACH)
    before = x[np.maximum(spans[:, 0] - reach, 0)]
    after = x[np.minimum(spans[:, 1] - 1 + reach, x.size - 1)]
    fall = edge.highest - (before + after) / 2
    parabola = (1 + 2 * reach / np.maximum(length, 1)) ** 2 * (edge.highest - edge.lowest)
    next_to = x[np.maximum(spans[:, 0] - 1, 0)] + x[np.minimum(spans[:, 1], x.size - 1)]
    falls = 1 - next_to / (2 * edge.highest)
    return EdgeRuns(spans + offset, np.minimum(fall / parabola, MAX_STEEPNESS), falls)


def clipped_at_edge(parts: list[EdgeRuns], *, shortest: int, fewest: int) -> list[Span]:
    """Choose the runs of several blocks if they are clipped: `fewest` of `shortest` samples."""
    if not parts:
        return []
    spans = np.concatenate([part.spans for part in parts])
    steepness = np.concatenate([part.steepness for part in parts])
    length = spans[:, 1] - spans[:, 0]
    falls = np.concatenate([part.falls for part in parts])
    long = length > 1
    if np.count_nonzero(length >= shortest) < fewest or are_pulses(falls, length >= shortest):
        return []
    if np.average(steepness[long], weights=length[long]) < MIN_STEEPNESS:
        return []
    return sorted((int(a), int(b)) for a, b in spans[long])
