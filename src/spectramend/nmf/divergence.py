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
    x, y = np.asarray(V), np.asarray(V_hat)
    if x.shape != y.shape:
        raise ParameterError(f"V has shape {x.shape} and V_hat {y.shape}: give equal shapes.")
    if weights is None:
        return float(cell_divergence(x, y, beta).sum(dtype=np.float64))
    M = np.asarray(weights)
    if M.shape != x.shape:
        raise ParameterError(f"weights have shape {M.shape} and V {x.shape}: give equal shapes.")
    seen = M > 0
    return float((M[seen] * cell_divergence(x[seen], y[seen], beta)).sum(dtype=np.float64))


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
    u = B / V_hat
    with np.errstate(over="ignore"):
        # For small u the difference of large numbers is replaced by its series,
        # 1/u - 1/expm1(u) = 1/2 - u/12 + u**3/720 - ...
        exact = 1 - u / np.expm1(np.where(u > 0, u, 1))
    series = u * (0.5 - u / 12)
    return V_hat * np.where(u < 1e-2, series, exact)


def censored_divergence(V_hat: NDArray[Any], B: NDArray[Any], beta: float) -> NDArray[Any]:
    """Evaluate what bounded hidden cells add to the objective that `censored_value` descends.

    For ``beta = 0`` it is minus the log-probability that the cell lies under its bound.
    """
    if beta != 0:
        return cell_divergence(np.minimum(V_hat, B), V_hat, beta)
    return -np.log(-np.expm1(-B / V_hat))
