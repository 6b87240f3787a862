"""Small problems for the tests of `spectramend.nmf`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.nmf import Bounded, Factorization

Matrix = NDArray[Any]

F, K, N = 8, 3, 10


def log_uniform(rng: np.random.Generator, *shape: int, decades: float = 2.0) -> Matrix:
    return 10 ** rng.uniform(-decades / 2, decades / 2, shape)


def problem(seed: int = 0, decades: float = 2.0) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Data, factors to start from, and a mask that hides frame 2 and row 4 wholly."""
    rng = np.random.default_rng(seed)
    shapes = ((F, N), (F, K), (K, N))
    V, W, H = (log_uniform(rng, *shape, decades=decades) for shape in shapes)
    M = rng.uniform(size=(F, N)) > 0.3
    M[:, 2] = M[4] = False
    return V, W, H, M


def mask(kind: str) -> Matrix | None:
    """Weights of each kind, with frame 2 and row 4 wholly hidden."""
    rng = np.random.default_rng(9)
    M = rng.uniform(size=(F, N)) > 0.4
    M[:, 2] = M[4] = False
    weights = {"none": None, "bool": M, "float": M * rng.uniform(0.1, 3, (F, N))}
    return weights[kind]


def noisy(F: int = 60, K: int = 6, N: int = 150, seed: int = 0) -> Matrix:
    """Data of low rank under exponential noise, as power spectra are."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1.0, (F, K)), rng.gamma(0.5, 1.0, (K, N))
    return W @ H * rng.exponential(1.0, (F, N))


def assert_identical(one: Factorization, other: Factorization) -> None:
    np.testing.assert_array_equal(one.W, other.W)
    np.testing.assert_array_equal(one.H, other.H)
    np.testing.assert_array_equal(one.trace, other.trace)
    np.testing.assert_array_equal(one.observed_frames, other.observed_frames)
    assert (one.status, one.n_iter) == (other.status, other.n_iter)


def bounded(B: Matrix, beta: float) -> Bounded:
    """Hidden cells with these bounds."""
    return Bounded(np.ones(np.shape(B), bool), B, beta)


def low_rank(
    n_samples: int = 40, n_features: int = 15, rank: int = 3, seed: int = 0
) -> NDArray[np.float64]:
    """Draw a matrix of exactly this rank."""
    rng = np.random.default_rng(seed)
    W: NDArray[np.float64] = rng.gamma(1.0, size=(n_samples, rank))
    return W @ rng.gamma(1.0, size=(rank, n_features))


def noisy_samples(n_samples: int = 40, n_features: int = 15, seed: int = 0) -> NDArray[np.float64]:
    """Draw a matrix of no low rank."""
    rng = np.random.default_rng(seed + 100)
    X = low_rank(n_samples, n_features, 4, seed)
    return X * rng.gamma(2.0, 0.5, size=X.shape)


def hidden_cells(shape: tuple[int, ...], part: float = 0.3, seed: int = 1) -> NDArray[np.bool_]:
    """Choose cells to hide."""
    return np.random.default_rng(seed).random(shape) < part
