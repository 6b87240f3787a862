from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from reference import nmf as reference
from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf import Bounded, Factorization, Penalties, beta_divergence, encode, fit, update

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)
F, K, N = 8, 3, 10


def log_uniform(rng: np.random.Generator, *shape: int, decades: float = 2.0) -> Matrix:
    return 10 ** rng.uniform(-decades / 2, decades / 2, shape)


def problem(seed: int = 0, decades: float = 2.0) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Data, factors to start from, and a mask that hides frame 2 and row 4 wholly."""
    rng = np.random.default_rng(seed)
    shapes = ((F, N), (F, K), (K, N))
    V, W, H = (log_uniform(rng, *shape, decades=decades) for shape in shapes)
    M = rng.uniform(size=(F, N)) > 0.3
    M[:, 2] = M[4] = False
    return V, W, H, M


def assert_identical(one: Factorization, other: Factorization) -> None:
    np.testing.assert_array_equal(one.W, other.W)
    np.testing.assert_array_equal(one.H, other.H)
    np.testing.assert_array_equal(one.trace, other.trace)
    np.testing.assert_array_equal(one.observed_frames, other.observed_frames)
    assert (one.status, one.n_iter) == (other.status, other.n_iter)


# --- known answers ---------------------------------------------------------------------------


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
    seen = M.any(axis=0)
    closed = {
        0: (M * V / w).sum(axis=0) / np.maximum(M.sum(axis=0), 1),
        1: (M * V).sum(axis=0) / np.maximum((M * w).sum(axis=0), 1e-300),
        2: (M * V * w).sum(axis=0) / np.maximum((M * w * w).sum(axis=0), 1e-300),
    }
    for beta, H in closed.items():
        nmf = encode(V, w, weights=weights, beta=beta, max_iter=100, tol=0, rng=0)
        np.testing.assert_allclose(nmf.H[0, seen], H[seen], rtol=1e-12)


def test_a_penalty_has_its_closed_form_in_units_of_the_level() -> None:
    V, W, _, _ = problem()
    w = W[:, :1]
    for scale in (1.0, 1e-7, 3e6):
        nmf = encode(scale * V, w, beta=1, penalty=0.3, max_iter=200, tol=0, rng=0)
        np.testing.assert_allclose(nmf.H[0], scale * V.sum(0) / (1.3 * w.sum()), rtol=1e-12)
        # beta = 2: d/dh of sum (v - w h)**2 / 2 + 0.3 * level * h * sum w
        nmf = encode(scale * V, w, beta=2, penalty=0.3, max_iter=2000, tol=0, rng=0)
        h = ((V * w).sum(0) - 0.3 * V.mean() * w.sum()) / (w * w).sum()
        np.testing.assert_allclose(nmf.H[0, h > 0.01], scale * h[h > 0.01], rtol=1e-6)
        assert (nmf.H[0, h < 0] < 1e-6 * scale).all()


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
def test_a_silent_frame_and_a_silent_row_stay_silent_for_all_that_is_heard(beta: float) -> None:
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


# --- what cannot be known --------------------------------------------------------------------


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
def test_a_wholly_hidden_frame_is_left_and_named(beta: float) -> None:
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


def test_a_penalty_empties_a_wholly_hidden_frame() -> None:
    V, W, H, M = problem()
    for penalty in (0.1, Penalties(l1_H=0.1), Penalties(l2_H=0.1)):
        nmf = encode(V, W, weights=M, H=H, penalty=penalty, max_iter=3)
        assert (nmf.V_hat[:, 2] == 0).all()
    kept = encode(V, W, weights=M, H=H, penalty=Penalties(l1_W=0.1), max_iter=3)
    np.testing.assert_array_equal(kept.H[:, 2], H[:, 2])


def test_a_wholly_hidden_row_keeps_its_dictionary() -> None:
    V, W, H, M = problem()
    nmf = fit(V, weights=M, W=W, H=H, max_iter=20, tol=0)
    np.testing.assert_allclose(nmf.W[4], W[4], rtol=1e-13)
    assert (np.abs(nmf.W / W - 1)[np.arange(F) != 4].max(axis=1) > 1e-3).all()


# --- status and trace ------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.0, 0.2])
@pytest.mark.parametrize("beta", BETAS)
def test_the_trace_is_the_objective_at_start_and_checks(beta: float, penalty: float) -> None:
    V, W, H, M = problem()
    weights = M * np.random.default_rng(1).uniform(0.2, 2, (F, N))
    level = (V * weights).sum() / weights.sum()

    def objective(W: Matrix, H: Matrix) -> float:
        pull = penalty * level ** (beta - 1) * float(W.sum(axis=0) @ H.sum(axis=1))
        return reference.divergence(V, W, H, beta, weights) + pull

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
    # The guard takes such steps back.
    options["extrapolate"] = True
    guarded = fit(V.astype(np.float32), max_iter=200, **options)
    assert guarded.status == "max_iter"
    assert guarded.trace[-1] <= nmf.trace[-2] * (1 + 1e-5)


@pytest.mark.parametrize("extrapolate", [False, True])
def test_an_objective_beyond_the_range_is_told(extrapolate: bool) -> None:
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


# --- start -----------------------------------------------------------------------------------


def test_equal_seeds_give_equal_factors() -> None:
    V, W, _, M = problem()
    for given in ({"n_components": K}, {"W": W}):
        how = {} if "W" in given else {"init": "random"}
        solver: Any = partial(encode if "W" in given else fit, V, weights=M, max_iter=3)
        solver = partial(solver, **given, **how)
        assert_identical(solver(rng=7), solver(rng=7))
        assert_identical(solver(rng=7), solver(rng=np.random.default_rng(7)))
        observed = M.any(axis=0)
        assert (solver(rng=7).H != solver(rng=8).H)[:, observed].all()
        assert (solver(rng=None).H != solver(rng=None).H)[:, observed].all()
    generator = np.random.default_rng(7)
    first, second = (encode(V, W, max_iter=3, rng=generator) for _ in range(2))
    assert (first.H != second.H).all()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_random_starts_have_the_level_of_the_data(scale: float) -> None:
    rng = np.random.default_rng(3)
    V, W = rng.uniform(0, 2, (100, 200)) * scale, rng.uniform(0, 2, (100, 20)) * 1e5
    for nmf in (
        fit(V, 20, max_iter=0, rng=0),
        fit(V, W=W, max_iter=0, rng=0),
        encode(V, W, max_iter=0, rng=0),
    ):
        assert 0.5 * scale < nmf.V_hat.mean() < 2 * scale


# --- input -----------------------------------------------------------------------------------


def test_the_callers_arrays_are_only_read() -> None:
    V, W, H, M = problem()
    bound = np.where(M, np.inf, 0.5)
    originals = (V, W, H, M, bound)
    given = [a.copy() for a in originals]
    for array in given:
        array.setflags(write=False)
    V_, W_, H_, M_, B_ = given
    for max_iter in (5, 0):
        options: dict[str, Any] = {"weights": M_, "bound": B_, "H": H_, "max_iter": max_iter}
        results = (
            fit(V_, W=W_, penalty=0.1, **options),
            encode(V_, W_, penalty=0.1, **options),
            encode(V_, W_, weights=np.zeros((F, N)), H=H_),
            encode(np.zeros((F, N)), W_, H=H_),
        )
        for nmf in results:
            nmf.W[...] = nmf.H[...] = -1  # writeable, and nobody else's
    for array, original in zip(given, originals, strict=True):
        np.testing.assert_array_equal(array, original)


@pytest.mark.parametrize("beta", BETAS)
def test_layout_and_type_of_the_data_do_not_matter(beta: float) -> None:
    V, W, H, M = problem()
    V = np.ceil(V)
    expected = fit(V, weights=M, W=W, H=H, beta=beta, max_iter=20, tol=0)
    wide = np.repeat(V, 2, axis=1)[:, ::2]
    same: tuple[Any, ...] = (np.asfortranarray(V), wide, V.astype(np.int16), V.tolist())
    for data in same:
        nmf = fit(data, weights=M, W=W, H=H, beta=beta, max_iter=20, tol=0)
        assert nmf.W.dtype == nmf.H.dtype == np.float64
        np.testing.assert_allclose(nmf.V_hat, expected.V_hat, rtol=1e-9)
    turned = fit(
        V, weights=np.asfortranarray(M), W=np.asfortranarray(W), H=H[:, ::-1][:, ::-1],
        beta=beta, max_iter=20, tol=0,
    )  # fmt: skip
    assert_identical(turned, expected)


@pytest.mark.parametrize("beta", BETAS)
def test_single_precision_follows_double(beta: float) -> None:
    V, W, H, M = problem()
    double = fit(V, weights=M, W=W, H=H, beta=beta, max_iter=20, tol=0)
    single = fit(V.astype(np.float32), weights=M, W=W, H=H, beta=beta, max_iter=20, tol=0)
    assert single.W.dtype == single.H.dtype == np.float32
    np.testing.assert_allclose(single.V_hat, double.V_hat, rtol=2e-3)
    assert single.trace == pytest.approx(double.trace, rel=1e-4)


def test_a_dictionary_of_integers_works() -> None:
    V = np.array([[2.0, 4.0], [3.0, 9.0]])
    np.testing.assert_allclose(encode(V, [[1, 0], [0, 1]], beta=1, rng=0).H, V, rtol=1e-3)


def test_an_empty_atom_stays_empty() -> None:
    V, W, H, _ = problem()
    W[:, 1] = 0
    nmf = encode(V, W, H=H, max_iter=50, tol=0)
    np.testing.assert_array_equal(nmf.W, W)
    without = encode(V, W[:, [0, 2]], H=H[[0, 2]], max_iter=50, tol=0)
    np.testing.assert_allclose(nmf.H[[0, 2]], without.H, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 4)])
@pytest.mark.parametrize("K", [1, 2, 12])
def test_every_small_size_works(shape: tuple[int, int], K: int) -> None:
    V = log_uniform(np.random.default_rng(0), *shape)
    nmf = fit(V, K, beta=1, max_iter=2000, tol=0, rng=0)
    assert nmf.W.shape == (shape[0], K)
    assert nmf.H.shape == (K, shape[1])
    if min(shape) <= K:
        np.testing.assert_allclose(nmf.V_hat, V, rtol=1e-2)
    # Kullback-Leibler keeps the sums.
    np.testing.assert_allclose(nmf.V_hat.sum(axis=1), V.sum(axis=1), rtol=1e-6)


@pytest.mark.parametrize(
    ("beta", "dtype"),
    [(b, d) for b in BETAS for d in (np.float32, np.float64) if (b, d) != (-1, np.float32)],
)
def test_sixty_decades_of_data_give_finite_factors(beta: float, dtype: Any) -> None:
    rng = np.random.default_rng(4)
    V = log_uniform(rng, F, N, decades=60).astype(dtype)
    V[0, 0], V[1, 1] = 1e-30, 1e30
    M = rng.uniform(size=V.shape) > 0.3
    nmf = fit(V, K, weights=M, beta=beta, max_iter=100, rng=0)
    assert nmf.status in ("converged", "max_iter")
    assert np.isfinite(nmf.V_hat).all()
    assert (np.diff(nmf.trace) <= 1e-5 * nmf.trace[:-1]).all()


@pytest.mark.parametrize("level", [1e-300, 1e-150, 1e150, 1e300])
@pytest.mark.parametrize("beta", [0, 1, 2, 3])
def test_levels_whose_powers_overflow_leave_the_factors_right(beta: float, level: float) -> None:
    V, W, H, _ = problem()
    expected = encode(V, W, H=H, beta=beta, max_iter=20, tol=0)
    nmf = encode(level * V, W, H=level * H, beta=beta, max_iter=20, tol=0)
    # Activations at the floor are relative to a power of two near the level.
    np.testing.assert_allclose(nmf.H / level, expected.H, rtol=1e-9, atol=1e-9)
    with np.errstate(over="ignore"):
        units = np.float64(level) ** beta
        np.testing.assert_allclose(nmf.trace, units * expected.trace, rtol=1e-9)


# --- bounds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_an_infinite_bound_is_no_bound(beta: float) -> None:
    V, _, _, M = problem()
    bound = np.full((F, N), np.inf)
    plain = fit(V, K, weights=M, beta=beta, penalty=0.1, max_iter=30, rng=0)
    with_it = fit(V, K, weights=M, bound=bound, beta=beta, penalty=0.1, max_iter=30, rng=0)
    assert_identical(plain, with_it)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_huge_bound_tells_as_little(dtype: Any) -> None:
    V, W, _, M = problem()
    M[:, 2] = M[4] = True
    plain = encode(V.astype(dtype), W, weights=M, max_iter=4000, tol=0, rng=0)
    bound = np.where(M, 0.0, 1e300)
    with_it = encode(V.astype(dtype), W, weights=M, bound=bound, max_iter=4000, tol=0, rng=0)
    # EM is slower than what it maximises, and both end in the same place.
    assert with_it.trace[-1] == pytest.approx(plain.trace[-1], rel=1e-4)


def test_bounds_on_observed_cells_are_not_looked_at() -> None:
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
    pulled = fit(V, W=W, H=H, max_iter=60, check_every=1, penalty=0.3, **options)
    assert (np.diff(pulled.trace) <= 1e-11 * pulled.trace[0]).all()


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


# --- refusals --------------------------------------------------------------------------------

ONES = np.ones((F, N))


def with_cell(value: float, shape: tuple[int, int] = (F, N)) -> Matrix:
    matrix = np.ones(shape)
    matrix[1, 1] = value
    return matrix


NOT_NUMBERS = np.full((F, N), "a")


@pytest.mark.parametrize("solver", [fit, encode])
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"V": np.ones(F)}, ParameterError, r"V has shape (8,): give a real matrix (F, N)"),
        ({"V": np.ones((0, N))}, ParameterError, r"V has shape (0, 10)"),
        ({"V": ONES * 1j}, ParameterError, r"give a real matrix"),
        ({"V": NOT_NUMBERS}, ParameterError, r"give a real matrix"),
        ({"V": with_cell(-1)}, ParameterError, r"V has negative, NaN or infinite observed cells"),
        ({"V": with_cell(np.nan)}, ParameterError, r"V has negative, NaN or infinite"),
        ({"V": with_cell(np.inf)}, ParameterError, r"V has negative, NaN or infinite"),
        ({"weights": np.ones((N, F))}, MismatchError, r"weights has shape (10, 8), V (8, 10)"),
        ({"weights": with_cell(-1)}, ParameterError, r"weights has negative or NaN cells"),
        ({"weights": with_cell(np.nan)}, ParameterError, r"weights has negative or NaN cells"),
        ({"weights": with_cell(np.inf)}, ParameterError, r"weights has infinite cells"),
        ({"weights": NOT_NUMBERS}, ParameterError, r"weights has negative or NaN cells"),
        ({"bound": np.ones((F, 1))}, MismatchError, r"bound has shape (8, 1), V (8, 10)"),
        ({"bound": with_cell(-1)}, ParameterError, r"bound has negative or NaN cells"),
        ({"bound": with_cell(np.nan)}, ParameterError, r"bound has negative or NaN cells"),
        ({"W": np.ones((N, K))}, MismatchError, r"W has shape (10, 3): (8, K) is needed"),
        ({"W": np.ones(F)}, MismatchError, r"W has shape (8,): (8, K) is needed"),
        ({"W": np.ones((F, 0))}, MismatchError, r"W has shape (8, 0): (8, K) is needed"),
        ({"W": with_cell(-1, (F, K))}, ParameterError, r"W has negative, NaN or infinite cells"),
        ({"W": with_cell(np.inf, (F, K))}, ParameterError, r"W has negative, NaN or infinite"),
        ({"W": np.ones((F, K)) * 1j}, ParameterError, r"W has negative, NaN or infinite cells"),
        ({"H": np.ones((N, K))}, MismatchError, r"H has shape (10, 3): (3, 10) is needed"),
        ({"H": with_cell(np.nan, (K, N))}, ParameterError, r"H has negative, NaN or infinite"),
        ({"step": "em"}, ParameterError, r"step='em': give 'mm' or 'heuristic'"),
        ({"beta": np.nan}, ParameterError, r"beta=nan: give a finite number"),
        ({"beta": np.inf}, ParameterError, r"beta=inf: give a finite number"),
        ({"penalty": -0.1}, ParameterError, r"penalty=-0.1: give at least 0"),
        ({"penalty": np.nan}, ParameterError, r"penalty=nan: give at least 0"),
        ({"max_iter": -1}, ParameterError, r"max_iter=-1: give at least 0"),
        ({"tol": -1e-3}, ParameterError, r"tol=-0.001: give at least 0"),
        ({"check_every": 0}, ParameterError, r"check_every=0: give at least 1"),
    ],
)
def test_what_cannot_work_is_refused(
    solver: Any, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    options: dict[str, Any] = {"V": ONES, "W": np.ones((F, K)), **changes}
    with pytest.raises(error, match=re.escape(message)):
        solver(**options)


def test_fit_refuses_what_only_it_takes() -> None:
    for n_components in (None, 0, -2):
        with pytest.raises(ParameterError, match=rf"n_components={n_components}: give at least 1"):
            fit(ONES, n_components)
    with pytest.raises(MismatchError, match=r"n_components=4, but W has 3 columns: give one"):
        fit(ONES, 4, W=np.ones((F, 3)))
    with pytest.raises(ParameterError, match=r"settle=-1: give at least 0"):
        fit(ONES, 4, settle=-1)
    assert fit(ONES, 3, W=np.ones((F, 3)), rng=0).status == "converged"


def test_hidden_cells_may_hold_what_is_refused_elsewhere() -> None:
    M = np.ones((F, N), bool)
    M[1, 1] = False
    for value in (-1, np.nan, np.inf):
        assert fit(with_cell(value), K, weights=M, rng=0).status == "converged"


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


def test_knowledge_of_cells_that_are_not_hidden_is_refused() -> None:
    cells = np.ones((3, 3), bool)
    knowledge = Bounded(cells, np.ones(9), 0.0)
    with pytest.raises(MismatchError, match=r"with weight 0"):
        encode(np.ones((3, 3)), np.ones((3, 1)), bound=knowledge)
