"""The posterior of frames against dense matrices, and extreme variances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gap_signals import log_uniform, mask_of, relative
from reference import variances as reference
from spectramend.core.stft import bin_counts
from spectramend.gaps.em import frame_posterior
from spectramend.gaps.em.frame_posterior import (
    BATCH,
    _circulant_precision,
    infer_frames,
)
from spectramend.gaps.em.toeplitz import ToeplitzInverses, invert_toeplitz


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("n_fft", [16, 15])
def test_the_precision_is_the_inverse_of_the_covariance(
    rng: np.random.Generator, n_fft: int
) -> None:
    V, frames = log_uniform(rng, n_fft // 2 + 1, 2), rng.standard_normal((2, n_fft))
    for v, frame, lags, product in zip(V.T, frames, *_circulant_precision(V, frames), strict=True):
        precision = np.linalg.inv(reference.covariance(v, n_fft))
        assert relative(lags, precision[0]) < 1e-8
        assert relative(product, precision @ frame) < 1e-8


LOST: dict[str, list[tuple[int, int]]] = {
    "one run": [(5, 11)],
    "one sample": [(7, 8)],
    "start of the frame": [(0, 9)],
    "end of the frame": [(13, 16)],
    "several runs": [(1, 3), (6, 7), (10, 14)],
    "both ends": [(0, 3), (12, 16)],
    "all but one": [(0, 15)],
    "everything": [(0, 16)],
    "nothing": [],
}


@pytest.mark.parametrize("n_fft", [16, 15])
def test_frames_are_inferred_as_by_dense_matrices(rng: np.random.Generator, n_fft: int) -> None:
    lost = np.array([mask_of(n_fft, *spans) for spans in LOST.values()])
    V = log_uniform(rng, n_fft // 2 + 1, len(lost))
    frames = rng.standard_normal(lost.shape)
    found = infer_frames(np.where(lost, np.nan, frames), lost, V)
    power = np.abs(np.fft.rfft(found.mean).T) ** 2 / n_fft
    within = bin_counts(n_fft) @ (np.log(V) + power / V) + found.log_det
    for n, name in enumerate(LOST):
        true = reference.infer_frame(frames[n], lost[n], V[:, n])
        assert relative(found.mean[n], true.mean) < 1e-8, name
        assert relative(power[:, n] + found.variance[:, n], true.power) < 1e-8, name
        assert within[n] == pytest.approx(true.minus_twice_log, abs=1e-7), name
        np.testing.assert_array_equal(found.mean[n, ~lost[n]], frames[n, ~lost[n]])


def test_many_frames_at_once_are_as_each_by_itself(rng: np.random.Generator) -> None:
    count = 5 * BATCH
    lost = np.zeros((count, 32), bool)
    for row in lost:
        start = rng.integers(0, 31)
        row[start : rng.integers(start + 1, 33)] = True
    V, frames = log_uniform(rng, 17, count), rng.standard_normal((count, 32))
    together = infer_frames(frames, lost, V)
    for n in range(count):
        alone = infer_frames(frames[n : n + 1], lost[n : n + 1], V[:, n : n + 1])
        assert relative(together.mean[n], alone.mean[0]) < 1e-9
        assert relative(together.variance[:, n], alone.variance[:, 0]) < 1e-9
        assert together.log_det[n] == pytest.approx(alone.log_det[0], abs=1e-9)


def test_frames_are_not_changed(rng: np.random.Generator) -> None:
    frames, lost = rng.standard_normal((4, 16)), np.zeros((4, 16), bool)
    lost[0, 3:6] = lost[1, 2:12] = lost[2, ::3] = lost[3] = True
    before = frames.copy()
    infer_frames(frames, lost, np.ones((9, 4)))
    np.testing.assert_array_equal(frames, before)


def test_the_smaller_side_of_a_frame_is_inverted(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def noted(lags: NDArray[Any], rows: NDArray[np.intp]) -> ToeplitzInverses:
        sizes.extend(rows)
        return invert_toeplitz(lags, rows)

    monkeypatch.setattr(frame_posterior, "invert_toeplitz", noted)
    lost = np.arange(16) < np.array([[3], [8], [9], [15]])
    infer_frames(rng.standard_normal((4, 16)), lost, np.ones((9, 4)))
    assert sorted(sizes) == [1, 3, 7, 8]


@pytest.mark.parametrize("spans", [[(20, 30)], [(10, 60)], [(20, 30), (35, 36)]])
@pytest.mark.parametrize("rest", [1e-10, 1e-20, 1e-30])
def test_a_tone_is_continued_where_precisions_are_extreme(
    spans: list[tuple[int, int]], rest: float
) -> None:
    V = np.full((33, 1), rest)
    V[4] = 1.0
    tone = np.cos(2 * np.pi * 4 * np.arange(64) / 64)[None]
    lost = mask_of(64, *spans)[None]
    found = infer_frames(tone, lost, V)
    assert (found.variance >= 0).all()
    assert np.isfinite(found.variance).all()
    assert np.isfinite(found.log_det).all()
    assert relative(found.mean, tone) < 1e-3


@pytest.mark.parametrize("spans", [[(20, 30)], [(10, 60)], [(20, 30), (35, 36)]])
@pytest.mark.parametrize("bins", [[4], [4, 20, 32]])
def test_bins_of_no_variance_stay_silent(
    rng: np.random.Generator, spans: list[tuple[int, int]], bins: list[int]
) -> None:
    V = np.ones((33, 1))
    V[bins] = 1e-30
    lost = mask_of(64, *spans)[None]
    frame = rng.standard_normal((1, 64))
    found = infer_frames(frame, lost, V)
    assert (found.variance >= 0).all()
    before = np.abs(np.fft.rfft(np.where(lost, 0, frame))[0, bins])
    assert (np.abs(np.fft.rfft(found.mean)[0, bins]) < 1e-3 * before).all()


@pytest.mark.parametrize("spans", [[(20, 30)], [(10, 60)], [(20, 30), (35, 36)]])
def test_variances_of_any_range_leave_frames_finite(
    rng: np.random.Generator, spans: list[tuple[int, int]]
) -> None:
    V = 10.0 ** np.linspace(0, -40, 33)[:, None]
    lost = mask_of(64, *spans)[None]
    found = infer_frames(np.sin(0.1 * np.arange(64))[None], lost, V)
    for values in (found.mean, found.variance, found.log_det):
        assert np.isfinite(values).all()
    assert (found.variance >= 0).all()
