"""Regression of a band on the others: features, the posterior mean, and its calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference import crossband as reference
from spectramend.spectral_repair import crossband_regression as crossband
from spectramend.spectral_repair.crossband_regression import (
    NOISE_VARIANCE,
    Features,
    _covariance,
    crossband_features,
    predict_band,
)

Array = NDArray[Any]
PRECISIONS = (crossband.WAVE_PRECISION, crossband.ENVELOPE_PRECISION)


def random_features(N: int = 60, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    return Features(rng.standard_normal((N, 5)), 0.3 * rng.standard_normal((N, 3)))


def cells(features: Features) -> Array:
    """Make two bins that depend on the features, and one that does not."""
    p = features.wave
    rng = np.random.default_rng(9)
    free = rng.standard_normal(len(p)) + 1j * rng.standard_normal(len(p))
    return np.stack([p[:, 0] + 1j * p[:, 1], p[:, 2] * p[:, 3] + 0j, free])


def test_covariance_is_that_of_pairs() -> None:
    u, v = random_features(7), random_features(4, seed=1)
    expected = reference.covariance(u, v, *PRECISIONS)
    np.testing.assert_allclose(_covariance(u, v), expected, rtol=1e-10)


def test_the_prediction_is_the_posterior_mean_scaled_by_cross_validation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crossband, "SHARED_BINS", 0)
    features = random_features()
    Z = cells(features)
    known = np.ones(60, bool)
    known[25:35] = False
    found = predict_band(features, Z, known, slice(25, 35), frames_per_s=40)
    U = np.flatnonzero(known)
    of_U, of_gap = features.take(U), features.take(slice(25, 35))
    K, k = (reference.covariance(frames, of_U, *PRECISIONS) for frames in (of_U, of_gap))
    noise = NOISE_VARIANCE * np.mean(np.diag(K))
    Y = Z[:, U].T
    # A block is a quarter of a second: ten frames.
    blocks = np.array_split(np.arange(50), 5)
    left_out = reference.left_out(K, Y, noise, blocks)
    scale = np.clip(
        np.sum((left_out.conj() * Y).real, axis=0) / np.sum(abs(left_out) ** 2, axis=0), 0, 1
    )
    expected = scale * reference.posterior_mean(K, k, Y, noise)
    np.testing.assert_allclose(found.mean.T, expected, rtol=1e-8, atol=1e-10)
    explained = 1 - np.sum(abs(Y - scale * left_out) ** 2, axis=0) / np.sum(abs(Y) ** 2, axis=0)
    np.testing.assert_allclose(found.explained, np.maximum(explained, 0), atol=1e-10)
    assert found.explained[0] > 0.3
    assert found.explained[2] < 0.1
    loud = np.linalg.norm(features.wave, axis=1)
    ratio = (loud[25:35] + noise) / (loud[U].mean() + noise)
    np.testing.assert_allclose(found.power, np.mean(abs(Y) ** 2, axis=0)[:, None] * ratio)


def test_bins_share_their_factor_with_neighbours() -> None:
    features = random_features()
    known = np.arange(60) < 50
    Z = cells(features)
    alone = predict_band(features, Z[2:], known, slice(50, 60), 40)
    beside = predict_band(features, np.concatenate([Z[2:], 9 * Z[:1]]), known, slice(50, 60), 40)
    # A bin that cannot be predicted fades, unless its neighbours can be.
    assert np.linalg.norm(alone.mean[0]) < 0.5 * np.linalg.norm(beside.mean[0])


def test_only_known_frames_are_used() -> None:
    features = random_features()
    known = np.arange(60) < 50
    Z = cells(features)
    changed = np.where(known, Z, 1e6)
    one, other = (predict_band(features, z, known, slice(50, 60), 40) for z in (Z, changed))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_frames_are_thinned_and_predicted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    features = random_features()
    known = np.arange(60) < 30
    whole = predict_band(features, cells(features), known, slice(30, 60), 40)
    monkeypatch.setattr(crossband, "MAX_FRAMES", 30)
    one_piece = predict_band(features, cells(features), known, slice(30, 60), 40)
    np.testing.assert_allclose(one_piece.mean, whole.mean)
    monkeypatch.setattr(crossband, "MAX_FRAMES", 15)
    thinned = predict_band(features, cells(features), known, slice(30, 60), 40)
    every_other = np.zeros(60, bool)
    every_other[0:30:2] = True
    expected = predict_band(features, cells(features), every_other, slice(30, 60), 20)
    np.testing.assert_allclose(thinned.mean, expected.mean)


@pytest.mark.parametrize("silent", [True, False])
def test_nothing_is_predicted_from_silence_or_without_known_frames(silent: bool) -> None:
    features = random_features()
    if silent:
        features = Features(np.zeros_like(features.wave), features.envelope)
    found = predict_band(features, cells(random_features()), np.full(60, silent), slice(0, 60), 40)
    assert not found.mean.any()
    assert not found.explained.any()
    assert np.isfinite(found.power).all()


def test_the_prediction_scales_with_the_cells() -> None:
    features = random_features()
    known = np.arange(60) < 50
    found = predict_band(features, cells(features), known, slice(50, 60), 40)
    loud = Features(4 * features.wave, features.envelope)
    louder = predict_band(loud, 8 * cells(features), known, slice(50, 60), 40)
    np.testing.assert_allclose(louder.mean, 8 * found.mean, rtol=1e-9)
    np.testing.assert_allclose(louder.explained, found.explained, atol=1e-12)


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
def test_features_do_not_depend_on_the_band(sr: int) -> None:
    n = sr
    rng = np.random.default_rng(0)
    x = rng.standard_normal(n)
    t = np.arange(n) / sr
    inside = 20 * np.hanning(n) * np.cos(2 * np.pi * 1500 * t)
    centers = np.arange(0, n, sr // 100)
    one, other = (crossband_features(z, centers, 1000, 2000, sr=sr) for z in (x, x + inside))
    middle = slice(20, 80)
    np.testing.assert_allclose(one.wave[middle], other.wave[middle], atol=1e-3 * one.wave.std())
    np.testing.assert_allclose(one.envelope[middle], other.envelope[middle], atol=1e-3)


def test_features_follow_a_delay() -> None:
    x = np.random.default_rng(0).standard_normal(16000)
    centers = np.arange(4000, 12000, 200)
    here = crossband_features(x, centers, 1000, 2000, sr=16000)
    there = crossband_features(np.roll(x, 400), centers + 400, 1000, 2000, sr=16000)
    np.testing.assert_allclose(there.wave, here.wave, atol=1e-9)
    np.testing.assert_allclose(there.envelope, here.envelope, atol=1e-9)


def test_envelopes_show_pulses_of_noise() -> None:
    sr = 16000
    rng = np.random.default_rng(0)
    pulses = 1 + np.cos(2 * np.pi * 100 * np.arange(sr) / sr)
    centers = np.arange(2000, 14000, 160)  # every pulse
    q = crossband_features(pulses * rng.standard_normal(sr), centers, 0, 1000, sr=sr).envelope
    mean = q.mean(axis=0)
    assert np.sum(mean**2) > 0.5 * np.mean(np.sum(q**2, axis=1))
    steady = crossband_features(rng.standard_normal(sr), centers, 0, 1000, sr=sr).envelope
    assert np.sum(steady.mean(axis=0) ** 2) < 0.1 * np.mean(np.sum(steady**2, axis=1))


def test_a_band_of_all_frequencies_leaves_no_features() -> None:
    features = crossband_features(
        np.random.default_rng(0).standard_normal(8000), np.arange(0, 8000, 80), 0, 4000, sr=8000
    )
    assert not features.wave.any()
    assert not features.envelope.any()


def test_waveforms_are_partly_whitened() -> None:
    t = np.arange(16000) / 16000
    x = np.cos(2 * np.pi * 500 * t) + 0.01 * np.cos(2 * np.pi * 4000 * t)
    p = crossband_features(x, np.array([8000]), 1000, 2000, sr=16000).wave[0]
    X = np.abs(np.fft.rfft(p * np.hanning(p.size), 1600))
    # Amplitudes are divided by the root of the smoothed spectrum: their ratio is its root.
    assert X[400] / X[50] == pytest.approx(0.01**0.5, rel=0.2)


def test_noise_far_under_a_tone_does_not_change_the_envelope() -> None:
    """Noise 100 dB under a tone would fluctuate, if it were made as loud."""
    rng = np.random.default_rng(0)
    t = np.arange(16000) / 16000
    tone = np.cos(2 * np.pi * 500 * t)
    centers = np.arange(4000, 12000, 500)
    alone = crossband_features(tone, centers, 1000, 2000, sr=16000).envelope
    noisy = tone + 1e-5 * rng.standard_normal(t.size)
    envelope = crossband_features(noisy, centers, 1000, 2000, sr=16000).envelope
    np.testing.assert_allclose(envelope, alone, atol=0.01)


@pytest.mark.parametrize("sr", [8000, 32000])
def test_patches_are_centred(sr: int) -> None:
    x = np.zeros(sr)
    x[sr // 2] = 1
    features = crossband_features(x, np.array([sr // 2]), 0, 500, sr=sr)
    # About a pulse the envelope, and the square of the waveform, are even.
    np.testing.assert_allclose(features.envelope[0, 1:], features.envelope[0, :0:-1], atol=0.02)
    square = features.wave[0] ** 2
    assert square @ np.arange(square.size) / square.sum() == pytest.approx(
        square.size // 2, abs=0.3
    )


def test_blocks_keep_their_length_where_frames_are_thinned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = random_features()
    known = np.arange(60) < 40
    monkeypatch.setattr(crossband, "MAX_FRAMES", 20)
    sizes = []
    original = crossband._left_out_errors

    def spy(G: Array, weights: Array, block: int) -> Array:
        sizes.append(block)
        return original(G, weights, block)

    monkeypatch.setattr(crossband, "_left_out_errors", spy)
    predict_band(features, cells(features), known, slice(40, 60), frames_per_s=40)
    assert sizes == [5]
