"""fit and encode: known answers, hidden frames and rows, status and trace, smoothness."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import F, K, N, problem
from reference import nmf as reference
from spectramend.nmf import (
    beta_divergence,
    encode,
    fit,
    update,
)

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_low_rank_data_with_holes_is_recovered(beta: float) -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(0.1, 1, (20, 3)) ** 3 @ rng.uniform(0.1, 1, (3, 30)) ** 3
    observed = rng.uniform(size=truth.shape) > 0.3
    V = np.where(observed, truth, np.nan)
    nmf = fit(V, 3, weights=observed, beta=beta, max_iter=3000, tol=0, check_every=1000, rng=1)
    error = nmf.V_hat - truth
    assert np.linalg.norm(error[~observed]) < 0.02 * np.linalg.norm(truth[~observed])
    assert np.median(np.abs(error / truth)[~observed]) < 5e-3


@pytest.mark.parametrize("hidden", [False, True])
def test_one_atom_has_its_closed_form(hidden: bool) -> None:
    V, W, _, M = problem()
    w, weights = W[:, :1], M if hidden else None
    M = M.astype(float) if hidden else np.ones((F, N))
    observed = M.any(axis=0)
    closed = {
        0: (M * V / w).sum(axis=0) / np.maximum(M.sum(axis=0), 1),
        1: (M * V).sum(axis=0) / np.maximum((M * w).sum(axis=0), 1e-300),
        2: (M * V * w).sum(axis=0) / np.maximum((M * w * w).sum(axis=0), 1e-300),
    }
    for beta, H in closed.items():
        nmf = encode(V, w, weights=weights, beta=beta, max_iter=100, tol=0, rng=0)
        np.testing.assert_allclose(nmf.H[0, observed], H[observed], rtol=1e-12)


@pytest.mark.parametrize("beta", BETAS)
def test_silence_stays_silent(beta: float) -> None:
    V, W, H, M = problem()
    for nmf in (
        fit(np.zeros((F, N)), K, beta=beta, rng=0),
        fit(np.where(M, 0, V), K, weights=M, beta=beta, rng=0),
        encode(np.where(M, 0, V), W, weights=M, beta=beta),
    ):
        assert (nmf.V_hat[:, nmf.observed_frames] == 0).all()
        assert (nmf.status, nmf.n_iter, nmf.trace.tolist()) == ("converged", 0, [0.0])
    kept = encode(np.where(M, 0, V), W, weights=M, H=H)
    np.testing.assert_array_equal(kept.H[:, 2], H[:, 2])
    np.testing.assert_array_equal(kept.W, W)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_silent_frames_and_rows_stay_silent(beta: float) -> None:
    V, _, _, _ = problem()
    V[:, 3] = V[5] = 0
    nmf = fit(V, K, beta=beta, max_iter=300, tol=0, check_every=100, rng=0)
    level = V.mean()
    assert nmf.V_hat[:, 3].max() < 1e-9 * level
    assert nmf.V_hat[5].max() < 1e-9 * level
    assert (nmf.V_hat[:, 3] >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [-1, -0.5, 0])
def test_zeros_in_the_data_are_finite_for_beta_up_to_zero(beta: float, dtype: Any) -> None:
    V, _, _, _ = problem()
    V[V < 0.3] = 0
    nmf = fit(V.astype(dtype), K, beta=beta, tol=0, max_iter=300, rng=0)
    assert nmf.status == "max_iter"
    assert np.isfinite(nmf.trace).all()
    assert np.isfinite(nmf.V_hat).all()


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_where_nothing_is_observed_the_start_comes_back(beta: float) -> None:
    V, W, H, _ = problem()
    for nmf in (
        fit(V, weights=np.zeros((F, N)), W=W, H=H, beta=beta),
        encode(np.full((F, N), np.nan), W, weights=np.zeros((F, N), bool), H=H, beta=beta),
    ):
        assert (nmf.status, nmf.n_iter, nmf.trace.size) == ("nothing_observed", 0, 0)
        np.testing.assert_array_equal(nmf.W, W)
        np.testing.assert_array_equal(nmf.H, H)
        assert not nmf.observed_frames.any()
    drawn = fit(V, K, weights=np.zeros((F, N)), beta=beta, rng=0)
    assert drawn.status == "nothing_observed"
    assert np.isfinite(drawn.V_hat).all()


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_a_wholly_hidden_frame_stays_and_is_reported(beta: float) -> None:
    V, W, H, M = problem()
    for nmf in (
        encode(V, W, weights=M, H=H, beta=beta, max_iter=30),
        fit(V, weights=M, W=W, H=H, beta=beta, max_iter=30, settle=30),
    ):
        np.testing.assert_array_equal(nmf.observed_frames, np.arange(N) != 2)
        np.testing.assert_allclose(nmf.H[:, 2], H[:, 2], rtol=1e-14)
        assert (np.abs(nmf.H / H - 1)[:, nmf.observed_frames].max(axis=0) > 1e-3).all()
    others = np.arange(N) != 2
    options: dict[str, Any] = {"beta": beta, "max_iter": 30, "tol": 0}
    with_it = encode(V, W, weights=M, H=H, **options)
    without = encode(V[:, others], W, weights=M[:, others], H=H[:, others], **options)
    np.testing.assert_allclose(with_it.H[:, others], without.H, rtol=1e-9)


def test_a_wholly_hidden_row_keeps_its_dictionary() -> None:
    V, W, H, M = problem()
    nmf = fit(V, weights=M, W=W, H=H, max_iter=20, tol=0)
    np.testing.assert_allclose(nmf.W[4], W[4], rtol=1e-13)
    assert (np.abs(nmf.W / W - 1)[np.arange(F) != 4].max(axis=1) > 1e-3).all()


@pytest.mark.parametrize("penalty", [0.0, 0.2])
@pytest.mark.parametrize("beta", BETAS)
def test_the_trace_is_the_objective_at_start_and_checks(beta: float, penalty: float) -> None:
    V, W, H, M = problem()
    weights = M * np.random.default_rng(1).uniform(0.2, 2, (F, N))
    level = (V * weights).sum() / weights.sum()

    def objective(W: Matrix, H: Matrix) -> float:
        coupling = penalty * level ** (beta - 1) * float(W.sum(axis=0) @ H.sum(axis=1))
        return reference.divergence(V, W, H, beta, weights) + coupling

    options: dict[str, Any] = {"weights": weights, "beta": beta, "penalty": penalty, "tol": 0}
    options |= {"extrapolate": False, "step": "mm"}
    if penalty:
        H[:, 2] = 0  # as a penalty has it where nothing is observed
    nmf = fit(V, W=W, H=H, max_iter=7, check_every=3, **options)
    assert (nmf.status, nmf.n_iter) == ("max_iter", 7)
    steps = [fit(V, W=W, H=H, max_iter=n, **options) for n in (0, 3, 6, 7)]
    assert nmf.trace == pytest.approx([objective(s.W, s.H) for s in steps], rel=1e-9)
    np.testing.assert_allclose(steps[0].H, H, rtol=1e-14)
    encoded = encode(V, W, H=H, max_iter=7, check_every=3, **options)
    assert encoded.trace[0] == pytest.approx(objective(W, H), rel=1e-9)
    assert encoded.trace[-1] == pytest.approx(objective(encoded.W, encoded.H), rel=1e-9)


@pytest.mark.parametrize("step", ["mm", "heuristic"])
@pytest.mark.parametrize("beta", [0, 1, 2, 0.5])
def test_fit_alternates_the_update_of_both_factors(beta: float, step: Any) -> None:
    V, W, H, M = problem()
    weights = M.astype(float)
    options: dict[str, Any] = {"beta": beta, "step": step, "max_iter": 5, "tol": 0}
    options["extrapolate"] = False
    nmf = fit(V, weights=M, W=W, H=H, settle=2, **options)
    encoded = encode(V, W, weights=M, H=H, **options)
    H_alone = H
    for n in range(5):
        H_alone = update(V, W if n == 0 else encoded.W, H_alone, weights, beta=beta, step=step)
    np.testing.assert_allclose(encoded.H, H_alone, rtol=1e-8)
    for n in range(5):
        H = update(V, W, H, weights, beta=beta, step=step)
        if n >= 2:
            W = update(V.T, H.T, W.T, weights.T, beta=beta, step=step).T
    np.testing.assert_allclose(nmf.W, W, rtol=1e-8)
    np.testing.assert_allclose(nmf.H, H, rtol=1e-8)


def test_it_stops_at_the_first_check_that_gains_less_than_tol() -> None:
    V, _, _, _ = problem()
    nmf = fit(V, K, tol=1e-3, check_every=5, max_iter=10_000, rng=0)
    assert nmf.status == "converged"
    assert nmf.n_iter == 5 * (nmf.trace.size - 1) < 10_000
    gains = -np.diff(nmf.trace) / nmf.trace[0]
    assert gains[-1] < 1e-3 <= gains[:-1].min()
    assert fit(V, K, tol=1e-5, check_every=5, max_iter=10_000, rng=0).n_iter > nmf.n_iter


@pytest.mark.parametrize(("max_iter", "checks"), [(0, 1), (1, 2), (10, 2), (11, 3), (20, 3)])
def test_it_ends_at_max_iter_with_a_check(max_iter: int, checks: int) -> None:
    V, _, _, _ = problem()
    nmf = fit(V, K, tol=0, max_iter=max_iter, check_every=10, rng=0)
    assert (nmf.status, nmf.n_iter, nmf.trace.size) == ("max_iter", max_iter, checks)


def test_after_an_overflow_the_last_finite_factors_come_back() -> None:
    # 1e-14, which zeros count as, to the power -4 is beyond single precision.
    V, W, H, _ = problem()
    V[0] = 0
    options: dict[str, Any] = {"W": W, "H": H, "beta": -2.5, "tol": 0, "check_every": 2}
    options["extrapolate"] = False
    nmf = fit(V.astype(np.float32), max_iter=200, **options)
    assert nmf.status == "nonfinite"
    assert nmf.n_iter < 200
    assert not np.isfinite(nmf.trace[-1])
    assert np.isfinite(nmf.trace[:-1]).all()
    before = nmf.n_iter - 2
    kept = fit(V.astype(np.float32), max_iter=before, **options)
    np.testing.assert_array_equal(nmf.W, kept.W)
    np.testing.assert_array_equal(nmf.H, kept.H)
    assert np.isfinite(nmf.V_hat).all()
    assert fit(V, max_iter=200, **options).status == "max_iter"
    # The guard undoes such steps.
    options["extrapolate"] = True
    guarded = fit(V.astype(np.float32), max_iter=200, **options)
    assert guarded.status == "max_iter"
    assert guarded.trace[-1] <= nmf.trace[-2] * (1 + 1e-5)


@pytest.mark.parametrize("extrapolate", [False, True])
def test_an_objective_beyond_the_range_has_the_status_nonfinite(extrapolate: bool) -> None:
    V, W, H, _ = problem()
    V[0] = 0
    options: dict[str, Any] = {"W": W, "H": H, "beta": -4.0, "extrapolate": extrapolate}
    nmf = fit(V.astype(np.float32), tol=0, max_iter=50, **options)
    assert nmf.status == "nonfinite"
    assert np.isfinite(nmf.V_hat).all()


def test_an_objective_beyond_the_range_at_the_start_does_not_end_it() -> None:
    V, W, H, _ = problem()
    far = (1e15 * H).astype(np.float32)  # its cube is beyond single precision
    nmf = encode(V.astype(np.float32), W, H=far, beta=3, max_iter=1000, check_every=2)
    assert nmf.trace[0] == np.inf
    assert nmf.status == "converged"
    gains = -np.diff(nmf.trace[1:]) / nmf.trace[1]  # the first that is finite
    assert gains[-1] < 1e-4 <= gains[:-1].min()


def test_the_dictionary_settles() -> None:
    V, W, H, M = problem()
    still = fit(V, weights=M, W=W, H=H, settle=9, max_iter=9, tol=0)
    np.testing.assert_allclose(still.W, W, rtol=1e-14)
    moved = fit(V, weights=M, W=W, H=H, settle=9, max_iter=10, tol=0)
    assert np.abs(moved.W / W - 1).max() > 0.01
    # Activations that no longer move end it only when the dictionary has moved.
    late = fit(V, weights=M, W=W, H=H, settle=300, max_iter=5000, tol=1e-4)
    assert late.status == "converged"
    assert late.n_iter > 300


def test_the_model_is_the_product_and_its_divergence_the_trace() -> None:
    V, _, _, _ = problem()
    nmf = fit(V, K, rng=0)
    np.testing.assert_array_equal(nmf.V_hat, nmf.W @ nmf.H)
    assert nmf.trace[-1] == pytest.approx(beta_divergence(V, nmf.V_hat), rel=1e-10)


def test_smooth_activations_are_drawn_to_their_neighbours_and_end_with_the_data() -> None:
    rng = np.random.default_rng(0)
    W, H = rng.gamma(1.0, 1.0, (30, 4)), rng.gamma(0.3, 1.0, (4, 50))
    V = W @ H * rng.exponential(1.0, (30, 50))

    def roughness(smooth: float, max_iter: int = 40) -> float:
        nmf = encode(
            V, W, smooth=smooth, extrapolate=False, max_iter=max_iter, tol=0, rng=0
        )  # fmt: skip
        return float(np.abs(np.diff(np.log(nmf.H), axis=1)).mean())

    assert roughness(0.9) < roughness(0.4) < roughness(0.0)
    # Nothing is smoothed in the last three iterations: in five, one is, in four none.
    assert roughness(0.9, 4) == roughness(0.0, 4)
    assert roughness(0.9, 5) < roughness(0.0, 5)
