"""Clipped runs whose level drifts: a blocker of direct current came after the clipping.

A high-pass filter of first or second order turns the flat tops of x into tops of y that slope
towards zero. Its inverse is, but for what is constant,

    x = y + c_1 * I y + c_2 * I I y,    (I y)[n] = sum_{k < n} y[k]                           (1)

for a pole ``1 - c_1``, or for the two poles of ``1 - (2 - c_1) z^-1 + (1 - c_1 + c_2) z^-2``. As a
sum that never forgets collects the rounding, I forgets slowly, and two rates of it stand for what
that loses. Tops are known before the level is: at both ends they bend sharply, and in between they
are nearly straight. As x is at its level in all of them, (1) is a linear regression.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import runs

Samples: TypeAlias = NDArray[np.float64]

# Chosen on recordings that were clipped, then filtered; see `benchmarks/clipping.py`.
STRAIGHT = 2.5e-3  # of the level: second difference inside a top, at most
BEND = 1.5e-2  # of the level: second difference at both ends of a top, at least
MIN_INSIDE = 2  # second differences inside a top
FLATNESS = 4.0  # ratio of the steps into a top and out of it to the mean step inside, at least
MIN_TOPS = 6  # of which the regression is made
MIN_LEVEL = 0.1  # of the largest value; softer tops are not of the same level
MIN_FALLING = 0.9  # of tops that slope towards zero; of flat ones with noise, a third does
LEAKS_HZ = (0.05, 0.5)  # Hz, of the sums
MAX_SPREAD = 0.06  # of the level: median deviation of tops from it, after (1)
KEPT_DEVIATIONS = 4.0  # robust standard deviations; what lies farther is no top
ROUNDS = 5  # of the robust regression
# Engineering choices:
LONGEST = 4000  # samples of a top
SAMPLES_OF_TOP = 8  # that take part in the regression, at most
EDGE_SPREADS = 5.0  # median deviations on either side of the level
MIN_EDGE = 2e-3  # of the level, on either side of it: not narrower than rounding


@dataclass(frozen=True)
class Tops:
    """Tops with sharp bends at both ends."""

    spans: NDArray[np.int64]  # [shape=(n, 2)]
    levels: Samples  # [shape=(n,)] first sample
    slopes: Samples  # [shape=(n,)] mean step inside a top; less than 0 towards zero


def find_tops(y: Samples) -> Tops:
    """Find the tops of a signal [shape=(n,)], both signs."""
    if y.size < MIN_INSIDE + 4:
        return Tops(np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0))
    bend = y[2:] - 2 * y[1:-1] + y[:-2]
    inside = runs(np.abs(bend) <= STRAIGHT * np.abs(y[1:-1]))
    length = inside[:, 1] - inside[:, 0]
    inside = inside[(length >= MIN_INSIDE) & (length <= LONGEST)]
    inside = inside[(inside[:, 0] > 0) & (inside[:, 1] < bend.size)]
    first, last = inside[:, 0], inside[:, 1] + 1  # samples of a top
    height = np.abs(y[first])
    sign = np.sign(y[first])
    sharp = np.maximum(sign * bend[first - 1], sign * bend[last - 1]) < -BEND * height
    slope = sign * (y[last] - y[first]) / (last - first)
    steps = np.minimum(sign * (y[first] - y[first - 1]), sign * (y[last] - y[last + 1]))
    chosen = sharp & (steps > FLATNESS * np.abs(slope))
    spans = np.stack([first, last + 1], axis=1)[chosen]
    return Tops(spans, y[first[chosen]], slope[chosen])


@dataclass
class TopSearch:
    """Tops of a recording, found block by block."""

    found: list[Tops] = field(default_factory=list)
    _tail: Samples = field(default_factory=lambda: np.zeros(0))
    _position: int = 0

    def add(self, y: Samples) -> None:
        """Search the next block [shape=(n,)]; each top is found once."""
        kept = self._tail.size
        joined = np.concatenate([self._tail, y])
        tops = find_tops(joined)
        new = tops.spans[:, 1] >= kept
        offset = self._position - kept
        self.found.append(Tops(tops.spans[new] + offset, tops.levels[new], tops.slopes[new]))
        self._position += y.size
        self._tail = joined[-(LONGEST + 4) :]

    def drifting(self, peak: float) -> Tops | None:
        """Give the tops if they slope towards zero; `peak` is the largest absolute value."""
        if not self.found:
            return None
        spans = np.concatenate([tops.spans for tops in self.found])
        levels = np.concatenate([tops.levels for tops in self.found])
        slopes = np.concatenate([tops.slopes for tops in self.found])
        loud = np.abs(levels) >= MIN_LEVEL * peak
        if np.count_nonzero(loud) < MIN_TOPS or np.mean(slopes[loud] < 0) < MIN_FALLING:
            return None
        return Tops(spans[loud], levels[loud], slopes[loud])


class LeakySums:
    """``I y`` and ``I I y`` of (1) for each leak, block by block."""

    def __init__(self, sr: float) -> None:
        self.sr = sr
        self.poles = np.exp(-2 * np.pi * np.array(LEAKS_HZ) / sr)
        self.states = np.zeros((len(LEAKS_HZ), 2))  # by leak: of the sum, of the sum of sums

    def add(self, y: Samples) -> Samples:
        """Give the sums [shape=(2 * leaks, n)] of the next block, relative to a second."""
        from scipy.signal import lfilter  # takes most of a second to import

        if not y.size:  # of which `lfilter` gives no defined state
            return np.zeros((2 * len(self.poles), 0))
        rows = []
        for pole, state in zip(self.poles, self.states, strict=True):
            row = y
            for i in range(2):
                row, end = lfilter([0.0, 1.0], [1.0, -pole], row, zi=state[i : i + 1])
                state[i] = end[0]
                row = row / self.sr
                rows.append(row)
        return np.stack(rows)


@dataclass(frozen=True)
class HighPassInverse:
    """Weights of (1), the levels of the tops after it, and the median deviation from them."""

    weights: Samples  # [shape=(2 * leaks,)] 1/s and 1/s**2
    levels: dict[int, float]  # by sign, where it has tops
    spread: float  # of the levels
    states: dict[int, NDArray[np.float64]]  # of the sums, at the samples where blocks begin

    def apply(self, y: Samples, sr: float, offset: int) -> Samples:
        """Undo the filter in a block that begins where a state is known."""
        sums = LeakySums(sr)
        sums.states = self.states[offset].copy()
        return np.asarray(y + self.weights @ sums.add(y))

    def edges(self) -> dict[int, tuple[float, float]]:
        """Give the window of levels of the tops, by sign."""
        return {
            sign: (level * (1 - reach), level * (1 + reach))
            for sign, level in self.levels.items()
            for reach in [max(MIN_EDGE, EDGE_SPREADS * self.spread)]
        }


@dataclass
class InverseFit:
    """Regression (1) of the tops of a recording, block by block."""

    tops: Tops
    sr: float
    starts: Collection[int]  # samples where the blocks begin that `HighPassInverse` is applied to
    _sums: LeakySums = field(init=False)
    _rows: list[Samples] = field(default_factory=list)
    _states: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    _position: int = 0
    _at: NDArray[np.int64] = field(init=False)  # samples of tops
    _signs: Samples = field(init=False)  # of these samples

    def __post_init__(self) -> None:
        self._sums = LeakySums(self.sr)
        start, stop = self.tops.spans.T
        part = np.linspace(0, 1, SAMPLES_OF_TOP)
        inside = np.rint(start[:, None] + part * (stop - 1 - start)[:, None]).astype(np.int64)
        self._at, first = np.unique(inside, return_index=True)
        self._signs = np.repeat(np.sign(self.tops.levels), SAMPLES_OF_TOP)[first]

    def add(self, y: Samples) -> None:
        """Take the next block into account."""
        stop = self._position + y.size
        starts = [start for start in self.starts if self._position <= start < stop]
        parts = []
        for part in np.split(y, np.array(starts, int) - self._position):
            parts.append(self._sums.add(part))
            if starts:
                self._states[starts.pop(0)] = self._sums.states.copy()
        sums = np.concatenate(parts, axis=1)
        first, last = np.searchsorted(self._at, [self._position, stop])
        at = self._at[first:last] - self._position
        self._rows.append(np.concatenate([y[None, at], sums[:, at]]))
        self._position = stop

    def result(self) -> HighPassInverse | None:
        """Solve the regression; None if the tops have no common level."""
        rows = np.concatenate(self._rows, axis=1)
        y, sums = rows[0], rows[1:]
        present = [sign for sign in (1, -1) if np.any(self._signs == sign)]
        sides = [np.where(self._signs == sign, float(sign), 0.0) for sign in present]
        A = np.concatenate([-sums, sides]).T
        # Columns of one scale, as the sums of sums are much smaller than the levels.
        scale = np.maximum(np.sqrt(np.mean(A**2, axis=0)), 1e-300)
        kept = np.ones(y.size, bool)
        for _ in range(ROUNDS):
            solution = np.linalg.lstsq(A[kept] / scale, y[kept], rcond=None)[0] / scale
            deviation = np.abs(y - A @ solution)
            spread = float(np.median(deviation))
            kept = deviation <= KEPT_DEVIATIONS * 1.4826 * spread + 1e-12
        levels = solution[len(sums) :]
        if np.min(levels) <= 0 or spread > MAX_SPREAD * np.min(levels):
            return None
        by_sign = dict(zip(present, levels.tolist(), strict=True))
        relative = spread / float(np.min(levels))
        return HighPassInverse(solution[: len(sums)], by_sign, relative, self._states)
