"""Penalties on the factors, and what they add to the updates."""

from __future__ import annotations

import math
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


class Shrink:
    """What penalties add to the updates of one factor, and to the objective.

    Parameters
    ----------
    l1, l2 : ndarray [shape=(K, 1)]
        Weights of the sum and of half the sum of squares.
    pull : float
        Weight of ``sum_k |w_k| |h_k|``, which no exchange of scale between W and H can change.
    """

    def __init__(self, l1: Array, l2: Array, pull: float) -> None:
        self.l1, self.l2, self.pull = l1, l2, pull
        self.is_squared = bool((l2 > 0).any())
        self.is_nothing = not (self.is_squared or pull or bool((l1 > 0).any()))

    def linear(self, sums_of_other: Array) -> Array | float:
        """Give the weight of the sum of the factor, given the sums of the other one's atoms."""
        return 0.0 if self.is_nothing else self.l1 + self.pull * sums_of_other[:, None]

    @property
    def ridge(self) -> Array | float:
        """The weight of half the sum of squares."""
        return self.l2 if self.is_squared else 0.0

    def value(self, factor: Array, linear: Array | float) -> Array:
        """Evaluate the penalties of each column of a factor [shape=(K, n)]."""
        if self.is_nothing:
            return 0.0
        return (factor * (linear + 0.5 * self.l2 * factor)).sum(axis=0)


def in_units(
    penalty: float | Penalties, *, scale: float, level: float, atom_scale: Array, beta: float
) -> tuple[tuple[Array, Array], tuple[Array, Array], float]:
    """Turn penalties into the units of ``V/s``, ``W/a`` and ``H*a/s``; s and a are the scales.

    Parameters
    ----------
    penalty : float or Penalties
        As given to `spectramend.nmf.fit`.
    scale, level : float
        Unit and mean of the data.
    atom_scale : ndarray [shape=(K,)]
        Units of the atoms.
    beta : float
        Which divergence: its unit is ``s**beta``.

    Returns
    -------
    of_W, of_H : tuple of ndarray [shapes=(K, 1)]
        Weights of the sum and of half the sum of squares of either factor.
    pull : float
        Weight of ``sum_k |w_k| |h_k|``.

    Examples
    --------
    >>> of_W, of_H, pull = in_units(
    ...     Penalties(l1_H=3.0), scale=2.0, level=2.0, atom_scale=np.ones(1), beta=0.0
    ... )
    >>> of_H[0].tolist(), pull
    ([[6.0]], 0.0)
    """
    a = np.asarray(atom_scale, np.float64)[:, None]
    zero = np.zeros_like(a)
    if not isinstance(penalty, Penalties):
        return (zero, zero), (zero, zero), penalty * (level / scale) ** (beta - 1)
    unit = float(np.float64(scale) ** -beta)

    def weight(given: float, factor: Array) -> Array:
        return given * factor * unit if given else zero  # the unit may be infinite

    h = scale / a
    of_W = weight(penalty.l1_W, a), weight(penalty.l2_W, a**2)
    return of_W, (weight(penalty.l1_H, h), weight(penalty.l2_H, h**2)), 0.0
