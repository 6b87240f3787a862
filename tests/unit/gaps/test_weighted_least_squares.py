"""Weighted sums of residuals: their minimum against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import moving_resonance
from reference import gaps as reference
from spectramend.core.burg_recursion import ARModel, burg
from spectramend.gaps.ar.weighted_least_squares import (
    WeightedModel,
    cross_fade,
    solve_gap,
)


@pytest.mark.parametrize(("start", "h"), [(60, 30), (60, 5), (60, 1), (3, 20), (130, 8)])
@pytest.mark.parametrize("orders", [[1], [2, 7, 19], [40]])
def test_solutions_are_those_of_dense_matrices(start: int, h: int, orders: list[int]) -> None:
    x = moving_resonance(140, np.random.default_rng(0))
    before = [ARModel(burg([x[:70]], p).a, e) for e, p in enumerate(orders, 1)]
    after = [ARModel(burg([x[70:]], p).a, 2.0 * e) for e, p in enumerate(orders, 1)]
    filters = [m.a for m in before + after]
    falling = [1 - np.arange(h + p) / (h + p) for p in orders]
    weights = [w / m.error for w, m in zip(falling, before, strict=True)]
    weights += [(1 - w) / m.error for w, m in zip(falling, after, strict=True)]
    expected = reference.weighted_least_squares(x, start, h, filters, weights)
    found = solve_gap(x, start, h, cross_fade(before, after, h))
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(x).max())
    constant = [np.full(h + p, 1 / m.error) for p, m in zip(orders, before, strict=True)]
    expected = reference.weighted_least_squares(x, start, h, filters[: len(orders)], constant)
    found = solve_gap(x, start, h, [WeightedModel(m) for m in before])
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(x).max())


def test_weights_of_a_cross_fade_sum_to_its_weight() -> None:
    model = ARModel(np.array([1.0, -0.5, 0.2]), 1.0)
    falling, rising = cross_fade([model], [model], 7, 0.5)
    assert (falling.c0, rising.c0) == (0.5, 0.0)
    assert falling.c0 + 9 * falling.c1 == pytest.approx(0.0)
    assert falling.c1 == -rising.c1


def test_a_predictor_without_error_leaves_equations_that_can_be_solved() -> None:
    x = np.cos(0.3 * np.arange(100))
    model = ARModel(np.array([1.0, -2 * np.cos(0.3), 1.0]), 1e-12)
    for terms in ([WeightedModel(model)], cross_fade([model], [model], 20)):
        np.testing.assert_allclose(solve_gap(x, 40, 20, terms), x[40:60], atol=1e-6)
