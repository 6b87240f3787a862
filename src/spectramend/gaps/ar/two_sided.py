"""One gap, estimated from autoregressive models of its left and of its right side.

Models of several orders are combined by the precisions that they imply: with the prediction filter
``a_i`` of each and the power ``e_i`` of its residual, the samples x of a Gaussian signal minimise

    sum_i  sum_n  (a_i * x)(n)**2 / e_i.                                                      (1)

But sounds change within a gap. So each order has a model L of the left side and a model R of the
right side, and one gives way to the other:

    sum_i  sum_n  w_i(n) (a_Li * x)(n)**2 / e_Li  +  (1 - w_i(n)) (a_Ri * x)(n)**2 / e_Ri,    (2)

n counting from the first of h missing samples, and ``w_i(n) = 1 - n / (h + p_i)``, which for order
p_i falls from 1 to 0 over all residuals that depend on a missing sample. `weighted_least_squares`
minimises both sums.

1. The segment is divided by an exponential that makes both sides equally loud, as stationary models
   do not decay. Its growth is limited: a right side that is much louder is an onset.
2. Minimising (1) with models of both sides, without the gap, gives a first estimate. Models of the
   whole segment with this estimate give a second one by (1), and are added to (2).
3. L and R are estimated from one side and the second estimate: models of a side alone do not agree
   on phases. Models at lower rates (`multirate`) are added to (2).

The energy of the difference between (1) with L alone and (1) with R alone grows with the true error
of (2). `model_averaging` uses it as the variance of the estimate.

W. Etter, "Restoration of a discrete-time signal segment by interpolation based on the left-sided
and right-sided autoregressive parameters", IEEE Trans. Signal Processing 44(5), 1996, has one model
on either side; the sum over orders, the weights that fall through the gap and the slope are not in
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.burg_recursion import ARModel, burg, dither, limited_order
from spectramend.gaps.ar.multirate import LOBES, burg_decimated
from spectramend.gaps.ar.weighted_least_squares import WeightedModel, cross_fade, solve_gap

Segments: TypeAlias = tuple[tuple[int, int], ...]


class _Size(NamedTuple):
    """Order of a model, samples of the context that it sees, and divisor of its rate."""

    order: float  # relative to the order asked for
    context: int  # on either side, in orders asked for
    factor: int = 1


# All sizes, weights and slopes below were chosen on the development music with
# `spectramend experiment gaps`.
SIZES = (_Size(1 / 4, 1), _Size(1 / 2, 2), _Size(1, 4))
# Those of `short_gap_estimate`.
SHORT_SIZES = (_Size(3 / 8, 2), _Size(3 / 4, 4), _Size(3 / 2, 6))
# Those of models at lower rates, whose weight in (2) is DECIMATED_WEIGHT.
DECIMATED_SIZES = (
    _Size(3 / 4, 8, factor=2),
    _Size(3 / 4, 8, factor=4),
    _Size(1, 8, factor=8),
    _Size(2, 12, factor=16),
)
CONTEXT_ORDERS = 12  # samples on either side that models see at most, in orders
LEVEL_ORDERS = 4  # samples on either side of which the level is measured, in orders
MAX_DECAY = 12.0  # decay of the level from one side to the other at most, in nepers
MAX_GROWTH = 0.35  # growth of it at most, in nepers: sounds decay slowly, but begin at once
JOINT_WEIGHT = 0.5  # weight of models of both sides in (2), relative to L and R
DECIMATED_WEIGHT = 0.5  # weight of models at lower rates, relative to those at the full rate

# Segments from which models are estimated, between two edges each: edges 0 and 3 are the ends of
# the context, 1 and 2 those of the gap.
SIDES: Segments = ((0, 1), (2, 3))  # both sides without the gap
WHOLE: Segments = ((0, 3),)  # both sides and the gap
LEFT: Segments = ((0, 2),)  # the left side and the gap
RIGHT: Segments = ((1, 3),)  # the gap and the right side


class TwoSidedEstimate(NamedTuple):
    """An estimate of a gap, with a measure of its error."""

    samples: NDArray[np.float64]  # [shape=(h,)] the missing samples
    disagreement: float  # energy of the difference between estimates from either side alone


def two_sided_estimate(x: NDArray[Any], start: int, stop: int, *, order: int) -> TwoSidedEstimate:
    """Estimate one gap from models of both of its sides, by (2).

    x [shape=(n,)] has the gap x[start:stop], where its values are ignored, and no silent side; at
    most twelve orders on either side are used. order is the largest of models at the full rate.
    """
    h, sizes = stop - start, _orders_and_contexts(SIZES, order)
    y, g, level = _equalise_level(x, start, stop, CONTEXT_ORDERS * order, LEVEL_ORDERS * order)
    gap = slice(g, g + h)
    noise = _dither(y, g, h)
    for seen in (SIDES, WHOLE):  # the first and the second estimate
        whole = _estimate_models(y + noise, g, h, sizes, seen)
        y[gap] = solve_gap(y, g, h, [WeightedModel(model) for model in whole])
    before = _estimate_models(y + noise, g, h, sizes, LEFT)
    after = _estimate_models(y + noise, g, h, sizes, RIGHT)
    from_left, from_right = (
        solve_gap(y, g, h, [WeightedModel(model) for model in side]) for side in (before, after)
    )
    terms = cross_fade(before, after, h) + [WeightedModel(m, JOINT_WEIGHT) for m in whole]
    terms += _decimated_terms(y + noise, g, h, order)
    y[gap] = solve_gap(y, g, h, terms)
    disagreement = np.sum(((from_left - from_right) * level[gap]) ** 2)
    return TwoSidedEstimate(y[gap] * level[gap], float(disagreement))


def short_gap_estimate(
    x: NDArray[Any], start: int, stop: int, *, order: int
) -> NDArray[np.float64]:
    """Estimate a gap in which sounds hardly change from models of both sides together, by (1).

    As `two_sided_estimate`, but models have 3/8, 3/4 and 3/2 of the order and use six orders of x.
    """
    h, side = stop - start, min(start, x.size - stop)
    sizes = [(min(p, side), context) for p, context in _orders_and_contexts(SHORT_SIZES, order)]
    reach = max(context for _, context in sizes)
    y, g, level = _equalise_level(x, start, stop, reach, reach // 2)
    models = _estimate_models(y + _dither(y, g, h), g, h, sizes, SIDES)
    return solve_gap(y, g, h, [WeightedModel(m) for m in models]) * level[g : g + h]


def _orders_and_contexts(sizes: Sequence[_Size], order: int) -> list[tuple[int, int]]:
    """Compute orders and contexts in samples of models at the full rate."""
    return [(max(1, round(size.order * order)), size.context * order) for size in sizes]


def _equalise_level(
    x: NDArray[Any], start: int, stop: int, reach: int, context: int
) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
    """Cut out a gap and make its sides equally loud: segment, start of the gap, divisor."""
    first = max(0, start - reach)
    y = x[first : stop + reach].astype(np.float64)
    g, h = start - first, stop - start
    level = np.exp(_level_slope(y, g, h, context) * (np.arange(y.size) - g - h / 2))
    return y / level, g, level


def _level_slope(x: NDArray[Any], start: int, h: int, context: int) -> float:
    """Measure the growth of the level through a gap, in nepers per sample."""
    before, after = x[max(0, start - context) : start], x[start + h : start + h + context]
    ratio = np.mean(after**2) / np.mean(before**2)
    distance = (before.size + after.size) / 2 + h
    return float(np.clip(np.log(ratio) / 2, -MAX_DECAY, MAX_GROWTH) / distance)


def _dither(y: NDArray[Any], g: int, h: int) -> NDArray[np.float64]:
    """Make dither [shape=(n,)] by the power around the gap."""
    power = (np.sum(y[:g] ** 2) + np.sum(y[g + h :] ** 2)) / max(1, y.size - h)
    return dither(y.size, float(power))


def _estimate_models(
    y: NDArray[Any], g: int, h: int, sizes: Sequence[tuple[int, int]], seen: Segments
) -> list[ARModel]:
    """Estimate models of given orders and contexts from some segments of a filled gap."""
    models = []
    for order, context in sizes:
        segments = _segments(y, g, h, context, seen)
        models.append(burg(segments, limited_order(order, max(s.size for s in segments))))
    return models


def _segments(y: NDArray[Any], g: int, h: int, context: int, seen: Segments) -> list[NDArray[Any]]:
    """Cut out what models see of a gap and the context on either side."""
    edges = max(0, g - context), g, g + h, min(y.size, g + h + context)
    return [y[edges[first] : edges[last]] for first, last in seen]


def _decimated_terms(y: NDArray[Any], g: int, h: int, order: int) -> list[WeightedModel]:
    """Estimate and weight the models at lower rates in (2)."""
    terms = []
    side = min(g, y.size - g - h)  # beyond it models would take silence for known
    for size in DECIMATED_SIZES:
        factor, context = size.factor, size.context * order
        p = min(round(size.order * order / factor), (side - 2 * LOBES * factor) // factor)
        if p < 1:
            continue
        before, after, whole = (
            burg_decimated(_segments(y, g, h, context, seen), p, factor)
            for seen in (LEFT, RIGHT, WHOLE)
        )
        terms += cross_fade([before], [after], h, DECIMATED_WEIGHT)
        terms.append(WeightedModel(whole, DECIMATED_WEIGHT * JOINT_WEIGHT))
    return terms
