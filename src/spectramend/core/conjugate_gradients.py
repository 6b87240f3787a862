"""Preconditioned conjugate gradients, for systems whose matrix is known by its products alone.

Reference: M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear
systems", J. Res. Natl. Bur. Stand. 49(6), 1952.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Solution:
    """The result of conjugate gradients."""

    x: NDArray[Any]  # [shape of b] the last iterate
    n_iter: int  # iterations of the slowest system
    converged: bool  # whether the residuals of all systems are small enough


def preconditioned_cg(
    A: Callable[[NDArray[Any]], NDArray[Any]],
    b: NDArray[Any],
    *,
    precondition: Callable[[NDArray[Any]], NDArray[Any]],
    start: NDArray[Any] | None = None,
    dot: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]] = operator.matmul,
    max_iter: int,
    tol: float,
) -> Solution:
    """Solve ``A x = b`` for a symmetric positive semidefinite A, or independent systems at once.

    `A` and `precondition`, a symmetric map near the inverse of A, are applied to vectors of the
    shape of `b`; the first iterate is `start`, or 0. `dot` gives the inner products of each system
    in a shape that broadcasts against `b`: (R, 1) for systems in the R rows of `b`, say. A system
    is solved when ``sqrt(r @ precondition(r))`` of its residual r is at most `tol` times its first
    value; it then stays as it is while others go on, as does one whose direction A maps to 0.
    """
    x, r = (np.zeros_like(b), b) if start is None else (start, b - A(start))
    z = precondition(r)
    p, rz = z, dot(r, z)
    least, n_iter = tol**2 * rz, 0
    while n_iter < max_iter and np.any(rz > least):
        Ap = A(p)
        curvature = dot(p, Ap)
        going = (rz > least) & (curvature > 0)
        step = _ratio(rz, curvature, going)
        x, r = x + step * p, r - step * Ap
        z = precondition(r)
        rz, before = dot(r, z), rz
        p = z + _ratio(rz, before, going) * p
        n_iter += 1
    return Solution(x, n_iter, bool(np.all(rz <= least)))


def _ratio(a: NDArray[Any], b: NDArray[Any], where: NDArray[np.bool_]) -> NDArray[Any]:
    """Divide some elements; the others give 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=where)
