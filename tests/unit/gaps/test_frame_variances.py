"""Gaussian models of windowed frames: their equations, by dense matrices, and bad cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference import variances as reference
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.gaps.em import frame_posterior as frames
from spectramend.gaps.em.frame_posterior import AT_ONCE, bin_counts, infer
from spectramend.gaps.em.frame_variances import Variances, cut_frames, frame_starts
from spectramend.gaps.em.toeplitz import Inverses, invert


def toeplitz(column: NDArray[Any]) -> NDArray[Any]:
    i = np.arange(column.size)
    return np.asarray(column[np.abs(i[:, None] - i)])


def some_variances(rng: np.random.Generator, F: int, N: int, decades: float = 4) -> NDArray[Any]:
    return np.asarray(10 ** rng.uniform(-decades / 2, decades / 2, (F, N)))


def relative(found: NDArray[Any], true: NDArray[Any]) -> float:
    return float(np.abs(found - true).max() / (np.abs(true).max() or 1.0))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# Toeplitz matrices


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 24), min_size=1, max_size=5),
    n=st.integers(24, 30),
    seed=st.integers(0, 99),
)
def test_inverses_are_those_of_dense_matrices(sizes: list[int], n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = len(sizes)
    lags = np.fft.irfft(1 / some_variances(rng, n // 2 + 1, count).T, n)[:, :24]
    right = rng.standard_normal((count, 24))
    inverses = invert(lags, np.array(sizes))
    solved, spectra = inverses.solve(right), inverses.spectra(n)
    for b, h in enumerate(sizes):
        T = toeplitz(lags[b, :h])
        dense = np.linalg.inv(T)
        assert relative(solved[b, :h], dense @ right[b, :h]) < 1e-8
        assert not solved[b, h:].any()
        assert inverses.log_det[b] == pytest.approx(np.linalg.slogdet(T)[1], abs=1e-8)
        sums = reference.diagonal_sums(dense)
        lag = np.arange(h)
        true = [
            (sums[0] + 2 * sums[1:] @ np.cos(2 * np.pi * f * lag[1:] / n)) / n
            for f in range(n // 2 + 1)
        ]
        assert relative(spectra[b], np.array(true)) < 1e-8


def test_the_inverse_of_a_circulant_matrix_has_its_spectrum(rng: np.random.Generator) -> None:
    V = some_variances(rng, 17, 1).T
    inverses = invert(np.fft.irfft(1 / V, 32), np.array([32]))
    np.testing.assert_allclose(inverses.spectra(32), V, rtol=1e-8)


def test_matrices_that_are_hardly_positive_get_a_ridge_and_others_count_as_infinite() -> None:
    lags = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 0.0], [1.0, 0.5, 0.0]])
    inverses = invert(lags, np.array([3, 3, 2]))
    right = np.array([[3.0, 3.0, 3.0], [1.0, 1.0, 1.0], [1.5, 1.5, 0.0]])
    solved = inverses.solve(right)
    np.testing.assert_allclose(solved, [[1, 1, 1], [0, 0, 0], [1, 1, 0]], atol=1e-3)
    assert not inverses.spectra(4)[1].any()


def test_the_buffer_of_numpy_is_as_large_as_before() -> None:
    before = np.getbufsize()
    invert(np.array([[1.0, 0.5]]), np.array([2]))
    assert np.getbufsize() == before


# Frames by themselves

LOST = {
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
    lost = np.zeros((len(LOST), n_fft), bool)
    for row, spans in zip(lost, LOST.values(), strict=True):
        for start, stop in spans:
            row[start:stop] = True
    V = some_variances(rng, n_fft // 2 + 1, len(lost))
    frames = rng.standard_normal(lost.shape)
    found = infer(np.where(lost, np.nan, frames), lost, V)
    power = np.abs(np.fft.rfft(found.mean).T) ** 2 / n_fft
    within = bin_counts(n_fft) @ (np.log(V) + power / V) + found.log_det
    for n, name in enumerate(LOST):
        true = reference.infer(frames[n], lost[n], V[:, n])
        assert relative(found.mean[n], true.mean) < 1e-8, name
        assert relative(power[:, n] + found.spread[:, n], true.power) < 1e-8, name
        assert within[n] == pytest.approx(true.minus_twice_log, abs=1e-7), name
        np.testing.assert_array_equal(found.mean[n, ~lost[n]], frames[n, ~lost[n]])


def test_many_frames_at_once_are_as_each_by_itself(rng: np.random.Generator) -> None:
    count = 5 * AT_ONCE
    lost = np.zeros((count, 32), bool)
    for row in lost:
        start = rng.integers(0, 31)
        row[start : rng.integers(start + 1, 33)] = True
    V, frames = some_variances(rng, 17, count), rng.standard_normal((count, 32))
    together = infer(frames, lost, V)
    for n in range(count):
        alone = infer(frames[n : n + 1], lost[n : n + 1], V[:, n : n + 1])
        assert relative(together.mean[n], alone.mean[0]) < 1e-9
        assert relative(together.spread[:, n], alone.spread[:, 0]) < 1e-9
        assert together.log_det[n] == pytest.approx(alone.log_det[0], abs=1e-9)


def test_frames_are_not_changed(rng: np.random.Generator) -> None:
    frames, lost = rng.standard_normal((4, 16)), np.zeros((4, 16), bool)
    lost[0, 3:6] = lost[1, 2:12] = lost[2, ::3] = lost[3] = True
    before = frames.copy()
    infer(frames, lost, np.ones((9, 4)))
    np.testing.assert_array_equal(frames, before)


def test_the_smaller_side_of_a_frame_is_inverted(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def noted(lags: NDArray[Any], rows: NDArray[np.intp]) -> Inverses:
        sizes.extend(rows)
        return invert(lags, rows)

    monkeypatch.setattr(frames, "invert", noted)
    lost = np.arange(16) < np.array([[3], [8], [9], [15]])
    infer(rng.standard_normal((4, 16)), lost, np.ones((9, 4)))
    assert sorted(sizes) == [1, 3, 7, 8]


@pytest.mark.parametrize("spans", [[(20, 30)], [(10, 60)], [(20, 30), (35, 36)]])
@pytest.mark.parametrize("rest", [1e-10, 1e-20, 1e-30])
def test_a_tone_goes_on_and_all_is_finite_where_precisions_are_extreme(
    spans: list[tuple[int, int]], rest: float
) -> None:
    V = np.full((33, 1), rest)
    V[4] = 1.0
    tone = np.cos(2 * np.pi * 4 * np.arange(64) / 64)[None]
    lost = np.zeros((1, 64), bool)
    for start, stop in spans:
        lost[:, start:stop] = True
    found = infer(tone, lost, V)
    assert (found.spread >= 0).all()
    assert np.isfinite(found.spread).all()
    assert np.isfinite(found.log_det).all()
    assert relative(found.mean, tone) < 1e-3


@pytest.mark.parametrize("spans", [[(20, 30)], [(10, 60)], [(20, 30), (35, 36)]])
@pytest.mark.parametrize("bins", [[4], [4, 20, 32]])
def test_bins_that_are_certain_to_be_silent_are(
    rng: np.random.Generator, spans: list[tuple[int, int]], bins: list[int]
) -> None:
    V = np.ones((33, 1))
    V[bins] = 1e-30
    lost = np.zeros((1, 64), bool)
    for start, stop in spans:
        lost[:, start:stop] = True
    frame = rng.standard_normal((1, 64))
    found = infer(frame, lost, V)
    assert (found.spread >= 0).all()
    before = np.abs(np.fft.rfft(np.where(lost, 0, frame))[0, bins])
    assert (np.abs(np.fft.rfft(found.mean)[0, bins]) < 1e-3 * before).all()


@pytest.mark.parametrize("spans", [[(20, 30)], [(10, 60)], [(20, 30), (35, 36)]])
def test_a_spectrum_of_any_range_leaves_frames_finite(
    rng: np.random.Generator, spans: list[tuple[int, int]]
) -> None:
    V = 10.0 ** np.linspace(0, -40, 33)[:, None]
    lost = np.zeros((1, 64), bool)
    for start, stop in spans:
        lost[:, start:stop] = True
    found = infer(np.sin(0.1 * np.arange(64))[None], lost, V)
    for values in (found.mean, found.spread, found.log_det):
        assert np.isfinite(values).all()
    assert (found.spread >= 0).all()


# All frames of a signal


@pytest.mark.parametrize("window", ["sine", "hann"])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("start", "h"), [(17, 9), (0, 4), (36, 4), (10, 1), (4, 30)])
def test_normal_equations_are_the_sum_over_all_frames(
    rng: np.random.Generator, window: str, center: bool, start: int, h: int
) -> None:
    if window == "hann" and not center:
        window = "hamming"  # the first sample would be seen by no frame
    stft = STFT(n_fft=12, hop_length=4, window=window, center=center)
    x = rng.standard_normal(40)
    n_frames = stft.n_frames(40)
    V = some_variances(rng, stft.n_bins, n_frames)
    hidden = x.copy()
    hidden[start : start + h] = np.nan
    matrix, right = Variances(V, stft).normal_equations(hidden, start, h)
    dense = reference.normal_equations(
        x, start, h, V, stft.window_samples, frame_starts(n_frames, stft)
    )
    assert relative(matrix, dense[0]) < 1e-8
    assert relative(right, dense[1]) < 1e-8


@pytest.mark.parametrize("silent", [slice(0, None), slice(3, 5), slice(0, 0)])
def test_bins_and_frames_without_power_leave_equations_that_can_be_solved(silent: slice) -> None:
    stft = STFT(n_fft=64, hop_length=32, window="sine")
    tone = np.cos(2 * np.pi * 4 * np.arange(256) / 64)
    V = np.zeros((33, stft.n_frames(256)))
    V[4] = 1.0
    V[:, silent] = 0.0
    matrix, right = Variances(V, stft).normal_equations(tone, 100, 30)
    assert np.isfinite(matrix).all()
    np.linalg.cholesky(matrix)
    assert np.abs(np.linalg.solve(matrix, right)).max() < 1.5


def test_a_gap_outside_the_signal_and_variances_of_another_shape_are_refused() -> None:
    stft = STFT(n_fft=8, hop_length=4)
    model = Variances(np.ones((5, stft.n_frames(20))), stft)
    for start, h in ((-1, 2), (19, 2), (3, 0)):
        with pytest.raises(ParameterError, match=f"start={start}, h={h}: no gap in x"):
            model.normal_equations(np.zeros(20), start, h)
    with pytest.raises(MismatchError, match="V has 6 frames: 60 samples have 16"):
        model.normal_equations(np.zeros(60), 3, 2)
    with pytest.raises(MismatchError, match=r"V has shape \(4, 2\): n_fft=8 needs \(5, N\)"):
        Variances(np.ones((4, 2)), stft)
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="V has negative, NaN or infinite variances"):
            Variances(np.full((5, 2), bad), stft)


def test_frames_are_those_of_the_transform(rng: np.random.Generator) -> None:
    for center in (True, False):
        stft = STFT(n_fft=16, hop_length=5, window="sine", center=center)
        x = rng.standard_normal(50)
        frames = cut_frames(x, np.arange(stft.n_frames(50)), stft) * stft.window_samples
        np.testing.assert_allclose(np.fft.rfft(frames).T, stft.forward(x), atol=1e-12)
        lost = cut_frames(np.ones(50, bool), np.array([0]), stft)
        assert lost.dtype == bool
        assert np.count_nonzero(lost) == (8 if center else 16)
