"""The beta-divergence, and what a hidden cell adds to it when its value is bounded from above."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spectramend.errors import ParameterError
from spectramend.nmf._engine.arrays import Array, converted, is_floating, namespace


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
        Weight of each cell; what stands in cells of weight 0 is not looked at.

    Returns
    -------
    float
        ``sum M * d(V | V_hat)``, summed in double precision.

    Raises
    ------
    ParameterError
        If the shapes differ.

    References
    ----------
    .. [1] C. Févotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
       beta-divergence", Neural Computation 23(9), 2011, eq. 2.3.

    Examples
    --------
    >>> beta_divergence([[1.0, 4.0]], [[2.0, 4.0]], beta=2)
    0.5
    """
    xp = namespace(V, V_hat)
    x, y = _as_floats(xp, V), _as_floats(xp, V_hat)
    if x.shape != y.shape:
        raise ParameterError(f"V has shape {x.shape} and V_hat {y.shape}: give equal shapes.")
    if weights is None:
        return float(xp.sum(cell_divergence(x, y, beta), dtype=xp.float64))
    M = xp.asarray(weights)
    if M.shape != x.shape:
        raise ParameterError(f"weights have shape {M.shape} and V {x.shape}: give equal shapes.")
    seen = M > 0
    return float(xp.sum(M[seen] * cell_divergence(x[seen], y[seen], beta), dtype=xp.float64))


def _as_floats(xp: Any, values: ArrayLike | Array) -> Array:
    """Take floating point as it comes; integers wrap around in differences and powers."""
    array = xp.asarray(values)
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

    The sum of terms that are never negative loses no digits, as sums of ``log(y)`` would.

    Parameters
    ----------
    r : ndarray [shape=(F, N), > 0]
        Data over model; what is in it is lost.
    V_hat : ndarray [shape=(F, N), > 0]
        Model.
    beta : float
        Which divergence.
    out : ndarray [shape=(F, N)]
        Where to put the result.

    Returns
    -------
    ndarray [shape=(F, N), >= 0]
        The divergence of each cell: `out`.

    Examples
    --------
    >>> one = np.ones((1, 1))
    >>> relative_divergence(0.5 * one, 2 * one, 2.0, one.copy()).item()
    0.5
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


def censored_value(V_hat: Array, B: Array, beta: float) -> Array:
    """E-step: the value to expect in a hidden cell that is known to be at most B.

    For ``beta = 0`` the data is exponential with mean ``V_hat`` and truncated to ``[0, B]``, which
    has the mean ``V_hat - B / expm1(B / V_hat)``. For the others no likelihood is implied and the
    cell only objects to a model above its bound: ``min(V_hat, B)``.
    """
    xp = namespace(V_hat, B)
    if beta != 0:
        return xp.minimum(V_hat, B)
    with np.errstate(over="ignore"):
        ratio = B / V_hat
        u = xp.where(ratio < 1e4, ratio, 1e4)  # beyond, the bound no longer counts
        # For small u the difference of large numbers is replaced by its series,
        # 1/u - 1/expm1(u) = 1/2 - u/12 + u**3/720 - ...
        exact = 1 - u / xp.expm1(xp.where(u > 0, u, 1))
    series = u * (0.5 - u / 12)
    return V_hat * xp.where(u < 1e-2, series, exact)


def censored_geometric_mean(V_hat: Array, B: Array, beta: float) -> Array:
    """Take the mean of the logarithm, rather than `censored_value`'s mean, of a hidden cell.

    For ``beta = 0`` and ``u = B/V_hat``, integration by parts gives

        E log(V/V_hat) = (-gamma - E1(u) - exp(-u)*log(u)) / (1 - exp(-u)),

    with Euler's constant and the exponential integral; -gamma where no bound is known.
    """
    if beta != 0:
        return np.minimum(V_hat, B)
    from scipy.special import exp1  # costs a quarter of a second: only where it is needed

    with np.errstate(over="ignore"):
        u = np.clip(B / V_hat, np.finfo(np.float64).tiny, 700)  # exp(-700) is all but 0
    exact = -(np.euler_gamma + exp1(u) + np.exp(-u) * np.log(u)) / -np.expm1(-u)
    return V_hat * np.exp(np.where(u < 1e-3, np.log(u) - 1 - u / 4, exact))


def censored_divergence(V_hat: Array, B: Array, beta: float) -> Array:
    """Evaluate what bounded hidden cells add to the objective that `censored_value` descends.

    For ``beta = 0`` it is minus the log-probability that the cell lies under its bound.
    """
    xp = namespace(V_hat, B)
    if beta != 0:
        return cell_divergence(xp.minimum(V_hat, B), V_hat, beta)
    with np.errstate(over="ignore"):
        return -xp.log(-xp.expm1(-B / V_hat))
