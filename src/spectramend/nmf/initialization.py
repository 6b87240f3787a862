"""Factors to start the iteration from."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from spectramend.nmf._engine.arrays import Array, as_array, as_numpy
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.frame_blocks import Buffers
from spectramend.nmf._engine.problem import DATA_FLOOR

Init: TypeAlias = Literal["sample", "exemplars", "random"]

# Share of the mean frame in an exemplar. Engineering choice: atoms overlap a little.
MEAN_SHARE = 0.05
# Least value of an atom of unit mean, and of a frame's level in units of the mean. Engineering
# choice: products are not below the floor of the data, from where first steps would be too long.
EXEMPLAR_FLOOR = DATA_FLOOR**0.5

# The warm start; engineering choices. `benchmarks/starts.py` compares it with other starts.
SAMPLE_FRAMES = 10  # frames of the sample for each atom
SAMPLE_MIN_RATIO = 4  # how many times the frames of the sample the data must have
SAMPLE_ITERATIONS = 30  # iterations on the sample


def random_dictionary(data: Data, K: int, rng: np.random.Generator) -> Array:
    """Draw atoms [shape=(F, K)] at the level of the data."""
    return np.abs(rng.standard_normal((data.problem.shape[0], K))) * data.problem.level


def random_activations(data: Data, W: Array, rng: np.random.Generator) -> Any:
    """Draw activations [shape=(K, N)] such that each atom has an equal share of the level."""
    mean = as_numpy(W).mean(axis=0)
    K = len(mean)
    share = data.problem.level / (K * np.maximum(mean, np.finfo(mean.dtype).tiny))
    return np.abs(rng.standard_normal((K, data.problem.shape[1]))) * share[:, None]


def exemplars(data: Data, K: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Draw frames as atoms of unit mean [shape=(F, K)], all active at the level of each frame.

    Frames are drawn in proportion to their amplitude. In hidden cells an atom is the mean frame, at
    its level; atoms that are drawn repeatedly are multiplied by noise. Returns them, and the
    activations in units of the data [shape=(K, N)].
    """
    mean = _mean_frame(data)
    level, observed = _levels(data, mean)
    weights = np.sqrt(level * observed)
    usable = np.flatnonzero(weights)
    p = weights[usable] / weights[usable].sum()
    chosen = rng.choice(usable, K, replace=len(usable) < K, p=p)
    W = _frames(data, chosen, mean, level)
    W /= W.mean(axis=0)
    if len(usable) < K:
        W *= rng.gamma(4.0, 0.25, W.shape)  # of mean 1, so that repeated atoms differ
    W = (1 - MEAN_SHARE) * W + MEAN_SHARE * (mean / mean.mean())[:, None]
    h = np.maximum(level, EXEMPLAR_FLOOR) * mean.mean() / K
    return np.maximum(W, EXEMPLAR_FLOOR), np.tile(h * data.problem.scale, (K, 1))


def sample(data: Data, K: int, rng: np.random.Generator) -> Array | None:
    """Draw the frames of a warm start of K atoms, or None if there are not many more frames."""
    observed = np.flatnonzero(as_numpy(data.problem.observed_frames))
    n = SAMPLE_FRAMES * K
    if len(observed) < SAMPLE_MIN_RATIO * n:
        return None
    chosen = np.sort(rng.choice(observed, n, replace=False))
    return as_array(data.problem.xp, chosen, data.problem.V)


def _mean_frame(data: Data) -> Any:
    """Average the observed cells of each row, in units of `scale` [shape=(F,)]."""

    def sums(block: slice, buffers: Buffers) -> tuple[Any, Any]:
        MV, M = data.load(block, buffers)
        n = np.full(len(MV), MV.shape[1]) if M is None else as_numpy(M.sum(axis=1))
        return as_numpy(MV.sum(axis=1)), n

    parts = zip(*data.threads.map(sums, data.blocks), strict=True)
    total, count = (sum(part) for part in parts)
    return _divided(total, count, data.problem.level / data.problem.scale)


def _levels(data: Data, mean: Any) -> tuple[Any, Any]:
    """Level of each frame over that of the same rows of the mean frame, and their share of it."""

    def sums(block: slice, buffers: Buffers) -> tuple[Any, Any]:
        MV, M = data.load(block, buffers)
        expected = np.full(MV.shape[1], mean.sum()) if M is None else mean @ as_numpy(M)
        return as_numpy(MV.sum(axis=0)), expected

    parts = zip(*data.threads.map(sums, data.blocks), strict=True)
    found, expected = (np.concatenate(part) for part in parts)
    return _divided(found.astype(np.float64), expected, 0.0), expected / mean.sum()


def _frames(data: Data, chosen: Any, mean: Any, level: Any) -> Any:
    """Copy frames [shape=(F, K)], with the mean frame at their level in hidden cells."""
    problem = data.problem
    at = as_array(problem.xp, chosen, problem.V)
    with np.errstate(over="ignore"):  # NumPy 1 also divides, and reports, what pads a vector
        V = as_numpy(problem.V[:, at]).astype(np.float64) / problem.scale
    if problem.weights is not None:
        observed = as_numpy(problem.weights[:, at]) > 0
        V = np.where(observed, V, mean[:, None] * level[chosen])
    return np.maximum(V, DATA_FLOOR)


def _divided(total: Any, count: Any, otherwise: float) -> Any:
    """Divide arrays of one shape, with another value where the divisor is 0."""
    total = np.asarray(total, np.float64)
    return np.divide(total, count, out=np.full(total.shape, otherwise), where=count > 0)
