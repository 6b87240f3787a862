"""What NMF needs to know of hidden cells, in the EM sense: what to expect, and how likely it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from spectramend.nmf._engine.arrays import Array, as_array, as_numpy, namespace
from spectramend.nmf.divergence import (
    cell_divergence,
    censored_divergence,
    censored_geometric_mean,
    censored_value,
)

Frames: TypeAlias = "slice | Array"  # a range of frames, or their numbers


@runtime_checkable
class Hidden(Protocol):
    """Knowledge of hidden cells, in the units of the data.

    Values have one entry for each cell that `cells` marks. The objective must not depend on the
    units, as that of ``beta = 0`` does not.
    """

    @property
    def cells(self) -> Array:
        """Mark the cells of which something is known [shape=(F, N)]."""

    def expected(self, V_hat: Array) -> Array:
        """Expect the data, given the model."""

    def divergence(self, V_hat: Array) -> Array:
        """Evaluate what these cells add to the objective."""

    def of_frames(self, frames: Frames) -> Hidden:
        """Give what is known of some of the frames."""


def entries(cells: Array, frames: Frames) -> tuple[Array, Array]:
    """Find the cells of some frames among the values of all.

    Parameters
    ----------
    cells : ndarray [shape=(F, N), bool]
        Cells of which something is known; their values follow each other row by row.
    frames : slice or ndarray of int
        Which frames.

    Returns
    -------
    some : ndarray [shape=(F, n), bool]
        Which cells of these frames.
    numbers : ndarray of int
        At which places their values are.

    Examples
    --------
    >>> some, numbers = entries(np.array([[True, True], [False, True]]), slice(1, 2))
    >>> some.tolist(), numbers.tolist()
    ([[True], [True]], [1, 2])
    """
    xp = namespace(cells)
    home = as_numpy(cells)
    places = np.cumsum(home.ravel()).reshape(home.shape) - 1
    some = cells[:, frames]
    return some, as_array(xp, places[:, frames][home[:, frames]], cells)


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

    cells: Array
    B: Array
    beta: float

    def expected(self, V_hat: Array) -> Array:
        """Expect the data: the mean of a truncated exponential, see `censored_value`."""
        return censored_value(V_hat, self.B, self.beta)

    def geometric_mean(self, V_hat: Array) -> Array:
        """Expect the logarithm of the data, and exponentiate it."""
        return censored_geometric_mean(V_hat, self.B, self.beta)

    def direction(self, V_hat: Array) -> Array:
        """Expect the part of the target along the mix: a bound says nothing of it."""
        return namespace(V_hat).zeros_like(V_hat)

    def divergence(self, V_hat: Array) -> Array:
        """Evaluate minus the log-probability of the cell, see `censored_divergence`."""
        return censored_divergence(V_hat, self.B, self.beta)

    def of_frames(self, frames: Frames) -> Bounded:
        """Give what is known of some of the frames."""
        some, numbers = entries(self.cells, frames)
        return Bounded(some, self.B[numbers], self.beta)


@dataclass(frozen=True, eq=False)
class Guided:
    """Hidden cells of which another model has an opinion, too; for ``beta = 0``.

    The opinion counts as an observation: its divergence from the model joins the objective, so that
    the E-step is a weighted mean.

    Parameters
    ----------
    known : Hidden
        What is known of the cells.
    opinion : ndarray [shape=(cells,), > 0]
        What the other model expects there.
    weight : float, 0 to 1
        Its share of the say.
    """

    known: Hidden
    opinion: Array
    weight: float

    @property
    def cells(self) -> Array:
        """Mark the cells of which something is known [shape=(F, N)]."""
        return self.known.cells

    def expected(self, V_hat: Array) -> Array:
        """Expect the data: the mean of knowledge and opinion."""
        return (1 - self.weight) * self.known.expected(V_hat) + self.weight * self.opinion

    def divergence(self, V_hat: Array) -> Array:
        """Evaluate both objectives, weighted."""
        opinion = cell_divergence(self.opinion, V_hat, 0.0)
        return (1 - self.weight) * self.known.divergence(V_hat) + self.weight * opinion

    def of_frames(self, frames: Frames) -> Guided:
        """Give what is known of some of the frames."""
        _, numbers = entries(self.cells, frames)
        return Guided(self.known.of_frames(frames), self.opinion[numbers], self.weight)
