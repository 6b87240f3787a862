"""Missing frames of one bin, from the costs written out row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def predictor(z: Array, p: int, memory: float, ridge: float) -> tuple[Array, float]:
    """Fit a prediction filter and its residual power, in both directions of time."""
    N = z.size
    weight = [np.exp(-(N - 1 - t) / memory) for t in range(N)]
    rows, goal, w = [], [], []
    for t in range(p, N):
        for past, now in (
            ([z[t - k] for k in range(1, p + 1)], z[t]),
            ([np.conj(z[t - p + k]) for k in range(1, p + 1)], np.conj(z[t - p])),
        ):
            rows.append(past)
            goal.append(now)
            w.append(weight[t - p])
    X, y, W = np.array(rows), np.array(goal), np.diag(w)
    G = X.conj().T @ W @ X
    c = X.conj().T @ W @ y
    a = np.linalg.solve(G + ridge * np.trace(G).real / p * np.eye(p), c)
    e = (np.vdot(y, W @ y).real - np.vdot(a, c).real) / np.sum(w)
    return np.concatenate([[1], -a]), e


def fill(
    z: Array,
    first: int,
    stop: int,
    order: int,
    memory: float,
    *,
    ridge: float,
    mean: Array,
    weight: Array,
    part: Array,
) -> Array:
    """Minimise the cost of both sides about ``part*mean``, and of the distance to the mean."""
    n, N = stop - first, z.size
    a_L, e_L = predictor(z[:first], order, memory, ridge)
    a_R, e_R = predictor(z[stop:][::-1].conj(), order, memory, ridge)
    a_R = a_R.conj()
    base = z.astype(complex)
    base[first:stop] = part * mean
    # Residuals about the base: known frames as they are, the hole less the base.
    known = z.astype(complex)
    known[first:stop] = 0
    rows, goal = [], []

    def add(at: dict[int, complex], w: float) -> None:
        rows.append([np.sqrt(w) * at.get(first + i, 0) for i in range(n)])
        goal.append(-np.sqrt(w) * sum(c * known[t] for t, c in at.items()))

    span = n + order
    for t in range(first, stop + order):
        add({t - k: a_L[k] for k in range(order + 1)}, (1 - (t - first + 0.5) / span) / e_L)
    for t in range(first - order, stop):
        add({t + k: a_R[k] for k in range(order + 1)}, (1 - (stop - 1 - t + 0.5) / span) / e_R)
    for i in range(n):
        rows.append([np.sqrt(weight[i]) * (i == j) for j in range(n)])
        goal.append(np.sqrt(weight[i]) * (mean[i] - base[first + i]))
    assert stop + order <= N
    solution = np.linalg.lstsq(np.array(rows), np.array(goal), rcond=None)[0]
    filled = base.copy()
    filled[first:stop] += solution
    return filled
