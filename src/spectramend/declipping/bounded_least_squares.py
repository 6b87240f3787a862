"""Quadratic programs with bounds: projected conjugate gradients.

    minimise f(x) = x^T A x   subject to   lower <= x <= upper                             (1)

for a positive semidefinite A that is known by its products. A sample is held at its bound while the
gradient pushes it outward; conjugate gradients minimise over all others until they leave their
intervals, then the step is projected and shortened until f falls (Nocedal & Wright 2006, section
16.7: gradient projection with subspace minimisation).

Reference: J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd edition, Springer, 2006.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

# Engineering choices:
SUBSPACE_STEPS = 20  # steps, products of A with directions before a projection, at most
FIRST_STEPS = 3  # steps that are made before samples that leave their intervals end them
HALVINGS = 6  # of a projected step, at most
ENOUGH = 1e-6  # of the squared residual: the subspace is solved
LEAST_FALL = 1e-9  # of f in a projected step, relative: the program is solved


@dataclass(frozen=True, eq=False)
class BoundedSolution:
    """The result of projected conjugate gradients."""

    x: Vector  # [shape=(n,)]
    value: float  # of f
    products: int  # with A
    converged: bool


def minimise_within(
    A: Callable[[Vector], Vector],
    start: Vector,
    lower: Vector,
    upper: Vector,
    *,
    max_products: int,
    least_fall: float = LEAST_FALL,
) -> BoundedSolution:
    """Solve (1) from a start within the bounds [shape=(n,)]; equal bounds hold a sample."""
    x, Ax = start, A(start)
    f, products = float(x @ Ax), 1
    movable = lower < upper
    while products < max_products:
        held = ((x <= lower) & (Ax > 0)) | ((x >= upper) & (Ax < 0))
        face = movable & ~held
        d, used = _face_step(A, x, Ax, face, (lower, upper), max_products - products)
        products += used
        previous = f
        for _ in range(HALVINGS):
            projected = np.clip(x + d, lower, upper)
            A_projected = A(projected)
            products += 1
            value = float(projected @ A_projected)
            if value <= f:
                x, Ax, f = projected, A_projected, value
                break
            d = np.float32(0.5) * d
        if previous - f <= least_fall * abs(previous):
            return BoundedSolution(x, f, products, True)
    return BoundedSolution(x, f, products, False)


def _face_step(
    A: Callable[[Vector], Vector],
    x: Vector,
    Ax: Vector,
    face: NDArray[np.bool_],
    bounds: tuple[Vector, Vector],
    max_products: int,
) -> tuple[Vector, int]:
    """Step from x by conjugate gradients over the samples of a face; how many products it took."""
    lower, upper = bounds
    r = np.where(face, -Ax, np.float32(0))
    d: Vector = np.zeros_like(x)
    p = r.copy()
    rr = float(r @ r)
    enough, used = ENOUGH * rr, 0
    while rr > enough and used < min(SUBSPACE_STEPS, max_products):
        Ap = np.where(face, A(p), np.float32(0))
        used += 1
        curvature = float(p @ Ap)
        if curvature <= 0:
            break
        step = np.float32(rr / curvature)
        d += step * p
        r -= step * Ap
        outside = (x + d < lower) | (x + d > upper)
        if used >= FIRST_STEPS and outside.any():
            break
        rr, before = float(r @ r), rr
        p = r + np.float32(rr / before) * p
    return d, used
