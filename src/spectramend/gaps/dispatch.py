"""What stands at the door of all models: shapes, orders, which model suits a gap, and bounds.

- Gaps on their own, with sound on both sides: models of both sides (`blend`), and, where these do
  not agree, nonnegative factors of the surroundings and passages that sound alike (`opinions`).
- Short gaps near each other, as clicks and clipped peaks make them, gaps at the end of a recording
  or of sound, and very long ones: one model (`autoregression`), all gaps at once.

What a model finds is bounded, see `guard`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError
from spectramend.gaps.ar.janssen_ar import LONG, janssen, runs_of
from spectramend.gaps.ar.two_sided import CONTEXT_ORDERS, fill_gap, fill_short_gap
from spectramend.gaps.em.algorithms import am, am_to_em_tf, em_tf
from spectramend.gaps.limits import bound
from spectramend.gaps.model_averaging import Memory, ask
from spectramend.nmf.solve import RngLike

Method: TypeAlias = Literal["auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"]
METHODS: tuple[Method, ...] = get_args(Method)
OF_FACTORS = {"em_tf": em_tf, "am": am, "am_to_em_tf": am_to_em_tf}

MAX_ORDER = 1024
JANSSEN_ORDERS = 4  # samples on either side of all gaps that one model sees, in orders
JANSSEN_ITERATIONS = 10  # of the method as it was published
ASKED_FROM = 1  # orders of a gap above which other opinions help
SHORT = 100  # samples of a gap up to which both sides share their models
SHORT_ORDER = 384  # of these models, or the order of others if that is more
SHORT_CONTEXT = 6 * SHORT_ORDER
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


def suited(method: Method, missing: int, order: int) -> Method:
    """Choose a method for a gap on its own.

    Parameters
    ----------
    method : str
        What was asked for.
    missing : int
        Samples of the gap.
    order : int
        Order of the models of its sides.

    Returns
    -------
    str
        ``"ar"``, ``"hybrid"`` or ``"janssen"`` in the place of ``"auto"``.

    Examples
    --------
    >>> [suited("auto", missing, model_order(missing)) for missing in (800, 2000, 5000)]
    ['ar', 'hybrid', 'janssen']
    """
    if method != "auto":
        return method
    if missing > LONG:
        return "janssen"
    return "hybrid" if missing > ASKED_FROM * order else "ar"


def context_of(missing: int) -> int:
    """Tell how many samples on either side of a gap autoregressive models see.

    Parameters
    ----------
    missing : int
        Samples of the gap.

    Returns
    -------
    int
        Twelve orders, or more for short gaps, whose models are of an order of their own.

    Examples
    --------
    >>> context_of(3), context_of(5000)
    (2304, 12288)
    """
    return max(SHORT_CONTEXT, CONTEXT_ORDERS * model_order(missing))


def fill_gaps(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    method: Method = "auto",
    order: int | None = None,
    memory: Memory | None = None,
    rng: RngLike = None,
) -> NDArray[np.float64]:
    """Fill missing samples.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The gaps with their context; what stands in missing samples is never looked at.
    missing : array_like [shape=(n,), bool]
        Which samples are missing.
    method : {"auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"}
        ``"ar"`` fills gaps on their own from autoregressive models of both sides, and others from
        one model of all; ``"hybrid"`` also asks nonnegative factors and passages that sound alike
        where the sides do not agree; ``"auto"`` does so for gaps longer than the order.
        ``"janssen"`` estimates one model of all samples, ten times. The others fit nonnegative
        factors to all frames, see `spectramend.gaps.em_tf`.
    order : int, optional
        Order of the autoregressive models; after the longest gap if None, see `model_order`.
    memory : Memory, optional
        More of the recording, in which passages may be found; `x` if None.
    rng : int, Generator or None
        Source of the start of ``em_tf``, ``am`` and ``am_to_em_tf``.

    Returns
    -------
    ndarray [shape=(n,)]
        The signal without gaps; known samples as they were. Silence around a gap leaves silence.

    Raises
    ------
    ParameterError
        If nothing is known, the shapes differ, or the method is unknown.

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
    if method not in METHODS:
        raise ParameterError(f"method={method!r}: give one of {', '.join(METHODS)}.")
    if given.ndim != 1 or lost.shape != given.shape:
        raise ParameterError(
            f"x has shape {given.shape}, missing {lost.shape}: give two equal vectors."
        )
    if lost.all():
        raise ParameterError("every sample is missing: nothing is left to build on.")
    filled = np.where(lost, 0.0, given)
    if not lost.any() or not filled.any():
        return filled
    if method in OF_FACTORS:
        return OF_FACTORS[method](filled, lost, rng=rng).samples
    runs = [(int(run[0]), int(run[-1]) + 1) for run in runs_of(lost)]
    most = model_order(max(stop - start for start, stop in runs)) if order is None else order
    own = [run for run in runs if _on_its_own(filled, lost, *run, order=most)]
    if method == "janssen":
        filled, own = janssen(filled, lost, order=most, n_iter=JANSSEN_ITERATIONS), []
    elif own != runs or len(runs) > 1:
        first, last = runs[0][0] - JANSSEN_ORDERS * most, runs[-1][1] + JANSSEN_ORDERS * most
        near = slice(max(0, first), last)
        filled[near] = janssen(filled[near], lost[near], order=most, from_known=True)
    known = Memory(np.where(lost, np.nan, given), 0) if memory is None else memory
    for start, stop in own:
        p = min(most, model_order(stop - start))
        found = _between(filled, start, stop, p, method, known)
        if np.isfinite(found).all():
            filled[start:stop] = found
    for start, stop in runs:
        bound(filled, lost, start, stop, CONTEXT_ORDERS * most)
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


def _between(
    x: NDArray[np.float64],
    start: int,
    stop: int,
    order: int,
    method: Method,
    memory: Memory,
) -> NDArray[np.float64]:
    """Fill a gap from what is on both sides, and elsewhere."""
    h = stop - start
    if h <= SHORT:
        return fill_short_gap(x, start, stop, order=max(order, SHORT_ORDER))
    fill = fill_gap(x, start, stop, order=order)
    if suited(method, h, order) != "hybrid":
        return fill.samples
    return ask(x, start, fill, order=order, memory=memory)
