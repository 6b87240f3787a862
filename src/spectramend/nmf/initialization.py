"""Where the iteration starts from."""

from __future__ import annotations

from typing import Any

import numpy as np

from spectramend.nmf._engine.arrays import Array, as_array, as_numpy
from spectramend.nmf._engine.data import DATA_FLOOR, Data
from spectramend.nmf._engine.frame_blocks import Workspace

# Exemplars are mixed with this part of the mean frame, so that an atom can say what others say.
MEAN_SHARE = 0.05
# In units of their mean, so that no cell starts far below the least that data can count as: from
# there the first steps would throw atoms at what is next to nothing.
LEAST = DATA_FLOOR**0.5

# What atoms learn from so many frames each they need not learn from all, if these are many more.
SAMPLE_FRAMES = 10
SAMPLE_PAYS = 4
REHEARSAL = 30  # iterations on the sample


def random_dictionary(data: Data, K: int, rng: np.random.Generator) -> Array:
    """Draw atoms [shape=(F, K)] of the level of the data."""
    return np.abs(rng.standard_normal((data.shape[0], K))) * data.level


def random_activations(data: Data, W: Array, rng: np.random.Generator) -> Any:
    """Draw activations [shape=(K, N)] such that each atom has an equal share of the level."""
    mean = as_numpy(W).mean(axis=0)
    K = len(mean)
    share = data.level / (K * np.maximum(mean, np.finfo(mean.dtype).tiny))
    return np.abs(rng.standard_normal((K, data.shape[1]))) * share[:, None]


def exemplars(data: Data, K: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Take frames of the data for atoms, all sounding together at the level of each frame.

    Loud frames are drawn more often, in proportion to their amplitude. In hidden cells an atom is
    the mean frame, at its level; atoms that have to be drawn twice are made to differ.

    Returns
    -------
    W : ndarray [shape=(F, K), >= 0]
        Atoms of unit mean.
    H : ndarray [shape=(K, N), >= 0]
        Activations, in units of the data.
    """
    mean = _mean_frame(data)
    level, seen = _levels(data, mean)
    chances = np.sqrt(level * seen)
    able = np.flatnonzero(chances)
    chosen = rng.choice(able, K, replace=len(able) < K, p=chances[able] / chances[able].sum())
    W = _frames(data, chosen, mean, level)
    W /= W.mean(axis=0)
    if len(able) < K:
        W *= rng.gamma(4.0, 0.25, W.shape)
    W = (1 - MEAN_SHARE) * W + MEAN_SHARE * (mean / mean.mean())[:, None]
    h = np.maximum(level, LEAST) * mean.mean() / K
    return np.maximum(W, LEAST), np.tile(h * data.scale, (K, 1))


def sample(data: Data, K: int, rng: np.random.Generator) -> Array | None:
    """Draw frames to learn K atoms from first, or None if there are not many more than that."""
    able = np.flatnonzero(as_numpy(data.observed_frames))
    n = SAMPLE_FRAMES * K
    if len(able) < SAMPLE_PAYS * n:
        return None
    chosen = np.sort(rng.choice(able, n, replace=False))
    return as_array(data.xp, chosen, data.values)


def _mean_frame(data: Data) -> Any:
    """Average the observed cells of each row, in units of `data.scale` [shape=(F,)]."""

    def sums(block: slice, space: Workspace) -> tuple[Any, Any]:
        MV, M = data.load(block, space.views(block.stop - block.start))
        n = np.full(len(MV), MV.shape[1]) if M is None else as_numpy(M.sum(axis=1))
        return as_numpy(MV.sum(axis=1)), n

    total, count = (sum(parts) for parts in zip(*data.blocks.each(sums), strict=True))
    return _over(total, count, data.level / data.scale)


def _levels(data: Data, mean: Any) -> tuple[Any, Any]:
    """Tell how loud each frame is beside the mean frame, and what part of that is observed.

    Where only some rows are observed, they are compared with the same rows of the mean frame.
    """

    def of_block(block: slice, space: Workspace) -> tuple[Any, Any]:
        MV, M = data.load(block, space.views(block.stop - block.start))
        n = MV.shape[1]
        expected = np.full(n, mean.sum()) if M is None else mean @ as_numpy(M)
        return as_numpy(MV.sum(axis=0)), expected

    parts = zip(*data.blocks.each(of_block), strict=True)
    found, expected = (np.concatenate(part) for part in parts)
    return _over(found.astype(np.float64), expected, 0.0), expected / mean.sum()


def _frames(data: Data, chosen: Any, mean: Any, level: Any) -> Any:
    """Copy frames [shape=(F, K)], with the mean frame in hidden cells."""
    at = as_array(data.xp, chosen, data.values)
    V = as_numpy(data.values[:, at]).astype(np.float64) / data.scale
    if data.weights is not None:
        V = np.where(as_numpy(data.weights[:, at]) > 0, V, mean[:, None] * level[chosen])
    return np.maximum(V, DATA_FLOOR)


def _over(total: Any, count: Any, otherwise: float) -> Any:
    """Divide, where there is something to divide by."""
    total = np.asarray(total, np.float64)
    return np.divide(total, count, out=np.full(total.shape, otherwise), where=count > 0)
