"""Checks of a signal and of the mask of its missing samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError


def known_samples(
    x: ArrayLike, missing: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Check a signal and its mask, and set missing samples to zero.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The signal; values of missing samples are ignored.
    missing : array_like [shape=(n,), bool]
        Which samples are missing.

    Returns
    -------
    known : ndarray [shape=(n,), float64]
        The signal, zero where samples are missing.
    lost : ndarray [shape=(n,), bool]
        The mask.

    Raises
    ------
    ParameterError
        If the shapes differ, or no sample is known.

    Examples
    --------
    >>> known_samples([1, np.nan], [False, True])
    (array([1., 0.]), array([False,  True]))
    """
    given, lost = np.asarray(x, np.float64), np.asarray(missing, bool)
    if given.ndim != 1 or lost.shape != given.shape:
        raise ParameterError(
            f"x has shape {given.shape}, missing {lost.shape}: give two equal vectors."
        )
    if lost.all():
        raise ParameterError("every sample is missing: give at least one that is known.")
    return np.where(lost, 0.0, given), lost
