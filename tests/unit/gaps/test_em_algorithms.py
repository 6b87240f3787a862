"""Gaps filled from nonnegative factors: steps, objectives, what is known, and bad cases."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference import variances as reference
from spectramend.core.stft import STFT
from spectramend.errors import ParameterError
from spectramend.gaps import Filled, Variances, am, am_to_em_tf, em_tf
from spectramend.gaps.em import iterations as alternation
from spectramend.gaps.em.frame_posterior import Posterior
from spectramend.gaps.em.frame_variances import cut_frames
from spectramend.gaps.em.iterations import LEAST_VARIANCE

SMALL: dict[str, Any] = {"n_components": 3, "n_fft": 256, "hop_length": 128}
METHODS: list[Callable[..., Filled]] = [em_tf, am, am_to_em_tf]


def tones(n: int) -> NDArray[Any]:
    t = np.arange(n)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(n)
    return np.asarray(np.sin(0.1 * t) + 0.5 * np.sin(0.271 * t + 1) + noise)


def lost(n: int, *spans: tuple[int, int]) -> NDArray[np.bool_]:
    missing = np.zeros(n, bool)
    for start, stop in spans:
        missing[start:stop] = True
    return missing


GAPS = lost(3000, (700, 760), (1500, 1540), (1600, 1630))


@pytest.mark.parametrize("method", METHODS)
def test_tones_go_on_and_known_samples_stay(method: Callable[..., Filled]) -> None:
    x = tones(3000)
    found = method(np.where(GAPS, np.nan, x), GAPS, rng=0, **SMALL)
    np.testing.assert_array_equal(found.samples[~GAPS], x[~GAPS])
    error = found.samples[GAPS] - x[GAPS]
    assert 10 * np.log10(np.mean(x[GAPS] ** 2) / np.mean(error**2)) > 15
    assert found.n_iter == found.trace.size


def test_the_model_serves_as_one_of_all_frames_of_the_signal() -> None:
    x = 1e-3 * tones(3000)
    found = em_tf(x, GAPS, rng=0, **SMALL)
    assert found.V is not None
    model = Variances(found.V, STFT(256, 128, "sine"))
    y = np.linalg.solve(*model.normal_equations(found.samples, 700, 60))
    assert np.mean((y - x[700:760]) ** 2) < 0.1 * np.mean(x[700:760] ** 2)
    assert np.mean(found.V) == pytest.approx(0.5 * np.mean(x**2), rel=0.1)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("method", [em_tf, am])
def test_each_step_lowers_what_it_is_to_lower(method: Callable[..., Filled], seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(3000) * np.linspace(0.1, 1, 3000) + tones(3000)
    found = method(x, GAPS, rng=seed, max_iter=60, nmf_iter=2, tol=0, **SMALL)
    assert found.trace.size == 60
    assert (np.diff(found.trace) <= 1e-9 * np.abs(found.trace[0])).all()
    assert found.trace[-1] < found.trace[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bins_count_as_often_as_they_stand_in_the_spectrum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(400) * (1 + 0.9 * np.sin(0.05 * np.arange(400)))
    missing = lost(400, (50, 53), (100, 101), (200, 206))
    settings: dict[str, Any] = {"n_components": 2, "n_fft": 4, "hop_length": 2}
    found = em_tf(x, missing, max_iter=300, nmf_iter=1, tol=0, rng=seed, **settings)
    assert np.diff(found.trace).max() < 1e-6


def test_the_first_step_is_that_of_dense_matrices() -> None:
    L, K, n = 32, 2, 200
    stft, x = STFT(L, L // 2, "sine"), tones(n)
    missing = lost(n, (60, 70), (100, 103), (107, 112), (150, 175), (196, 200))
    x /= 2.0 ** np.round(np.log2(np.sqrt(np.mean(x[~missing] ** 2))))
    N = stft.n_frames(n)
    rng = np.random.default_rng(5)
    W, H = (0.25 + 0.75 * np.abs(rng.standard_normal(s)) for s in ((L // 2 + 1, K), (K, N)))
    V = np.mean(x[~missing] ** 2) * (W @ H / K + LEAST_VARIANCE)
    frames = cut_frames(np.where(missing, 0, x), np.arange(N), stft) * stft.window_samples
    inferred = [
        reference.infer(frame, gone, v)
        for frame, gone, v in zip(frames, cut_frames(missing, np.arange(N), stft), V.T, strict=True)
    ]
    summed = np.zeros((2, n + 2 * L))
    for t, frame in enumerate(inferred):
        place = slice(t * L // 2 + L // 2, t * L // 2 + L // 2 + L)
        summed[:, place] += stft.window_samples * [frame.mean, stft.window_samples]
    found = em_tf(x, missing, n_components=K, n_fft=L, hop_length=L // 2, max_iter=1, rng=5)
    expected = (summed[0, L : L + n] / summed[1, L : L + n])[missing]
    np.testing.assert_allclose(found.samples[missing], expected, rtol=1e-8, atol=1e-10)
    assert found.V is not None
    np.testing.assert_allclose(found.V, V, rtol=1e-12)
    assert found.trace[0] == pytest.approx(sum(frame.minus_twice_log for frame in inferred))


def test_am_to_em_tf_lies_between_both() -> None:
    x, run = tones(3000), {"max_iter": 8, "tol": 0, "rng": 0, **SMALL}
    for am_iter, method in ((0, em_tf), (8, am)):
        mixed, pure = am_to_em_tf(x, GAPS, am_iter=am_iter, **run), method(x, GAPS, **run)
        np.testing.assert_array_equal(mixed.samples, pure.samples)
        np.testing.assert_array_equal(mixed.trace, pure.trace)
    mixed = am_to_em_tf(x, GAPS, am_iter=3, **run)
    np.testing.assert_array_equal(mixed.trace[:3], am(x, GAPS, **run).trace[:3])
    assert mixed.trace[3] > mixed.trace[2]  # log det P joins the sum


def test_alternating_minimisation_does_not_end_before_the_algorithm_that_it_starts() -> None:
    found = am_to_em_tf(tones(3000), GAPS, tol=1e9, am_iter=2, rng=0, **SMALL)
    assert (found.n_iter, found.status) == (3, "converged")
    assert am(tones(3000), GAPS, tol=1e9, rng=0, **SMALL).n_iter == 1


@pytest.mark.parametrize("method", METHODS)
def test_results_scale_with_the_signal_and_follow_from_the_generator(
    method: Callable[..., Filled],
) -> None:
    x, run = tones(3000), partial(method, missing=GAPS, max_iter=7, **SMALL)
    found = run(x, rng=np.random.default_rng(3)).samples
    np.testing.assert_array_equal(run(x, rng=3).samples, found)
    np.testing.assert_array_equal(run(2.0**-60 * x, rng=3).samples, 2.0**-60 * found)
    np.testing.assert_allclose(run(1e150 * x, rng=3).samples, 1e150 * found, rtol=1e-6)
    assert not np.array_equal(run(x, rng=4).samples, found)


# Bad cases

N = 2000
SIGNALS: dict[str, NDArray[Any]] = {
    "tones": tones(N),
    "silence": np.zeros(N),
    "constant": np.ones(N),
    "offset": 3 + 0.1 * tones(N),
    "pure tone": np.sin(2 * np.pi * np.arange(N) / 16),
    "impulse": np.eye(1, N, 900)[0],
    "silence before": np.where(np.arange(N) < 1000, 0.0, tones(N)),
    "clipped": np.clip(5 * tones(N), -1, 1),
    "tiny": 1e-300 * tones(N),
    "huge": 1e300 * tones(N),
}
PLACES = {
    "one": lost(N, (990, 1040)),
    "first": lost(N, (0, 50)),
    "last": lost(N, (N - 50, N)),
    "two in a frame": lost(N, (980, 1000), (1010, 1050)),
    "frames wholly missing": lost(N, (500, 1400)),
    "nearly all": lost(N, (10, N - 10)),
    "every fifth": np.arange(N) % 5 == 0,
    "all but every fifth": np.arange(N) % 5 > 0,
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("place", PLACES)
def test_results_are_finite_and_no_louder_than_what_is_known(signal: str, place: str) -> None:
    x, missing = SIGNALS[signal], PLACES[place]
    settings: dict[str, Any] = {"n_components": 3, "n_fft": 128, "hop_length": 64}
    found = am_to_em_tf(x, missing, max_iter=4, am_iter=2, rng=0, **settings)
    assert np.isfinite(found.samples).all()
    np.testing.assert_array_equal(found.samples[~missing], x[~missing])
    peak = np.abs(x[~missing]).max()
    if not peak:
        assert found.status == "silence"
    assert np.sqrt(np.mean((found.samples[missing] / (peak or 1.0)) ** 2)) <= (peak > 0)


@pytest.mark.parametrize("signal", ["offset", "pure tone", "constant"])
def test_offsets_and_tones_are_continued(signal: str) -> None:
    x, missing = SIGNALS[signal], PLACES["one"]
    found = em_tf(x, missing, n_components=3, n_fft=256, hop_length=128, rng=0).samples
    assert np.abs(found - x).max() < 0.1 * np.abs(x).max()


@pytest.mark.parametrize("value", [1e3, np.nan])
def test_a_model_that_goes_astray_is_kept_quiet(
    monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    def loud(frames: NDArray[Any], lost: NDArray[Any], V: NDArray[Any]) -> Posterior:
        return Posterior(np.where(lost, value, frames), np.zeros(V.shape), np.zeros(V.shape[1]))

    monkeypatch.setattr(alternation, "infer", loud)
    x = tones(3000)
    found = em_tf(x, GAPS, max_iter=1, rng=0, **SMALL).samples
    expected = np.abs(x[~GAPS][400:1800]).max() if value == 1e3 else 0.0
    assert np.sqrt(np.mean(found[1500:1540] ** 2)) == pytest.approx(expected, rel=0.02)


def test_nothing_missing_returns_the_signal() -> None:
    x = tones(500)
    found = em_tf(x, np.zeros(500, bool))
    np.testing.assert_array_equal(found.samples, x)
    assert (found.status, found.V, found.n_iter, found.trace.size) == ("converged", None, 0, 0)


def test_what_cannot_work_is_refused() -> None:
    x, missing = tones(500), lost(500, (100, 120))
    with pytest.raises(ParameterError, match=r"x has shape \(500,\), missing \(499,\)"):
        em_tf(x, missing[1:])
    with pytest.raises(ParameterError, match="every sample is missing"):
        em_tf(x, np.ones(500, bool))
    with pytest.raises(ParameterError, match="x has NaN or infinite samples that are not missing"):
        em_tf(np.where(np.arange(500) == 3, np.inf, x), missing)
    for name in ("n_components", "max_iter", "nmf_iter"):
        with pytest.raises(ParameterError, match=f"{name}=0: give at least 1"):
            em_tf(x, missing, **{name: 0})
    with pytest.raises(ParameterError, match="am_iter=-1: give at least 0"):
        am_to_em_tf(x, missing, am_iter=-1)
    with pytest.raises(ParameterError, match="tol=-1: give at least 0"):
        am(x, missing, tol=-1)
    with pytest.raises(ParameterError, match="hop_length=5000 is longer than n_fft=4096"):
        am(x, missing, hop_length=5000)
