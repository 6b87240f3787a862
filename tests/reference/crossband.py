"""Gaussian-process regression from sums over pairs, and refits where frames are left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def covariance(u: tuple[Array, Array], v: tuple[Array, Array], A: float, B: float) -> Array:
    """Covariance of frames u = (waves, envelopes) and v, pair by pair."""
    K = np.zeros((len(u[0]), len(v[0])))
    for i, (p, q) in enumerate(zip(*u, strict=True)):
        for j, (r, s) in enumerate(zip(*v, strict=True)):
            loud_p, loud_r = np.sqrt(np.sum(p**2)), np.sqrt(np.sum(r**2))
            exponent = A * np.sum((p / loud_p - r / loud_r) ** 2) + B * np.sum((q - s) ** 2)
            K[i, j] = np.sqrt(loud_p * loud_r) * np.exp(-exponent / 2)
    return K


def posterior_mean(K: Array, k: Array, Y: Array, noise: float) -> Array:
    """Mean at other frames, whose covariances with the known ones are the rows of k."""
    return k @ np.linalg.solve(K + noise * np.eye(len(K)), Y)


def left_out(K: Array, Y: Array, noise: float, blocks: list[Array]) -> Array:
    """Mean of every block, predicted from the other blocks."""
    mean = np.zeros_like(Y)
    for B in blocks:
        others = np.setdiff1d(np.arange(len(K)), B)
        mean[B] = posterior_mean(K[np.ix_(others, others)], K[np.ix_(B, others)], Y[others], noise)
    return mean
