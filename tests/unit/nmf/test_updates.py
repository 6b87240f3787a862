"""Exponent, update and gradient against plain loops, and their properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import F, K, N, log_uniform, mask, problem
from reference import nmf as reference
from spectramend.errors import ParameterError
from spectramend.nmf import (
    exponent,
    gradient_parts,
    update,
)
from spectramend.nmf._engine import frame_blocks
from spectramend.nmf.divergence import cell_divergence

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


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
def test_an_update_with_penalties_is_fixed_where_the_gradient_is_zero(beta: float) -> None:
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
    V, W, H, _ = problem(0)
    with pytest.raises(ParameterError, match=r"step='gradient': give 'mm' or 'heuristic'"):
        exponent(0, "gradient")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="step='MM'"):
        update(V, W, H, step="MM")  # type: ignore[arg-type]


@pytest.mark.parametrize("penalty", [0.0, 0.7])
@pytest.mark.parametrize("kind", ["none", "bool", "float"])
@pytest.mark.parametrize("step", ["mm", "heuristic"])
@pytest.mark.parametrize("beta", BETAS)
def test_update_is_the_formula(beta: float, step: Any, kind: str, penalty: float) -> None:
    V, W, H, _ = problem(4)
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
    V, W, H, _ = problem(5)
    M = mask(kind)
    slow = reference.update_W(V, W, H, beta, M, reference.mm_exponent(beta))
    M_T = None if M is None else M.T
    np.testing.assert_allclose(update(V.T, H.T, W.T, M_T, beta=beta).T, slow, rtol=1e-12)


def test_each_atom_may_have_its_own_penalty() -> None:
    V, W, H, _ = problem(6)
    penalties = np.array([[0.0], [0.5], [8.0]])
    together = update(V, W, H, beta=1, penalty=penalties)
    for k in range(K):
        alone = update(V, W, H, beta=1, penalty=float(penalties[k, 0]))
        np.testing.assert_allclose(together[k], alone[k], rtol=1e-15)


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("beta", [0, 1, 2, 0.5])
def test_blocks_do_not_change_the_update(
    beta: float, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    V, W, H, _ = problem(7)
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
    V, W, H, _ = problem(8)
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


def test_a_column_without_observations_stays_and_does_not_affect_the_others() -> None:
    V, W, H, _ = problem(9)
    M = mask("bool")
    assert M is not None
    new = update(V, W, H, M)
    np.testing.assert_array_equal(new[:, 2], H[:, 2])
    others = np.arange(N) != 2
    alone = update(V[:, others], W, H[:, others], M[:, others])
    np.testing.assert_allclose(new[:, others], alone, rtol=1e-13)


def test_the_exact_model_is_a_fixed_point() -> None:
    _, W, H, _ = problem(10)
    for beta in BETAS:
        np.testing.assert_allclose(update(W @ H, W, H, beta=beta), H, rtol=1e-13)


def test_update_only_reads_its_arguments() -> None:
    V, W, H, _ = problem(11)
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
    V, W, H, _ = problem(12)
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
    for n_atoms in (1, 2, 2, 3, 3, 5):
        W = log_uniform(rng, 3, n_atoms, decades=6)
        H = log_uniform(rng, n_atoms, 10000, decades=6)
        V = log_uniform(rng, 3, 10000, decades=6)
        M = (rng.uniform(size=V.shape) > 0.2).astype(float)
        M[0] = 1
        penalty = penalised * 10 ** rng.uniform(-6, 6, (n_atoms, 1))

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
