from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from reference import nmf as reference
from spectramend.errors import ParameterError
from spectramend.nmf import beta_divergence, exponent, gradient_parts, update
from spectramend.nmf._engine import frame_blocks
from spectramend.nmf.censored import (
    censored_divergence,
    censored_geometric_mean,
    censored_value,
)
from spectramend.nmf.divergence import cell_divergence

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)
F, K, N = 6, 3, 7


def log_uniform(rng: np.random.Generator, *shape: int, decades: float = 2.0) -> Matrix:
    return 10 ** rng.uniform(-decades / 2, decades / 2, shape)


def problem(seed: int, decades: float = 2.0) -> tuple[Matrix, Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    shapes = ((F, N), (F, K), (K, N))
    V, W, H = (log_uniform(rng, *shape, decades=decades) for shape in shapes)
    return V, W, H


def mask(kind: str) -> Matrix | None:
    """Weights of each kind, with frame 2 and row 4 wholly hidden."""
    rng = np.random.default_rng(9)
    M = rng.uniform(size=(F, N)) > 0.4
    M[:, 2] = M[4] = False
    weights = {"none": None, "bool": M, "float": M * rng.uniform(0.1, 3, (F, N))}
    return weights[kind]


# --- divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["none", "bool", "float"])
@pytest.mark.parametrize("beta", BETAS)
def test_divergence_is_the_sum_over_seen_cells(beta: float, kind: str) -> None:
    V, W, H = problem(0)
    M = mask(kind)
    slow = reference.divergence(V, W, H, beta, M)
    assert beta_divergence(V, W @ H, beta=beta, weights=M) == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("beta", BETAS)
def test_divergence_is_zero_at_the_data_and_positive_elsewhere(beta: float) -> None:
    V, _, _ = problem(1)
    assert beta_divergence(V, V, beta=beta) == pytest.approx(0, abs=1e-12)
    assert (cell_divergence(V, 1.01 * V, beta) > 0).all()
    assert (cell_divergence(V, 0.99 * V, beta) > 0).all()


@pytest.mark.parametrize("beta", BETAS)
def test_divergence_scales_by_the_power_beta(beta: float) -> None:
    V, W, H = problem(2)
    scaled = beta_divergence(1e3 * V, 1e3 * W @ H, beta=beta)
    assert scaled == pytest.approx(1e3**beta * beta_divergence(V, W @ H, beta=beta), rel=1e-12)


@pytest.mark.parametrize("beta", [0, 1])
def test_divergence_is_continuous_in_beta(beta: float) -> None:
    V, W, H = problem(3)
    near = beta_divergence(V, W @ H, beta=beta + 1e-6)
    assert near == pytest.approx(beta_divergence(V, W @ H, beta=beta), rel=1e-4)


def test_a_zero_in_the_data_is_infinitely_far_for_beta_up_to_zero_only() -> None:
    for beta in (-1.5, -1, 0):
        assert beta_divergence([[0.0]], [[2.0]], beta=beta) == np.inf
    assert beta_divergence([[0.0]], [[2.0]], beta=1) == 2
    assert beta_divergence([[0.0]], [[2.0]], beta=0.5) == pytest.approx(2 * 2**0.5)


def test_hidden_cells_are_not_looked_at() -> None:
    V, V_hat = np.array([[1.0, np.nan, 0.0]]), np.array([[2.0, 0.0, np.inf]])
    assert beta_divergence(V, V_hat, beta=2, weights=[[2, 0, 0]]) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("beta", [-1, 2, 3])
def test_integers_do_not_wrap_around(beta: int, dtype: Any) -> None:
    V, V_hat = np.array([[1, 200]], dtype), np.array([[20, 30]], dtype)
    expected = beta_divergence(V.astype(float), V_hat.astype(float), beta=beta)
    assert beta_divergence(V, V_hat, beta=beta) == expected


def test_the_sum_is_made_in_double_precision() -> None:
    V = np.full((1, 999_983), 0.1, np.float32)
    cell = float(np.float32(0.5) * np.float32(0.1) ** 2)
    for weights in (None, np.ones_like(V)):
        total = beta_divergence(V, np.zeros_like(V), beta=2, weights=weights)
        assert total == pytest.approx(999_983 * cell, rel=1e-12)


def test_divergence_refuses_other_shapes() -> None:
    with pytest.raises(ParameterError, match=r"V has shape \(1, 2\) and V_hat \(2, 1\)"):
        beta_divergence(np.ones((1, 2)), np.ones((2, 1)))
    with pytest.raises(ParameterError, match=r"weights have shape \(2,\) and V \(1, 2\)"):
        beta_divergence(np.ones((1, 2)), np.ones((1, 2)), weights=[1, 1])


# --- exponent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beta", "g"),
    [(-1, 1 / 3), (0, 1 / 2), (0.5, 2 / 3), (1, 1), (1.5, 1), (2, 1), (2.5, 2 / 3), (3, 1 / 2)],
)
def test_the_mm_exponent_is_that_of_fevotte_and_idier(beta: float, g: float) -> None:
    assert exponent(beta) == exponent(beta, "mm") == pytest.approx(g, rel=1e-15)
    assert exponent(beta, "heuristic") == (1 if 0 <= beta <= 2 else exponent(beta))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("ridge", [0.0, 0.1, 10.0])
