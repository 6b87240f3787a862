"""Gaps of all kinds: input validation and method selection.

- Isolated gaps, with known samples on both sides: autoregressive models of both sides
  (`two_sided`), averaged, where these disagree, with secondary estimates (`model_averaging`).
- Short gaps near each other, such as clicks and clipped peaks, gaps at the end of a recording or of
  a sound, and very long ones: one autoregressive model for all (`janssen_ar`).

The level of what they find is limited (`limits`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

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
SOME_ITERATIONS = 3  # of one model of all gaps; engineering choice: more change little
# Gaps, in orders, from which one iteration does where each is estimated again from its own sides.
# Engineering choice: two more improved losses of 10 ms by 0.14 dB, those of 20 ms by nothing.
LONG_ORDERS = 0.5
# Expected SNR of a gap in dB, offset and slope over the energy of the gap relative to the
# disagreement of its sides in dB: a line fitted to 90 gaps of 5 to 150 ms in half of the recordings
# of `data/dev`, with a standard deviation of 3 dB.
SNR_OFFSET = -2.4  # dB
SNR_SLOPE = 0.86  # ratio
# dB, expected SNR below which a gap is made softer; chosen on the same recordings.
SOFTENED_BELOW_DB = 1.0
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
    return fill_and_assess(
        x, missing, method=method, order=order, search=search, wanted=wanted, rng=rng
    ).samples


class GapFill(NamedTuple):
    """A signal without gaps, and the SNR that is expected in them.

    Parameters
    ----------
    samples : ndarray [shape=(n,)]
        The signal.
    snr_db : float, optional
        Expected SNR of the missing samples in dB; None where a gap was not estimated from both of
        its sides.
    """

    samples: NDArray[np.float64]
    snr_db: float | None


def fill_and_assess(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    method: Method = "auto",
    order: int | None = None,
    search: SearchBuffer | None = None,
    wanted: tuple[int, int] | None = None,
    rng: RngLike = None,
) -> GapFill:
    """Interpolate missing samples, and estimate their SNR.

    The disagreement of both sides gives the SNR of a gap, see `expected_snr`. Where little can be
    recovered the gap is made softer. Arguments and errors are those of `fill_gaps`.

    Examples
    --------
    >>> x = np.sin(0.1 * np.arange(8000))
    >>> gap = np.zeros(8000, bool)
    >>> gap[4000:4200] = True
    >>> fill_and_assess(x, gap).snr_db > 30
    True
    """
    if method not in METHODS:
        raise ParameterError(f"method={method!r}: give one of {', '.join(METHODS)}.")
    filled, lost = known_samples(x, missing)
    if not lost.any() or not filled.any():
        return GapFill(filled, None)
    if method == "em_tf" or method == "am" or method == "am_to_em_tf":
        return GapFill(interpolate_by_em(filled, lost, algorithm=method, rng=rng).samples, None)
    if search is None:
        search = SearchBuffer(np.where(lost, np.nan, filled), 0)
    gaps = [(start, stop) for start, stop in runs(lost).tolist()]
    largest = model_order(max(stop - start for start, stop in gaps)) if order is None else order
    isolated = [gap for gap in gaps if _is_isolated(filled, lost, *gap, order=largest)]
    first, last = wanted or (0, filled.size)
    own_gaps = [gap for gap in gaps if gap[0] < last and gap[1] > first]
    if method == "janssen":
        filled, isolated = janssen(filled, lost, order=largest, n_iter=JANSSEN_ITERATIONS), []
    elif isolated != gaps or len(gaps) > 1:
        reach = JANSSEN_ORDERS * largest
        near = slice(max(0, gaps[0][0] - reach), gaps[-1][1] + reach)
        longest = max(stop - start for start, stop in gaps)
        again = set(own_gaps) <= set(isolated) and longest > LONG_ORDERS * largest
        filled[near] = janssen(
            filled[near],
            lost[near],
            order=largest,
            n_iter=1 if again else SOME_ITERATIONS,
            from_known=True,
        )
    snrs: list[float | None] = [None] * len([gap for gap in own_gaps if gap not in isolated])
    for start, stop in isolated:
        if (start, stop) not in own_gaps:
            continue
        own = min(largest, model_order(stop - start))
        found = _interpolate_isolated(filled, start, stop, own, method, search)
        if np.isfinite(found.samples).all():
            filled[start:stop] = found.samples
        snrs.append(found.snr_db)
    for start, stop in gaps:
        limit_level(filled, lost, start, stop, CONTEXT_ORDERS * largest)
    # Gaps count alike: the energy that they had is not known.
    ratios = [10 ** (-snr / 10) for snr in snrs if snr is not None]
    if not ratios or len(ratios) < len(own_gaps):
        return GapFill(filled, None)
    snr_db = -10 * float(np.log10(np.mean(ratios) + np.finfo(np.float64).tiny))
    return GapFill(filled, snr_db)


def expected_snr(disagreement: float, energy: float) -> float:
    """Compute the SNR in dB that a gap of this energy is expected to have.

    It is linear in the disagreement of its sides over the energy, both in dB.
    """
    tiny = float(np.finfo(np.float64).tiny)
    return SNR_OFFSET + SNR_SLOPE * 10 * float(np.log10((energy + tiny) / (disagreement + tiny)))


def _softened(y: NDArray[np.float64], disagreement: float) -> GapFill:
    """Scale a gap down by its expected SNR, which is then at least that of silence.

    If fill y and truth t have the same energy E and the error the energy ``q E``, then
    ``y @ t = (1 - q / 2) E``, and ``(1 - q / 2) y`` has the least error. Fills of which much is
    recovered stay as they are.
    """
    snr = expected_snr(disagreement, float(y @ y))
    q = 10 ** (-snr / 10)
    least = 1 - 10 ** (-SOFTENED_BELOW_DB / 10) / 2
    scale = float(np.clip((1 - q / 2) / least, 0, 1))
    return GapFill(scale * y, max(snr, 0.0))


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
) -> GapFill:
    """Estimate an isolated gap [shape=(stop - start,)]."""
    if stop - start <= SHORT_GAP:
        return GapFill(short_gap_estimate(x, start, stop, order=max(order, SHORT_ORDER)), None)
    estimate = two_sided_estimate(x, start, stop, order=order)
    fill = _softened(estimate.samples, estimate.disagreement)
    if choose_method(method, stop - start, order) != "hybrid":
        return fill
    estimate = estimate._replace(samples=fill.samples)
    return fill._replace(samples=average_estimates(x, start, estimate, order=order, search=search))
