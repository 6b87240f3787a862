"""Gaussian models of all frames of a signal: their equations by dense matrices, and bad cases."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import log_uniform, relative
from reference import variances as reference
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.gaps import Variances
from spectramend.gaps.em.frame_variances import cut_frames, frame_starts


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


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
    V = log_uniform(rng, stft.n_bins, n_frames)
    hidden = x.copy()
    hidden[start : start + h] = np.nan
    matrix, right = Variances(V, stft).normal_equations(hidden, start, h)
    dense = reference.normal_equations(
        x, start, h, V, stft.window_samples, frame_starts(n_frames, stft)
    )
    for found, true in zip((matrix, right), dense, strict=True):
        assert relative(found, true) < 1e-8


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
