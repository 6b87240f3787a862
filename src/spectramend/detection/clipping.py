"""Clipped runs: flat tops at the extreme value of a recording.

No smooth crest stays at its own maximum for three samples and falls off by more than a few times
what it varied there: a parabola that keeps within one step for L samples has fallen by
``(1 + 2/L)**2`` steps at the next. A clipped wave enters its rail with the slope that it had. Where
several runs show that, the samples at the rail are clipped, single ones too where a run is near:
elsewhere a lone one is as likely a peak that got just there, and lost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs

TOLERANCE = 1e-4  # of the peak: how near to the rail a sample lies at it
CREST = 3.0  # a flat top falls off so many times faster than a crest,
STEEP = 1.0  # or only so, where steps are coarse, if samples pile up at the rail:
PILE = 4.0  # so many times more than a step lower; of a sine there are at most 2.4
NEAR_S = 0.006  # a single sample at the rail counts if a run is so near
PULSE = 0.5  # of its height: what falls off by more is a pulse, or noise that was clipped


@dataclass(frozen=True)
class Tops:
    """What lies at one rail: spans (n, 2), and how far the samples next to each are from it."""

    spans: NDArray[np.int64]
    falls: NDArray[np.float64]
    below: int  # samples that lie a step lower


def tops(x: NDArray[np.float64], rail: float, step: float) -> Tops:
    """Find what lies at the upper rail."""
    tolerance = TOLERANCE * abs(rail)
    at_rail = x >= rail - tolerance
    spans = runs(at_rail)
    near = np.count_nonzero(x >= rail - tolerance - max(step, tolerance))
    padded = np.concatenate((x[:1], x, x[-1:]))
    falls = rail - (padded[spans[:, 0]] + padded[spans[:, 1] + 1]) / 2
    return Tops(spans, falls, int(near - np.count_nonzero(at_rail)))


def together(parts: Sequence[Tops]) -> Tops:
    """Put what was found in several blocks together."""
    spans = np.concatenate([part.spans for part in parts])
    falls = np.concatenate([part.falls for part in parts])
    order = np.argsort(spans[:, 0], kind="stable")
    return Tops(spans[order], falls[order], sum(part.below for part in parts))


def is_clipped(found: Tops, rail: float, *, step: float, shortest: int, fewest: int) -> bool:
    """Tell whether a rail has enough flat tops."""
    length = found.spans[:, 1] - found.spans[:, 0]
    long = length >= shortest
    if np.count_nonzero(long) < fewest:
        return False
    piled = int(length.sum()) >= PILE * found.below
    crest = (1 + 2 / length[long]) ** 2 * max(step, TOLERANCE * abs(rail))
    falls = found.falls[long]
    if np.median(falls / crest) < (STEEP if piled else CREST):
        return False
    # Pulses of one height stand alone and are rarely so short; clipped noise is so most often.
    pulses = np.median(falls) > PULSE * abs(rail) and np.mean(long) > PULSE
    return not pulses


def spans_of(found: Tops, sr: float) -> list[Span]:
    """Name the runs at a clipped rail: those of two samples, and what is near them."""
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
