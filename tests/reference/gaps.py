"""Models of missing samples, written from the equations in the modules of the same package."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[Any]


def least_residual(x: Vector, lost: NDArray[np.bool_], a: Vector) -> Vector:
    """Minimise the energy of ``a * x`` over missing samples, by dense least squares."""
    n, p = x.size, a.size - 1
    convolution = np.zeros((n + p, n))
    for i in range(n):
        convolution[i : i + p + 1, i] = a
    known = convolution[:, ~lost] @ x[~lost]
    filled = x.copy()
    filled[lost] = np.linalg.lstsq(convolution[:, lost], -known, rcond=None)[0]
    return filled


def burg(x: Vector, order: int) -> Vector:
    """Estimate a prediction filter, sample by sample (Kay 1988, eq. 7.34 to 7.38)."""
    n = x.size
    forward, backward = [float(v) for v in x], [float(v) for v in x]
    a = [1.0]
    for m in range(1, order + 1):
        num = sum(forward[t] * backward[t - 1] for t in range(m, n))
        den = sum(forward[t] ** 2 + backward[t - 1] ** 2 for t in range(m, n))
        k = -2 * num / den
        a = [u + k * v for u, v in zip([*a, 0.0], [0.0, *a[::-1]], strict=True)]
        new_f, new_b = forward[:], backward[:]
        for t in range(m, n):
            new_f[t] = forward[t] + k * backward[t - 1]
            new_b[t] = backward[t - 1] + k * forward[t]
        forward, backward = new_f, new_b
    return np.array(a)


def weighted_least_squares(
    x: Vector, start: int, h: int, filters: list[Vector], weights: list[Vector]
) -> Vector:
    """Minimise the energy of residuals, each of h + order times its weight, by dense matrices."""
    matrix, right = np.zeros((h, h)), np.zeros(h)
    for a, weight in zip(filters, weights, strict=True):
        convolution = np.zeros((weight.size, x.size))  # residuals from the first missing sample on
        for row in range(weight.size):
            for lag, coefficient in enumerate(a):
                if 0 <= start + row - lag < x.size:
                    convolution[row, start + row - lag] = coefficient
        known = x.copy()
        known[start : start + h] = 0
        missing = convolution[:, start : start + h]
        matrix += missing.T @ (weight[:, None] * missing)
        right -= missing.T @ (weight * (convolution @ known))
    return np.linalg.solve(matrix, right)


def channel_filters(x: Vector, known: NDArray[np.bool_], u: Vector, taps: int, a: Vector) -> Vector:
    """Minimise the energy of ``a * (x - sum_j h_j * u_j)`` over known samples, by dense algebra."""

    def residual(v: Vector, n: int) -> float:
        return float(sum(a[q] * v[n - q] for q in range(a.size) if 0 <= n - q < v.size))

    delays = range(-taps, taps + 1)
    rows, right = [], []
    for n in np.flatnonzero(known).tolist():
        rows.append([residual(c, n - d) for c in u for d in delays])
        right.append(residual(x, n))
    return np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0].reshape(len(u), -1)
