"""The beta-divergence: summed over cells, cell by cell, and from ratios of data to model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spectramend.errors import ParameterError
from spectramend.nmf._engine.arrays import (
    Array,
    as_array,
    converted,
    is_floating,
    namespace,
    unmasked,
)


def beta_divergence(
    V: ArrayLike | Array,
    V_hat: ArrayLike | Array,
    *,
    beta: float = 0.0,
    weights: ArrayLike | Array | None = None,
) -> float:
    """Sum the beta-divergence of a model from data over the cells.

    Parameters
    ----------
    V : array_like [shape=(F, N), >= 0]
        Data. With ``beta <= 0`` a zero is infinitely far from every model.
    V_hat : array_like [shape=(F, N), > 0]
        Model.
    beta : float
        0 is Itakura-Saito, 1 Kullback-Leibler, 2 half the squared Euclidean distance.
    weights : array_like [shape=(F, N), >= 0], optional
        Weight of each cell; values in cells of weight 0 are ignored.

    Returns
    -------
    float
        ``sum M * d(V | V_hat)``, summed in double precision.

    References
    ----------
    .. [1] C. Févotte and J. Idier, Neural Computation 23(9), 2011, eq. 2.3.

    Examples
    --------
    >>> beta_divergence([[1.0, 4.0]], [[2.0, 4.0]], beta=2)
    0.5
    """
    V, weights = unmasked(V, weights)
    xp = namespace(V, V_hat)
    x, y = _as_floats(xp, "V", V), _as_floats(xp, "V_hat", V_hat)
    if x.shape != y.shape:
        raise ParameterError(f"V has shape {x.shape} and V_hat {y.shape}: give equal shapes.")
    if weights is None:
        return float(xp.sum(cell_divergence(x, y, beta), dtype=xp.float64))
    M = as_array(xp, weights, x, name="weights")
    if M.shape != x.shape:
        raise ParameterError(f"weights have shape {M.shape} and V {x.shape}: give equal shapes.")
    observed = M > 0
    cells = M[observed] * cell_divergence(x[observed], y[observed], beta)
    return float(xp.sum(cells, dtype=xp.float64))


def _as_floats(xp: Any, name: str, values: ArrayLike | Array) -> Array:
    """Convert integers, which wrap around in differences and powers, to double precision."""
    array = as_array(xp, values, name=name)
    return array if is_floating(xp, array) else converted(xp, array, xp.float64)


def cell_divergence(x: Array, y: Array, beta: float) -> Array:
    """Evaluate ``d(x | y)`` cell by cell [shapes equal]."""
    xp = namespace(x, y)
    with np.errstate(divide="ignore", over="ignore"):
        if beta == 0:
            ratio = x / y
            return ratio - xp.log(ratio) - 1
        if beta == 1:
            # x log(x/y) goes to 0 with x.
            ratio = xp.where(x > 0, x / y, 1)
            return x * xp.log(ratio) - x + y
        if beta == 2:
            return 0.5 * (x - y) ** 2
        return (x**beta + (beta - 1) * y**beta - beta * x * y ** (beta - 1)) / (beta * (beta - 1))


def relative_divergence(r: Array, V_hat: Array, beta: float, out: Array) -> Array:
    """Evaluate ``d(x | y) = y**beta * d(x/y | 1)`` from the ratio ``r = x/y``, in place.

    These terms are never negative, so that their sum loses no digits, as sums of ``log(y)`` would.
    The ratio, the model and `out`, which is returned, have equal shapes; the ratio is overwritten.
    """
    xp = namespace(r)
    if beta == 0:
        xp.log(r, out=out)
        xp.subtract(r, out, out=out)
        out -= 1
        return out
    if beta == 1:
        xp.log(r, out=out)
        out *= r
        out -= r
        out += 1
        out *= V_hat
        return out
    if beta == 2:
        xp.subtract(r, 1, out=out)
        out *= V_hat  # before it is squared, which might overflow
        out *= out
        out *= 0.5
        return out
    out[...] = r
    out **= beta
    r *= beta
    out -= r
    out += beta - 1
    out /= beta * (beta - 1)
    out *= V_hat**beta
    return out
