"""Censored data: the E-step for cells that are not observed.

A `Hidden` gives the expected values of such cells, given the model, and what they add to the
objective. `Bounded` has upper bounds; `Guided` adds pseudo-observations from another model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from spectramend.nmf._engine.arrays import Array, as_array, as_numpy, namespace
from spectramend.nmf.divergence import cell_divergence

Frames: TypeAlias = "slice | Array"  # a range of frames, or their indices

# Values of the ratio u = B/V_hat; engineering choices, from the rounding of double precision.
FAR_BOUND = 1e4  # ratio above which u/expm1(u) is 0: the bound no longer matters
SERIES_BELOW = 1e-2  # ratio below which the series is more exact than the difference
LOG_SERIES_BELOW = 1e-3  # the same ratio, for the expected logarithm
MAX_RATIO = 700  # greatest ratio in an exponential: exp(-700) is still a normal number


@runtime_checkable
class Hidden(Protocol):
    """Prior knowledge of hidden cells, in the units of the data.

    Arrays of values have an entry for each cell that `cells` marks, row by row. The objective must
    not depend on the units, as that of ``beta = 0`` does not.
    """

    @property
    def cells(self) -> Array:
        """Mark the cells of which something is known [shape=(F, N), bool]."""

    def expected(self, V_hat: Array) -> Array:
        """Expect the data, given the model."""

    def divergence(self, V_hat: Array) -> Array:
        """Evaluate what these cells add to the objective."""

    def of_frames(self, frames: Frames) -> Hidden:
        """Restrict it to some of the frames."""


def entries(cells: Array, frames: Frames) -> tuple[Array, Array]:
    """Select the cells [shape=(F, N), bool] of some frames, and the numbers of their values."""
    xp = namespace(cells)
    marked = as_numpy(cells)
    index = np.cumsum(marked.ravel()).reshape(marked.shape) - 1
    return cells[:, frames], as_array(xp, index[:, frames][marked[:, frames]], cells)


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
        """Expect the data.

        For ``beta = 0`` the data is exponential with mean ``V_hat``, truncated to ``[0, B]``: its
        mean is ``V_hat - B / expm1(B / V_hat)``. For other beta there is no likelihood, and only a
        model above the bound costs: ``min(V_hat, B)``.
        """
        xp = namespace(V_hat, self.B)
        if self.beta != 0:
            return xp.minimum(V_hat, self.B)
        with np.errstate(over="ignore"):
            ratio = self.B / V_hat
            u = xp.where(ratio < FAR_BOUND, ratio, FAR_BOUND)
            exact = 1 - u / xp.expm1(xp.where(u > 0, u, 1))
        series = u * (0.5 - u / 12)  # 1/u - 1/expm1(u) = 1/2 - u/12 + u**3/720 - ...
        return V_hat * xp.where(u < SERIES_BELOW, series, exact)

    def geometric_mean(self, V_hat: Array) -> Array:
        """Expect the logarithm of the data, and exponentiate it.

        For ``beta = 0`` and ``u = B/V_hat``, integration by parts gives

            E log(V/V_hat) = (-gamma - E1(u) - exp(-u)*log(u)) / (1 - exp(-u)),

        with Euler's constant gamma and the exponential integral E1; without a bound it is -gamma.
        """
        if self.beta != 0:
            return np.minimum(V_hat, self.B)
        from scipy.special import exp1  # takes a quarter of a second to load

        with np.errstate(over="ignore"):
            u = np.clip(self.B / V_hat, np.finfo(np.float64).tiny, MAX_RATIO)
        exact = -(np.euler_gamma + exp1(u) + np.exp(-u) * np.log(u)) / -np.expm1(-u)
        return V_hat * np.exp(np.where(u < LOG_SERIES_BELOW, np.log(u) - 1 - u / 4, exact))

    def direction(self, V_hat: Array) -> Array:
        """Expect the target's part in phase with the mixture: 0, which a bound leaves open."""
        return namespace(V_hat).zeros_like(V_hat)

    def divergence(self, V_hat: Array) -> Array:
        """Evaluate the objective that the E-step descends.

        For ``beta = 0`` it is minus the log-probability that the cell is at most B.
        """
        xp = namespace(V_hat, self.B)
        if self.beta != 0:
            return cell_divergence(xp.minimum(V_hat, self.B), V_hat, self.beta)
        with np.errstate(over="ignore"):
            return -xp.log(-xp.expm1(-self.B / V_hat))

    def of_frames(self, frames: Frames) -> Bounded:
        """Restrict it to some of the frames."""
        some, numbers = entries(self.cells, frames)
        return Bounded(some, self.B[numbers], self.beta)


@dataclass(frozen=True, eq=False)
class Guided:
    """Hidden cells with pseudo-observations from another model; for ``beta = 0``.

    The divergence of the pseudo-observations from the model joins the objective, so that the E-step
    is a weighted mean.

    Parameters
    ----------
    hidden : Hidden
        Prior knowledge of the cells.
    pseudo_observation : ndarray [shape=(cells,), > 0]
        What the other model expects there.
    weight : float, 0 to 1
        Weight of the pseudo-observations; the prior has the rest.
    """

    hidden: Hidden
    pseudo_observation: Array
    weight: float

    @property
    def cells(self) -> Array:
        """Mark the cells of which something is known [shape=(F, N), bool]."""
        return self.hidden.cells

    def expected(self, V_hat: Array) -> Array:
        """Expect the data: the weighted mean of prior and pseudo-observation."""
        prior = self.hidden.expected(V_hat)
        return (1 - self.weight) * prior + self.weight * self.pseudo_observation

    def divergence(self, V_hat: Array) -> Array:
        """Evaluate the weighted mean of both objectives."""
        misfit = cell_divergence(self.pseudo_observation, V_hat, 0.0)
        return (1 - self.weight) * self.hidden.divergence(V_hat) + self.weight * misfit

    def of_frames(self, frames: Frames) -> Guided:
        """Restrict it to some of the frames."""
        _, numbers = entries(self.cells, frames)
        values = self.pseudo_observation[numbers]
        return Guided(self.hidden.of_frames(frames), values, self.weight)
