"""Blocks as the iteration gets them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import F, N, bounded, noisy, problem
from spectramend.nmf import (
    encode,
)
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.frame_blocks import BlockThreads, Buffers
from spectramend.nmf._engine.problem import DATA_FLOOR, check_input, survey

Matrix = NDArray[Any]


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
    assert sum(widths) == 4 * 200  # three iterations and the last evaluation


def data_of(
    V: Matrix, weights: Matrix | None = None, bound: Any = None, *, beta: float = 0.0
) -> tuple[Data, BlockThreads]:
    given = check_input(V, weights, bound)
    threads = given.threads(1)
    with threads:
        problem = survey(given, threads, beta)
    return Data(problem, threads), threads


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_block_holds_weighted_data_in_units_of_the_scale(dtype: Any, order: Any) -> None:
    V, M = noisy(20, 3, 70).astype(dtype) * 1e5, np.random.default_rng(0).gamma(1.0, 1.0, (20, 70))
    M[3, 4] = 0
    V[3, 4] = np.nan
    V, M = np.asarray(V, order=order), np.asarray(M, order=order)
    data, threads = data_of(V, M)
    observed = np.where(M > 0, V, 0).astype(float)
    scale = data.problem.scale
    assert 0.7 < (observed * M).sum() / M.sum() / scale < 1.42

    def load(block: slice, buffers: Buffers) -> tuple[Matrix, Matrix]:
        MV, weights = data.load(block, buffers)
        return MV.copy(), np.array(weights)

    with threads:
        loaded = list(threads.map(load, data.blocks))
    MV, weights = (np.hstack(parts) for parts in zip(*loaded, strict=True))
    assert MV.dtype == weights.dtype == dtype
    np.testing.assert_allclose(MV, observed * M / scale, rtol=1e-6)
    np.testing.assert_allclose(weights, M, rtol=1e-6)


def test_chosen_frames_are_divided_into_blocks() -> None:
    V = noisy(20, 3, 300)
    whole, threads = data_of(V)
    frames = np.arange(1, 300, 3)
    some = Data(whole.problem, threads, frames)
    with threads:
        loaded = list(threads.map(lambda b, r: some.load(b, r)[0].copy(), some.blocks))
    np.testing.assert_array_equal(np.hstack(loaded) * whole.problem.scale, V[:, frames])


@pytest.mark.parametrize(("power", "count"), [(-1060, 2), (-90, 1), (0, 1), (99, 1), (1000, 2)])
def test_a_scale_far_from_one_is_applied_in_two_factors(power: int, count: int) -> None:
    data, _ = data_of(np.full((2, 3), 2.0**power))
    factors = data.problem.factors
    assert data.problem.scale == 2.0**power
    assert len(factors) == count
    assert sum(np.log2(factors)) == -power


@pytest.mark.parametrize("beta", [-1, 0, 1])
def test_data_has_a_floor_where_a_zero_would_be_infinitely_far(beta: float) -> None:
    V = np.array([[0.0, 1.0, 1e-20]])
    data, threads = data_of(V, beta=beta)
    with threads:
        (MV,) = threads.map(lambda b, r: data.load(b, r)[0] * data.problem.scale, data.blocks)
    least = DATA_FLOOR * data.problem.scale if beta <= 0 else 0.0
    np.testing.assert_array_equal(MV, np.maximum(V, least))


def test_the_e_step_puts_expected_values_into_hidden_cells() -> None:
    V, _, _, M = problem()
    bound = np.where(M, np.inf, 0.3)
    data, threads = data_of(V, M, bound)
    cells = data.hidden_cells()[0]
    model = np.random.default_rng(0).gamma(1.0, 1.0, (F, N)) + 0.1
    with threads:

        def expect(block: slice, buffers: Buffers) -> tuple[Matrix, Matrix, Matrix]:
            data.load(block, buffers)
            buffers.V_hat[...] = model
            buffers.ratio[...] = buffers.MV / model
            cells.expect(buffers)
            return buffers.MV.copy(), buffers.M.copy(), buffers.ratio.copy()

        ((MV, weights, ratio),) = threads.map(expect, data.blocks)
    scale = data.problem.scale
    expected = np.where(M, V / scale, bounded(bound / scale, 0.0).expected(model))
    np.testing.assert_allclose(MV, expected, rtol=1e-12)
    np.testing.assert_array_equal(weights, 1)
    np.testing.assert_allclose(ratio, expected / model, rtol=1e-12)
    added = np.where(M, 0, bounded(np.where(M, 1, 0.3 / scale), 0.0).divergence(model))
    np.testing.assert_allclose(cells.objective(model), added.sum(axis=0), rtol=1e-12)
