"""What NMF needs to know of hidden cells, in the EM sense: what to expect, and how likely it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from spectramend.nmf.divergence import (
    censored_divergence,
    censored_geometric_mean,
    censored_value,
)


@runtime_checkable
class Hidden(Protocol):
    """Knowledge of hidden cells, in the units of the data.

    Values have one entry for each cell that `cells` marks. The objective must not depend on the
    units, as that of ``beta = 0`` does not.
    """

    @property
    def cells(self) -> NDArray[np.bool_]:
        """Mark the cells of which something is known [shape=(F, N)]."""

    def expected(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Expect the data, given the model."""

    def divergence(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Evaluate what these cells add to the objective."""


@dataclass(frozen=True, eq=False)
class Bounded:
    """Hidden cells with an upper bound.

    Parameters
    ----------
    cells : ndarray [shape=(F, N), bool]
        Hidden cells with a finite bound.
    B : ndarray [shape=(cells,), > 0]
        Their bounds.
    beta : float
        Divergence of the model.
    """

    cells: NDArray[np.bool_]
    B: NDArray[Any]
    beta: float

    def expected(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Expect the data: the mean of a truncated exponential, see `censored_value`."""
        return censored_value(V_hat, self.B, self.beta)

    def geometric_mean(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Expect the logarithm of the data, and exponentiate it."""
        return censored_geometric_mean(V_hat, self.B, self.beta)

    def direction(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Expect the part of the target along the mix: a bound says nothing of it."""
        return np.zeros_like(V_hat)

    def divergence(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Evaluate minus the log-probability of the cell, see `censored_divergence`."""
        return censored_divergence(V_hat, self.B, self.beta)
