"""The problem of a factorization: the caller's arrays, checked, and what depends on all of them.

`check_input` checks shapes and types. `survey` reads the data once, block by block, checks values
and makes the `Problem`, which does not change. No copy of the data is stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf._engine.arrays import (
    Array,
    as_array,
    concatenated,
    converted,
    copied,
    is_column_major,
    is_floating,
    is_real,
    namespace,
    unmasked,
)
from spectramend.nmf._engine.frame_blocks import BlockThreads, Buffers
from spectramend.nmf.censored import Bounded, Hidden

# In units of the mean observed value. Engineering choice: with beta <= 0 a zero is infinitely far
# from every model, so that data counts as at least this, 140 dB below the mean.
DATA_FLOOR = 1e-14
# In units of the data. Engineering choice: single precision holds it, and its products with
# numbers near 1. Larger values in hidden cells are replaced; larger bounds do not bind.
LARGE = 1e30
# Base-2 logarithm. Engineering choice: single precision holds 2**100 and 2**-100 with room.
MAX_POWER = 100


@dataclass(frozen=True, eq=False)
class Input:
    """Input with checked shapes and types, in the memory order of the buffers."""

    xp: Any
    V: Array  # [shape=(F, N)]
    weights: Array | None  # [shape=(F, N)]
    bound: ArrayLike | Array | Hidden | None
    dtype: Any  # of the result

    def threads(self, threads: int | None) -> BlockThreads:
        """Prepare threads with buffers in the memory order of V; transposing blocks is slow."""
        like = self.xp.empty_like(self.V[:1, :1], dtype=self.dtype)
        column_major = is_column_major(self.xp, self.V)
        return BlockThreads(self.V.shape, like, self.xp, threads, column_major=column_major)


@dataclass(frozen=True, eq=False)
class Problem:
    """A factorization to be computed; the iteration has the unit `scale`."""

    xp: Any
    V: Array  # as given, with anything in hidden cells [shape=(F, N)]
    weights: Array | None  # [shape=(F, N), >= 0]; None if all are 1
    dtype: Any  # in which to compute
    beta: float
    level: float  # weighted mean of the observed values
    scale: float  # the power of two nearest to it, which keeps every digit
    has_small: bool  # whether observed values lie under `floor`
    has_large: bool  # whether hidden cells hold values that might overflow
    is_binary: bool  # whether all weights are 0 or 1
    observed_frames: Array  # with observed cells or prior knowledge [shape=(N,), bool]
    sizes: Array  # sum of the terms of the objective, for its rounding [shape=(N,), float64]
    hidden: Hidden | None = None  # prior knowledge of hidden cells
    hidden_unit: float = 1.0  # factor from the unit of the iteration to that of `hidden`

    @property
    def shape(self) -> tuple[int, int]:
        """F and N."""
        return (self.V.shape[0], self.V.shape[1])

    @property
    def floor(self) -> float:
        """Least value that data counts as."""
        return _floor(self.beta)

    @property
    def factors(self) -> tuple[float, ...]:
        """Give powers of two that scale data to 1; one alone may be beyond the dtype's range."""
        power = -round(math.log2(self.scale))
        if abs(power) <= MAX_POWER:
            return (2.0**power,)
        return (2.0 ** (power // 2), 2.0 ** (power - power // 2))


def _floor(beta: float) -> float:
    """Least value that data counts as, in units of its level."""
    return DATA_FLOOR if beta <= 0 else 0.0


def check_input(
    V: ArrayLike | Array,
    weights: ArrayLike | Array | None,
    bound: ArrayLike | Array | Hidden | None,
) -> Input:
    """Check shapes and types of the input of `fit`; what a masked array hides has weight 0."""
    V, weights = unmasked(V, weights)
    xp = namespace(V)
    values = as_array(xp, V)
    if values.ndim != 2 or 0 in values.shape or not is_real(xp, values):
        raise ParameterError(f"V has shape {tuple(values.shape)}: give a real matrix (F, N).")
    dtype = values.dtype if values.dtype in (xp.float32, xp.float64) else xp.float64
    column_major = is_column_major(xp, values)
    if column_major and bound is not None:  # whose cells are counted row by row
        values, column_major = copied(xp, values, values.dtype), False
    M = None
    if weights is not None:
        M = as_array(xp, weights, values, name="weights")
        _check_matrix(xp, "weights", M, values)
        if is_column_major(xp, M) and not column_major:
            M = copied(xp, M, M.dtype)
    return Input(xp, values, M, bound, dtype)


def _check_matrix(xp: Any, name: str, values: Array, V: Array) -> None:
    """Refuse a matrix that has not the shape of V [shape=(F, N)], or no real numbers."""
    if tuple(values.shape) != tuple(V.shape):
        raise MismatchError(
            f"{name} has shape {tuple(values.shape)}, V {tuple(V.shape)}: make them equal."
        )
    if not is_real(xp, values):
        raise ParameterError(f"{name} has negative or NaN cells: give values of at least 0.")


def survey(given: Input, threads: BlockThreads, beta: float) -> Problem:
    """Read the data once with entered threads, refuse invalid values, and make the problem."""

    def summarize(block: slice, buffers: Buffers) -> _Summary:
        weights = None if given.weights is None else given.weights[:, block]
        return _summarize(given.xp, given.V[:, block], weights, buffers)

    parts = list(threads.map(summarize, threads.blocks_of(given.V.shape[1])))
    problem = _problem(given, parts, beta)
    return problem if given.bound is None else _with_hidden(problem, given.bound)


@dataclass(frozen=True)
class _Summary:
    """A block: sums, range and kinds of values; `most` counts hidden cells, too."""

    total: float
    weight: float
    least: float
    most: float
    is_binary: bool
    is_complete: bool
    observed: Array
    sums: Array


def _summarize(xp: Any, V: Array, M: Array | None, buffers: Buffers) -> _Summary:
    """Check and sum up a block [shapes=(F, n)]."""
    if not is_floating(xp, V):
        V = converted(xp, V, xp.float64)
    most = float(xp.max(xp.abs(V)))
    is_complete, is_binary = (True, True) if M is None else _check_weights(xp, M)
    if M is None or is_complete:
        observed = as_array(xp, np.ones(V.shape[1], bool), V)
        total, least, sums = _sum(xp, V), float(xp.min(V)), V.sum(axis=0)
        weight = float(math.prod(V.shape))
    else:
        seen = M > 0
        observed = xp.any(seen, axis=0)
        total, weight, least = _weighted_sums(xp, V, M, seen, most, buffers)
        sums = buffers.MV.sum(axis=0)
    if not (least >= 0 and total < math.inf):
        raise ParameterError("V has negative, NaN or infinite observed cells: hide them.")
    return _Summary(total, weight, least, most, is_binary, is_complete, observed, sums)


def _check_weights(xp: Any, M: Array) -> tuple[bool, bool]:
    """Check weights [shape=(F, n)]; return whether all are 1, and whether all are 0 or 1."""
    if M.dtype == (np.bool_ if xp is np else xp.bool):
        return bool(xp.all(M)), True
    if not bool(xp.all(M >= 0)):
        raise ParameterError("weights has negative or NaN cells: give values of at least 0.")
    if not bool(xp.all(xp.isfinite(M))):
        raise ParameterError("weights has infinite cells: give finite values.")
    ones = M == 1
    complete = bool(xp.all(ones))
    return complete, complete or bool(xp.all(ones | (M == 0)))


def _weighted_sums(
    xp: Any, V: Array, M: Array, seen: Array, most: float, buffers: Buffers
) -> tuple[float, float, float]:
    """Sum weighted observed values and weights, and find the least observed value.

    Weighted values remain in the buffer `MV`. Indexing observed cells would take much longer than
    arithmetic on all.
    """
    MV, weights, others = buffers.MV, buffers.M, buffers.scratch
    MV[...] = V
    weights[...] = M
    if not most < LARGE:
        MV[...] = xp.where(seen, MV, 0)
        most = float(xp.max(MV))
    others[...] = ~seen
    others *= most  # so that no hidden cell is the least
    others += MV
    least = float(xp.min(others))
    MV *= weights
    return _sum(xp, MV), _sum(xp, weights), least


def _problem(given: Input, parts: Sequence[_Summary], beta: float) -> Problem:
    """Make the problem from the summaries of all blocks."""
    xp = given.xp
    weight = sum(part.weight for part in parts)
    level = float(sum(part.total / weight for part in parts if weight))
    # A power of two keeps every digit, so that scaling the data scales the result exactly.
    scale = 2.0 ** round(math.log2(level)) if level else 1.0
    F = given.V.shape[0]
    levels = converted(xp, concatenated(xp, [part.sums for part in parts]), xp.float64)
    levels = xp.clip(levels / F / scale, DATA_FLOOR, None)
    return Problem(
        xp=xp,
        V=given.V,
        weights=None if all(part.is_complete for part in parts) else given.weights,
        dtype=given.dtype,
        beta=beta,
        level=level,
        scale=scale,
        has_small=min(part.least for part in parts) / scale < _floor(beta),
        has_large=not all(part.most / scale < LARGE for part in parts),
        is_binary=all(part.is_binary for part in parts),
        observed_frames=concatenated(xp, [part.observed for part in parts]),
        sizes=F * levels**beta,
    )


def _with_hidden(problem: Problem, bound: ArrayLike | Array | Hidden) -> Problem:
    """Add what is known of hidden cells; bounds are put in units of `scale`."""
    xp, V, M = problem.xp, problem.V, problem.weights
    seen = as_array(xp, np.ones(problem.shape, bool), V) if M is None else M > 0
    hidden = bound if isinstance(bound, Hidden) else _bounded(problem, bound, ~seen)
    cells = as_array(xp, hidden.cells, V)
    if tuple(cells.shape) != problem.shape or bool(xp.any(cells & seen)):
        raise MismatchError(
            f"bound marks cells of shape {tuple(cells.shape)}: give cells of V, {problem.shape}, "
            "with weight 0."
        )
    return replace(
        problem,
        hidden=hidden if bool(xp.any(cells)) else None,
        hidden_unit=problem.scale if hidden is bound else 1.0,
        observed_frames=problem.observed_frames | xp.any(cells, axis=0),
    )


def _bounded(problem: Problem, bound: ArrayLike | Array, hidden: Array) -> Bounded:
    """Take the finite bounds on hidden cells [shapes=(F, N)], in units of `scale`."""
    xp = problem.xp
    B = as_array(xp, bound, problem.V, name="bound")
    _check_matrix(xp, "bound", B, problem.V)
    if not bool(xp.all(B >= 0)):
        raise ParameterError("bound has negative or NaN cells: give values of at least 0.")
    cells = hidden & xp.isfinite(B)
    with np.errstate(over="ignore"):
        upper = converted(xp, B[cells], xp.float64) / problem.scale
    return Bounded(cells, xp.clip(upper, DATA_FLOOR, LARGE), problem.beta)


def _sum(xp: Any, values: Array) -> float:
    """Sum in double precision, without overflow of values near the largest that there is."""
    total = float(xp.sum(values, dtype=xp.float64))
    if math.isfinite(total):
        return total
    most = float(xp.max(values))
    return most * float(xp.sum(values / most)) if math.isfinite(most) else total
