"""Soft saturation, of tape and tubes: samples pile up towards a level, and not at it alone.

A wave that is clipped has, right below its level, as many samples in an interval of amplitudes as
it had before. A curve that bends towards its level crowds them: in an interval at the distance e
from the level, their density grows as ``e**-g``, with g near 1 for a tangent hyperbolic and 1/2 for
a curve that ends in a parabola. `growth` estimates g.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BANDS = 2.0 ** -np.arange(4, 11)  # distances from the level, relative to it, between the bands
MIN_GROWTH = 0.2  # exponent, chosen on recordings that were clipped, or saturated by three curves
MIN_ERRORS = 3.0  # standard errors of the exponent, that it exceeds; engineering choice
MIN_STEPS = 4  # quantisation steps from the level; engineering choice: dither blurs what is nearer
MIN_BANDS = 3  # for an estimate; engineering choice


@dataclass
class Approach:
    """How many samples of each block lie how far below a level."""

    level: float
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BANDS) - 1, np.int64))

    def add(self, x: NDArray[np.float64]) -> None:
        """Count the samples of a block [shape=(n,)]."""
        near = 1 - x[x > (1 - BANDS[0]) * self.level] / self.level
        # Bands from far to near: bisection in the ascending distances, then reversed.
        self.counts += np.histogram(near, BANDS[::-1])[0][::-1]

    def growth(self, step: float) -> tuple[float, float]:
        """Estimate g by a regression, and its standard error; NaN if the steps are too coarse."""
        used = BANDS[1:] >= MIN_STEPS * step / self.level
        if np.count_nonzero(used) < MIN_BANDS:
            return np.nan, np.nan
        counts = np.maximum(self.counts[used], 0.5)
        density = np.log2(counts / (BANDS[:-1] - BANDS[1:])[used])
        # A count of n has the standard deviation 1 / (sqrt(n) * ln 2) in log2.
        octave = np.arange(density.size) - np.average(np.arange(density.size), weights=counts)
        moment = np.sum(counts * octave**2)
        slope = np.sum(counts * octave * density) / moment
        return float(slope), float(1 / (np.log(2) * np.sqrt(moment)))

    def is_soft(self, step: float) -> bool:
        """Whether the density grows as that of soft saturation."""
        growth, error = self.growth(step)
        return growth >= max(MIN_GROWTH, MIN_ERRORS * error)
