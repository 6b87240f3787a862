"""Variances of the cells of a spectrum, from the powers of an estimate of the signal.

Each model maps the powers P of an estimate [shape=(frames, bins)] to variances V of the same shape;
`floor` is the variance e**2 that the continuation adds to every cell.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from spectramend.nmf import fit

Powers = NDArray[np.float32]

NEIGHBOURHOOD = (7, 3)  # frames and bins; recipes of social sparsity: 7 x 3 and 3 x 7 are alike
N_COMPONENTS = 30  # of NMF
FIRST_UPDATES = 20  # of NMF, at the first call
NEXT_UPDATES = 3  # of NMF, from the factors of the call before


class VarianceModel(Protocol):
    """What gives the variances of the cells of one frame's spectra."""

    def variances(self, P: Powers, floor: float) -> Powers:
        """Estimate the variances, `floor` among them, from powers [shape=(frames, bins)]."""
        ...


class SocialVariance:
    """Mean power of the neighbourhood of a cell (social sparsity, Kowalski et al. 2013)."""

    def __init__(self, neighbourhood: tuple[int, int] = NEIGHBOURHOOD) -> None:
        self._neighbourhood = neighbourhood

    def variances(self, P: Powers, floor: float) -> Powers:
        """Estimate the variances, `floor` among them, from powers [shape=(frames, bins)]."""
        V: Powers = uniform_filter(P, self._neighbourhood, mode="nearest")
        # Running sums leave tiny negative values where all powers are 0.
        return np.maximum(V, 0) + np.float32(floor)


class NMFVariance:
    """Product W H of an Itakura-Saito NMF of the powers; its factors go on from call to call."""

    def __init__(self, rng: np.random.Generator, n_components: int = N_COMPONENTS) -> None:
        self._n_components, self._rng = n_components, rng
        self._factors: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None

    def variances(self, P: Powers, floor: float) -> Powers:
        """Estimate the variances, `floor` among them, from powers [shape=(frames, bins)]."""
        V = (P + np.float32(floor)).T
        W, H = self._factors or (None, None)
        found = fit(
            V,
            min(self._n_components, *V.shape),
            init="exemplars",
            W=W,
            H=H,
            extrapolate=False,
            max_iter=FIRST_UPDATES if W is None else NEXT_UPDATES,
            tol=0,
            rng=self._rng,
        )
        self._factors = found.W, found.H
        return np.asarray(found.V_hat, np.float32).T


class GeometricMeanVariance:
    """Geometric mean of the variances of two models: cells are weak where either says so."""

    def __init__(self, first: VarianceModel, second: VarianceModel) -> None:
        self._models = first, second

    def variances(self, P: Powers, floor: float) -> Powers:
        """Estimate the variances, `floor` among them, from powers [shape=(frames, bins)]."""
        first, second = (model.variances(P, floor) for model in self._models)
        return np.sqrt(first * second)
