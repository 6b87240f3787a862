"""The beta-divergence, and what a hidden cell adds to it when its value is bounded from above."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError


def beta_divergence(
    V: ArrayLike, V_hat: ArrayLike, *, beta: float = 0.0, weights: ArrayLike | None = None
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
    x, y = _as_floats(V), _as_floats(V_hat)
    if x.shape != y.shape:
        raise ParameterError(f"V has shape {x.shape} and V_hat {y.shape}: give equal shapes.")
    if weights is None:
        return float(cell_divergence(x, y, beta).sum(dtype=np.float64))
    M = np.asarray(weights)
    if M.shape != x.shape:
        raise ParameterError(f"weights have shape {M.shape} and V {x.shape}: give equal shapes.")
    seen = M > 0
    return float((M[seen] * cell_divergence(x[seen], y[seen], beta)).sum(dtype=np.float64))


def _as_floats(values: ArrayLike) -> NDArray[Any]:
    """Take floating point as it comes; integers wrap around in differences and powers."""
    array = np.asarray(values)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def cell_divergence(x: NDArray[Any], y: NDArray[Any], beta: float) -> NDArray[Any]:
    """Evaluate ``d(x | y)`` cell by cell [shapes equal]."""
    with np.errstate(divide="ignore", over="ignore"):
        d: NDArray[Any]
        if beta == 0:
            ratio = x / y
            d = ratio - np.log(ratio) - 1
        elif beta == 1:
            # x log(x/y) goes to 0 with x.
            ratio = np.where(x > 0, x / y, 1)
            d = x * np.log(ratio) - x + y
        elif beta == 2:
            d = 0.5 * (x - y) ** 2
        else:
            d = (x**beta + (beta - 1) * y**beta - beta * x * y ** (beta - 1)) / (beta * (beta - 1))
    return d


def censored_value(V_hat: NDArray[Any], B: NDArray[Any], beta: float) -> NDArray[Any]:
    """E-step: the value to expect in a hidden cell that is known to be at most B.

    For ``beta = 0`` the data is exponential with mean ``V_hat`` and truncated to ``[0, B]``, which
    has the mean ``V_hat - B / expm1(B / V_hat)``. For the others no likelihood is implied and the
    cell only objects to a model above its bound: ``min(V_hat, B)``.
    """
    if beta != 0:
        return np.minimum(V_hat, B)
    with np.errstate(over="ignore"):
        u = np.minimum(B / V_hat, 1e4)  # beyond, the bound no longer counts; inf / inf would be NaN
        # For small u the difference of large numbers is replaced by its series,
        # 1/u - 1/expm1(u) = 1/2 - u/12 + u**3/720 - ...
        exact = 1 - u / np.expm1(np.where(u > 0, u, 1))
    series = u * (0.5 - u / 12)
    return V_hat * np.where(u < 1e-2, series, exact)


def censored_geometric_mean(V_hat: NDArray[Any], B: NDArray[Any], beta: float) -> NDArray[Any]:
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


def censored_divergence(V_hat: NDArray[Any], B: NDArray[Any], beta: float) -> NDArray[Any]:
    """Evaluate what bounded hidden cells add to the objective that `censored_value` descends.

    For ``beta = 0`` it is minus the log-probability that the cell lies under its bound.
    """
    if beta != 0:
        return cell_divergence(np.minimum(V_hat, B), V_hat, beta)
    with np.errstate(over="ignore"):
        return -np.log(-np.expm1(-B / V_hat))
