"""Preconditioned conjugate gradients, for systems whose matrix is known by its products alone."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Solution:
    """What conjugate gradients find.

    Parameters
    ----------
    x : ndarray [shape of b]
        The last iterate.
    n_iter : int
        Iterations of the slowest system.
    converged : bool
        Whether the residuals of all systems are small enough.
    """

    x: NDArray[Any]
    n_iter: int
    converged: bool


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

    Parameters
    ----------
    A : callable
        Gives ``A @ p``.
    b : ndarray [shape=(..., n)]
        Right-hand side.
    precondition : callable
        Gives ``M @ r``, M being symmetric positive semidefinite and near the inverse of A.
    start : ndarray [shape of b], optional
        First iterate; 0 if None.
    dot : callable
        Inner products, one for each system, in a shape that broadcasts against vectors: (R, 1) for
        systems in the R rows of `b`; (n,) and constant in each stretch of a vector whose stretches
        are independent. By default `b` is one vector.
    max_iter : int, >= 0
        Iterations at most.
    tol : float, >= 0
        A system is solved when ``sqrt(r @ M @ r)`` of its residual r has fallen to this part of
        its first value.

    Returns
    -------
    Solution
        The solution. A system that is solved stays as it is while others go on; so does one whose
        search direction A maps to 0.

    References
    ----------
    .. [1] M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear
       systems", J. Res. Natl. Bur. Stand. 49(6), 1952.

    Examples
    --------
    >>> A = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> b = np.array([3.0, 3.0])
    >>> found = preconditioned_cg(A.dot, b, precondition=lambda r: r / 2, max_iter=9, tol=1e-9)
    >>> found.x.round(9).tolist(), found.converged
    ([1.0, 1.0], True)
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
