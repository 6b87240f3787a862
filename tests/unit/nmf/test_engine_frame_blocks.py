"""Blocks and threads: sizes, equal results, BLAS, and memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from nmf_problems import noisy
from spectramend.errors import ParameterError
from spectramend.nmf import (
    fit,
)
from spectramend.nmf._engine import frame_blocks
from spectramend.nmf._engine.frame_blocks import split

Matrix = NDArray[Any]


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
    # Two threads with six buffers of a block, what the survey takes, and factors.
    assert peak < 24 * frame_blocks.BLOCK_BYTES < 0.7 * V.nbytes
