"""Gaps of all kinds: input validation and method selection.

- Isolated gaps, with known samples on both sides: autoregressive models of both sides
  (`two_sided`), averaged, where these disagree, with secondary estimates (`model_averaging`).
- Short gaps near each other, such as clicks and clipped peaks, gaps at the end of a recording or of
  a sound, and very long ones: one autoregressive model for all (`janssen_ar`).

The level of what they find is limited (`limits`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.intervals import runs
from spectramend.errors import ParameterError
from spectramend.gaps.ar.janssen_ar import janssen
from spectramend.gaps.ar.least_squares import LONG_GAP
from spectramend.gaps.ar.two_sided import CONTEXT_ORDERS, short_gap_estimate, two_sided_estimate
from spectramend.gaps.em.algorithms import interpolate_by_em
from spectramend.gaps.inputs import known_samples
from spectramend.gaps.limits import limit_level
from spectramend.gaps.model_averaging import average_estimates
from spectramend.gaps.template_matching import SearchBuffer
from spectramend.nmf.solve import RngLike

Method: TypeAlias = Literal["auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"]
METHODS: tuple[Method, ...] = get_args(Method)

# Chosen on the development music with `spectramend experiment gaps`.
MIN_ORDER = 32  # coefficients of a model
MAX_ORDER = 1024  # coefficients of a model
ORDER_PER_SAMPLE = 4  # coefficients for each sample of a gap
HYBRID_ORDERS = 1  # length of a gap above which secondary estimates help, in orders
SHORT_GAP = 100  # samples of a gap up to which both sides share their models
SHORT_ORDER = 384  # least order of short gaps, of which models have parts (`SHORT_SIZES`)
SHORT_CONTEXT = 6 * SHORT_ORDER  # samples on either side that models of a short gap see
JANSSEN_ORDERS = 4  # samples on either side of all gaps that one model sees, in orders
JANSSEN_ITERATIONS = 10  # of method "janssen", as in the baseline of that experiment
# Missing samples within an order of an isolated gap, relative to its length. Engineering choice: a
# click nearby leaves a long gap isolated.
MAX_NEARBY = 0.25


def model_order(missing: int) -> int:
    """Choose the order of autoregressive models for a gap: four times its samples, 32 to 1024."""
    return int(np.clip(ORDER_PER_SAMPLE * missing, MIN_ORDER, MAX_ORDER))


def choose_method(method: Method, missing: int, order: int) -> Method:
    """Choose a method for an isolated gap, if ``"auto"`` was asked for.

    order is that of the models of its sides.
    """
    if method != "auto":
        return method
    if missing > LONG_GAP:
        return "janssen"
    return "hybrid" if missing > HYBRID_ORDERS * order else "ar"


def context_length(missing: int) -> int:
    """Compute how many samples on either side of a gap autoregressive models see.

    Twelve orders, or more for short gaps, whose models have an order of their own.
    """
    return max(SHORT_CONTEXT, CONTEXT_ORDERS * model_order(missing))


def fill_gaps(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    method: Method = "auto",
    order: int | None = None,
    search: SearchBuffer | None = None,
    wanted: tuple[int, int] | None = None,
    rng: RngLike = None,
) -> NDArray[np.float64]:
    """Interpolate missing samples.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The gaps with their context; values of missing samples are ignored.
    missing : array_like [shape=(n,), bool]
        Which samples are missing.
    method : {"auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"}
        ``"ar"`` estimates isolated gaps from autoregressive models of both sides, and others from
        one model of all; ``"hybrid"`` averages the former, where the sides disagree, with estimates
        by NMF and template matching; ``"auto"`` does so for gaps longer than the order.
        ``"janssen"`` estimates one model of all samples, ten times. The others fit NMF variances to
        all frames, see `spectramend.gaps.interpolate_by_em`.
    order : int, optional
        Order of the autoregressive models; chosen for the longest gap if None, see `model_order`.
    search : SearchBuffer, optional
        More of the recording, for template matching; `x` if None.
    wanted : tuple of int, optional
        First sample whose estimate matters, and the one after the last: isolated gaps elsewhere
        keep the estimate of one model of all, which saves time. All samples matter if None.
    rng : int, Generator or None
        Source of the random start of ``em_tf``, ``am`` and ``am_to_em_tf``.

    Returns
    -------
    ndarray [shape=(n,)]
        The signal without gaps; known samples are unchanged. Silence around a gap leaves silence.

    Raises
    ------
    ParameterError
        If no sample is known, the shapes differ, or the method is unknown.

    Examples
    --------
    >>> x = np.sin(0.1 * np.arange(2000))
    >>> gap = np.zeros(2000, bool)
    >>> gap[990:1010] = True
    >>> bool(np.abs(fill_gaps(x, gap) - x).max() < 1e-6)
    True
    """
    if method not in METHODS:
        raise ParameterError(f"method={method!r}: give one of {', '.join(METHODS)}.")
    filled, lost = known_samples(x, missing)
    if not lost.any() or not filled.any():
        return filled
    if method == "em_tf" or method == "am" or method == "am_to_em_tf":
        return interpolate_by_em(filled, lost, algorithm=method, rng=rng).samples
    if search is None:
        search = SearchBuffer(np.where(lost, np.nan, filled), 0)
    gaps = [(start, stop) for start, stop in runs(lost).tolist()]
    largest = model_order(max(stop - start for start, stop in gaps)) if order is None else order
    isolated = [gap for gap in gaps if _is_isolated(filled, lost, *gap, order=largest)]
    if method == "janssen":
        filled, isolated = janssen(filled, lost, order=largest, n_iter=JANSSEN_ITERATIONS), []
    elif isolated != gaps or len(gaps) > 1:
        reach = JANSSEN_ORDERS * largest
        near = slice(max(0, gaps[0][0] - reach), gaps[-1][1] + reach)
        filled[near] = janssen(filled[near], lost[near], order=largest, from_known=True)
    first, last = wanted or (0, filled.size)
    for start, stop in isolated:
        if stop <= first or start >= last:
            continue
        own = min(largest, model_order(stop - start))
        found = _interpolate_isolated(filled, start, stop, own, method, search)
        if np.isfinite(found).all():
            filled[start:stop] = found
    for start, stop in gaps:
        limit_level(filled, lost, start, stop, CONTEXT_ORDERS * largest)
    return filled


def _is_isolated(
    x: NDArray[np.float64], lost: NDArray[np.bool_], start: int, stop: int, *, order: int
) -> bool:
    """Decide whether a gap has known sound on both sides, and hardly another gap beside it."""
    p = min(order, model_order(stop - start))
    before, after = slice(max(0, start - p), start), slice(stop, stop + p)
    if min(start, x.size - stop) < p or stop - start > LONG_GAP:
        return False
    others = np.count_nonzero(lost[before]) + np.count_nonzero(lost[after])
    return bool(others <= MAX_NEARBY * (stop - start) and x[before].any() and x[after].any())


def _interpolate_isolated(
    x: NDArray[np.float64], start: int, stop: int, order: int, method: Method, search: SearchBuffer
) -> NDArray[np.float64]:
    """Estimate an isolated gap [shape=(stop - start,)]."""
    if stop - start <= SHORT_GAP:
        return short_gap_estimate(x, start, stop, order=max(order, SHORT_ORDER))
    estimate = two_sided_estimate(x, start, stop, order=order)
    if choose_method(method, stop - start, order) != "hybrid":
        return estimate.samples
    return average_estimates(x, start, estimate, order=order, search=search)