def test_the_mm_step_descends_with_penalties_on_sums_and_squares(beta: float, ridge: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        V, W, H = (10 ** rng.uniform(-3, 3, s) for s in ((F, N), (F, K), (K, N)))
        l1 = 10 ** rng.uniform(-3, 3)

        def objective(H: Matrix, V: Matrix = V, W: Matrix = W, l1: float = l1) -> float:
            squares = 0.5 * ridge * float((H**2).sum())
            return reference.divergence(V, W, H, beta, None, l1) + squares

        before = objective(H)
        for _ in range(3):
            H = update(V, W, H, beta=beta, penalty=l1, ridge=ridge)
            after = objective(H)
            assert after <= before * (1 + 1e-12)
            before = after


@pytest.mark.parametrize("beta", BETAS)
def test_a_step_with_penalties_stands_where_the_gradient_is_zero(beta: float) -> None:
    # One cell, one atom: h**(beta-2) * (h - v) + l1 + l2*h = 0 for this v.
    h, l1, l2 = 1.7, 0.3, 0.2
    v = h + (l1 + l2 * h) * h ** (2 - beta)
    one = np.ones((1, 1))
    stays = update(v * one, one, h * one, beta=beta, penalty=l1, ridge=l2)
    assert stays.item() == pytest.approx(h, rel=1e-13)
    found = one
    for _ in range(2000):
        found = update(v * one, one, found, beta=beta, penalty=l1, ridge=l2)
    assert found.item() == pytest.approx(h, rel=1e-6)


def test_a_step_of_another_name_is_refused() -> None:
    V, W, H = problem(0)
    with pytest.raises(ParameterError, match=r"step='gradient': give 'mm' or 'heuristic'"):
        exponent(0, "gradient")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="step='MM'"):
        update(V, W, H, step="MM")  # type: ignore[arg-type]


# --- update ----------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.0, 0.7])
@pytest.mark.parametrize("kind", ["none", "bool", "float"])
@pytest.mark.parametrize("step", ["mm", "heuristic"])
@pytest.mark.parametrize("beta", BETAS)
def test_update_is_the_formula(beta: float, step: Any, kind: str, penalty: float) -> None:
    V, W, H = problem(4)
    M = mask(kind)
    g = 1.0 if step == "heuristic" and 0 <= beta <= 2 else reference.mm_exponent(beta)
    slow = reference.update_H(V, W, H, beta, M, penalty, g)
    for dtype, rtol in ((np.float64, 1e-12), (np.float32, 2e-5)):
        factors = (V.astype(dtype), W.astype(dtype), H.astype(dtype))
        weights = M.astype(dtype) if kind == "float" and M is not None else M
        fast = update(*factors, weights, beta=beta, step=step, penalty=penalty)
        assert fast.dtype == dtype
        np.testing.assert_allclose(fast, slow, rtol=rtol)


@pytest.mark.parametrize("kind", ["none", "bool", "float"])
@pytest.mark.parametrize("beta", BETAS)
def test_update_of_transposes_is_the_formula_for_the_dictionary(beta: float, kind: str) -> None:
    V, W, H = problem(5)
    M = mask(kind)
    slow = reference.update_W(V, W, H, beta, M, reference.mm_exponent(beta))
    M_T = None if M is None else M.T
    np.testing.assert_allclose(update(V.T, H.T, W.T, M_T, beta=beta).T, slow, rtol=1e-12)


