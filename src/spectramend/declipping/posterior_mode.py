"""The most probable samples within their bounds, under Gaussian cells of several spectra.

The cells of the Parseval spectra S_b x, one for each window length b, are Gaussian with variances
V_b that a model finds from the powers of the last estimate. Each outer step solves

    x = argmin sum_b sum_cells w_b |S_b x|**2  subject to the bounds,
    w_b = (V_b + e_b**2)**(p/2 - 1)                                                        (1)

With p = 0 this is iteratively reweighted least squares for the logarithm of the variances (the
Gaussian likelihood, majorised); smaller p prefers fewer strong cells. e falls geometrically: at
first only the strongest cells are free, in the end nearly all (Daubechies et al. 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spectramend.declipping.bounded_least_squares import minimise_within
from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.declipping.variances import VarianceModel


@dataclass(frozen=True)
class Continuation:
    """The course of e and p over the outer steps of (1)."""

    first_e: float  # of the largest root variance
    last_e: float
    first_p: float
    last_p: float
    steps: int
    products: int  # with the matrix of (1), in a step


def map_estimate(
    frames: Sequence[ParsevalFrame],
    models: Sequence[VarianceModel],
    start: NDArray[np.float32],
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    course: Continuation,
    tick: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Iterate (1) from a start within the bounds [shape=(n,)]; `tick` is called at each step."""
    x = start
    powers = [_powers(S, x) for S in frames]
    scales = [float(m.variances(P, 0.0).max()) for m, P in zip(models, powers, strict=True)]
    for i in range(course.steps):
        done = i / max(1, course.steps - 1)
        e = course.first_e * (course.last_e / course.first_e) ** done
        p = course.first_p + (course.last_p - course.first_p) * done
        weights = []
        for model, P, scale in zip(models, powers, scales, strict=True):
            V = model.variances(P, e**2 * scale)
            w = (V / scale) ** np.float32(p / 2 - 1)
            weights.append(w / w.max())

        x = minimise_within(
            partial(_weighted, frames, weights), x, lower, upper, max_products=course.products
        ).x
        powers = [_powers(S, x) for S in frames]
        tick()
    return x


def _weighted(
    frames: Sequence[ParsevalFrame],
    weights: Sequence[NDArray[np.float32]],
    v: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Apply the matrix of (1), ``sum_b S_b^T diag(w_b) S_b``, to samples [shape=(n,)]."""
    product = np.zeros_like(v)
    for S, w in zip(frames, weights, strict=True):
        product += S.synthesis(w * S.analysis(v))
    return product


def _powers(S: ParsevalFrame, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the powers of the cells [shape=(frames, bins)]."""
    X = S.analysis(x)
    return X.real**2 + X.imag**2
