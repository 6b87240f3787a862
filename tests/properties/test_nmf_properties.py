from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spectramend.nmf import Factorization, encode, fit

Matrix = NDArray[Any]

laws = settings(derandomize=True, max_examples=40, deadline=None)
betas = st.sampled_from([-2, -1, -0.5, 0, 0.3, 0.5, 1, 1.5, 2, 2.5, 3, 4])


class Problem(NamedTuple):
    """Data over six decades with about a third hidden, some frames wholly, and a start."""

    V: Matrix
    M: Matrix
    W: Matrix
    H: Matrix
    bound: Matrix


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    F, N, K = (draw(st.integers(1, most)) for most in (9, 12, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    V, W, H, bound = (10 ** rng.uniform(-3, 3, s) for s in ((F, N), (F, K), (K, N), (F, N)))
    M = rng.uniform(size=(F, N)) > draw(st.sampled_from([0.1, 0.3, 0.7]))
    M[0, 0] = True
    bound[rng.uniform(size=(F, N)) > 0.5] = np.inf
    return Problem(V, M, W, H, bound)


def assert_same_factors(one: Factorization, other: Factorization) -> None:
    np.testing.assert_array_equal(one.W, other.W)
    np.testing.assert_array_equal(one.H, other.H)
    np.testing.assert_array_equal(one.trace, other.trace)


@laws
@given(p=problems(), beta=betas, penalty=st.sampled_from([0.0, 0.01, 3.0]))
def test_the_objective_never_rises_and_factors_stay_finite_and_nonnegative(
    p: Problem, beta: float, penalty: float
) -> None:
    options: dict[str, Any] = {"weights": p.M, "beta": beta, "penalty": penalty, "H": p.H}
    for nmf in (
        fit(p.V, W=p.W, tol=0, max_iter=40, check_every=1, **options),
        encode(p.V, p.W, tol=0, max_iter=40, check_every=1, **options),
    ):
        assert nmf.status == "max_iter"
        assert nmf.trace.shape == (41,)
        # Rounding is that of the largest terms: powers of model and data over six decades.
        assert (np.diff(nmf.trace) <= 1e-10 * nmf.trace[:-1] + 1e-13 * nmf.trace[0]).all()
        for factor in (nmf.W, nmf.H):
            assert np.isfinite(factor).all()
            assert (factor >= 0).all()


@laws
@given(
    p=problems(),
    beta=betas,
    value=st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1.0, 0.0]),
    bounded=st.booleans(),
)
def test_values_in_hidden_cells_have_no_influence(
    p: Problem, beta: float, value: float, bounded: bool
) -> None:
    bound = p.bound if bounded else None
    for weights in (p.M, np.where(p.M, 0.7, 0)):
        options: dict[str, Any] = {
            "weights": weights, "bound": bound, "beta": beta, "penalty": 0.1, "max_iter": 15,
        }  # fmt: skip
        other = np.where(p.M, p.V, value)
        assert_same_factors(fit(p.V, 3, rng=0, **options), fit(other, 3, rng=0, **options))
        one = encode(p.V, p.W, rng=0, **options)
        assert_same_factors(one, encode(other, p.W, rng=0, **options))


@laws
@given(p=problems(), beta=betas, k=st.integers(-60, 60), bounded=st.booleans())
def test_a_power_of_two_scales_the_result_exactly(
    p: Problem, beta: float, k: int, bounded: bool
) -> None:
    def options(scale: float) -> dict[str, Any]:
        bound = scale * p.bound if bounded else None
        return {"weights": p.M, "bound": bound, "beta": beta, "penalty": 0.1, "max_iter": 15}

    scale: Any = 2.0**k
    for dtype in (np.float64, np.float32):
        V: Matrix = p.V.astype(dtype)
        for init in ("exemplars", "random"):
            one = fit(V, 3, init=init, rng=0, **options(1))
            scaled = fit(scale * V, 3, init=init, rng=0, **options(scale))
            of_W, of_H = (1, scale) if init == "exemplars" else (scale, 1)
            np.testing.assert_array_equal(scaled.W, of_W * one.W)
            np.testing.assert_array_equal(scaled.H, of_H * one.H)
            np.testing.assert_allclose(scaled.trace, scale**beta * one.trace, rtol=1e-12)
        one = encode(V, p.W, rng=0, **options(1))
        scaled = encode(scale * V, p.W, rng=0, **options(scale))
        np.testing.assert_array_equal(scaled.W, one.W)
        np.testing.assert_array_equal(scaled.H, scale * one.H)
        assert (scaled.status, scaled.n_iter) == (one.status, one.n_iter)


