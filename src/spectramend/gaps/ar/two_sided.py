"""One gap between models of what is before it, which count at its start, and of what is after it.

Autoregressive models of several orders are summed as precisions: with the prediction filter ``a_i``
and the power ``e_i`` of the residual of each, the samples x of a Gaussian signal minimise

    sum_i  sum_n  (a_i * x)(n)**2 / e_i,                                                      (1)

a Toeplitz system whose lags are ``sum_i r_i[d] / e_i``, r being the autocorrelation of a. But
sounds change in a gap. So each order has a model L of what is before and R of what is after, and
one gives way to the other: minimal is

    sum_i  sum_n  w_i(n) (a_Li * x)(n)**2 / e_Li  +  (1 - w_i(n)) (a_Ri * x)(n)**2 / e_Ri,    (2)

n counting from the first of h missing samples, and ``w_i(n) = 1 - n / (h + p_i)``: for order p_i it
falls from 1 to 0 over all residuals that depend on a missing sample. For a weight ``c0 + c1 n`` and
a filter a, element (i, j) of the matrix is, with ``d = |i - j|`` and ``n = q + min(i, j)``,

    sum_n (c0 + c1 n) a[n - max(i, j)] a[n - min(i, j)]  =  c0 r[d] + c1 s[d] + c1 min(i, j) r[d],
    s[d]  =  sum_q q a[q] a[q - d],                                                           (3)

so that two Toeplitz matrices, one of them times min(i, j), hold all models.

Before all this the segment is divided by an exponential that makes both sides equally loud, unless
the second is much louder: no stationary model decays. Then (1), with models of both sides that do
not look into the gap, fills it for the first time, and once more with models that do; these have a
part in (2) as well. L and R are estimated from a side and this fill: models of a side alone do not
agree on phases. In (2) models at lower rates (`lower_rates`) join them.

How far (1) with L alone and (1) with R alone are apart tells how much of a fill is guessed: it
grows and falls with the true error of (2). Other opinions (`opinions`) count by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.gaps.ar.janssen_ar import RIDGES, Prediction, dither, predictor
from spectramend.gaps.ar.multirate import LOBES, lower_predictor

# Orders of the models, and samples on either side that each sees, in orders as they are asked for.
SIZES = ((1 / 4, 1), (1 / 2, 2), (1, 4))
# By what the rate is divided, how far a model looks back, and the samples that it sees.
LOWER_SIZES = ((2, 3 / 4, 8), (4, 3 / 4, 8), (8, 1, 8), (16, 2, 12))
CONTEXT_ORDERS = 12  # samples on either side that models may see, in orders
SHORT_SIZES = ((3 / 8, 2), (3 / 4, 4), (3 / 2, 6))
STEEPEST = -12.0, 0.35  # nepers between the sides: sounds decay slowly, but begin at once
LEVEL_ORDERS = 4  # on either side, that tell how loud it is
JOINT_WEIGHT = 0.5  # of the models of both sides in (2)
LOWER_WEIGHT = 0.5  # of models at lower rates
# What models see: the context begins at edge 0, the gap at 1; it ends at 2, the context at 3.
APART, WHOLE, BEFORE, AFTER = [(0, 1), (2, 3)], [(0, 3)], [(0, 2)], [(1, 3)]


@dataclass(frozen=True)
class Term:
    """A model in the sum, and how much its residuals weigh.

    Parameters
    ----------
    model : Prediction
        The model.
    c0 : float
        Weight of the residual at the first missing sample.
    c1 : float
        What it grows by from sample to sample.
    """

    model: Prediction
    c0: float = 1.0
    c1: float = 0.0


class Fill(NamedTuple):
    """Samples for a gap, and how much of them is guessed.

    Parameters
    ----------
    samples : ndarray [shape=(h,)]
        The missing samples.
    doubt : float
        Energy of the difference between what models of either side alone make of the gap.
    """

    samples: NDArray[np.float64]
    doubt: float


def fill_gap(x: NDArray[Any], start: int, stop: int, *, order: int) -> Fill:
    """Fill one gap between models of what is before and after it.

    Parameters
    ----------
    x : ndarray [shape=(n,), real]
        The gap with its context on both sides, of which twelve orders are looked at; what stands
        in the gap is not. Neither side is silent.
    start : int
        First missing sample.
    stop : int
        One after the last.
    order : int
        There are three models on either side, of 1/4, 1/2 and 1 of it, and four at lower rates.

    Returns
    -------
    Fill
        The missing samples, and how far the sides are apart.

    References
    ----------
    .. [1] W. Etter, "Restoration of a discrete-time signal segment by interpolation based on the
       left-sided and right-sided autoregressive parameters", IEEE Trans. Signal Processing 44(5),
       1996: one model on either side. The sum over orders, the weights that fall through the gap
       and the slope are not in it.

    Examples
    --------
    >>> t = np.arange(4000)
    >>> x = np.exp(-t / 2000) * np.sin(0.1 * t)
    >>> gap = slice(2000, 2100)
    >>> bool(np.abs(fill_gap(x, 2000, 2100, order=64).samples - x[gap]).max() < 0.05)
    True
    """
    h, sizes = stop - start, _sizes(SIZES, order)
    y, g, level = _levelled(x, start, stop, CONTEXT_ORDERS * order, LEVEL_ORDERS * order)
    gap = slice(g, g + h)
    noise = _dither(y, g, h)
    for seen in (APART, WHOLE):
        whole = _models(y + noise, g, h, sizes, seen)
        y[gap] = joint_fill(y, g, h, [Term(model) for model in whole])
    before = _models(y + noise, g, h, sizes, BEFORE)
    after = _models(y + noise, g, h, sizes, AFTER)
    sides = [joint_fill(y, g, h, [Term(model) for model in side]) for side in (before, after)]
    terms = cross_faded(before, after, h) + [Term(model, JOINT_WEIGHT) for model in whole]
    terms += _lower_terms(y + noise, g, h, order)
    y[gap] = weighted_fill(y, g, h, terms)
    doubt = np.sum(((sides[0] - sides[1]) * level[gap]) ** 2)
    return Fill(y[gap] * level[gap], float(doubt))


def _dither(y: NDArray[Any], g: int, h: int) -> NDArray[np.float64]:
    """Make a little noise for models to see, by the power around the gap."""
    power = (np.sum(y[:g] ** 2) + np.sum(y[g + h :] ** 2)) / max(1, y.size - h)
    return dither(y.size, float(power))


def _lower_terms(y: NDArray[Any], g: int, h: int, order: int) -> list[Term]:
    """Let models at lower rates have their part in (2)."""
    terms = []
    side = min(g, y.size - g - h)  # beyond it models would take silence for known
    for factor, relative, context in LOWER_SIZES:
        p = min(round(relative * order / factor), (side - 2 * LOBES * factor) // factor)
        if p < 1:
            continue
        edges = max(0, g - context * order), g, g + h, min(y.size, g + h + context * order)
        before, after, whole = (
            lower_predictor([y[edges[a] : edges[b]]], p, factor)
            for ((a, b),) in (BEFORE, AFTER, WHOLE)
        )
        terms += cross_faded([before], [after], h, LOWER_WEIGHT)
        terms.append(Term(whole, LOWER_WEIGHT * JOINT_WEIGHT))
    return terms


def fill_short_gap(x: NDArray[Any], start: int, stop: int, *, order: int) -> NDArray[np.float64]:
    """Fill a gap in which sounds hardly change from models of both sides together.

    Parameters
    ----------
    x : ndarray [shape=(n,), real]
        The gap with its context on both sides, of which eight orders are looked at; what stands
        in the gap is not. Neither side is silent.
    start : int
        First missing sample.
    stop : int
        One after the last.
    order : int
        There are three models, of 3/8, 3/4 and 3/2 of it.

    Returns
    -------
    ndarray [shape=(stop - start,)]
        The missing samples: the minimum of (1), for models that do not look into the gap.

    Examples
    --------
    >>> x = np.sin(0.1 * np.arange(400))
    >>> bool(np.abs(fill_short_gap(x, 200, 220, order=32) - x[200:220]).max() < 1e-4)
    True
    """
    h, sizes = stop - start, _sizes(SHORT_SIZES, order)
    side = min(start, x.size - stop)
    sizes = [(min(p, side), context) for p, context in sizes]
    reach = max(context for _, context in sizes)
    y, g, level = _levelled(x, start, stop, reach, reach // 2)
    models = _models(y + _dither(y, g, h), g, h, sizes, APART)
    return joint_fill(y, g, h, [Term(model) for model in models]) * level[g : g + h]


def _sizes(relative: Sequence[tuple[float, int]], order: int) -> list[tuple[int, int]]:
    """Give orders and contexts in samples."""
    return [(max(1, round(p * order)), context * order) for p, context in relative]


def _levelled(
    x: NDArray[Any], start: int, stop: int, reach: int, context: int
) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
    """Cut out a gap with its context and make both sides equally loud; tell where, and by what."""
    first = max(0, start - reach)
    y = x[first : stop + reach].astype(np.float64)
    g, h = start - first, stop - start
    level = np.exp(slope(y, g, h, context) * (np.arange(y.size) - g - h / 2))
    return y / level, g, level


def slope(x: NDArray[Any], start: int, h: int, context: int) -> float:
    """Tell how loudness grows through a gap.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap with its context.
    start : int
        First missing sample.
    h : int
        How many are missing.
    context : int
        Samples on either side to look at.

    Returns
    -------
    float
        Nepers a sample.

    Examples
    --------
    >>> round(slope(np.exp(-0.01 * np.arange(300)), 100, 100, 100), 4)
    -0.01
    """
    before, after = x[max(0, start - context) : start], x[start + h : start + h + context]
    ratio = np.mean(after**2) / np.mean(before**2)
    distance = (before.size + after.size) / 2 + h
    return float(np.clip(np.log(ratio) / 2, *STEEPEST) / distance)


def cross_faded(
    before: Sequence[Prediction], after: Sequence[Prediction], h: int, weight: float = 1.0
) -> list[Term]:
    """Let models of what is before a gap give way to those of what follows, (2).

    Parameters
    ----------
    before : sequence of Prediction
        Models of what is before.
    after : sequence of Prediction
        Models of what is after.
    h : int
        Missing samples.
    weight : float
        Of a model where it counts most.

    Returns
    -------
    list of Term
        The models with their weights.

    Examples
    --------
    >>> model = Prediction(np.array([1.0, -0.9]), 1.0)
    >>> [(term.c0, term.c1) for term in cross_faded([model], [model], 3)]
    [(1.0, -0.25), (0.0, 0.25)]
    """
    falling = [Term(m, weight, -weight / (h + m.order)) for m in before]
    return falling + [Term(m, 0.0, weight / (h + m.order)) for m in after]


def joint_fill(x: NDArray[Any], start: int, h: int, terms: Sequence[Term]) -> NDArray[np.float64]:
    """Minimise (1), or any sum of weights that are constant, by Levinson's recursion.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap with its context.
    start : int
        First missing sample.
    h : int
        How many are missing.
    terms : sequence of Term
        The models; ``c1`` is 0.

    Returns
    -------
    ndarray [shape=(h,)]
        The missing samples.
    """
    from scipy.linalg import solve_toeplitz

    T0, _, right = normal_equations(x, start, h, terms)
    T0[0] *= 1 + RIDGES[0]
    try:
        return solve_toeplitz(T0, right)
    except np.linalg.LinAlgError:
        return weighted_fill(x, start, h, terms)


def weighted_fill(
    x: NDArray[Any], start: int, h: int, terms: Sequence[Term]
) -> NDArray[np.float64]:
    """Minimise (2) by a Cholesky factorisation.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap with its context.
    start : int
        First missing sample.
    h : int
        How many are missing.
    terms : sequence of Term
        The models.

    Returns
    -------
    ndarray [shape=(h,)]
        The missing samples; zeros where rounding leaves no matrix positive.
    """
    from scipy.linalg import cho_factor, cho_solve, toeplitz

    T0, T1, right = normal_equations(x, start, h, terms)
    i = np.arange(h)
    for ridge in RIDGES:
        # Only the lower triangle is right, where min(i, j) is j; the transpose, which LAPACK takes
        # as it lies in memory, has it above.
        matrix = toeplitz(T1)
        matrix *= i
        matrix += toeplitz(T0)
        matrix[i, i] *= 1 + ridge
        try:
            factor = cho_factor(matrix.T, lower=False, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            continue
        return cho_solve(factor, right, check_finite=False)
    return np.zeros(h)


def normal_equations(
    x: NDArray[Any], start: int, h: int, terms: Sequence[Term]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Set up the equations of a minimum of (2).

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap with its context; before and after that is silence.
    start : int
        First missing sample.
    h : int
        How many are missing.
    terms : sequence of Term
        The models.

    Returns
    -------
    T0 : ndarray [shape=(h,)]
        Lags of the matrix ``T0[|i - j|] + min(i, j) T1[|i - j|]``, see (3).
    T1 : ndarray [shape=(h,)]
        The same.
    right : ndarray [shape=(h,)]
        The right side.
    """
    T0, T1, right = np.zeros(h), np.zeros(h), np.zeros(h)
    for term in terms:
        a, e = term.model.a, term.model.error
        r, s = _lags(a, a, h), _lags(np.arange(a.size) * a, a, h)
        T0 += (term.c0 * r + term.c1 * s) / e
        T1 += term.c1 * r / e
        right -= _pull(x, start, h, term) / e
    return T0, T1, right


