"""The iteration of masked beta-NMF: extrapolated and guarded sweeps.

**Extrapolation.** Multiplicative updates walk the logarithms of the factors downhill in steps that
hardly change from one to the next. From ``x_k``, both factors, one goes on to

    y_k = x_k * (x_k / x_{k-1})**m,   m = k/(k + 3),   x_{k+1} = update(y_k),

which is Nesterov's momentum on logarithms: factors stay positive and cannot lock at zero. The
update itself goes a fifth farther than the step asks for.

**Guard.** The objective at ``y_k`` costs little more than a logarithm a cell, since the update
looks at model and data there anyway. If it is above that at the last accepted point, ``y_k`` and
the update of it are dropped: the iteration goes on from ``x_k`` without momentum; and if that is
above, too, from the last accepted point by the step that majorises and minimises, which cannot
rise. So the objective at accepted points never rises, whatever divergence, mask and penalties; the
last point is checked against them. Where W is given, frames have nothing to do with each other, and
each has momentum and guard of its own.

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
from spectramend.nmf._engine.sweep import Point, Settings, Sweeper, Swept

Status: TypeAlias = Literal["converged", "max_iter", "nonfinite", "nothing_observed"]

UNSMOOTHED = 3  # iterations at the end that follow the data alone
SLACK = 8  # rounding of the objective, in units of the last place, a cell


@dataclass
class Outcome:
    """Where an iteration came to, and how."""

    x: Point
    status: Status
    n_iter: int
    trace: list[float]


def iterate(data: Data, start: Point, settings: Settings) -> Outcome:
    """Sweep until the objective no longer falls.

    Parameters
    ----------
    data : Data
        The data, prepared.
    start : Point
        Factors to start from.
    settings : Settings
        How to iterate.

    Returns
    -------
    Outcome
        Factors, status, iterations and trace, in the units of the iteration.
    """
    sweeper = Sweeper(data, settings)
    if settings.is_guarded:
        return _descend(sweeper, start, settings)
    return _follow(sweeper, start, settings)


def _follow(sweeper: Sweeper, x: Point, settings: Settings) -> Outcome:
    """Take one step after the other, without extrapolation or guard."""
    trace: list[float] = []
    kept = x
    for n in range(settings.max_iter + 1):
        last = n == settings.max_iter
        checks = last or n % settings.check_every == 0
        found = sweeper.sweep(x, judges=checks, steps=not last, moves_W=settings.moves_W_at(n))
        if checks:
            trace.append(_total(found.value))
            if not (np.isfinite(trace[-1]) or n == 0):
                return Outcome(kept, "nonfinite", n, trace)
            if _stands(trace, n, settings):
                return Outcome(x, "converged", n, trace)
            kept = x
        if last:
            break
        x = found.to
        if settings.smooth and n % 2 and n < settings.max_iter - UNSMOOTHED:
            x = Point(x.W, _smoothed(sweeper.xp, x.H, settings.smooth))
    return Outcome(x, "max_iter", settings.max_iter, trace)


def _descend(sweeper: Sweeper, x: Point, settings: Settings) -> Outcome:
    """Take extrapolated steps, none of which may raise the objective."""
    xp = sweeper.xp
    groups = 1 if settings.moves_W else x.H.shape[1]

    def each(value: Any) -> Array:
        return as_array(xp, np.full(groups, value), x.H)

    accepted, before = x, x
    lowest, age = each(np.inf), each(0.0)
    careful = each(False)
    slack = sweeper.slack(SLACK)
    trace: list[float] = []
    for n in range(settings.max_iter + 1):
        last = n == settings.max_iter
        if n == settings.settle:
            age = each(0.0)  # W begins to move, which nothing led up to
        found = sweeper.sweep(
            x,
            before=before,
            momentum=None if last else age / (age + 3),
            careful=careful,
            judges=True,
            steps=not last,
            moves_W=settings.moves_W_at(n),
        )
        value = found.value
        worse = ~(value <= lowest + slack)
        lowest = xp.where(worse | (value > lowest), lowest, value)
        if last or n % settings.check_every == 0:
            trace.append(_total(lowest))
            if _stands(trace, n, settings):
                return Outcome(_where(xp, worse, accepted, found.at), "converged", n, trace)
        if last:
            status: Status = "max_iter" if np.isfinite(trace[-1]) else "nonfinite"
            return Outcome(_where(xp, worse, accepted, x), status, n, trace)
        if bool(xp.any(worse & careful & ~xp.isfinite(value))):
            return Outcome(accepted, "nonfinite", n, trace)
        careful = worse & (age == 0)
        before, x, accepted = _go_on(xp, found, worse, careful, x, accepted)
        age = xp.where(worse, 0.0, age + 1)
    raise AssertionError  # the loop ends with its last point


def _go_on(
    xp: Any, found: Swept, worse: Array, careful: Array, x: Point, accepted: Point
) -> tuple[Point, Point, Point]:
    """Say where the iteration was, where it is, and the last accepted point.

    Where it got worse it goes back to where it was, or, if careful, to what was accepted last.
    """
    if not bool(xp.any(worse)):
        return x, found.to, found.at
    if bool(xp.all(worse)) and bool(xp.all(careful) | ~xp.any(careful)):
        origin = accepted if bool(careful[0]) else x
        return origin, origin, accepted
    at = xp.nonzero(worse)[0]
    kept = accepted.H[:, at]
    back = xp.where(careful[at], kept, x.H[:, at])
    was = Point(x.W, _with_columns(xp, x.H, at, back))
    found.to.H[:, at] = back  # which this sweep has made, and nobody else holds
    return was, found.to, Point(found.at.W, _with_columns(xp, found.at.H, at, kept))


def _with_columns(xp: Any, H: Array, at: Array, columns: Array) -> Array:
    """Copy a matrix, some of its columns replaced."""
    new = xp.empty_like(H)
    new[...] = H
    new[:, at] = columns
    return new


def _where(xp: Any, which: Array, a: Point, b: Point) -> Point:
    """Choose between two points, as a whole or frame by frame."""
    if not bool(xp.any(which)):
        return b
    return a if bool(xp.all(which)) else Point(b.W, xp.where(which, a.H, b.H))


def _total(value: Array) -> float:
    """Sum the objective over the frames."""
    return float(as_numpy(value).sum(dtype=np.float64))


def _stands(trace: list[float], n: int, settings: Settings) -> bool:
    """Say whether the objective no longer falls by what is asked for."""
    if not settings.tol or n <= settings.settle or len(trace) < 2:
        return False
    first = trace[0] if np.isfinite(trace[0]) else trace[1]
    return trace[-2] - trace[-1] <= settings.tol * abs(first)


def _smoothed(xp: Any, H: Array, smooth: float) -> Array:
    """Draw activations towards the geometric mean of both neighbours in time."""
    log_H = xp.log(H)
    padded = concatenated(xp, [log_H[:, :1], log_H, log_H[:, -1:]], axis=1)
    between = 0.5 * (padded[:, :-2] + padded[:, 2:])
    return xp.exp((1 - smooth) * log_H + smooth * between)
