"""Missing bands: frames against least squares, and the result for tones, voices and noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference import subbands as reference
from spectramend.core.stft import STFT
from spectramend.spectral_repair import subband_interpolation as subbands
from spectramend.spectral_repair.crossband_regression import Prediction
from spectramend.spectral_repair.subband_interpolation import (
    PREDICTOR_RIDGE,
    _fill_frames,
    fill_band,
    stft_for_band,
)

Array = NDArray[Any]
SR = 16000


def band_pass(x: Array, low: float, high: float) -> Array:
    X = np.fft.rfft(x)
    f = np.fft.rfftfreq(x.size, 1 / SR)
    X[(f < low) | (f >= high)] = 0
    return np.fft.irfft(X, x.size)


def damaged(x: Array, start: int, stop: int, low: float, high: float, rng: Any) -> Array:
    """Put noise of the same band where the band is missing."""
    inside = np.zeros(x.size)
    inside[start:stop] = 1
    other = band_pass(rng.standard_normal(x.size), low + 60, high - 60)
    return x + inside * (other - band_pass(x, low, high))


def decibels(truth: Array, y: Array) -> float:
    return float(10 * np.log10(np.sum(truth**2) / np.sum((y - truth) ** 2)))


def voice(seconds: float = 3.0, seed: int = 0) -> Array:
    """Make twenty harmonics of a gliding pitch, with fixed phases, in a little noise."""
    t = np.arange(round(seconds * SR)) / SR
    turns = 150 * t + 4 * np.sin(2 * np.pi * 1.3 * t + seed)
    x = sum(np.cos(2 * np.pi * k * turns + k * k) / k**0.5 for k in range(1, 21))
    return np.asarray(x + 0.01 * np.random.default_rng(seed).standard_normal(t.size))


def rotating(F: int, N: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    tones = np.exp(1j * np.outer(rng.uniform(-2, 2, F), np.arange(N)))
    noise = rng.standard_normal((F, N)) + 1j * rng.standard_normal((F, N))
    return tones + 0.2 * noise


def random_prediction(F: int, n: int) -> Prediction:
    rng = np.random.default_rng(5)
    mean = rng.standard_normal((F, n)) + 1j * rng.standard_normal((F, n))
    return Prediction(mean, rng.uniform(0.5, 2, (F, n)), rng.uniform(0, 0.9, F))


@pytest.mark.parametrize("with_bands", [False, True])
def test_frames_minimise_the_costs(with_bands: bool) -> None:
    Z = rotating(3, 80)
    prediction = random_prediction(3, 9) if with_bands else None
    y = _fill_frames(Z, 40, 49, 4, 15.0, prediction=prediction, reach=3.0)
    for f in range(3):
        mean, weight, part = np.zeros(9, complex), np.zeros(9), np.zeros(9)
        if prediction is not None:
            mean = prediction.mean[f]
            explained = prediction.explained[f]
            weight = subbands.RHO * explained / (1 - explained) / prediction.power[f]
            part = 1 - np.exp(-(np.array([0, 1, 2, 3, 4, 3, 2, 1, 0]) + 0.5) / 3)
        expected = reference.fill(
            Z[f], 40, 49, 4, 15.0, ridge=PREDICTOR_RIDGE, mean=mean, weight=weight, part=part
        )
        np.testing.assert_allclose(y[f], expected, rtol=1e-5, atol=1e-6)


def test_known_frames_stay_and_missing_ones_are_never_used() -> None:
    Z = rotating(2, 60)
    other = Z.copy()
    other[:, 30:35] = 1e9
    y = _fill_frames(Z, 30, 35, 4, 20.0)
    np.testing.assert_array_equal(y, _fill_frames(other, 30, 35, 4, 20.0))
    np.testing.assert_array_equal(np.delete(y, range(30, 35), 1), np.delete(Z, range(30, 35), 1))


def test_far_from_the_edges_of_noise_the_prediction_of_other_bands_is_taken() -> None:
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((1, 300)) + 1j * rng.standard_normal((1, 300))
    prediction = Prediction(np.exp(0.2j * np.arange(100))[None], np.ones((1, 100)), np.array([0.5]))
    y = _fill_frames(Z, 100, 200, 4, 50.0, prediction=prediction, reach=5.0)
    np.testing.assert_allclose(y[0, 140:160], prediction.mean[0, 40:60], atol=0.02)


def test_a_prediction_that_explains_nothing_changes_nothing() -> None:
    Z = rotating(2, 60)
    nothing = Prediction(np.zeros((2, 5), complex), np.zeros((2, 5)), np.zeros(2))
    y = _fill_frames(Z, 30, 35, 4, 20.0, prediction=nothing)
    np.testing.assert_allclose(y, _fill_frames(Z, 30, 35, 4, 20.0), atol=1e-12)


def test_reversing_time_reverses_the_result() -> None:
    Z = rotating(2, 60)
    forwards = _fill_frames(Z, 25, 33, 3, 20.0)
    backwards = _fill_frames(Z[:, ::-1].conj(), 27, 35, 3, 20.0)
    np.testing.assert_allclose(forwards, backwards[:, ::-1].conj(), atol=1e-9)


@pytest.mark.parametrize("sr", [8000, 16000, 48000])
def test_steady_tones_are_continued(sr: int) -> None:
    t = np.arange(2 * sr) / sr
    x = np.cos(2 * np.pi * 700 * t) + 0.5 * np.cos(2 * np.pi * 1130 * t + 1)
    start, stop = sr, sr + sr // 20
    broken = x.copy()
    broken[start:stop] = 0
    y = fill_band(broken, start, stop, 0, sr / 2, sr=sr)
    assert decibels(x[start:stop], y[start:stop]) > 30


@pytest.mark.parametrize("where", ["start", "end"])
def test_one_side_is_enough(where: str) -> None:
    x = np.cos(0.3 * np.arange(16000))
    start, stop = (0, 400) if where == "start" else (15600, 16000)
    broken = x.copy()
    broken[start:stop] = 0
    y = fill_band(broken, start, stop, 0, 8000, sr=SR)
    inner = slice(100, 400) if where == "start" else slice(15600, 15900)
    assert decibels(x[inner], y[inner]) > 10


def test_partials_follow_the_pitch_of_those_in_other_bands() -> None:
    """The hole lasts half a second of a glide, which neither side predicts."""
    x = voice()
    start, stop, low, high = 20000, 28000, 525.0, 1275.0
    broken = damaged(x, start, stop, low, high, np.random.default_rng(1))
    y = fill_band(broken, start, stop, low, high, sr=SR)
    middle = slice(start + 800, stop - 800)
    truth, found = (band_pass(z, low, high)[middle] for z in (x, y))
    assert decibels(truth, found) > 4


def test_noise_fades_to_silence() -> None:
    x = np.random.default_rng(0).standard_normal(3 * SR)
    y = fill_band(x, SR, 2 * SR, 1000, 3000, sr=SR)
    inside = band_pass(y, 1000, 3000)[SR + 2000 : 2 * SR - 2000]
    assert np.mean(inside**2) < 0.05 * np.mean(band_pass(x, 1000, 3000) ** 2)


def test_the_result_does_not_depend_on_the_content_of_the_hole() -> None:
    x = voice()
    start, stop, low, high = 20000, 24000, 500.0, 1500.0
    burst = np.zeros(x.size)
    burst[start + 200 : stop - 200] = np.hanning(stop - start - 400)
    burst *= np.cos(2 * np.pi * 1000 * np.arange(x.size) / SR)
    y, other = (fill_band(z, start, stop, low, high, sr=SR) for z in (x, x + 5 * burst))
    assert np.abs(y - other)[start:stop].max() < 1e-2 * np.abs(x).max()


def test_other_bands_and_other_times_stay() -> None:
    x = voice()
    start, stop = 20000, 24000
    y = fill_band(x, start, stop, 2000, 3000, sr=SR)
    np.testing.assert_allclose(y[: start - 128], x[: start - 128], atol=1e-9)
    np.testing.assert_allclose(y[stop + 128 :], x[stop + 128 :], atol=1e-9)
    rest = band_pass(x - y, 0, 1500)
    assert np.sum(rest**2) < 1e-4 * np.sum(x[start:stop] ** 2)


@pytest.mark.parametrize(("start", "stop"), [(0, 4000), (1, 3999), (100, 200)])
def test_too_little_context_is_silence_or_finite(start: int, stop: int) -> None:
    x = voice(0.25)
    y = fill_band(x, start, stop, 0, 8000, sr=SR)
    assert np.isfinite(y).all()
    if stop - start > 3900:
        assert np.abs(y[300:-300]).max() < 0.1 * np.abs(x).max()


def test_silence_stays_silence() -> None:
    assert not fill_band(np.zeros(8000), 3000, 5000, 100, 2000, sr=SR).any()


def test_result_scales_with_the_signal_and_repeats() -> None:
    x = voice(1.5)
    before = x.copy()
    y = fill_band(x, 10000, 13000, 500, 1500, sr=SR)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(y, fill_band(x, 10000, 13000, 500, 1500, sr=SR))
    for factor in (1e-4, 300.0):
        louder = fill_band(factor * x, 10000, 13000, 500, 1500, sr=SR)
        np.testing.assert_allclose(louder, factor * y, atol=1e-5 * factor)


def test_a_transform_can_be_given() -> None:
    x = np.cos(0.3 * np.arange(16000))
    broken = x.copy()
    broken[8000:8400] = 0
    for stft in (STFT(256, 64), STFT(512, 128)):
        y = fill_band(broken, 8000, 8400, 0, 8000, sr=SR, stft=stft)
        assert decibels(x[8000:8400], y[8000:8400]) > 15
    longer = fill_band(broken, 8000, 8400, 0, 8000, sr=SR, stft=STFT(1024, 256))
    changed = np.flatnonzero(np.abs(longer - broken) > 1e-9)
    assert changed[0] < 8000 - 256  # frames of 1024 samples reach so far
    same = fill_band(broken, 8000, 8400, 0, 8000, sr=SR, stft=stft_for_band(SR, SR, 1000))
    np.testing.assert_array_equal(same, fill_band(broken, 8000, 8400, 0, 8000, sr=SR))


def test_bins_are_solved_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    x = voice(1.0)
    y = fill_band(x, 7000, 9000, 300, 7000, sr=SR)
    monkeypatch.setattr(subbands, "BINS_AT_ONCE", 1000)
    np.testing.assert_allclose(fill_band(x, 7000, 9000, 300, 7000, sr=SR), y, atol=1e-9)


@pytest.mark.parametrize(("low", "high"), [(0, 8000), (7990, 8000), (0, 1), (1000, 1001)])
def test_any_band(low: float, high: float) -> None:
    y = fill_band(voice(0.5), 3000, 4000, low, high, sr=SR)
    assert np.isfinite(y).all()


def test_a_prediction_that_explains_everything_has_a_finite_cost() -> None:
    Z = rotating(1, 60)
    prediction = Prediction(Z[:, 30:35], np.ones((1, 5)), np.ones(1))
    y = _fill_frames(Z, 30, 35, 4, 20.0, prediction=prediction)
    np.testing.assert_allclose(y, Z, atol=0.1)


def test_the_reach_in_seconds_is_the_same_for_all_transforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reaches = []
    original = subbands._fill_frames

    def spy(*args: Any, **options: Any) -> Array:
        reaches.append(options["reach"])
        return original(*args, **options)

    monkeypatch.setattr(subbands, "_fill_frames", spy)
    for hop in (32, 64):
        fill_band(voice(1.0), 7000, 8000, 500, 900, sr=SR, stft=STFT(4 * hop, hop))
    assert reaches == pytest.approx([subbands.REACH_S * SR / 32, subbands.REACH_S * SR / 64])


def test_frames_are_short_and_longer_for_narrow_bands_of_long_gaps() -> None:
    assert [stft_for_band(sr, sr, 1000.0).n_fft for sr in (8000, 16000, 44100)] == [64, 128, 256]
    assert stft_for_band(16000, 160000, 2.0).n_fft == 16384