def test_each_atom_may_have_its_own_penalty() -> None:
    V, W, H = problem(6)
    penalties = np.array([[0.0], [0.5], [8.0]])
    together = update(V, W, H, beta=1, penalty=penalties)
    for k in range(K):
        alone = update(V, W, H, beta=1, penalty=float(penalties[k, 0]))
        np.testing.assert_allclose(together[k], alone[k], rtol=1e-15)


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("beta", [0, 1, 2, 0.5])
def test_blocks_do_not_show(beta: float, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    V, W, H = problem(7)
    M = mask("float")
    whole = update(V, W, H, M, beta=beta)
    monkeypatch.setattr(frame_blocks, "MIN_WIDTH", 1)
    monkeypatch.setattr(frame_blocks, "BLOCK_BYTES", columns * F * 8)
    np.testing.assert_allclose(update(V, W, H, M, beta=beta), whole, rtol=1e-13)
    monkeypatch.setattr(frame_blocks, "BLOCK_BYTES", 1)
    np.testing.assert_allclose(update(V, W, H, M, beta=beta), whole, rtol=1e-13)


@pytest.mark.parametrize("kind", ["none", "float"])
@pytest.mark.parametrize("beta", BETAS)
def test_denominator_minus_numerator_is_the_gradient(beta: float, kind: str) -> None:
    V, W, H = problem(8)
    M = mask(kind)
    num, den = gradient_parts(V, W, H, M, beta=beta)
    assert (num >= 0).all()
    assert (den >= 0).all()
    for k, n in np.ndindex(K, N):
        h = 1e-5 * H[k, n]
        up, down = H.copy(), H.copy()
        up[k, n] += h
        down[k, n] -= h
        rise = reference.divergence(V, W, up, beta, M) - reference.divergence(V, W, down, beta, M)
        slope = den[k, n] - num[k, n]
        # Rounding of the sums, and the third derivative.
        total = reference.divergence(V, W, H, beta, M)
        noise = 1e-14 * total / h + 1e-8 * (num[k, n] + den[k, n])
        assert rise / (2 * h) == pytest.approx(slope, rel=1e-6, abs=noise)


def test_a_column_without_observations_stays_and_the_others_do_not_see_it() -> None:
    V, W, H = problem(9)
    M = mask("bool")
    assert M is not None
    new = update(V, W, H, M)
    np.testing.assert_array_equal(new[:, 2], H[:, 2])
    others = np.arange(N) != 2
    alone = update(V[:, others], W, H[:, others], M[:, others])
    np.testing.assert_allclose(new[:, others], alone, rtol=1e-13)


def test_the_exact_model_is_a_fixed_point() -> None:
    _, W, H = problem(10)
    for beta in BETAS:
        np.testing.assert_allclose(update(W @ H, W, H, beta=beta), H, rtol=1e-13)


def test_update_only_reads_its_arguments() -> None:
    V, W, H = problem(11)
    M = np.ones((F, N))
    for beta in BETAS:
        given = [a.copy() for a in (V, W, H, M)]
        for array in given:
            array.setflags(write=False)
        update(*given, beta=beta, penalty=0.5)
        for array, original in zip(given, (V, W, H, M), strict=True):
            np.testing.assert_array_equal(array, original)


@pytest.mark.parametrize("beta", BETAS)
def test_memory_layout_and_integers_do_not_matter(beta: float) -> None:
    V, W, H = problem(12)
    V = np.ceil(V)
    expected = update(V, W, H, beta=beta)
    for same in (np.asfortranarray(V), V.astype(np.int32), np.repeat(V, 2, 1)[:, ::2]):
        np.testing.assert_allclose(update(same, W, H, beta=beta), expected, rtol=1e-13)


@pytest.mark.parametrize("beta", [-1, -0.5, 0])
def test_small_models_of_small_data_do_not_overflow_in_single_precision(beta: float) -> None:
    V = np.full((4, 3), 1e-14, np.float32)
    W, H = np.full((4, 2), 1e-6, np.float32), np.full((2, 3), 1e-7, np.float32)
    expected = 1e-7 * (1e-14 / 2e-13) ** exponent(beta)
    np.testing.assert_allclose(update(V, W, H, beta=beta), expected, rtol=1e-5)


@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize("beta", [-2, -1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5])
def test_one_mm_step_never_raises_any_column(beta: float, penalised: bool) -> None:
    rng = np.random.default_rng(13)
    for K in (1, 2, 2, 3, 3, 5):
        W = log_uniform(rng, 3, K, decades=6)
        H = log_uniform(rng, K, 10000, decades=6)
        V = log_uniform(rng, 3, 10000, decades=6)
        M = (rng.uniform(size=V.shape) > 0.2).astype(float)
        M[0] = 1
        penalty = penalised * 10 ** rng.uniform(-6, 6, (K, 1))

        def column_objective(
            H: Matrix, V: Matrix = V, W: Matrix = W, M: Matrix = M, penalty: Any = penalty
        ) -> Matrix:
            divergence = (M * cell_divergence(V, W @ H, beta)).sum(axis=0)
            return np.asarray(divergence + (penalty * H).sum(axis=0))

        before = column_objective(H)
        after = column_objective(update(V, W, H, M, beta=beta, penalty=penalty))
        # Terms of a sum that nearly cancel leave rounding of the largest of them.
        V_hat = np.maximum(W @ H, V)
        largest = (V_hat**beta + np.minimum(W @ H, V) ** beta).sum(axis=0)
        assert (after <= before * (1 + 1e-12) + 1e-12 * largest).all()


# --- bounded hidden cells --------------------------------------------------------------------


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
        found = censored_value(np.array([V_hat]), np.array([ratio * V_hat]), 0.0)
        assert found.item() == pytest.approx(truncated_mean(V_hat, ratio * V_hat), rel=1e-8)
        single = censored_value(
            np.array([V_hat], np.float32), np.array([ratio * V_hat], np.float32), 0.0
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
        found = censored_geometric_mean(np.array([V_hat]), np.array([ratio * V_hat]), 0.0)
        assert found.item() == pytest.approx(V_hat * expected, rel=1e-7)


def test_without_a_bound_the_geometric_mean_is_that_of_the_exponential() -> None:
    for B in (np.inf, 1e308):
        found = censored_geometric_mean(np.array([1e-30, 5.0]), np.array([B, B]), 0.0)
        np.testing.assert_allclose(found / [1e-30, 5.0], np.exp(-np.euler_gamma), rtol=1e-12)
    np.testing.assert_array_equal(
        censored_geometric_mean(np.array([1.0, 4.0]), np.array([2.0, 2.0]), 1.0), [1, 2]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_of_the_range_of_bounds_are_exact(dtype: Any) -> None:
    largest = np.finfo(dtype).max
    V_hat = np.array([1e-30, 1.0, 1.0, 1e30], dtype)
    B = np.array([largest, largest, 1e-30, 1e-5], dtype)
    expected = [1e-30, 1.0, 0.5e-30, 0.5e-5]
    np.testing.assert_allclose(censored_value(V_hat, B, 0.0), expected, rtol=1e-6)
    np.testing.assert_allclose(censored_divergence(V_hat[:2], B[:2], 0.0), 0, atol=1e-30)


@pytest.mark.parametrize("ratio", [1e-9, 1e-3, 0.1, 1.0, 10.0, 30.0])
def test_a_bounded_cell_costs_its_probability(ratio: float) -> None:
    inside, _ = quad(lambda v: np.exp(-v), 0, ratio, epsabs=0)
    found = censored_divergence(np.array([5.0]), np.array([5.0 * ratio]), 0.0)
    assert found.item() == pytest.approx(-np.log(inside), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("beta", [-1, 0.5, 1, 2, 3])
def test_without_a_likelihood_only_a_model_above_its_bound_costs(beta: float) -> None:
    V_hat, B = np.array([1.0, 4.0]), np.array([2.0, 2.0])
    np.testing.assert_array_equal(censored_value(V_hat, B, beta), [1, 2])
    cost = censored_divergence(V_hat, B, beta)
    assert cost[0] == pytest.approx(0, abs=1e-15)
    assert cost[1] == pytest.approx(reference.cell(2.0, 4.0, beta), rel=1e-13)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0, 0.5])
def test_only_the_chosen_atoms_are_updated(beta: float) -> None:
    rng = np.random.default_rng(3)
    V, W, H = rng.random((6, 9)) + 0.1, rng.random((6, 4)) + 0.1, rng.random((4, 9)) + 0.1
    all_of_them = update(V, W, H, beta=beta)
    some = update(V, W, H, beta=beta, atoms=slice(1, 3))
    np.testing.assert_allclose(some[1:3], all_of_them[1:3], rtol=1e-14)
    assert (some[[0, 3]] == H[[0, 3]]).all()
    weighted = update(V, W, H, np.ones_like(V), beta=beta)
    np.testing.assert_allclose(all_of_them, weighted, rtol=1e-12)
