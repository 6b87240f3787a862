"""Gaps in one channel of a recording, interpolated with the help of intact channels.

What a channel x has in common with the others, u_j, is predicted by short filters h_j with as many
taps after the present sample as before it:

    x  =  sum_j h_j * u_j  +  r.                                                              (1)

They are estimated around the gap, from known samples only, and the rest r is interpolated as if it
were a channel of its own. Copies, scaled, inverted or delayed, are restored up to rounding.

What can be predicted along time needs no other channel, least of all one that adds sounds of its
own. So h minimises the energy of what cannot be predicted,

    || a * (x - sum_j h_j * u_j) ||**2,                                                       (2)

a being a prediction filter of r, estimated in turn with h (D. Cochrane and G. H. Orcutt,
"Application of least squares regression to relationships containing auto-correlated error terms",
J. Am. Stat. Assoc. 44, 1949). Through a long gap hardly anything can be predicted, and a = 1 suits
it better. Cross-validation chooses between both, and no other channel at all: h is estimated
without some validation gaps beside the true one, r is interpolated in these, and the least error
wins. Other channels are used only if they lower the error clearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from spectramend.core.burg_recursion import burg
from spectramend.core.intervals import Span, runs
from spectramend.errors import ParameterError
from spectramend.gaps.ar.weighted_least_squares import WeightedModel, solve_gap
from spectramend.gaps.dispatch import Method, context_length, fill_gaps, model_order
from spectramend.gaps.template_matching import SearchBuffer
from spectramend.nmf.solve import RngLike

Vector: TypeAlias = NDArray[Any]

# Engineering choices, measured with `benchmarks/stereo_gaps.py`.
MIN_CONTEXT = 4096  # samples on either side from which filters are estimated
MIN_TAPS = 16  # taps of a filter on either side of the present sample, at least
MAX_TAPS = 128  # the same at most; with m other channels also at most 2 * 128 / (1 + m)
VALIDATION_SAMPLES = 1024  # missing samples in the validation gaps of a run of known samples
MAX_VALIDATION_GAPS = 16  # gaps in a run of known samples
VALIDATION_ORDER = 512  # largest order of the models in validation gaps
CLEAR_GAIN = 0.9  # largest error with other channels, relative to that without them
MIN_EQUATIONS = 4  # equations for each tap
# Engineering choices: the first two are far below what recordings hold, the last bounds memory.
FILTER_RIDGE = 1e-10  # added to the normal equations, relative to the energy of a channel
MIN_ERROR = 1e-15  # added to that of a validation gap, relative to the power of the channel
EQUATIONS_AT_ONCE = 4096  # equations summed at once


def multichannel_context(missing: int) -> int:
    """Compute how many samples on either side of a gap are used with other channels.

    As many as models of the gap see, but at least 4096.
    """
    return max(MIN_CONTEXT, context_length(missing))


def interpolate_from_channels(
    x: ArrayLike,
    missing: ArrayLike,
    others: ArrayLike,
    *,
    method: Method = "auto",
    order: int | None = None,
    search: SearchBuffer | None = None,
    rng: RngLike = None,
) -> tuple[NDArray[np.float64], bool]:
    """Interpolate missing samples of a channel with the help of others, if they do help.

    x and missing [shape=(n,)] are the channel and its mask, others [shape=(m, n)] intact channels.
    The options are those of `fill_gaps`; `search` is not used where other channels help. Returns
    the channel without gaps, and whether others were used: if not, it is the result of `fill_gaps`.
    Raises ParameterError if no sample is known, or the shapes differ.
    """
    lost, given, u = np.asarray(missing, bool), np.asarray(x), np.asarray(others, np.float64)
    if u.ndim != 2 or u.shape[1:] != given.shape:
        raise ParameterError(
            f"others has shape {u.shape}, x {given.shape}: give channels (m, n) for x (n,)."
        )
    y = np.where(lost, 0.0, given).astype(np.float64)
    if y.any() and lost.any():
        prediction = _predict(y, lost, u[(u[:, ~lost] != 0).any(axis=1)])
        if prediction is not None:
            rest = fill_gaps(y - prediction, lost, method=method, order=order, rng=rng)
            filled = np.where(lost, rest + prediction, y)
            if np.sqrt(np.mean(filled[lost] ** 2)) <= np.abs(y).max():
                return filled, True
    filled = fill_gaps(given, lost, method=method, order=order, search=search, rng=rng)
    return filled, False


def _predict(y: Vector, lost: NDArray[np.bool_], u: Vector) -> Vector | None:
    """Predict a channel [shape=(n,)] by the filters of least error, or not at all."""
    known = [(start, stop) for start, stop in runs(~lost).tolist()]
    longest_gap, longest_run = (int(np.diff(runs(mask)).max()) for mask in (lost, ~lost))
    order = max(1, min(model_order(longest_gap), longest_run // 6))
    gaps = _validation_gaps(known, longest_gap, min(order, VALIDATION_ORDER))
    if not len(u) or not gaps:
        return None
    taps = min(int(np.clip(order // 4, MIN_TAPS, MAX_TAPS)), MAX_TAPS * 2 // (1 + len(u)))
    regression = _ChannelRegression(y, lost, known, u, taps, order, gaps)
    least = regression.error(None)
    best = None
    for prewhiten in (True, False):
        filters = regression.estimate_filters(prewhiten=prewhiten)
        if filters is None:
            continue
        error = regression.error(filters)
        if error < least * (1.0 if best is not None else CLEAR_GAIN):
            least, best = error, filters.whole
    return None if best is None else regression.predict(best, 0, y.size)


def _validation_gaps(known: Sequence[Span], h: int, order: int) -> list[Span]:
    """Spread validation gaps over the two longest known runs, with an order around each."""
    found = []
    for start, stop in sorted(known, key=lambda run: run[0] - run[1])[:2]:
        free = stop - start - 2 * order
        length = min(h, free // 3)
        if length < 1:
            continue
        count = int(np.clip(VALIDATION_SAMPLES // length, 2, MAX_VALIDATION_GAPS))
        count = min(count, free // length - 1)
        distance = (free - count * length) / (count + 1)
        first = [start + order + round(distance + i * (length + distance)) for i in range(count)]
        found += [(at, at + length) for at in first]
    return found


@dataclass(frozen=True)
class _Filters:
    """Taps [shape=(m, 2*taps + 1)] from all known samples, and without each validation gap."""

    whole: Vector
    without: list[Vector]


@dataclass(frozen=True)
class _ChannelRegression:
    """A channel y and others u, known runs of y, and gaps for cross-validation in these."""

    y: Vector  # [shape=(n,)] zero where samples are lost
    lost: NDArray[np.bool_]  # [shape=(n,)]
    known: list[Span]
    u: Vector  # [shape=(m, n)]
    taps: int  # on either side of the present sample
    order: int  # of a in (2)
    validation_gaps: list[Span]

    def estimate_filters(self, *, prewhiten: bool) -> _Filters | None:
        """Minimise (2), or give None if too few samples are known."""
        h = np.zeros((len(self.u), 2 * self.taps + 1))
        filters = None
        for _ in range(2 if prewhiten else 1):
            a = burg(self._segments(h, self.order), self.order).a if prewhiten else np.ones(1)
            filters = self._least_squares(a)
            if filters is None:
                return None
            h = filters.whole
        return filters

    def _segments(self, h: Vector | None, order: int) -> list[Vector]:
        """Cut r of (1) into known runs longer than an order."""
        rest = self.y if h is None else self.y - self.predict(h, 0, self.y.size)
        return [rest[start:stop] for start, stop in self.known if stop - start > order]

    def _least_squares(self, a: Vector) -> _Filters | None:
        """Minimise (2) for a given a [shape=(order + 1,)]."""
        channels = [_convolve(c, a) for c in (self.y, *self.u)]
        usable = ~self.lost
        usable[: self.taps] = usable[usable.size - self.taps :] = False
        for start, _ in self.known:
            usable[start : start + a.size - 1] = False
        unknowns = len(self.u) * (2 * self.taps + 1)
        if np.count_nonzero(usable) < MIN_EQUATIONS * unknowns:
            return None
        G, b = self._normal_equations(channels, np.flatnonzero(usable))
        power = np.diag(G).reshape(len(self.u), -1).max(axis=1)
        power = np.where(power > 0, power, 1.0)
        G[np.diag_indices_from(G)] += FILTER_RIDGE * np.repeat(power, b.size // len(self.u))

        def solved(G: Vector, b: Vector) -> Vector:
            return np.linalg.solve(G, b).reshape(len(self.u), -1)

        without = []
        for start, stop in self.validation_gaps:
            rows = start + np.flatnonzero(usable[start:stop])
            own_G, own_b = self._normal_equations(channels, rows)
            without.append(solved(G - own_G, b - own_b))
        return _Filters(solved(G, b), without)

    def _normal_equations(
        self, channels: list[Vector], rows: NDArray[np.intp]
    ) -> tuple[Vector, Vector]:
        """Sum matrix and right side over the equations of some samples."""
        size = 2 * self.taps + 1
        G, b = np.zeros((len(self.u) * size,) * 2), np.zeros(len(self.u) * size)
        windows = [sliding_window_view(c, size) for c in channels[1:]]
        for i in range(0, rows.size, EQUATIONS_AT_ONCE):
            at = rows[i : i + EQUATIONS_AT_ONCE]
            A = np.hstack([w[at - self.taps, ::-1] for w in windows])
            G += A.T @ A
            b += A.T @ channels[0][at]
        return G, b

    def predict(self, h: Vector, start: int, stop: int) -> Vector:
        """Compute the sum of (1) for samples start to stop; beyond both ends is silence."""
        first, last = max(0, start - self.taps), min(self.y.size, stop + self.taps)
        margins = (self.taps - (start - first), self.taps - (last - stop))
        total = np.zeros(stop - start)
        for taps, channel in zip(h, self.u, strict=True):
            total += _convolve(np.pad(channel[first:last], margins), taps)[2 * self.taps :]
        return total

    def error(self, filters: _Filters | None) -> float:
        """Interpolate validation gaps, and give the geometric mean of their squared errors."""
        p = min(self.order, VALIDATION_ORDER)
        model = burg(self._segments(None if filters is None else filters.whole, p), p)
        least = MIN_ERROR * float(np.mean(self.y**2))
        errors = []
        for i, (start, stop) in enumerate(self.validation_gaps):
            part = self.y[start - p : stop + p].copy()
            if filters is not None:
                part -= self.predict(filters.without[i], start - p, stop + p)
            found = solve_gap(part, p, stop - start, [WeightedModel(model)])
            errors.append(float(np.mean((found - part[p : p + stop - start]) ** 2)) + least)
        mean = float(np.exp(np.mean(np.log(errors))))
        return mean if np.isfinite(mean) else np.inf


def _convolve(x: Vector, f: Vector) -> Vector:
    """Convolve [shape=(n,)], with silence before the first sample."""
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(x.size + f.size, real=True)
    product = scipy.fft.rfft(x, n_fft) * scipy.fft.rfft(f, n_fft)
    return scipy.fft.irfft(product, n_fft)[: x.size]
