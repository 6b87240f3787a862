"""Iterations of EM and alternating minimisation: settings, single steps, objectives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gap_signals import mask_of, two_tones
from reference import variances as reference
from spectramend.errors import ParameterError
from spectramend.gaps.em import iterations
from spectramend.gaps.em.framing import cut_frames
from spectramend.gaps.em.iterations import EMResult, EMSettings, infer_and_update

SMALL = EMSettings(n_components=3, n_fft=256, hop_length=128, tol=0, am_iter=0)
GAPS = mask_of(3000, (700, 760), (1500, 1540), (1600, 1630))


def run(x: NDArray[Any], lost: NDArray[np.bool_], settings: EMSettings, seed: int = 0) -> EMResult:
    return infer_and_update(np.where(lost, 0.0, x), lost, settings, rng=seed)


def test_settings_are_checked() -> None:
    for name in ("n_components", "max_iter", "nmf_iter"):
        with pytest.raises(ParameterError, match=f"{name}=0: give at least 1"):
            replace(SMALL, **{name: 0})
    with pytest.raises(ParameterError, match="am_iter=-1: give at least 0"):
        EMSettings(am_iter=-1)
    for tol in (-1.0, np.nan):
        with pytest.raises(ParameterError, match=f"tol={tol}: give at least 0"):
            EMSettings(tol=tol)
    with pytest.raises(ParameterError, match="hop_length=5000 is longer than n_fft=4096"):
        EMSettings(hop_length=5000)


def test_the_first_step_is_that_of_dense_matrices() -> None:
    L, K, n = 32, 2, 200
    settings = EMSettings(K, L, L // 2, max_iter=1, am_iter=0)
    stft, x = settings.stft, two_tones(n)
    lost = mask_of(n, (60, 70), (100, 103), (107, 112), (150, 175), (196, 200))
    N = stft.n_frames(n)
    rng = np.random.default_rng(5)
    W, H = (0.25 + 0.75 * np.abs(rng.standard_normal(s)) for s in ((L // 2 + 1, K), (K, N)))
    V = np.mean(x[~lost] ** 2) * (W @ H / K + iterations.NMF_OFFSET)
    frames = cut_frames(np.where(lost, 0, x), np.arange(N), stft) * stft.window_samples
    inferred = [
        reference.infer_frame(frame, mask, v)
        for frame, mask, v in zip(frames, cut_frames(lost, np.arange(N), stft), V.T, strict=True)
    ]
    summed = np.zeros((2, n + 2 * L))
    for t, frame in enumerate(inferred):
        place = slice(t * L // 2 + L // 2, t * L // 2 + L // 2 + L)
        summed[:, place] += stft.window_samples * [frame.mean, stft.window_samples]
    found = run(x, lost, settings, seed=5)
    expected = (summed[0, L : L + n] / summed[1, L : L + n])[lost]
    np.testing.assert_allclose(found.samples[lost], expected, rtol=1e-8, atol=1e-10)
    assert found.V is not None
    np.testing.assert_allclose(found.V, V, rtol=1e-12)
    assert found.trace[0] == pytest.approx(sum(frame.minus_twice_log for frame in inferred))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("am_iter", [0, 60])
def test_each_step_lowers_its_objective(am_iter: int, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(3000)
    x = noise * np.linspace(0.1, 1, 3000) + two_tones(3000)
    settings = replace(SMALL, max_iter=60, nmf_iter=2, am_iter=am_iter)
    trace = run(x, GAPS, settings, seed).trace
    assert trace.size == 60
    assert (np.diff(trace) <= 1e-9 * np.abs(trace[0])).all()
    assert trace[-1] < trace[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bins_count_as_often_as_they_occur_in_the_spectrum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(400) * (1 + 0.9 * np.sin(0.05 * np.arange(400)))
    lost = mask_of(400, (50, 53), (100, 101), (200, 206))
    settings = EMSettings(2, 4, 2, max_iter=300, am_iter=0, nmf_iter=1, tol=0)
    assert np.diff(run(x, lost, settings, seed).trace).max() < 1e-6


def test_a_guess_is_where_iterations_start() -> None:
    x, settings = two_tones(3000), replace(SMALL, max_iter=1)
    known = np.where(GAPS, 0.0, x)
    errors = [
        np.sum((infer_and_update(known, GAPS, settings, guess=guess).samples - x)[GAPS] ** 2)
        for guess in (x, known)
    ]
    assert errors[0] < 0.1 * errors[1]
