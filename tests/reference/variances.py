"""Gaussian frames with known variances of their bins, by dense covariance matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[Any]


class Inferred(NamedTuple):
    """A frame: its mean, its mean power by bin, and what is known of it in likelihood."""

    mean: Vector
    power: Vector
    minus_twice_log: float


def dft(n: int) -> NDArray[Any]:
    """Give the unitary DFT as a matrix."""
    i = np.arange(n)
    return np.exp(-2j * np.pi * np.outer(i, i) / n) / np.sqrt(n)


def covariance(V: Vector, n: int) -> NDArray[Any]:
    """Give the covariance of n samples, from the variances of the first half of the bins."""
    full = np.array([V[min(f, n - f)] for f in range(n)])
    F = dft(n)
    return np.asarray((F.conj().T @ np.diag(full) @ F).real)


def infer_frame(frame: Vector, lost: NDArray[np.bool_], V: Vector) -> Inferred:
    """Condition a Gaussian frame on its known samples."""
    n, F, S = frame.size, dft(frame.size), covariance(V, frame.size)
    o, m = np.flatnonzero(~lost), np.flatnonzero(lost)
    gain = np.linalg.solve(S[np.ix_(o, o)], S[np.ix_(o, m)]).T
    mean = frame.copy()
    mean[m] = gain @ frame[o]
    spread = np.zeros((n, n))
    spread[np.ix_(m, m)] = S[np.ix_(m, m)] - gain @ S[np.ix_(o, m)]
    moment = np.outer(mean, mean) + spread
    power = np.array([(F[f] @ moment @ F[f].conj()).real for f in range(n // 2 + 1)])
    known = frame[o] @ np.linalg.solve(S[np.ix_(o, o)], frame[o])
    return Inferred(mean, power, float(np.linalg.slogdet(S[np.ix_(o, o)])[1] + known))


def diagonal_sums(matrix: NDArray[Any]) -> Vector:
    """Sum each diagonal, the main one first."""
    return np.array([sum(np.diag(matrix, -d)) for d in range(len(matrix))])
