"""Penalties on the factors, and what they add to the updates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from spectramend.errors import ParameterError
from spectramend.nmf._engine.arrays import Array


@dataclass(frozen=True)
class Penalties:
    """Penalties on the size of both factors.

    The objective is the divergence and ``l1_W*sum(W) + l1_H*sum(H) + l2_W/2*sum(W**2) +
    l2_H/2*sum(H**2)``. A penalty on one factor alone is void, since the other can take over the
    scale.

    Parameters
    ----------
    l1_W, l1_H : float, >= 0
        Weights of the sums.
    l2_W, l2_H : float, >= 0
        Weights of half the sums of squares.

    Raises
    ------
    ParameterError
        If a weight is negative or not finite.

    Examples
    --------
    >>> Penalties(l1_H=0.5)
    Penalties(l1_W=0.0, l1_H=0.5, l2_W=0.0, l2_H=0.0)
    """

    l1_W: float = 0.0
    l1_H: float = 0.0
    l2_W: float = 0.0
    l2_H: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value >= 0):
                raise ParameterError(f"{field.name}={value}: give at least 0.")


class FactorPenalty:
    """Penalties on one factor, in the units of the iteration.

    `l1` and `l2` [shapes=(K, 1)] weigh the sum and half the sum of squares, `coupling` weighs
    ``sum_k |w_k| |h_k|``, which no exchange of scale between W and H can change.
    """

    def __init__(self, l1: Array, l2: Array, coupling: float) -> None:
        self.l1, self.l2, self.coupling = l1, l2, coupling
        self.has_l2 = bool((l2 > 0).any())
        self.is_zero = not (self.has_l2 or coupling or bool((l1 > 0).any()))

    def linear(self, sums_of_other: Array) -> Array | float:
        """Weight of the sum of the factor, given the sums of the other factor's atoms."""
        return 0.0 if self.is_zero else self.l1 + self.coupling * sums_of_other[:, None]

    @property
    def ridge(self) -> Array | float:
        """Weight of half the sum of squares."""
        return self.l2 if self.has_l2 else 0.0

    def value(self, factor: Array, linear: Array | float) -> Array:
        """Evaluate the penalties of each column of a factor [shape=(K, n)]."""
        if self.is_zero:
            return 0.0
        return (factor * (linear + 0.5 * self.l2 * factor)).sum(axis=0)


def factor_penalties(
    penalty: float | Penalties,
    *,
    scale: float,
    level: float,
    atom_scale: Array,
    beta: float,
    native: Callable[[Array], Array] = np.asarray,
) -> tuple[FactorPenalty, FactorPenalty]:
    """Convert penalties, as given to `fit`, to the units of ``V/s``, ``W/a`` and ``H*a/s``.

    s is the scale of the data, which has the mean `level`, and a that of the atoms [shape=(K,)];
    the unit of the objective is ``s**beta``. `native` converts NumPy's arrays.
    """
    a = np.asarray(atom_scale, np.float64)[:, None]
    none = native(np.zeros_like(a))
    if not isinstance(penalty, Penalties):
        coupling = penalty * (level / scale) ** (beta - 1)
        return FactorPenalty(none, none, coupling), FactorPenalty(none, none, coupling)
    unit = float(np.float64(scale) ** -beta)

    def weight(given: float, factor: Array) -> Array:
        return native(given * factor * unit) if given else none  # the unit may be infinite

    h = scale / a
    of_W = FactorPenalty(weight(penalty.l1_W, a), weight(penalty.l2_W, a**2), 0.0)
    of_H = FactorPenalty(weight(penalty.l1_H, h), weight(penalty.l2_H, h**2), 0.0)
    return of_W, of_H
