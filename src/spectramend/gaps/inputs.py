"""Checks of a signal and of the mask of its missing samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import plain
from spectramend.errors import ParameterError


def known_samples(
    x: ArrayLike, missing: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Check a signal and its mask, both [shape=(n,)], and set missing samples to zero.

    Raises ParameterError if the shapes differ, or no sample is known.
    """
    given = plain("x", x).astype(np.float64, copy=False)
    lost = plain("missing", missing).astype(bool, copy=False)
    if given.ndim != 1 or lost.shape != given.shape:
        raise ParameterError(
            f"x has shape {given.shape}, missing {lost.shape}: give two equal vectors."
        )
    if lost.all():
        raise ParameterError("every sample is missing: give at least one that is known.")
    return np.where(lost, 0.0, given), lost
