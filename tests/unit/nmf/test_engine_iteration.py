"""Extrapolation and its guard, starts, penalties, blocks and threads."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from reference import nmf as reference
from spectramend.errors import ParameterError
from spectramend.nmf import Penalties, beta_divergence, encode, fit
from spectramend.nmf._engine import frame_blocks
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.frame_blocks import split
from spectramend.nmf._engine.sweep import OVER_RELAXATION

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


def noisy(F: int = 60, K: int = 6, N: int = 150, seed: int = 0) -> Matrix:
    """Data of low rank under exponential noise, as power spectra are."""
    rng = np.random.default_rng(seed)
    W, H = rng.gamma(0.5, 1.0, (F, K)), rng.gamma(0.5, 1.0, (K, N))
    return W @ H * rng.exponential(1.0, (F, N))


# --- extrapolation ---------------------------------------------------------------------------


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


def test_a_step_that_overshoots_is_taken_back() -> None:
    # The heuristic exponent 1 turns v into v**2/h**... of one cell around its minimum for ever.
    V, W, H = np.array([[1.0], [100.0]]), np.array([[1.0], [1e-4]]), np.array([[50.0]])
    plain = encode(V, W, H=H, extrapolate=False, max_iter=50, tol=0, check_every=1)
    fast = encode(V, W, H=H, max_iter=50, tol=0, check_every=1)
    assert (np.diff(fast.trace) <= 0).all()
    assert fast.trace[-1] <= plain.trace[-1] + 1e-9


# --- penalties -------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e7])
@pytest.mark.parametrize("beta", [0, 0.5, 1, 2, 3])
def test_penalties_on_both_factors_are_the_objective(beta: float, scale: float) -> None:
    V = noisy(8, 3, 12) * scale
    p = Penalties(0.3 * scale ** (beta - 1), 0.2, 0.7 * scale ** (beta - 2), 0.1)
    nmf = fit(V, 3, beta=beta, penalty=p, max_iter=80, tol=0, check_every=1, rng=0)
    W, H = nmf.W, nmf.H
    value = reference.divergence(V, W, H, beta) + p.l1_W * W.sum() + p.l1_H * H.sum()
    value += p.l2_W / 2 * (W**2).sum() + p.l2_H / 2 * (H**2).sum()
    assert nmf.trace[-1] == pytest.approx(value, rel=1e-9)
    assert (np.diff(nmf.trace) <= 0).all()


def test_penalties_have_their_closed_form() -> None:
    v, l1, l2 = np.array([[3.0, 0.5]]), 0.4, 0.5
    one = np.ones((1, 1))
    options: dict[str, Any] = {"beta": 2, "max_iter": 400, "tol": 0, "rng": 0}
    nmf = encode(v, one, penalty=Penalties(l1_H=l1, l2_H=l2), **options)
    np.testing.assert_allclose(nmf.H, (v - l1) / (1 + l2), rtol=1e-9)


@pytest.mark.parametrize("name", ["l1_W", "l1_H", "l2_W", "l2_H"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_penalties_refuse_what_cannot_work(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=rf"{name}={value}: give at least 0"):
        Penalties(**{name: value})


# --- starts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_exemplars_are_worth_iterations(beta: float) -> None:
    V = noisy()
    drawn, noise = (
        fit(V, 6, beta=beta, init=init, max_iter=15, tol=0, rng=0)
        for init in ("exemplars", "random")
    )
    assert drawn.trace[0] < noise.trace[0]
    assert drawn.trace[-1] < noise.trace[-1]


def test_exemplars_are_frames_at_their_level() -> None:
    V = noisy()
    V[:, 20:40] = 0
    nmf = fit(V, 10, max_iter=0, rng=0)
    np.testing.assert_allclose(nmf.V_hat.sum(axis=0)[:20], V.sum(axis=0)[:20], rtol=0.7)
    assert nmf.V_hat[:, 20:40].max() < 1e-5 * V.mean()
    unit = V / np.maximum(V.mean(axis=0), 1e-300)
    nearest = [np.abs(unit - atom[:, None]).mean(axis=0) for atom in nmf.W.T]
    assert max(distance.min() for distance in nearest) < 0.1
    assert len({int(distance.argmin()) for distance in nearest}) == 10
    assert not {int(distance.argmin()) for distance in nearest} & set(range(20, 40))


def test_hidden_cells_of_exemplars_are_those_of_the_mean_frame() -> None:
    rng = np.random.default_rng(0)
    V = np.outer(rng.gamma(1.0, 1.0, 40), rng.gamma(1.0, 1.0, 50))
    M = rng.uniform(size=V.shape) > 0.5
    nmf = fit(np.where(M, V, np.nan), 5, weights=M, max_iter=0, rng=0)
    np.testing.assert_allclose(nmf.V_hat, V, rtol=0.5)


@pytest.mark.parametrize("K", [1, 7, 30])
def test_more_atoms_than_frames_are_made_to_differ(K: int) -> None:
    V = noisy(20, 3, 5)
    V[:, 1] = 0
    nmf = fit(V, K, max_iter=0, rng=0)
    assert np.linalg.matrix_rank(nmf.W) == min(K, 20)
    assert fit(V, K, rng=0).trace[-1] < nmf.trace[0]


def test_long_data_is_learned_from_a_sample_first() -> None:
    V = noisy(40, 8, 3000)
    V[:, 5] = np.nan
    M = np.isfinite(V)
    options: dict[str, Any] = {"weights": M, "max_iter": 6, "tol": 0, "check_every": 1, "rng": 0}
    sampled, drawn = (fit(V, 8, init=init, **options) for init in ("sample", "exemplars"))
    assert sampled.n_iter == 6
    assert sampled.trace[-1] < drawn.trace[-1]
    np.testing.assert_array_equal(sampled.observed_frames, M.all(axis=0))
    # Where there are not many more frames than the sample would have, there is none.
    few = {"V": V[:, :300], "n_components": 8, **options, "weights": M[:, :300]}
    one, other = (fit(**few, init=init) for init in ("sample", "exemplars"))
    np.testing.assert_array_equal(one.W, other.W)
    np.testing.assert_array_equal(one.trace, other.trace)


def test_a_start_of_another_name_is_refused() -> None:
    with pytest.raises(ParameterError, match="init='nndsvd': give 'sample', 'exemplars' or"):
        fit(np.ones((3, 3)), 2, init="nndsvd")  # type: ignore[arg-type]


# --- blocks and threads ----------------------------------------------------------------------


@pytest.mark.parametrize("n_frames", [1, 63, 64, 128, 129, 511, 1000, 5000])
@pytest.mark.parametrize("n_bins", [1, 513, 100_000])
def test_blocks_cover_all_frames_in_nearly_equal_parts(n_bins: int, n_frames: int) -> None:
    parts = split(n_bins, n_frames, 4)
    assert [n for part in parts for n in range(part.start, part.stop)] == list(range(n_frames))
    widths = [part.stop - part.start for part in parts]
    assert max(widths) - min(widths) <= 1
    assert max(widths) <= max(frame_blocks.MIN_WIDTH, frame_blocks.BLOCK_BYTES // (4 * n_bins)) + 1
    assert len(parts) == 1 or len(parts) % 2 == 0


@pytest.mark.parametrize("beta", [0, 1, 0.5])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("n_frames", [50, 900])
def test_the_number_of_threads_changes_no_bit(beta: float, masked: bool, n_frames: int) -> None:
    V = noisy(70, 6, n_frames).astype(np.float32)
    M = np.random.default_rng(0).uniform(size=V.shape) > 0.5 if masked else None
    options: dict[str, Any] = {"weights": M, "beta": beta, "max_iter": 12, "tol": 0, "rng": 0}
    with threadpool_limits(2):
        one, *others = (fit(V, 6, threads=threads, **options) for threads in (1, 2, 3, None))
    for other in others:
        np.testing.assert_array_equal(one.W, other.W)
        np.testing.assert_array_equal(one.H, other.H)
        np.testing.assert_array_equal(one.trace, other.trace)


def test_blas_threads_are_as_they_were() -> None:
    V = noisy(70, 6, 900)

    def allowed() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2):
        before = allowed()
        fit(V, 3, max_iter=2, threads=3)
        assert allowed() == before
        with pytest.raises(ParameterError, match="hide them"):
            fit(-V, 3, threads=3)
        assert allowed() == before


@pytest.mark.parametrize("threads", [0, -1])
def test_a_number_of_threads_that_cannot_work_is_refused(threads: int) -> None:
    with pytest.raises(ParameterError, match=f"threads={threads}: give at least 1, or None"):
        fit(np.ones((3, 3)), 1, threads=threads)


def test_nothing_of_the_size_of_the_data_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_blocks, "BLOCK_BYTES", 1 << 18)
    V = noisy(200, 3, 12_000).astype(np.float32)
    hidden = np.random.default_rng(0).uniform(size=V.shape) > 0.5
    V[hidden] = np.nan
    M = ~hidden
    fit(V, 3, weights=M, max_iter=2, rng=0)
    tracemalloc.start()
    try:
        fit(V, 3, weights=M, max_iter=2, tol=0, rng=0, threads=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Two threads with six buffers of a block, what the first look takes, and factors.
    assert peak < 24 * frame_blocks.BLOCK_BYTES < 0.7 * V.nbytes


def test_wholly_hidden_frames_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    V = noisy(40, 4, 1000)
    M = np.ones(V.shape, bool)
    M[:, 100:900] = False
    widths = []
    original = Data.load

    def load(self: Data, block: slice, room: Any) -> Any:
        widths.append(block.stop - block.start)
        return original(self, block, room)

    W = np.random.default_rng(0).gamma(1.0, 1.0, (40, 4))
    monkeypatch.setattr(Data, "load", load)
    encode(V, W, weights=M, max_iter=3, tol=0, rng=0)
    assert sum(widths) == 4 * 200  # three iterations and the last look


def test_a_factor_that_would_be_too_large_shares_with_the_other() -> None:
    # The atom is as loud as single precision allows; alone the activations would be beyond it.
    V = np.full((4, 6), 1e37, np.float32)
    W = np.full((4, 1), 1e-8, np.float32)
    nmf = fit(V, W=W, H=np.ones((1, 6)), beta=1, max_iter=50, tol=0)
    assert np.isfinite(nmf.W).all()
    assert np.isfinite(nmf.H).all()
    np.testing.assert_allclose(nmf.V_hat, V, rtol=1e-3)


@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_quiet_frames_fare_as_if_they_were_alone(beta: float) -> None:
    V, W = noisy(), np.random.default_rng(1).gamma(0.5, 1.0, (60, 6)) + 1e-3
    V[:, ::2] *= 1e-5
    H = np.ones((6, 150)) * V.mean(axis=0)
    options: dict[str, Any] = {"beta": beta, "max_iter": 200, "tol": 0}
    together = encode(V, W, H=H, **options)
    alone = encode(V[:, ::2], W, H=H[:, ::2], **options)
    atol = 1e-4 * V[:, ::2].mean()  # the floor of activations is relative to the loud ones
    np.testing.assert_allclose(together.V_hat[:, ::2], alone.V_hat, rtol=1e-3, atol=atol)


# --- shapes and values -----------------------------------------------------------------------


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
