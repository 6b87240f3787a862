"""Hidden cells with prior knowledge: expectations, objective, and fits under bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from nmf_problems import F, K, N, assert_identical, bounded, log_uniform, problem
from reference import nmf as reference
from spectramend.errors import MismatchError
from spectramend.nmf import Bounded, Guided, Hidden, encode, fit

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


def truncated_mean(V_hat: float, B: float) -> float:
    """Mean of an exponential variable truncated to [0, B], by quadrature in units of B."""
    u = B / V_hat
    upper = min(1.0, 60 / u)  # all but exp(-60) of it
    above, _ = quad(lambda s: s * np.exp(-u * s), 0, upper, epsabs=0, epsrel=1e-12)
    below, _ = quad(lambda s: np.exp(-u * s), 0, upper, epsabs=0, epsrel=1e-12)
    return B * above / below


@pytest.mark.parametrize("ratio", np.geomspace(1e-12, 1e12, 73))
def test_a_bounded_cell_has_the_mean_of_a_truncated_exponential(ratio: float) -> None:
    for V_hat in (1e-9, 1.0, 1e9):
        found = bounded(np.array([ratio * V_hat]), 0.0).expected(np.array([V_hat]))
        assert found.item() == pytest.approx(truncated_mean(V_hat, ratio * V_hat), rel=1e-8)
        single = bounded(np.array([ratio * V_hat], np.float32), 0.0).expected(
            np.array([V_hat], np.float32)
        )
        assert single.dtype == np.float32
        assert single.item() == pytest.approx(found.item(), rel=1e-4)


@pytest.mark.parametrize("ratio", np.geomspace(1e-9, 1e6, 31))
def test_a_bounded_cell_has_the_geometric_mean_of_a_truncated_exponential(ratio: float) -> None:
    upper = min(1.0, 60 / ratio)
    density = -np.expm1(-ratio) / ratio
    logs, _ = quad(lambda s: np.log(s) * np.exp(-ratio * s), 0, upper, epsabs=0, limit=200)
    expected = ratio * np.exp(logs / density)
    for V_hat in (1e-9, 1.0, 1e9):
        found = bounded(np.array([ratio * V_hat]), 0.0).geometric_mean(np.array([V_hat]))
        assert found.item() == pytest.approx(V_hat * expected, rel=1e-7)


def test_without_a_bound_the_geometric_mean_is_that_of_the_exponential() -> None:
    for B in (np.inf, 1e308):
        found = bounded(np.array([B, B]), 0.0).geometric_mean(np.array([1e-30, 5.0]))
        np.testing.assert_allclose(found / [1e-30, 5.0], np.exp(-np.euler_gamma), rtol=1e-12)
    np.testing.assert_array_equal(
        bounded(np.array([2.0, 2.0]), 1.0).geometric_mean(np.array([1.0, 4.0])), [1, 2]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_of_the_range_of_bounds_are_exact(dtype: Any) -> None:
    largest = np.finfo(dtype).max
    V_hat = np.array([1e-30, 1.0, 1.0, 1e30], dtype)
    B = np.array([largest, largest, 1e-30, 1e-5], dtype)
    expected = [1e-30, 1.0, 0.5e-30, 0.5e-5]
    np.testing.assert_allclose(bounded(B, 0.0).expected(V_hat), expected, rtol=1e-6)
    np.testing.assert_allclose(bounded(B[:2], 0.0).divergence(V_hat[:2]), 0, atol=1e-30)


@pytest.mark.parametrize("ratio", [1e-9, 1e-3, 0.1, 1.0, 10.0, 30.0])
def test_a_bounded_cell_costs_its_probability(ratio: float) -> None:
    inside, _ = quad(lambda v: np.exp(-v), 0, ratio, epsabs=0)
    found = bounded(np.array([5.0 * ratio]), 0.0).divergence(np.array([5.0]))
    assert found.item() == pytest.approx(-np.log(inside), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("beta", [-1, 0.5, 1, 2, 3])
def test_without_a_likelihood_only_a_model_above_its_bound_costs(beta: float) -> None:
    V_hat, B = np.array([1.0, 4.0]), np.array([2.0, 2.0])
    np.testing.assert_array_equal(bounded(B, beta).expected(V_hat), [1, 2])
    cost = bounded(B, beta).divergence(V_hat)
    assert cost[0] == pytest.approx(0, abs=1e-15)
    assert cost[1] == pytest.approx(reference.cell(2.0, 4.0, beta), rel=1e-13)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_an_infinite_bound_is_no_bound(beta: float) -> None:
    V, _, _, M = problem()
    bound = np.full((F, N), np.inf)
    plain = fit(V, K, weights=M, beta=beta, penalty=0.1, max_iter=30, rng=0)
    with_it = fit(V, K, weights=M, bound=bound, beta=beta, penalty=0.1, max_iter=30, rng=0)
    assert_identical(plain, with_it)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_huge_bound_is_as_good_as_none(dtype: Any) -> None:
    V, W, _, M = problem()
    M[:, 2] = M[4] = True
    plain = encode(V.astype(dtype), W, weights=M, max_iter=4000, tol=0, rng=0)
    bound = np.where(M, 0.0, 1e300)
    with_it = encode(V.astype(dtype), W, weights=M, bound=bound, max_iter=4000, tol=0, rng=0)
    # EM is slower than what it maximises, and both end in the same place.
    assert with_it.trace[-1] == pytest.approx(plain.trace[-1], rel=1e-4)


def test_bounds_on_observed_cells_are_ignored() -> None:
    V, _, _, M = problem()
    bound = np.where(M, np.inf, 0.5)
    one = fit(V, K, weights=M, bound=bound, max_iter=30, rng=0)
    other = fit(V, K, weights=M, bound=np.where(M, 1e-3, 0.5), max_iter=30, rng=0)
    assert_identical(one, other)


@pytest.mark.parametrize("beta", BETAS)
def test_a_bounded_objective_is_the_trace_and_never_rises(beta: float) -> None:
    V, W, H, M = problem(decades=6)
    rng = np.random.default_rng(2)
    bound = np.where(rng.uniform(size=(F, N)) > 0.3, log_uniform(rng, F, N, decades=8), np.inf)
    options: dict[str, Any] = {"bound": bound, "weights": M, "beta": beta, "tol": 0}

    def objective(V_hat: Matrix) -> float:
        total = 0.0
        for f, n in np.ndindex(F, N):
            B, y = float(bound[f, n]), float(V_hat[f, n])
            if M[f, n]:
                total += reference.cell(float(V[f, n]), y, beta)
            elif np.inf > B and beta == 0:
                total -= np.log(-np.expm1(-B / y))
            elif y > B:
                total += reference.cell(B, y, beta)
        return total

    for nmf in (
        encode(V, W, H=H, max_iter=60, check_every=1, penalty=0.0, **options),
        fit(V, W=W, H=H, max_iter=60, check_every=1, penalty=0.0, **options),
    ):
        assert (np.diff(nmf.trace) <= 1e-11 * nmf.trace[0]).all()
        assert nmf.trace[-1] == pytest.approx(objective(nmf.V_hat), rel=1e-6)
    penalized = fit(V, W=W, H=H, max_iter=60, check_every=1, penalty=0.3, **options)
    assert (np.diff(penalized.trace) <= 1e-11 * penalized.trace[0]).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_bounded_fit_is_the_most_likely_one(scale: float) -> None:
    # One atom, one observed cell of power 2 and one cell known to be at most B.
    for B in (1e-3, 0.1, 1.0, 10.0):

        def minus_log_likelihood(log_h: float, B: float = B) -> float:
            h = np.exp(log_h)
            return float(np.log(h) + 2 / h - np.log(-np.expm1(-B / h)))

        best = minimize_scalar(minus_log_likelihood, bounds=(-9, 3), options={"xatol": 1e-9})
        V, M = scale * np.array([[2.0], [np.nan]]), np.array([[True], [False]])
        bound = scale * np.full((2, 1), B)
        nmf = encode(V, np.ones((2, 1)), weights=M, bound=bound, max_iter=600, tol=0, rng=0)
        assert nmf.H.item() == pytest.approx(scale * np.exp(best.x), rel=1e-5)


def test_a_bound_of_zero_pushes_the_model_down() -> None:
    V, _, _, M = problem()
    plain = fit(V, K, weights=M, max_iter=300, rng=0)
    pushed = fit(V, K, weights=M, bound=np.zeros((F, N)), max_iter=300, rng=0)
    assert np.isfinite(pushed.V_hat).all()
    assert (pushed.V_hat[4] < 0.05 * plain.V_hat[4]).all()
    assert pushed.observed_frames.all()  # a bound is an observation


def test_bounds_over_silence_give_silence() -> None:
    M = np.ones((F, N), bool)
    M[3:5] = False
    nmf = fit(np.zeros((F, N)), K, weights=M, bound=np.full((F, N), 0.5), rng=0)
    assert (nmf.V_hat == 0).all()


def test_prior_knowledge_of_observed_cells_is_refused() -> None:
    cells = np.ones((3, 3), bool)
    prior = Bounded(cells, np.ones(9), 0.0)
    with pytest.raises(MismatchError, match=r"with weight 0"):
        encode(np.ones((3, 3)), np.ones((3, 1)), bound=prior)


def test_cells_of_frames_have_their_values() -> None:
    _, _, _, M = problem()
    bounds = np.arange(1.0, 1 + (~M).sum())
    values = np.zeros((F, N))
    values[~M] = bounds
    pseudo = Guided(Bounded(~M, bounds, 0.0), bounds + 100, 0.3)
    for frames in (slice(2, 5), np.array([7, 0, 2])):
        some = pseudo.of_frames(frames)
        np.testing.assert_array_equal(some.cells, ~M[:, frames])
        assert isinstance(some.hidden, Bounded)
        np.testing.assert_array_equal(some.hidden.B, values[:, frames][~M[:, frames]])
        np.testing.assert_array_equal(some.pseudo_observation, some.hidden.B + 100)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_e_step_with_pseudo_observations_is_a_weighted_mean(weight: float) -> None:
    V_hat, B, pseudo = np.array([1.0, 4.0]), np.array([2.0, 2.0]), np.array([0.5, 3.0])
    cells = np.array([[True, True]])
    prior = Bounded(cells, B, 0.0)
    guided = Guided(prior, pseudo, weight)
    assert isinstance(guided, Hidden)
    assert guided.cells is cells
    expected = (1 - weight) * prior.expected(V_hat) + weight * pseudo
    np.testing.assert_allclose(guided.expected(V_hat), expected)
    misfit = [reference.cell(x, y, 0) for x, y in zip(pseudo, V_hat, strict=True)]
    objective = (1 - weight) * prior.divergence(V_hat) + weight * np.array(misfit)
    np.testing.assert_allclose(guided.divergence(V_hat), objective)
    assert (prior.direction(V_hat) == 0).all()


def test_pseudo_observations_draw_the_model_to_them() -> None:
    V, W, _, M = problem()
    prior = Bounded(~M, np.full((~M).sum(), 1e3), 0.0)
    guided = Guided(prior, np.full((~M).sum(), 7.0), 1.0)
    free, drawn = (
        encode(V, W, weights=M, bound=bound, max_iter=200, tol=0, rng=0)
        for bound in (prior, guided)
    )
    distance = [np.abs(np.log(nmf.V_hat[~M] / 7)).mean() for nmf in (drawn, free)]
    assert distance[0] < distance[1]
    assert (np.diff(drawn.trace) <= 0).all()
