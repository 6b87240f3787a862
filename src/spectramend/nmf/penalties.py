"""Penalties on the factors, and what they add to the updates."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from spectramend.errors import ParameterError


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
