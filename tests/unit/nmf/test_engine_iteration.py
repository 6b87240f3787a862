"""The iteration against plain loops: extrapolation and its guard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import noisy
from reference import nmf as reference
from spectramend.nmf import (
    beta_divergence,
    encode,
    fit,
)
from spectramend.nmf._engine.sweep import OVER_RELAXATION

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


@pytest.mark.parametrize("step", ["mm", "heuristic"])
@pytest.mark.parametrize("beta", BETAS)
def test_extrapolation_saves_iterations(beta: float, step: Any) -> None:
    V = noisy()
    options: dict[str, Any] = {"beta": beta, "step": step, "tol": 0, "rng": 0, "init": "random"}
    plain = fit(V, 6, extrapolate=False, max_iter=80, **options)
    fast = fit(V, 6, max_iter=50, **options)
    assert fast.trace[-1] < plain.trace[-1]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_the_iteration_is_the_one_that_is_described(beta: float, masked: bool) -> None:
    rng = np.random.default_rng(3)
    V, W, H = (10 ** rng.uniform(-1.5, 1.5, shape) for shape in ((7, 9), (7, 3), (3, 9)))
    M = np.where(rng.uniform(size=V.shape) > 0.2, rng.uniform(0.5, 2, V.shape), 0)
    weights = M if masked else None
    for n in (1, 2, 3, 8, 16):
        slow_W, slow_H, _ = reference.descend(V, W, H, beta, weights, n, OVER_RELAXATION)
        nmf = fit(V, weights=weights, W=W, H=H, beta=beta, max_iter=n, tol=0)
        for fast, slow in ((nmf.W, slow_W), (nmf.H, slow_H)):
            np.testing.assert_allclose(fast, slow, rtol=1e-6, atol=1e-9 * slow.max())  # the floor
    *_, rises = reference.descend(V, W, H, beta, weights, 40, OVER_RELAXATION)
    assert any(rises)  # so that the guard was needed


@pytest.mark.parametrize("beta", BETAS)
def test_frames_have_momentum_and_guard_of_their_own(beta: float) -> None:
    V, W = noisy(), np.random.default_rng(1).gamma(0.5, 1.0, (60, 6)) + 1e-3
    options: dict[str, Any] = {"beta": beta, "max_iter": 25, "tol": 0}
    H = np.ones((6, 150))
    together = encode(V, W, H=H, **options)
    apart = [encode(V[:, [n]] * 1.0, W, H=H[:, [n]], **options) for n in (0, 7, 149)]
    for n, alone in zip((0, 7, 149), apart, strict=True):
        # The scale, a power of two near the level, moves the floor by rounding.
        close: Any = {"rtol": 1e-6, "atol": 1e-9 * V.mean()}
        np.testing.assert_allclose(together.V_hat[:, n], alone.V_hat[:, 0], **close)


@pytest.mark.parametrize("beta", [-2, 0, 0.5, 1, 2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_divergence_never_rises_over_many_decades(beta: float, dtype: Any) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        V, W, H = (10 ** rng.uniform(-3, 3, s) for s in ((9, 12), (9, 4), (4, 12)))
        M = np.where(rng.uniform(size=V.shape) > 0.3, rng.uniform(0.2, 2, V.shape), 0)
        options: dict[str, Any] = {"weights": M, "beta": beta, "H": H, "tol": 0, "check_every": 1}
        for nmf in (
            fit(V.astype(dtype), W=W, max_iter=60, **options),
            encode(V.astype(dtype), W, max_iter=60, **options),
        ):
            assert nmf.status == "max_iter"
            assert (np.diff(nmf.trace) <= 0).all()
            end = beta_divergence(V, nmf.W.astype(float) @ nmf.H, beta=beta, weights=M)
            assert end == pytest.approx(nmf.trace[-1], rel=1e-3 if dtype == np.float32 else 1e-8)


def test_a_step_that_overshoots_is_undone() -> None:
    # The heuristic exponent 1 turns v into v**2/h**... of one cell around its minimum for ever.
    V, W, H = np.array([[1.0], [100.0]]), np.array([[1.0], [1e-4]]), np.array([[50.0]])
    plain = encode(V, W, H=H, extrapolate=False, max_iter=50, tol=0, check_every=1)
    fast = encode(V, W, H=H, max_iter=50, tol=0, check_every=1)
    assert (np.diff(fast.trace) <= 0).all()
    assert fast.trace[-1] <= plain.trace[-1] + 1e-9


def test_activations_beyond_the_range_share_their_scale_with_the_atoms() -> None:
    # The atom is as loud as single precision allows; alone the activations would be beyond it.
    V = np.full((4, 6), 1e37, np.float32)
    W = np.full((4, 1), 1e-8, np.float32)
    nmf = fit(V, W=W, H=np.ones((1, 6)), beta=1, max_iter=50, tol=0)
    assert np.isfinite(nmf.W).all()
    assert np.isfinite(nmf.H).all()
    np.testing.assert_allclose(nmf.V_hat, V, rtol=1e-3)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_quiet_frames_converge_as_if_they_were_alone(beta: float) -> None:
    V, W = noisy(), np.random.default_rng(1).gamma(0.5, 1.0, (60, 6)) + 1e-3
    V[:, ::2] *= 1e-5
    H = np.ones((6, 150)) * V.mean(axis=0)
    options: dict[str, Any] = {"beta": beta, "max_iter": 200, "tol": 0}
    together = encode(V, W, H=H, **options)
    alone = encode(V[:, ::2], W, H=H[:, ::2], **options)
    atol = 1e-4 * V[:, ::2].mean()  # the floor of activations is relative to the loud ones
    np.testing.assert_allclose(together.V_hat[:, ::2], alone.V_hat, rtol=1e-3, atol=atol)
