"""What stands at the door of all models: shapes, orders, which model suits a gap, and bounds.

- Gaps on their own, with sound on both sides: models of both sides (`blend`).
- Short gaps near each other, as clicks and clipped peaks make them, gaps at the end of a recording
  or of sound, and very long ones: one model (`autoregression`), all gaps at once.

What a model finds is bounded: it can be silent, but not louder than the loudest sample around.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError
from spectramend.gaps.autoregression import LONG, janssen, runs_of
from spectramend.gaps.blend import fill_gap, fill_short_gap

MAX_ORDER = 1024
CONTEXT_ORDERS = 12  # samples on either side that models may see, in orders
JANSSEN_ORDERS = 4  # the same, of one model for all gaps
SHORT = 100  # samples of a gap up to which both sides share their models
SHORT_ORDER = 384  # of these at most, and twice the order of others: one estimate, of high order
CLOSE = 0.25  # missing samples within an order of a gap that leave it on its own, in its lengths


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
    x: ArrayLike, missing: ArrayLike, *, order: int | None = None, n_iter: int | None = None
) -> NDArray[np.float64]:
    """Fill missing samples from autoregressive models of those around them.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The gaps with their context; what stands in missing samples is never looked at.
    missing : array_like [shape=(n,), bool]
        Which samples are missing.
    order : int, optional
        Order of the models; after the longest gap if None, see `model_order`.
    n_iter : int, >= 1, optional
        If given, one model of all samples is estimated so often, as Janssen's method does it; if
        None, each gap is filled as suits it best.

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
    >>> bool(np.abs(fill_gaps(x, gap) - x).max() < 1e-6)
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
    filled = np.where(lost, 0.0, given)
    if not lost.any() or not filled.any():
        return filled
    runs = [(int(run[0]), int(run[-1]) + 1) for run in runs_of(lost)]
    most = model_order(max(stop - start for start, stop in runs)) if order is None else order
    if n_iter is not None:
        return janssen(filled, lost, order=most, n_iter=n_iter)
    own = [run for run in runs if _on_its_own(filled, lost, *run, order=most)]
    if own != runs or len(runs) > 1:
        first, last = runs[0][0] - JANSSEN_ORDERS * most, runs[-1][1] + JANSSEN_ORDERS * most
        near = slice(max(0, first), last)
        filled[near] = janssen(filled[near], lost[near], order=most)
    for start, stop in own:
        found = _between(filled, start, stop, min(most, model_order(stop - start)))
        if np.isfinite(found).all():
            filled[start:stop] = found
    for start, stop in runs:
        _bound(filled, lost, start, stop, most)
    return filled


def _on_its_own(
    x: NDArray[np.float64], lost: NDArray[np.bool_], start: int, stop: int, *, order: int
) -> bool:
    """Tell whether a gap has enough sound on both sides, and next to no other gap beside it."""
    p = min(order, model_order(stop - start))
    before, after = slice(max(0, start - p), start), slice(stop, stop + p)
    if min(start, x.size - stop) < p or stop - start > LONG:
        return False
    others = np.count_nonzero(lost[before]) + np.count_nonzero(lost[after])
    return bool(others <= CLOSE * (stop - start) and x[before].any() and x[after].any())


def _between(x: NDArray[np.float64], start: int, stop: int, order: int) -> NDArray[np.float64]:
    """Fill a gap from what is on both sides."""
    if stop - start > SHORT:
        return fill_gap(x, start, stop, order=order)
    return fill_short_gap(x, start, stop, order=min(2 * order, max(order, SHORT_ORDER)))


def _bound(
    filled: NDArray[np.float64], lost: NDArray[np.bool_], start: int, stop: int, order: int
) -> None:
    """Keep a gap from being louder, in the mean, than the loudest known sample around is."""
    around = slice(max(0, start - CONTEXT_ORDERS * order), stop + CONTEXT_ORDERS * order)
    loudest = np.abs(filled[around][~lost[around]]).max(initial=0.0)
    gap = filled[start:stop]
    loudness = np.sqrt(np.mean(gap**2))
    if not loudness <= loudest:
        filled[start:stop] = gap * (loudest / loudness) if np.isfinite(loudness) else 0.0