@laws
@given(p=problems(), beta=betas, scale=st.sampled_from([1e-9, 0.3, 1e9]))
def test_any_scale_scales_the_model_to_rounding(p: Problem, beta: float, scale: float) -> None:
    def options(scale: float) -> dict[str, Any]:
        bound = scale * p.bound
        return {"weights": p.M, "bound": bound, "beta": beta, "penalty": 0.1, "tol": 0, "rng": 0}

    # Extrapolation may make much of rounding.
    for extrapolate, rtol in ((False, 1e-6), (True, 2e-2)):
        how: dict[str, Any] = {"max_iter": 15, "extrapolate": extrapolate}
        one = fit(p.V, 3, **how, **options(1))
        scaled = fit(scale * p.V, 3, **how, **options(scale))
        np.testing.assert_allclose(scaled.trace, scale**beta * one.trace, rtol=rtol)
        if not extrapolate:
            # What the floors hold up is relative to the level, and no more than that.
            atol = 1e-10 * p.V[p.M].mean()
            np.testing.assert_allclose(scaled.V_hat / scale, one.V_hat, rtol=rtol, atol=atol)


@laws
@given(p=problems(), beta=betas)
def test_all_observed_is_plain_nmf(p: Problem, beta: float) -> None:
    plain = fit(p.V, 3, beta=beta, penalty=0.1, max_iter=15, rng=0)
    for ones in (np.ones(p.V.shape), np.ones(p.V.shape, bool), np.ones(p.V.shape, int).tolist()):
        weighted = fit(p.V, 3, weights=ones, beta=beta, penalty=0.1, max_iter=15, rng=0)
        assert_same_factors(plain, weighted)
        assert plain.observed_frames.all()


@laws
@given(p=problems(), beta=betas, seed=st.integers(0, 9))
def test_permuted_frames_have_permuted_activations(p: Problem, beta: float, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(p.V.shape[1])
    options: dict[str, Any] = {"beta": beta, "penalty": 0.1, "max_iter": 15, "tol": 0}
    for solver in (fit, encode):
        one = solver(p.V, W=p.W, H=p.H, weights=p.M, bound=p.bound, **options)
        other = solver(
            p.V[:, order], W=p.W, H=p.H[:, order], weights=p.M[:, order],
            bound=p.bound[:, order], **options,
        )  # fmt: skip
        np.testing.assert_allclose(other.H, one.H[:, order], rtol=1e-6, atol=1e-10 * one.H.max())
        np.testing.assert_array_equal(other.observed_frames, one.observed_frames[order])
        # Sums in another order round differently, which may decide what is extrapolated.
        atol = 1e-10 * abs(one.trace[0])
        np.testing.assert_allclose(other.trace, one.trace, rtol=1e-9, atol=atol)


@laws
@given(p=problems(), beta=betas)
def test_moving_scale_between_the_factors_of_the_start_moves_nothing_else(
    p: Problem, beta: float
) -> None:
    options: dict[str, Any] = {"weights": p.M, "beta": beta, "penalty": 0.1, "tol": 0}
    gains = 2.0 ** np.arange(-20, 20, 8)[: p.W.shape[1]]
    one = fit(p.V, W=p.W, H=p.H, max_iter=15, **options)
    other = fit(p.V, W=p.W * gains, H=p.H / gains[:, None], max_iter=15, **options)
    np.testing.assert_array_equal(other.W, one.W * gains)
    np.testing.assert_array_equal(other.H, one.H / gains[:, None])
