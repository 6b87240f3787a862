"""Gaps in one channel of a recording, filled with the help of channels that are intact there.

What a channel x has in common with others, u_j, short filters h_j tell, with as many taps before as
after the present:

    x  =  sum_j h_j * u_j  +  r.                                                              (1)

They are estimated around the gap, without a look into it, and the rest r is filled as if it were
a channel of its own. Copies, scaled, inverted or delayed, come back but for their rounding.

What is easily predicted along time needs no other channel, least of all one that brings sounds of
its own. So h minimises the energy of what cannot be predicted,

    || a * (x - sum_j h_j * u_j) ||**2,                                                       (2)

a being a prediction filter of r, estimated in turn with h (Cochrane and Orcutt 1949). But through
a long gap hardly anything can be predicted, and a = 1 suits it better. Which of the two, or no
channel at all, is tried on pretended gaps beside the true one: h is estimated without them, r is
filled in them, and the least error wins, the others' only if it is clearly less than that of none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError
from spectramend.gaps.ar.janssen_ar import predictor, runs_of
from spectramend.gaps.ar.two_sided import Term, joint_fill
from spectramend.gaps.dispatch import Method, context_of, fill_gaps, model_order
from spectramend.gaps.model_averaging import Memory
from spectramend.nmf.solve import RngLike

Vector: TypeAlias = NDArray[Any]

LEAST_CONTEXT = 4096  # samples on either side at least, for filters to be estimated from
LEAST_TAPS, MOST_TAPS = 16, 128  # on either side of the present; the latter shared by channels
LEAST_ROWS = 4  # equations for each unknown
PRETENDED, MOST_PRETENDED = 1024, 16  # missing samples in pretended gaps of a side, and gaps
PRETEND_ORDER = 512  # of the models that fill pretended gaps
CLEARLY = 0.9  # part of the error without other channels to which they must bring it
RIDGE = 1e-10  # relative to the power of a channel
BLOCK = 4096  # equations at a time
TINY = 1e-15  # part of the power at which errors count as none


def context_beside(missing: int) -> int:
    """Tell how many samples on either side of a gap help to estimate filters.

    Parameters
    ----------
    missing : int
        Samples of the gap.

    Returns
    -------
    int
        As many as models of the gap see, but at least 4096.

    Examples
    --------
    >>> context_beside(3), context_beside(5000)
    (4096, 12288)
    """
    return max(LEAST_CONTEXT, context_of(missing))


def fill_beside(
    x: ArrayLike,
    missing: ArrayLike,
    others: ArrayLike,
    *,
    method: Method = "auto",
    order: int | None = None,
    memory: Memory | None = None,
    rng: RngLike = None,
) -> tuple[NDArray[np.float64], bool]:
    """Fill missing samples of a channel with the help of others, if they do help.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The gaps with their context; what stands in missing samples is never looked at.
    missing : array_like [shape=(n,), bool]
        Which samples are missing.
    others : array_like [shape=(m, n), real]
        The other channels, intact.
    method : str
        See `fill_gaps`, as all that follows.
    order : int, optional
        Order of the models.
    memory : Memory, optional
        More of the recording, for where other channels do not help.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    filled : ndarray [shape=(n,)]
        The channel without gaps; known samples as they were.
    helped : bool
        Whether other channels had a part in it. If not, `filled` is that of `fill_gaps`.

    Raises
    ------
    ParameterError
        If nothing is known, or the shapes differ.

    References
    ----------
    .. [1] D. Cochrane and G. H. Orcutt, "Application of least squares regression to relationships
       containing auto-correlated error terms", J. Am. Stat. Assoc. 44, 1949: (2). The choice on
       pretended gaps is not in it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> left = rng.standard_normal(6000)
    >>> right = -0.5 * np.roll(left, 3)
    >>> gap = np.arange(6000) // 200 == 15
    >>> filled, helped = fill_beside(np.where(gap, 0, left), gap, [right])
    >>> helped, bool(np.abs(filled - left).max() < 1e-6)
    (True, True)
    """
    lost, given, u = np.asarray(missing, bool), np.asarray(x), np.asarray(others, np.float64)
    if u.ndim != 2 or u.shape[1:] != given.shape:
        raise ParameterError(
            f"others has shape {u.shape}, x {given.shape}: give channels (m, n) for x (n,)."
        )
    y = np.where(lost, 0.0, given).astype(np.float64)
    if y.any() and lost.any():
        prediction = _prediction(y, lost, u[(u[:, ~lost] != 0).any(axis=1)])
        if prediction is not None:
            rest = fill_gaps(y - prediction, lost, method=method, order=order, rng=rng)
            filled = np.where(lost, rest + prediction, y)
            if np.sqrt(np.mean(filled[lost] ** 2)) <= np.abs(y).max():
                return filled, True
    filled = fill_gaps(given, lost, method=method, order=order, memory=memory, rng=rng)
    return filled, False


def _prediction(y: Vector, lost: NDArray[np.bool_], u: Vector) -> Vector | None:
    """Predict a channel from others by the filters that prove best, or not at all."""
    runs = [(int(run[0]), int(run[-1]) + 1) for run in runs_of(~lost)]
    longest = max(run.size for run in runs_of(lost))
    room = max(stop - start for start, stop in runs)
    order = max(1, min(model_order(longest), room // 6))
    pretended = _pretended(runs, longest, min(order, PRETEND_ORDER))
    if not len(u) or not pretended:
        return None
    taps = min(int(np.clip(order // 4, LEAST_TAPS, MOST_TAPS)), MOST_TAPS * 2 // (1 + len(u)))
    trial = _Trial(y, lost, runs, u, taps, order, pretended)
    least = trial.error(None)
    best = None
    for whiten in (True, False):
        filters = trial.filters(whiten=whiten)
        if filters is None:
            continue
        error = trial.error(filters)
        if error < least * (1.0 if best is not None else CLEARLY):
            least, best = error, filters.whole
    return None if best is None else trial.predicted(best, 0, y.size)


def _pretended(runs: Sequence[tuple[int, int]], h: int, order: int) -> list[tuple[int, int]]:
    """Spread pretended gaps over the two longest known runs, with an order around each."""
    found = []
    for start, stop in sorted(runs, key=lambda run: run[0] - run[1])[:2]:
        free = stop - start - 2 * order
        length = min(h, free // 3)
        if length < 1:
            continue
        count = min(int(np.clip(PRETENDED // length, 2, MOST_PRETENDED)), free // length - 1)
        apart = (free - count * length) / (count + 1)
        first = [start + order + round(apart + i * (length + apart)) for i in range(count)]
        found += [(at, at + length) for at in first]
    return found


@dataclass(frozen=True)
class _Filters:
    """Taps [shape=(m, 2*taps + 1)] from all that is known, and without each pretended gap."""

    whole: Vector
    without: list[Vector]


@dataclass(frozen=True)
class _Trial:
    """A channel with gaps, other channels, and gaps that are pretended."""

    y: Vector
    lost: NDArray[np.bool_]
    runs: list[tuple[int, int]]
    u: Vector
    taps: int
    order: int
    pretended: list[tuple[int, int]]

    def filters(self, *, whiten: bool) -> _Filters | None:
        """Minimise (2), or None if too little is known."""
        h = np.zeros((len(self.u), 2 * self.taps + 1))
        filters = None
        for _ in range(2 if whiten else 1):
            a = np.ones(1)
            if whiten:
                rest = self.y - self.predicted(h, 0, self.y.size)
                segments = [rest[start:stop] for start, stop in self.runs]
                a = predictor([s for s in segments if s.size > self.order], self.order).a
            filters = self._least_squares(a)
            if filters is None:
                return None
            h = filters.whole
        return filters

    def _least_squares(self, a: Vector) -> _Filters | None:
        """Minimise (2) for a given a."""
        channels = [_convolved(c, a) for c in (self.y, *self.u)]
        known = ~self.lost
        known[: self.taps] = known[known.size - self.taps :] = False
        for start, _ in self.runs:
            known[start : start + a.size - 1] = False
        unknowns = len(self.u) * (2 * self.taps + 1)
        if np.count_nonzero(known) < LEAST_ROWS * unknowns:
            return None
        G, b = self._normal(channels, np.flatnonzero(known))
        power = np.diag(G).reshape(len(self.u), -1).max(axis=1)
        power = np.where(power > 0, power, 1.0)
        G[np.diag_indices_from(G)] += RIDGE * np.repeat(power, b.size // len(self.u))

        def solved(G: Vector, b: Vector) -> Vector:
            return np.linalg.solve(G, b).reshape(len(self.u), -1)

        without = []
        for start, stop in self.pretended:
            own_G, own_b = self._normal(channels, start + np.flatnonzero(known[start:stop]))
            without.append(solved(G - own_G, b - own_b))
        return _Filters(solved(G, b), without)

    def _normal(self, channels: list[Vector], rows: NDArray[np.intp]) -> tuple[Vector, Vector]:
        """Sum the normal equations over some samples."""
        size = 2 * self.taps + 1
        G, b = np.zeros((len(self.u) * size,) * 2), np.zeros(len(self.u) * size)
        windows = [sliding_window_view(c, size) for c in channels[1:]]
        for i in range(0, rows.size, BLOCK):
            at = rows[i : i + BLOCK]
            A = np.hstack([w[at - self.taps, ::-1] for w in windows])
            G += A.T @ A
            b += A.T @ channels[0][at]
        return G, b

    def predicted(self, h: Vector, start: int, stop: int) -> Vector:
        """Give the sum of (1) for some samples; beyond both ends is silence."""
        first, last = max(0, start - self.taps), min(self.y.size, stop + self.taps)
        total = np.zeros(stop - start)
        for taps, channel in zip(h, self.u, strict=True):
            padded = np.pad(
                channel[first:last],
                (self.taps - (start - first), self.taps - (last - stop)),
            )
            total += _convolved(padded, taps)[2 * self.taps :]
        return total

    def error(self, filters: _Filters | None) -> float:
        """Fill pretended gaps, and give the geometric mean of their errors."""
        p = min(self.order, PRETEND_ORDER)
        rest = self.y if filters is None else self.y - self.predicted(filters.whole, 0, self.y.size)
        segments = [rest[start:stop] for start, stop in self.runs]
        model = predictor([s for s in segments if s.size > p], p)
        least = TINY * float(np.mean(self.y**2))
        errors = []
        for i, (start, stop) in enumerate(self.pretended):
            part = self.y[start - p : stop + p].copy()
            if filters is not None:
                part -= self.predicted(filters.without[i], start - p, stop + p)
            gap = slice(p, p + stop - start)
            found = joint_fill(part, p, stop - start, [Term(model)])
            errors.append(float(np.mean((found - part[gap]) ** 2)) + least)
        mean = float(np.exp(np.mean(np.log(errors))))
        return mean if np.isfinite(mean) else np.inf


def _convolved(x: Vector, f: Vector) -> Vector:
    """Convolve, as many samples as there are; before them is silence."""
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(x.size + f.size, real=True)
    product = scipy.fft.rfft(x, n_fft) * scipy.fft.rfft(f, n_fft)
    return scipy.fft.irfft(product, n_fft)[: x.size]
