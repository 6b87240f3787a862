"""Projected conjugate gradients against a dense quadratic program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, lsq_linear, minimize

from spectramend.declipping.bounded_least_squares import minimise_within


@pytest.mark.parametrize("seed", range(6))
def test_same_as_dense_bounded_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    M = rng.standard_normal((60, n)) * rng.uniform(0.1, 1, (60, 1))
    A = (M.T @ M).astype(np.float32)
    y = rng.standard_normal(n)
    lower, upper = y.copy(), y.copy()
    clipped = rng.random(n) < 0.6
    upper[clipped & (y > 0)] = np.inf
    lower[clipped & (y <= 0)] = -np.inf
    free = lower < upper
    # With the reliable samples moved to the right side, SciPy's dense solver of the same program.
    fixed = M[:, ~free] @ y[~free]
    dense = lsq_linear(M[:, free], -fixed, (lower[free], upper[free]), tol=1e-12).x
    found = minimise_within(
        lambda v: A @ v,
        y.astype(np.float32),
        lower.astype(np.float32),
        upper.astype(np.float32),
        max_products=2000,
    )
    expected = y.copy()
    expected[free] = dense
    best = float(np.sum((M @ expected) ** 2))
    assert found.converged
    assert found.value == pytest.approx(best, rel=1e-4)
    np.testing.assert_allclose(found.x, expected, atol=5e-3)


def test_same_as_a_general_solver_with_bounds_on_both_sides() -> None:
    rng = np.random.default_rng(3)
    n = 12
    M = rng.standard_normal((20, n))
    A = M.T @ M
    y = rng.standard_normal(n)
    lower, upper = y - 0.2, y + 0.1
    general = minimize(  # type: ignore[call-overload]
        lambda v: v @ A @ v,
        y,
        jac=lambda v: 2 * A @ v,
        method="trust-constr",
        constraints=[LinearConstraint(np.eye(n), lower, upper)],
        options={"gtol": 1e-9, "xtol": 1e-12, "maxiter": 3000},
    )
    found = minimise_within(
        lambda v: (A @ v).astype(np.float32),
        y.astype(np.float32),
        lower.astype(np.float32),
        upper.astype(np.float32),
        max_products=2000,
    )
    assert found.value == pytest.approx(general.fun, rel=1e-4)
    assert np.all(found.x >= lower.astype(np.float32))
    assert np.all(found.x <= upper.astype(np.float32))


def test_the_value_never_rises_and_the_start_is_kept() -> None:
    rng = np.random.default_rng(5)
    A = np.diag(rng.uniform(0.01, 1, 30)).astype(np.float32)
    start = np.ones(30, np.float32)
    lower, upper = np.full(30, 0.5, np.float32), np.full(30, np.inf, np.float32)
    values = [
        minimise_within(lambda v: A @ v, start, lower, upper, max_products=k).value
        for k in (1, 5, 20, 80)
    ]
    assert values == sorted(values, reverse=True)
    assert np.all(start == 1)


def test_nothing_free_is_solved_at_once() -> None:
    x = np.ones(4, np.float32)
    found = minimise_within(lambda v: v, x, x, x, max_products=100)
    assert found.converged
    np.testing.assert_array_equal(found.x, x)
