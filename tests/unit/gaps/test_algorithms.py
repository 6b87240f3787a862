"""The EM algorithms on whole signals: what holds for all, how they differ, bad cases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gap_signals import mask_of, snr_db, two_tones
from spectramend.errors import ParameterError
from spectramend.gaps import (
    EM_ALGORITHMS,
    EMAlgorithm,
    EMResult,
    EMSettings,
    interpolate_by_em,
)
from spectramend.gaps.em import iterations
from spectramend.gaps.em.frame_posterior import Posterior

SMALL = EMSettings(n_components=3, n_fft=256, hop_length=128)
GAPS = mask_of(3000, (700, 760), (1500, 1540), (1600, 1630))


def run(
    x: NDArray[Any],
    algorithm: EMAlgorithm = "em_tf",
    missing: NDArray[np.bool_] = GAPS,
    *,
    settings: EMSettings = SMALL,
    rng: int | np.random.Generator = 0,
) -> EMResult:
    return interpolate_by_em(x, missing, algorithm=algorithm, settings=settings, rng=rng)


@pytest.mark.parametrize("algorithm", EM_ALGORITHMS)
def test_tones_are_continued_and_known_samples_unchanged(algorithm: EMAlgorithm) -> None:
    x = two_tones(3000)
    found = run(np.where(GAPS, np.nan, x), algorithm)
    np.testing.assert_array_equal(found.samples[~GAPS], x[~GAPS])
    assert snr_db(x[GAPS], found.samples[GAPS]) > 15
    assert found.n_iter == found.trace.size


def test_the_model_is_one_of_all_frames_on_the_scale_of_the_signal() -> None:
    x = 1e-3 * two_tones(3000)
    found = run(x)
    assert found.V is not None
    P = np.abs(SMALL.stft.forward(x)) ** 2 / SMALL.n_fft
    assert np.linalg.norm(found.V - P) < 0.2 * np.linalg.norm(P)
    assert np.mean(found.V) == pytest.approx(0.5 * np.mean(x**2), rel=0.1)


def test_am_to_em_tf_lies_between_both() -> None:
    x, settings = two_tones(3000), replace(SMALL, max_iter=8, tol=0)
    em, alternating = (run(x, name, settings=settings) for name in EM_ALGORITHMS[:2])
    for am_iter, pure in ((0, em), (8, alternating)):
        mixed = run(x, "am_to_em_tf", settings=replace(settings, am_iter=am_iter))
        np.testing.assert_array_equal(mixed.samples, pure.samples)
        np.testing.assert_array_equal(mixed.trace, pure.trace)
    mixed = run(x, "am_to_em_tf", settings=replace(settings, am_iter=3))
    np.testing.assert_array_equal(mixed.trace[:3], alternating.trace[:3])
    assert mixed.trace[3] > mixed.trace[2]  # log det P joins the sum


def test_alternating_minimisation_does_not_end_before_the_algorithm_that_it_starts() -> None:
    settings = replace(SMALL, tol=1e9, am_iter=2)
    found = run(two_tones(3000), "am_to_em_tf", settings=settings)
    assert (found.n_iter, found.status) == (3, "converged")
    assert run(two_tones(3000), "am", settings=settings).n_iter == 1


@pytest.mark.parametrize("algorithm", EM_ALGORITHMS)
def test_results_scale_with_the_signal_and_follow_from_the_generator(
    algorithm: EMAlgorithm,
) -> None:
    x, settings = two_tones(3000), replace(SMALL, max_iter=7)

    def samples(x: NDArray[Any], rng: int | np.random.Generator = 3) -> NDArray[Any]:
        return run(x, algorithm, settings=settings, rng=rng).samples

    found = samples(x, np.random.default_rng(3))
    np.testing.assert_array_equal(samples(x), found)
    np.testing.assert_array_equal(samples(2.0**-60 * x), 2.0**-60 * found)
    np.testing.assert_allclose(samples(1e150 * x), 1e150 * found, rtol=1e-6)
    assert not np.array_equal(samples(x, 4), found)


# Bad cases

N = 2000
SIGNALS: dict[str, NDArray[Any]] = {
    "tones": two_tones(N),
    "silence": np.zeros(N),
    "constant": np.ones(N),
    "offset": 3 + 0.1 * two_tones(N),
    "pure tone": np.sin(2 * np.pi * np.arange(N) / 16),
    "impulse": np.eye(1, N, 900)[0],
    "silence before": np.where(np.arange(N) < 1000, 0.0, two_tones(N)),
    "clipped": np.clip(5 * two_tones(N), -1, 1),
    "tiny": 1e-300 * two_tones(N),
    "huge": 1e300 * two_tones(N),
}
PLACES = {
    "one": mask_of(N, (990, 1040)),
    "first": mask_of(N, (0, 50)),
    "last": mask_of(N, (N - 50, N)),
    "two in a frame": mask_of(N, (980, 1000), (1010, 1050)),
    "frames wholly missing": mask_of(N, (500, 1400)),
    "nearly all": mask_of(N, (10, N - 10)),
    "every fifth": np.arange(N) % 5 == 0,
    "all but every fifth": np.arange(N) % 5 > 0,
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("place", PLACES)
def test_results_are_finite_and_no_louder_than_known_samples(signal: str, place: str) -> None:
    x, missing = SIGNALS[signal], PLACES[place]
    settings = EMSettings(3, 128, 64, max_iter=4, am_iter=2)
    found = run(x, "am_to_em_tf", missing, settings=settings)
    assert np.isfinite(found.samples).all()
    np.testing.assert_array_equal(found.samples[~missing], x[~missing])
    peak = np.abs(x[~missing]).max()
    if not peak:
        assert found.status == "silence"
    assert np.sqrt(np.mean((found.samples[missing] / (peak or 1.0)) ** 2)) <= (peak > 0)


@pytest.mark.parametrize("signal", ["offset", "pure tone", "constant"])
def test_offsets_and_tones_are_continued(signal: str) -> None:
    x = SIGNALS[signal]
    found = run(x, missing=PLACES["one"]).samples
    assert np.abs(found - x).max() < 0.1 * np.abs(x).max()


@pytest.mark.parametrize("value", [1e3, np.nan])
def test_the_level_of_a_wrong_posterior_is_limited(
    monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    def loud(frames: NDArray[Any], lost: NDArray[Any], V: NDArray[Any]) -> Posterior:
        return Posterior(np.where(lost, value, frames), np.zeros(V.shape), np.zeros(V.shape[1]))

    monkeypatch.setattr(iterations, "infer_frames", loud)
    x = two_tones(3000)
    found = run(x, settings=replace(SMALL, max_iter=1)).samples
    expected = np.abs(x[~GAPS][400:1800]).max() if value == 1e3 else 0.0
    assert np.sqrt(np.mean(found[1500:1540] ** 2)) == pytest.approx(expected, rel=0.02)


def test_nothing_missing_returns_the_signal() -> None:
    x = two_tones(500)
    found = interpolate_by_em(x, np.zeros(500, bool))
    np.testing.assert_array_equal(found.samples, x)
    assert (found.status, found.V, found.n_iter, found.trace.size) == ("converged", None, 0, 0)


def test_unsuitable_signals_are_refused() -> None:
    x, missing = two_tones(500), mask_of(500, (100, 120))
    with pytest.raises(ParameterError, match=r"x has shape \(500,\), missing \(499,\)"):
        interpolate_by_em(x, missing[1:])
    with pytest.raises(ParameterError, match="every sample is missing"):
        interpolate_by_em(x, np.ones(500, bool))
    with pytest.raises(ParameterError, match="x has NaN or infinite samples that are not missing"):
        interpolate_by_em(np.where(np.arange(500) == 3, np.inf, x), missing)