def _models(
    y: NDArray[Any],
    g: int,
    h: int,
    sizes: Sequence[tuple[int, int]],
    seen: Sequence[tuple[int, int]],
) -> list[Prediction]:
    """Estimate models, given their orders and contexts, of what they see of a gap as it is now."""
    models = []
    for order, context in sizes:
        edges = max(0, g - context), g, g + h, min(y.size, g + h + context)
        segments = [y[edges[first] : edges[last]] for first, last in seen]
        most = max(1, (max(segment.size for segment in segments) - 1) // 3)
        models.append(predictor(segments, max(1, min(order, most))))
    return models


def _lags(u: NDArray[Any], v: NDArray[Any], h: int) -> NDArray[np.float64]:
    """Correlate: the sums of ``u[q] v[q - d]`` over q, for d from 0 to h - 1."""
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(2 * u.size, real=True)
    product = scipy.fft.rfft(u, n_fft) * np.conj(scipy.fft.rfft(v, n_fft))
    lags = np.zeros(h)
    kept = min(h, u.size)
    lags[:kept] = scipy.fft.irfft(product, n_fft)[:kept]
    return lags


def _pull(x: NDArray[Any], g: int, h: int, term: Term) -> NDArray[np.float64]:
    """Give what known samples contribute: the sums over n of ``w(n) a[n - i] (a * x_known)(n)``."""
    import scipy.fft

    a, p = term.model.a, term.model.order
    known = np.zeros(h + 2 * p)
    head, tail = x[max(0, g - p) : g], x[g + h : g + h + p]
    known[p - head.size : p] = head
    known[p + h : p + h + tail.size] = tail
    n_fft = scipy.fft.next_fast_len(known.size + p, real=True)
    A = scipy.fft.rfft(a, n_fft)
    residual = scipy.fft.irfft(A * scipy.fft.rfft(known, n_fft), n_fft)[p : h + 2 * p]
    residual *= term.c0 + term.c1 * np.arange(h + p)
    return scipy.fft.irfft(np.conj(A) * scipy.fft.rfft(residual, n_fft), n_fft)[:h]
