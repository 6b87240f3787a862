"""Estimates averaged by inverse variances: the weights, the NMF estimate, what it brings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import VOICES
from gap_signals import mask_of, snr_db
from spectramend import audio
from spectramend.gaps import Method, SearchBuffer, fill_gaps, model_averaging
from spectramend.gaps.ar.two_sided import CONTEXT_ORDERS, TwoSidedEstimate, two_sided_estimate
from spectramend.gaps.model_averaging import _nmf_estimate, average_estimates
from spectramend.gaps.template_matching import template_estimate

N = 12000
GAP = slice(6000, 6300)
LOST = mask_of(N, (GAP.start, GAP.stop))
ORDER = 256


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def x(rng: np.random.Generator) -> NDArray[Any]:
    """Noise in which the passage around the gap occurs twice."""
    noise = rng.standard_normal(N)
    noise[5000:7000] = noise[2000:4000]
    return noise


@pytest.fixture
def tones(rng: np.random.Generator) -> NDArray[Any]:
    """Tones, one of which ends in the gap."""
    t = np.arange(N)
    steady = sum(np.sin(w * t + 5 * w) for w in (0.1, 0.2, 0.33))
    return np.asarray(steady + (t < 6100) * np.sin(0.5 * t) + 0.01 * rng.standard_normal(N))


def averaged(x: NDArray[Any], samples: NDArray[Any], disagreement: float) -> NDArray[Any]:
    """Average an estimate of the gap of x, with all of x to search."""
    return average_estimates(
        x,
        GAP.start,
        TwoSidedEstimate(samples, disagreement),
        order=ORDER,
        search=SearchBuffer(np.where(LOST, np.nan, x), 0),
    )


# Weights


@pytest.mark.parametrize("disagreement", [1.0, 30.0, 1e3, 1e9])
def test_weights_are_those_of_the_equation(
    x: NDArray[Any], rng: np.random.Generator, disagreement: float
) -> None:
    y, search = 0.3 * rng.standard_normal(300), SearchBuffer(np.where(LOST, np.nan, x), 0)
    guess, expected = x.copy(), y.copy()
    guess[GAP] = y
    context = round(model_averaging.TEMPLATE_ORDERS * ORDER)
    for kappa, u in (
        (model_averaging.KAPPA_NMF, _nmf_estimate(guess, GAP, ORDER)),
        (model_averaging.KAPPA_TEMPLATES, template_estimate(guess, GAP, search, context)),
    ):
        b = kappa * disagreement / sum(float(v) ** 2 for v in u - y)
        if disagreement == 1e9:
            assert b > 0.5
        expected = expected + min(0.5, b) * (u - y)
    np.testing.assert_allclose(averaged(x, y, disagreement), expected, rtol=1e-12, atol=1e-12)


def test_an_estimate_is_unchanged_where_its_sides_or_all_estimates_agree(
    x: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    y = x[GAP] + 0.1
    for disagreement in (0.0, 1e-4 * np.sum(y**2), np.nan):
        np.testing.assert_array_equal(averaged(x, y, disagreement), y)
    monkeypatch.setattr(model_averaging, "_nmf_estimate", lambda x, gap, order: x[gap])
    monkeypatch.setattr(model_averaging, "template_estimate", lambda x, gap, *_: x[gap])
    np.testing.assert_array_equal(averaged(x, y, 1e9), y)


def test_secondary_estimates_may_be_arbitrarily_wrong(
    x: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    y, disagreement = x[GAP] + 0.1, 1e9
    monkeypatch.setattr(model_averaging, "_nmf_estimate", lambda x, gap, order: x[gap] + 1e6)
    monkeypatch.setattr(model_averaging, "template_estimate", lambda x, gap, *_: x[gap] - 1e6)
    # Each changes y by an energy of (kappa * disagreement)**2 / energy at most.
    assert np.sum((averaged(x, y, disagreement) - y) ** 2) < disagreement


def test_values_in_the_gap_are_ignored_and_inputs_not_changed(x: NDArray[Any]) -> None:
    y, before = np.sin(np.arange(300.0)), x.copy()
    found = averaged(x, y, 100.0)
    np.testing.assert_array_equal(found, averaged(np.where(LOST, np.nan, x), y, 100.0))
    assert not np.array_equal(found, y)
    np.testing.assert_array_equal(y, np.sin(np.arange(300.0)))
    np.testing.assert_array_equal(x, before)


def test_missing_samples_anywhere_are_ignored(x: NDArray[Any], rng: np.random.Generator) -> None:
    missing = LOST | mask_of(N, (2600, 2700), (9000, 9400))
    methods: tuple[Method, Method] = ("auto", "hybrid")
    for method in methods:
        first, *others = (
            fill_gaps(np.where(missing, value, x), missing, method=method, order=ORDER)
            for value in (0.0, np.nan, 1e6, rng.standard_normal(N))
        )
        for other in others:
            np.testing.assert_array_equal(other, first)


@pytest.mark.slow
def test_averaging_helps_in_speech() -> None:
    x = np.asarray(audio.read(VOICES / "item_01_ML.flac").samples[: 6 * 16000], np.float64)
    methods: tuple[Method, Method] = ("ar", "hybrid")
    gains = []
    for start in range(20000, 80000, 8000):
        missing = mask_of(x.size, (start, start + 400))
        ar, hybrid = (
            snr_db(x[missing], fill_gaps(x, missing, method=method)[missing]) for method in methods
        )
        gains.append(hybrid - ar)
    assert np.mean(gains) > 0.2


# NMF


def test_nmf_continues_tones(tones: NDArray[Any]) -> None:
    true = tones[GAP]
    estimate = two_sided_estimate(tones, GAP.start, GAP.stop, order=ORDER).samples
    for first in (true, estimate, 0.5 * true):
        y = tones.copy()
        y[GAP] = first
        assert snr_db(true, _nmf_estimate(y, GAP, ORDER)) > 10


def test_nmf_is_not_random_and_scales_with_the_signal(tones: NDArray[Any]) -> None:
    found = _nmf_estimate(tones, GAP, 64)
    np.random.seed(1)  # noqa: NPY002 nothing may depend on it
    np.testing.assert_array_equal(_nmf_estimate(tones, GAP, 64), found)
    np.testing.assert_array_equal(_nmf_estimate(2.0**-70 * tones, GAP, 64), 2.0**-70 * found)
    np.testing.assert_allclose(_nmf_estimate(3 * tones, GAP, 64), 3 * found, rtol=1e-6, atol=1e-6)


def test_nmf_uses_no_more_than_its_context(tones: NDArray[Any]) -> None:
    reach = CONTEXT_ORDERS * 64
    part, near = np.full(N, np.nan), slice(GAP.start - reach, GAP.stop + reach)
    part[near] = tones[near]
    np.testing.assert_array_equal(_nmf_estimate(part, GAP, 64), _nmf_estimate(tones, GAP, 64))


@pytest.mark.parametrize("start", [64, N - 364])
def test_nmf_at_an_end_of_the_signal(tones: NDArray[Any], start: int) -> None:
    assert np.isfinite(_nmf_estimate(tones, slice(start, start + 300), 64)).all()


def test_nmf_of_signals_with_silence(tones: NDArray[Any]) -> None:
    for silent in (slice(0, 5990), slice(6310, N), slice(3000, 9000)):
        y = tones.copy()
        y[silent] = 0
        y[GAP.start - 5] = 1
        found = _nmf_estimate(y, GAP, 64)
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= np.abs(y).max()
