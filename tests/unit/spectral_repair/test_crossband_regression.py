from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference import crossband as reference
from spectramend.spectral_repair import crossband_regression as crossband
from spectramend.spectral_repair.crossband_regression import NOISE, View, covariance, tell, view

Array = NDArray[Any]


def noise_view(N: int = 60, seed: int = 0) -> View:
    rng = np.random.default_rng(seed)
    return View(rng.standard_normal((N, 5)), 0.3 * rng.standard_normal((N, 3)))


def cells(seen: View) -> Array:
    """Two bins that depend on the views, and one that does not."""
    p = seen.wave
    rng = np.random.default_rng(9)
    free = rng.standard_normal(len(p)) + 1j * rng.standard_normal(len(p))
    return np.stack([p[:, 0] + 1j * p[:, 1], p[:, 2] * p[:, 3] + 0j, free])


def test_covariance_is_that_of_pairs() -> None:
    u, v = noise_view(7), noise_view(4, seed=1)
    expected = reference.covariance(u, v, crossband.WAVE, crossband.ENVELOPE)
    np.testing.assert_allclose(covariance(u, v), expected, rtol=1e-10)


def test_told_is_the_posterior_mean_scaled_by_what_left_out_blocks_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crossband, "NEIGHBOURS", 0)
    seen = noise_view()
    Z = cells(seen)
    known = np.ones(60, bool)
    known[25:35] = False
    told = tell(seen, Z, known, slice(25, 35), frames_per_s=40)
    U = np.flatnonzero(known)
    K = reference.covariance(seen.take(U), seen.take(U), crossband.WAVE, crossband.ENVELOPE)
    k = reference.covariance(
        seen.take(slice(25, 35)), seen.take(U), crossband.WAVE, crossband.ENVELOPE
    )
    noise = NOISE * np.mean(np.diag(K))
    Y = Z[:, U].T
    # A block is a quarter of a second: ten frames.
    blocks = np.array_split(np.arange(50), 5)
    left_out = reference.left_out(K, Y, noise, blocks)
    scale = np.clip(
        np.sum((left_out.conj() * Y).real, axis=0) / np.sum(abs(left_out) ** 2, axis=0), 0, 1
    )
    expected = scale * reference.posterior_mean(K, k, Y, noise)
    np.testing.assert_allclose(told.mean.T, expected, rtol=1e-8, atol=1e-10)
    share = 1 - np.sum(abs(Y - scale * left_out) ** 2, axis=0) / np.sum(abs(Y) ** 2, axis=0)
    np.testing.assert_allclose(told.share, np.maximum(share, 0), atol=1e-10)
    assert told.share[0] > 0.3
    assert told.share[2] < 0.1
    loud = np.linalg.norm(seen.wave, axis=1)
    ratio = (loud[25:35] + noise) / (loud[U].mean() + noise)
    np.testing.assert_allclose(told.power, np.mean(abs(Y) ** 2, axis=0)[:, None] * ratio)


def test_bins_share_their_factor_with_neighbours() -> None:
    seen = noise_view()
    known = np.arange(60) < 50
    Z = cells(seen)
    alone = tell(seen, Z[2:], known, slice(50, 60), 40)
    beside = tell(seen, np.concatenate([Z[2:], 9 * Z[:1]]), known, slice(50, 60), 40)
    # What cannot be told is not believed, unless beside it much can be told.
    assert np.linalg.norm(alone.mean[0]) < 0.5 * np.linalg.norm(beside.mean[0])


def test_only_known_frames_are_looked_at() -> None:
    seen = noise_view()
    known = np.arange(60) < 50
    Z = cells(seen)
    changed = np.where(known, Z, 1e6)
    one, other = (tell(seen, z, known, slice(50, 60), 40) for z in (Z, changed))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_frames_are_thinned_and_asked_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = noise_view()
    known = np.arange(60) < 30
    whole = tell(seen, cells(seen), known, slice(30, 60), 40)
    monkeypatch.setattr(crossband, "MOST", 30)
    one_piece = tell(seen, cells(seen), known, slice(30, 60), 40)
    np.testing.assert_allclose(one_piece.mean, whole.mean)
    monkeypatch.setattr(crossband, "MOST", 15)
    thinned = tell(seen, cells(seen), known, slice(30, 60), 40)
    every_other = np.zeros(60, bool)
    every_other[0:30:2] = True
    expected = tell(seen, cells(seen), every_other, slice(30, 60), 20)
    np.testing.assert_allclose(thinned.mean, expected.mean)


@pytest.mark.parametrize("silent", [True, False])
def test_nothing_is_told_from_nothing(silent: bool) -> None:
    seen = noise_view()
    if silent:
        seen = View(np.zeros_like(seen.wave), seen.envelope)
    told = tell(seen, cells(noise_view()), np.full(60, silent), slice(0, 60), 40)
    assert not told.mean.any()
    assert not told.share.any()
    assert np.isfinite(told.power).all()


