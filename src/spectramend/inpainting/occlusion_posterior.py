"""Posterior moments of an occluded cell, given a model of the target and the mask.

The target T of a cell is complex Gaussian with mean 0 and variance lambda. The mask adds that T is
weaker than the rest of the mix X, ``|T| <= r*|X - T|``, or under a floor. Nothing is known of the
interferer ``X - T``, not even its scale, so that its prior is the scale-free one:

    p(T | X) ~ exp(-|T|**2/lambda) / (|X - T|**2 + floor**2)      on that set.         (1)

The floor in the prior keeps it integrable where the set contains T = X. The moments of (1) depend
on ``rho = lambda/|X|**2``, on the ratio r, and on ``f = floor/|X|`` alone. In polar coordinates,
``z = T/X = s*exp(i*theta)``, the first part of the set is ``cos(theta) < c(s)`` with ``c = (1 +
s**2 - s**2/r**2) / (2*s)``; where s <= f all angles belong to it. Integrals over theta are
elementary: with ``A = 1 + s**2 + f**2``, ``q = sqrt(A**2 - 4*s**2)`` and ``theta_0 = arccos(c)``,

    I_0 = int dtheta / (A - 2*s*cos(theta))
        = 4/q * (pi/2 - arctan(sqrt((A + 2*s)/(A - 2*s)) * tan(theta_0/2)))            (2)
    I_1 = int cos(theta) dtheta / (A - 2*s*cos(theta)) = (A*I_0 - 2*(pi - theta_0)) / (2*s)    (3)

which leaves one integral over s. It is tabulated once for each ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.masks import Mask
from spectramend.inpainting.dictionary import Dictionary
from spectramend.inpainting.dictionary_learning import Quantity
from spectramend.nmf import Bounded
from spectramend.nmf.censored import Frames, entries

# Grids of the table. Engineering choices, tested against a sum over the complex plane.
RHO_DB = np.arange(-80.0, 80.5, 0.5)  # dB; interpolation between these steps is good to 1e-3
FLOOR_DB = np.arange(-30.0, 31.0, 2.0)  # dB of f**2, which is rounded to them; less is 0
LOG_S = np.linspace(np.log(1e-5), np.log(1e5), 2000)  # points of the integral over log s
# Power of a cell over that of the loudest: at least this, so that logarithms and quotients exist.
# Engineering choice: -140 dB, about the noise floor of 24 bits.
POWER_FLOOR = 1e-14


class MomentTable(NamedTuple):
    """Moments of z in (1) [shape=(floors, rhos)]."""

    log_power: NDArray[Any]  # log E|z|**2
    direction: NDArray[Any]  # E Re z
    mean_log: NDArray[Any]  # E log|z|**2
    log_evidence: NDArray[Any]  # of the set


@lru_cache(maxsize=8)
def moment_table(ratio: float) -> MomentTable:
    """Tabulate the moments for one ratio r."""
    s, rho = np.exp(LOG_S), 10 ** (RHO_DB / 10)
    # s*ds = s**2 * dlog(s), and the density of the model is exp(-s**2/rho) / (pi*rho).
    weight = np.exp(-(s**2) / rho[:, None]) * s**2 / (np.pi * rho[:, None])
    step = LOG_S[1] - LOG_S[0]
    columns = []
    for f in 10 ** (FLOOR_DB / 20):
        I_0, I_1 = _angular_integrals(s, ratio, f if f > 10 ** (FLOOR_DB[0] / 20) else 0.0)
        evidence = weight @ I_0
        power = weight @ (I_0 * s**2) / evidence
        direction = weight @ (I_1 * s) / evidence
        mean_log = weight @ (I_0 * 2 * LOG_S) / evidence
        columns.append((np.log(power), direction, mean_log, np.log(evidence * step)))
    return MomentTable(*(np.stack(moment) for moment in zip(*columns, strict=True)))


def _angular_integrals(
    s: NDArray[Any], ratio: float, f: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Evaluate (2) and (3), which are 0 where no angle is in the set [shape of s]."""
    c = (1 + s**2 - s**2 / ratio**2) / (2 * s) if ratio else np.full_like(s, -1.0)
    theta_0 = np.arccos(np.clip(np.where(s <= f, 1.0, c), -1, 1))
    A = 1 + s**2 + f**2
    q = np.sqrt(A**2 - 4 * s**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        # theta_0 = pi where no angle is in the set, as for s = 1 with f = 0.
        inside = np.arctan(np.sqrt((A + 2 * s) / (A - 2 * s)) * np.tan(theta_0 / 2))
        I_0 = np.where(theta_0 < np.pi, 4 / q * (np.pi / 2 - inside), 0.0)
    I_1 = (A * I_0 - 2 * (np.pi - theta_0)) / (2 * s)
    return I_0, I_1


@dataclass(frozen=True, eq=False)
class Occluded:
    """Hidden cells of an occluded target, with the moments of (1)."""

    cells: NDArray[np.bool_]  # [shape=(F, N)] the hidden cells
    P: NDArray[Any]  # [shape=(cells,), > 0] power of the mix there
    ratio: float  # r > 0 of the mask, see `spectramend.Mask`
    floor: float  # magnitude under which cells are hidden whatever the interferer

    def expected(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Evaluate ``E|T|**2``."""
        return self.P * np.exp(self._interpolate(self._table.log_power, V_hat))

    def geometric_mean(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Evaluate ``exp(E log|T|**2)``."""
        return self.P * np.exp(self._interpolate(self._table.mean_log, V_hat))

    def direction(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Evaluate ``E Re(T/X)``; the imaginary part is 0 by symmetry."""
        return self._interpolate(self._table.direction, V_hat)

    def divergence(self, V_hat: NDArray[Any]) -> NDArray[Any]:
        """Evaluate minus the log-probability of the set, weighted by the prior of (1)."""
        return -self._interpolate(self._table.log_evidence, V_hat)

    def of_frames(self, frames: Frames) -> Occluded:
        """Take some of the frames."""
        some, numbers = entries(self.cells, frames)
        return Occluded(some, self.P[numbers], self.ratio, self.floor)

    @property
    def _table(self) -> MomentTable:
        return moment_table(self.ratio)

    def _interpolate(self, moment: NDArray[Any], V_hat: NDArray[Any]) -> NDArray[Any]:
        """Interpolate a moment between the two nearest rho of the table [shape=(cells,)]."""
        step = RHO_DB[1] - RHO_DB[0]
        position = (10 * np.log10(V_hat / self.P) - RHO_DB[0]) / step
        position = np.clip(position, 0, RHO_DB.size - 1.001)
        below = position.astype(np.intp)
        part = position - below
        flat = self._rows() * RHO_DB.size + below
        return moment.take(flat) * (1 - part) + moment.take(flat + 1) * part

    def _rows(self) -> NDArray[np.intp]:
        """Find the row of the table with the nearest f [shape=(cells,)]."""
        if not self.floor:
            return np.zeros(self.P.shape, np.intp)
        step = FLOOR_DB[1] - FLOOR_DB[0]
        nearest = np.rint((10 * np.log10(self.floor**2 / self.P) - FLOOR_DB[0]) / step)
        return np.clip(nearest, 0, FLOOR_DB.size - 1).astype(np.intp)


HiddenCells: TypeAlias = Occluded | Bounded


class Moments(NamedTuple):
    """Posterior moments of every cell [shapes=(F, N)]."""

    direction: NDArray[Any]  # E Re(T/X)
    power: NDArray[Any]  # E|T|**2
    typical: NDArray[Any]  # exp(E log|T|**2), less than the mean: errors are heard in decibels


def hidden_cells(X: NDArray[Any], mask: Mask, dictionary: Dictionary | None) -> HiddenCells:
    """Collect what a mask says of the hidden cells, in the units of the dictionary.

    X [shape=(F, N), complex] is used where the damage is *occluded*. A Gaussian model of power
    uses ratio and floor exactly, others as an upper bound.
    """
    hidden = ~mask.observed
    quantity = "power" if dictionary is None else dictionary.quantity
    beta = 0.0 if dictionary is None else dictionary.beta
    P = np.abs(X) ** 2
    P = np.maximum(P, P.max() * POWER_FLOOR).astype(np.float64)
    gaussian = quantity == "power" and beta == 0 and P.max() > 0
    if mask.damage == "occluded" and mask.ratio and gaussian:
        return Occluded(hidden, P[hidden], mask.ratio, mask.floor)
    B = in_units_of(quantity, mask.upper_bound(X))
    bounded = hidden & np.isfinite(B)
    return Bounded(bounded, np.maximum(B[bounded], np.finfo(np.float32).tiny), beta)


def posterior_moments(lam: NDArray[Any], hidden: HiddenCells, quantity: Quantity) -> Moments:
    """Evaluate the moments of all cells, for cells that are not in `hidden` those of the model.

    The model lam [shape=(F, N), > 0] holds a variance or, by `quantity`, a magnitude.
    """
    power = lam.astype(np.float64)
    typical = power * np.exp(-np.euler_gamma)
    direction = np.zeros_like(power)
    cells, known = hidden.cells, power[hidden.cells]
    direction[cells] = hidden.direction(known)
    typical[cells] = hidden.geometric_mean(known)
    power[cells] = hidden.expected(known)
    if quantity == "magnitude":
        power, typical = power**2, typical**2
    return Moments(direction, power, typical)


def in_units_of(quantity: Quantity, power: NDArray[Any]) -> NDArray[Any]:
    """Convert power to the quantity of a dictionary."""
    return power if quantity == "power" else np.sqrt(power)
