"""What stands at the door of all models: the shapes, the order, and which model suits a gap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError
from spectramend.gaps.autoregression import janssen, runs_of

MAX_ORDER = 1024
CONTEXT_ORDERS = 4  # samples on either side that the model sees, in orders


def model_order(missing: int) -> int:
    """Choose an order for a gap.

    Parameters
    ----------
    missing : int
        Samples of the gap.

    Returns
    -------
    int
        Four times as much, from 32 to 1024.

    Examples
    --------
    >>> model_order(3), model_order(100), model_order(5000)
    (32, 400, 1024)
    """
    return int(np.clip(4 * missing, 32, MAX_ORDER))


def fill_gaps(
    x: ArrayLike, missing: ArrayLike, *, order: int | None = None, n_iter: int = 3
) -> NDArray[np.float64]:
    """Fill missing samples by Janssen's method.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The gaps with their context; what stands in missing samples is never looked at.
    missing : array_like [shape=(n,), bool]
        Which samples are missing.
    order : int, optional
        Order of the model; after the longest gap if None, see `model_order`.
    n_iter : int, >= 1
        How often the model is estimated.

    Returns
    -------
    ndarray [shape=(n,)]
        The signal without gaps; known samples as they were. Silence around a gap leaves silence.

    Raises
    ------
    ParameterError
        If nothing is known, or the shapes differ.

    References
    ----------
    .. [1] A. J. E. M. Janssen, R. N. J. Veldhuis and L. B. Vries, "Adaptive interpolation of
       discrete-time signals that can be modeled as autoregressive processes", IEEE Trans. ASSP
       34(2), 1986, eq. 14 to 17.

    Examples
    --------
    >>> x = np.sin(0.1 * np.arange(2000))
    >>> gap = np.zeros(2000, bool)
    >>> gap[990:1010] = True
    >>> bool(np.abs(fill_gaps(x, gap) - x).max() < 1e-3)
    True
    """
    lost = np.asarray(missing, bool)
    given = np.asarray(x, np.float64)
    if given.ndim != 1 or lost.shape != given.shape:
        raise ParameterError(
            f"x has shape {given.shape}, missing {lost.shape}: give two equal vectors."
        )
    if lost.all():
        raise ParameterError("every sample is missing: nothing is left to build on.")
    order = model_order(_longest(lost)) if order is None else order
    return janssen(given, lost, order=order, n_iter=n_iter)


def _longest(lost: NDArray[np.bool_]) -> int:
    """Count the samples of the longest gap."""
    return max(run.size for run in runs_of(lost))
