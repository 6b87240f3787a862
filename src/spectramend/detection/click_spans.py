"""Span of a click with its tail: the likeliest span of a disturbance, sample by sample.

An autoregressive model of the sound around a click is fitted without it. The disturbance d that
takes most energy from the residual e, ``d = R^-1 m`` in `click_features` (1), may be any in a span
of samples. With ``R = L L^T`` and

    z  =  L^-1 m,                                                                             (1)

the first k samples of the span take ``sum_{i < k} z[i]**2``, since L of the first k samples is
the first block of L. So one triangular solve gives the spans of all lengths from one start, and
``z[i] / sigma`` is a standard normal where no disturbance is: it compares sample i with its
interpolation from those before the span and those after i (Godsill & Rayner 1998, section 5.3).
The likeliest span minimises

    J(start, k)  =  sum_{i < k} (lambda - z[i]**2 / sigma**2),                                (2)

with a penalty lambda for each sample that is lost. It ends where nothing is left of the
disturbance for a while: what comes after that is another click, or a pulse of a voice. Other clicks
nearby are unknown samples, too: their disturbances, of least residual together with that of the
click, are subtracted first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spectramend.core.burg_recursion import burg
from spectramend.core.intervals import Span, runs
from spectramend.detection.click_features import normal_equations

Samples = NDArray[np.float64]

# Orders of models, and s on either side of a click to which they are fitted; the best predictor of
# the 8 ms on either side is used. Engineering choice: speech needs
# short contexts, tones high orders.
MODELS = ((20, 0.03), (32, 0.05), (128, 0.1))
# lambda, log-likelihood ratios a sample, of lone clicks and in crackle. Engineering choice: two and
# three times that of noise; with less, spans in crackle on voices reach into the next pulse.
PENALTY, CROWDED_PENALTY = 2.0, 3.0
BEFORE_S = 0.001  # s before a candidate that are searched; engineering choice: a click begins soon
AFTER_S = 0.006  # s after a candidate that are searched; engineering choice: tails of 5 ms
LONGEST_S = 0.007  # s of a click with its tail; engineering choice: pulses of voices ring longer
RIDGE = 1e-9  # relative, added to the diagonal of a matrix that may be singular but for rounding
QUIET_S = 0.00075  # s at the background that end a click; engineering choice: most of a cell
SIDE_S = 0.008  # s on either side in which predictors are compared; engineering choice: a period
# Least and most power of the residual beside a click over that of the model. Engineering choice:
# the former is noisy, the latter of a longer context.
LIMITS = np.array((0.25, 4.0))
SPARE = 8  # samples of a segment beyond the order of a model; engineering choice: few equations
# s on either side of a candidate that `likely_span` uses; engineering choice: all that models need.
REACH_S = MODELS[-1][1] + AFTER_S + 0.02


@dataclass(frozen=True, eq=False)
class _Model:
    """A prediction filter, and the power of its residual beside a click."""

    a: Samples  # (order + 1,)
    power: float
    penalty: float  # lambda of (2)


def likely_span(
    x: Samples,
    lost: NDArray[np.bool_],
    core: Span,
    sr: float,
    floor: float,
    *,
    is_crowded: bool = False,
) -> Span | None:
    """Find the likeliest span (2) around the span `core` in which a click was found.

    Samples that are `lost` (n,) are not used to fit models; `floor` is the amplitude of silence. In
    crackle, which is crowded, a sample is given up with more evidence than around a lone click.
    Returns None if there is too little sound around it, and an empty span if what begins there
    does not end within `AFTER_S` and `LONGEST_S`.
    """
    search = (core[0] - round(BEFORE_S * sr), core[1] + round(AFTER_S * sr))
    search = (max(MODELS[0][0], search[0]), min(x.size - MODELS[0][0], search[1]))
    if search[1] - search[0] < 2:
        return None
    known = ~lost
    known[slice(*search)] = False
    model = _best_model(x, known, search, sr, floor, is_crowded=is_crowded)
    if model is None:
        return None
    order = model.a.size - 1
    search = (max(order, search[0]), min(x.size - order, search[1]))
    starts = np.arange(search[0], max(search[0], (core[0] + core[1]) // 2) + 1)
    if search[1] - starts[-1] < 1:
        return None
    intact = _without_others(x, lost, model.a, search, core)
    span = _likeliest(intact, model, search, starts, core, round(QUIET_S * sr))
    # What does not end is no click but another sound that begins, such as a note.
    ends = span[1] <= search[1] - round(QUIET_S * sr) and span[1] - span[0] <= LONGEST_S * sr
    return span if ends else (core[0], core[0])


def _best_model(
    x: Samples,
    known: NDArray[np.bool_],
    search: Span,
    sr: float,
    floor: float,
    *,
    is_crowded: bool,
) -> _Model | None:
    """Fit the models to known samples around a search, and choose the best predictor beside it."""
    best, least = None, np.inf
    for order, context_s in MODELS:
        context = round(context_s * sr)
        first, last = max(0, search[0] - context), min(x.size, search[1] + context)
        spans = runs(known[first:last]) + first
        segments = [x[a:b] for a, b in spans if b - a > order + SPARE]
        if not segments:
            continue
        model = burg(segments, order)
        powers = _powers_beside(x, known, model.a, search, round(SIDE_S * sr))
        # In crackle, of what is louder: a pulse of a voice is no tail of the click before it.
        beside = max(powers) if is_crowded else float(np.mean(powers))
        power = float(np.clip(beside or model.error, *(model.error * LIMITS))) + floor**2
        count = sum(segment.size for segment in segments)
        score = power * (count + order) / (count - order)  # Akaike's final prediction error
        if score < least:
            penalty = CROWDED_PENALTY if is_crowded else PENALTY
            best, least = _Model(model.a, power, penalty), score
    return best


def _powers_beside(
    x: Samples, known: NDArray[np.bool_], a: Samples, search: Span, side: int
) -> list[float]:
    """Measure the power of the residual on either side of a search; 0 if few samples are known."""
    order, powers = a.size - 1, list[float]()
    reach = side + order
    for first, last in ((search[0] - reach, search[0]), (search[1], search[1] + reach)):
        beside = slice(max(0, first), last)
        if x[beside].size <= order:
            continue
        e = np.convolve(x[beside], a, "valid")
        intact = sliding_window_view(known[beside], order + 1).all(axis=1)
        if np.count_nonzero(intact) > side // 4:
            powers.append(float(np.mean(e[intact] ** 2)))
    return powers or [0.0]


def _without_others(
    x: Samples, lost: NDArray[np.bool_], a: Samples, search: Span, core: Span
) -> Samples:
    """Subtract the least disturbance of lost samples near a search, that of the core besides."""
    from scipy.linalg import solve

    order = a.size - 1
    first, last = max(order, search[0] - 2 * order), min(x.size - order, search[1] + 2 * order)
    others = lost.copy()
    others[slice(*core)] = False
    if not others[first:last].any():
        return x
    unknown = others.copy()
    unknown[slice(*core)] = True
    t = np.flatnonzero(unknown[first:last])
    _, m, lags = normal_equations(x, a, (first, last))
    lags[0] *= 1 + RIDGE
    d = np.zeros(x.size)
    d[first + t] = solve(lags[np.abs(t[:, None] - t)], m[t], assume_a="pos")
    return x - np.where(others, d, 0.0)


def _likeliest(
    x: Samples, model: _Model, search: Span, starts: NDArray[np.intp], core: Span, quiet: int
) -> Span:
    """Minimise (2) over the starts and all lengths within a search."""
    from scipy.linalg import cholesky, solve_triangular, toeplitz

    size = search[1] - search[0]
    _, m, lags = normal_equations(x, model.a, search)
    lags[0] *= 1 + RIDGE
    L = cholesky(toeplitz(lags), lower=True)
    late = starts - search[0]
    right = np.zeros((size, late.size))
    for column, skipped in enumerate(late):
        right[: size - skipped, column] = m[skipped:]
    z = solve_triangular(L, right, lower=True)
    J = np.cumsum(model.penalty - z**2 / model.power, axis=0)
    # Ends lie within the search, after the core, and before J has risen for `quiet` samples.
    last = np.arange(size)[:, None] + late
    risen = J - np.minimum.accumulate(J, axis=0) > model.penalty * quiet
    over = np.logical_or.accumulate(risen & (last >= core[1] - search[0]), axis=0)
    J[over | (last >= size)] = np.inf
    k, j = np.unravel_index(np.argmin(J), J.shape)
    return int(starts[j]), int(starts[j] + k + 1)
