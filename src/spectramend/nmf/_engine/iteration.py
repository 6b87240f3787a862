"""The iteration of masked beta-NMF: extrapolated sweeps whose objective never rises.

**Extrapolation.** The steps of multiplicative updates, in the logarithms of the factors, change
slowly. From ``x_k``, both factors, the iteration therefore extrapolates:

    y_k = x_k * (x_k / x_{k-1})**m,   m = k/(k + 3),   x_{k+1} = update(y_k),

which is Nesterov's momentum on logarithms: factors stay positive and cannot lock at zero. The
exponent of the update is over-relaxed by a fifth.

**Guard.** The objective at ``y_k`` takes little more than a logarithm a cell, since the update
evaluates the model there anyway. If it is above that at the last accepted point, ``y_k`` and its
update are rejected, and the iteration restarts from ``x_k`` without momentum; if the objective at
``x_k`` is above, too, it restarts from the last accepted point with an MM step (majorization-
minimization), which cannot raise it. So the objective at accepted points never rises, for any
divergence, mask and penalties; the last point is checked like the others. Where W is given, frames
are independent, and each has momentum and guard of its own.

References
----------
.. [1] C. Févotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
   beta-divergence", Neural Computation 23(9), 2011.
.. [2] L. T. K. Hien, V. Leplat and N. Gillis, "Block majorization minimization with extrapolation
   and application to beta-NMF", SIAM J. Mathematics of Data Science 7(3), 2025: extrapolation of
   the factors themselves, with a proof for ``1 <= beta <= 2``.
.. [3] B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes", Found.
   Comput. Math. 15, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from spectramend.nmf._engine.arrays import Array, as_array, as_numpy, concatenated
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.settings import Settings
from spectramend.nmf._engine.sweep import Factors, Sweep, Sweeper, Swept

Status: TypeAlias = Literal["converged", "max_iter", "nonfinite", "nothing_observed"]

UNSMOOTHED = 3  # iterations at the end without smoothing; engineering choice: to follow the data
# Units in the last place of a cell by which rounding may raise the objective. Engineering choice:
# several operations round the term of a cell.
ROUNDING_UNITS = 8


@dataclass
class Outcome:
    """Result of an iteration, in its units."""

    x: Factors
    status: Status
    n_iter: int
    trace: list[float]


def iterate(data: Data, start: Factors, settings: Settings, atom_scale: Array) -> Outcome:
    """Sweep until the objective no longer falls; `atom_scale` [shape=(K,)] is as of `Sweeper`."""
    sweeper = Sweeper(data, settings, atom_scale)
    run = _guarded if settings.is_guarded else _plain
    return run(sweeper, start, settings)


def _plain(sweeper: Sweeper, x: Factors, settings: Settings) -> Outcome:
    """Iterate without extrapolation and guard."""
    trace: list[float] = []
    finite = x
    for n in range(settings.max_iter + 1):
        last = n == settings.max_iter
        checks = last or n % settings.check_every == 0
        learns_W = settings.learns_W_at(n)
        swept = Sweep(sweeper, x, x, learns_W, evaluates=checks, updates=not last).run()
        if checks:
            trace.append(_total(swept.objective))
            if not (np.isfinite(trace[-1]) or n == 0):
                return Outcome(finite, "nonfinite", n, trace)
            if _has_converged(trace, n, settings):
                return Outcome(x, "converged", n, trace)
            finite = x
        if last:
            break
        x = swept.to
        if settings.smooth and n % 2 and n < settings.max_iter - UNSMOOTHED:
            x = Factors(x.W, _smoothed(sweeper.xp, x.H, settings.smooth))
    return Outcome(x, "max_iter", settings.max_iter, trace)


def _guarded(sweeper: Sweeper, x: Factors, settings: Settings) -> Outcome:
    """Iterate with extrapolated steps, none of which may raise the objective."""
    xp = sweeper.xp
    groups = 1 if settings.learns_W else x.H.shape[1]

    def for_each_group(value: Any) -> Array:
        return as_array(xp, np.full(groups, value), x.H)

    accepted, before = x, x
    lowest, age = for_each_group(np.inf), for_each_group(0.0)  # age: steps since the last restart
    mm = for_each_group(False)
    rounding = sweeper.rounding(ROUNDING_UNITS)
    trace: list[float] = []
    for n in range(settings.max_iter + 1):
        last = n == settings.max_iter
        if n == settings.settle:
            age = for_each_group(0.0)  # W has no momentum when it begins to be learned
        momentum = None if last else age / (age + 3)
        learns_W = settings.learns_W_at(n)
        sweep = Sweep(sweeper, x, before, learns_W, updates=not last, momentum=momentum, mm=mm)
        swept = sweep.run()
        value = swept.objective
        rose = ~(value <= lowest + rounding)  # also where it is NaN
        lowest = xp.where(rose | (value > lowest), lowest, value)
        if last or n % settings.check_every == 0:
            trace.append(_total(lowest))
            if _has_converged(trace, n, settings):
                return Outcome(_where(xp, rose, accepted, swept.at), "converged", n, trace)
        if last:
            status: Status = "max_iter" if np.isfinite(trace[-1]) else "nonfinite"
            return Outcome(_where(xp, rose, accepted, x), status, n, trace)
        if bool(xp.any(rose & mm & ~xp.isfinite(value))):
            return Outcome(accepted, "nonfinite", n, trace)
        mm = rose & (age == 0)
        before, x, accepted = _next(xp, swept, rose, mm, x, accepted)
        age = xp.where(rose, 0.0, age + 1)
    raise AssertionError  # the loop ends with its last point


def _next(
    xp: Any, swept: Swept, rose: Array, mm: Array, x: Factors, accepted: Factors
) -> tuple[Factors, Factors, Factors]:
    """Find the last point, the current one and the accepted one of the next iteration.

    Where the objective `rose`, the iteration returns to `x`, or for an MM step to `accepted`.
    """
    if not bool(xp.any(rose)):
        return x, swept.to, swept.at
    if bool(xp.all(rose)) and bool(xp.all(mm) | ~xp.any(mm)):
        origin = accepted if bool(mm[0]) else x
        return origin, origin, accepted
    at = xp.nonzero(rose)[0]
    kept = accepted.H[:, at]
    origin_H = xp.where(mm[at], kept, x.H[:, at])
    before = Factors(x.W, _with_columns(xp, x.H, at, origin_H))
    swept.to.H[:, at] = origin_H  # an array that this sweep has made and nothing else refers to
    return before, swept.to, Factors(swept.at.W, _with_columns(xp, swept.at.H, at, kept))


def _with_columns(xp: Any, H: Array, at: Array, columns: Array) -> Array:
    """Copy a matrix [shape=(K, N)] with some columns replaced [shape=(K, len(at))]."""
    new = xp.empty_like(H)
    new[...] = H
    new[:, at] = columns
    return new


def _where(xp: Any, which: Array, a: Factors, b: Factors) -> Factors:
    """Choose between two points, as a whole or frame by frame [shape=(1,) or (N,)]."""
    if not bool(xp.any(which)):
        return b
    return a if bool(xp.all(which)) else Factors(b.W, xp.where(which, a.H, b.H))


def _total(value: Array) -> float:
    """Sum the objective over the frames."""
    return float(as_numpy(value).sum(dtype=np.float64))


def _has_converged(trace: list[float], n: int, settings: Settings) -> bool:
    """Whether the objective fell by no more than `tol` of its first finite value."""
    if not settings.tol or n <= settings.settle or len(trace) < 2:
        return False
    first = trace[0] if np.isfinite(trace[0]) else trace[1]
    return trace[-2] - trace[-1] <= settings.tol * abs(first)


def _smoothed(xp: Any, H: Array, smooth: float) -> Array:
    """Draw activations [shape=(K, N)] towards the geometric mean of both neighbours in time."""
    log_H = xp.log(H)
    padded = concatenated(xp, [log_H[:, :1], log_H, log_H[:, -1:]], axis=1)
    between = 0.5 * (padded[:, :-2] + padded[:, 2:])
    return xp.exp((1 - smooth) * log_H + smooth * between)
