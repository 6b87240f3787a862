"""Input of fit and encode: memory order, dtypes, sizes, range, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import F, K, N, assert_identical, log_uniform, noisy, problem
from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf import (
    encode,
    fit,
)

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [-1, 0, 1, 2])
def test_zeros_and_subnormal_values_are_data(beta: float, dtype: Any) -> None:
    V = noisy(12, 2, 20).astype(dtype)
    V[3], V[:, 5] = 0, 0
    V[0, 0] = np.finfo(dtype).smallest_subnormal
    M = np.random.default_rng(0).uniform(size=V.shape) > 0.2
    for weights in (None, M, M * 0.5):
        nmf = fit(V, 2, weights=weights, beta=beta, rng=0)
        assert nmf.status in ("converged", "max_iter")
        assert np.isfinite(nmf.V_hat).all()
        assert np.isfinite(nmf.trace).all()
        assert (np.diff(nmf.trace) <= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_that_is_wholly_subnormal_is_scaled(dtype: Any) -> None:
    V = np.ceil(noisy(12, 2, 20) * 100)
    small = (V * float(np.finfo(dtype).smallest_subnormal)).astype(dtype)
    one, other = (fit(data, 2, max_iter=20, tol=0, rng=0) for data in (V.astype(dtype), small))
    assert one.trace == pytest.approx(other.trace, rel=1e-3)
    np.testing.assert_allclose(one.W, other.W, rtol=3e-2, atol=1e-3)


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