def test_loudness_scales_what_is_told() -> None:
    seen = noise_view()
    known = np.arange(60) < 50
    told = tell(seen, cells(seen), known, slice(50, 60), 40)
    louder = tell(View(4 * seen.wave, seen.envelope), 8 * cells(seen), known, slice(50, 60), 40)
    np.testing.assert_allclose(louder.mean, 8 * told.mean, rtol=1e-9)
    np.testing.assert_allclose(louder.share, told.share, atol=1e-12)


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
def test_views_do_not_show_the_band(sr: int) -> None:
    n = sr
    rng = np.random.default_rng(0)
    x = rng.standard_normal(n)
    t = np.arange(n) / sr
    inside = 20 * np.hanning(n) * np.cos(2 * np.pi * 1500 * t)
    centers = np.arange(0, n, sr // 100)
    one, other = (view(z, centers, 1000, 2000, sr=sr) for z in (x, x + inside))
    middle = slice(20, 80)
    np.testing.assert_allclose(one.wave[middle], other.wave[middle], atol=1e-3 * one.wave.std())
    np.testing.assert_allclose(one.envelope[middle], other.envelope[middle], atol=1e-3)


def test_views_follow_a_delay() -> None:
    x = np.random.default_rng(0).standard_normal(16000)
    centers = np.arange(4000, 12000, 200)
    here = view(x, centers, 1000, 2000, sr=16000)
    there = view(np.roll(x, 400), centers + 400, 1000, 2000, sr=16000)
    np.testing.assert_allclose(there.wave, here.wave, atol=1e-9)
    np.testing.assert_allclose(there.envelope, here.envelope, atol=1e-9)


def test_envelopes_show_pulses_of_noise() -> None:
    sr = 16000
    rng = np.random.default_rng(0)
    pulses = 1 + np.cos(2 * np.pi * 100 * np.arange(sr) / sr)
    centers = np.arange(2000, 14000, 160)  # every pulse
    q = view(pulses * rng.standard_normal(sr), centers, 0, 1000, sr=sr).envelope
    mean = q.mean(axis=0)
    assert np.sum(mean**2) > 0.5 * np.mean(np.sum(q**2, axis=1))
    steady = view(rng.standard_normal(sr), centers, 0, 1000, sr=sr).envelope
    assert np.sum(steady.mean(axis=0) ** 2) < 0.1 * np.mean(np.sum(steady**2, axis=1))


def test_a_band_of_everything_leaves_nothing_to_see() -> None:
    seen = view(
        np.random.default_rng(0).standard_normal(8000), np.arange(0, 8000, 80), 0, 4000, sr=8000
    )
    assert not seen.wave.any()
    assert not seen.envelope.any()


def test_waveforms_are_partly_whitened() -> None:
    t = np.arange(16000) / 16000
    x = np.cos(2 * np.pi * 500 * t) + 0.01 * np.cos(2 * np.pi * 4000 * t)
    p = view(x, np.array([8000]), 1000, 2000, sr=16000).wave[0]
    X = np.abs(np.fft.rfft(p * np.hanning(p.size), 1600))
    # The loudest partial has been at FLOOR*1e4 of the other one's power: their levels are halved.
    assert X[400] / X[50] == pytest.approx(0.01**0.5, rel=0.2)


def test_what_is_too_weak_to_be_heard_has_no_envelope() -> None:
    """Noise 100 dB under a tone would fluctuate, if it were made as loud."""
    rng = np.random.default_rng(0)
    t = np.arange(16000) / 16000
    tone = np.cos(2 * np.pi * 500 * t)
    centers = np.arange(4000, 12000, 500)
    alone = view(tone, centers, 1000, 2000, sr=16000).envelope
    seen = view(tone + 1e-5 * rng.standard_normal(t.size), centers, 1000, 2000, sr=16000).envelope
    np.testing.assert_allclose(seen, alone, atol=0.01)


@pytest.mark.parametrize("sr", [8000, 32000])
def test_patches_are_centred(sr: int) -> None:
    x = np.zeros(sr)
    x[sr // 2] = 1
    seen = view(x, np.array([sr // 2]), 0, 500, sr=sr)
    # About a pulse the envelope, and the square of the waveform, are even.
    np.testing.assert_allclose(seen.envelope[0, 1:], seen.envelope[0, :0:-1], atol=0.02)
    square = seen.wave[0] ** 2
    assert square @ np.arange(square.size) / square.sum() == pytest.approx(
        square.size // 2, abs=0.3
    )


def test_blocks_keep_their_length_where_frames_are_thinned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = noise_view()
    known = np.arange(60) < 40
    monkeypatch.setattr(crossband, "MOST", 20)
    sizes = []
    original = crossband._left_out

    def spy(G: Array, weights: Array, block: int) -> Array:
        sizes.append(block)
        return original(G, weights, block)

    monkeypatch.setattr(crossband, "_left_out", spy)
    tell(seen, cells(seen), known, slice(40, 60), frames_per_s=40)
    assert sizes == [5]
