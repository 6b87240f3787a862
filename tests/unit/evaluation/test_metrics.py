"""Metrics: closed forms where there is one, the packages themselves where there is none."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import pesq
import pystoi
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import spectramend
from spectramend import metrics
from spectramend.errors import MismatchError, MissingExtraError, ParameterError
from spectramend.evaluation.metrics import (
    evaluate,
    log_spectral_distance,
    missing_metrics,
    pesq_wb,
    si_sdr,
    snr,
    stoi,
)

SR = 16000
VOICE = Path(spectramend.__file__).parent / "voices" / "item_01_MA.flac"

exponents = st.integers(-30, 30)
ratios_db = st.floats(-60, 60)


def orthogonal(n: int = 64) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make two orthogonal signals of unit power."""
    i = np.arange(n)
    return math.sqrt(2) * np.sin(2 * np.pi * 3 * i / n), math.sqrt(2) * np.cos(
        2 * np.pi * 5 * i / n
    )


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float64]:
    """Give two seconds of a voice."""
    x, sr = soundfile.read(VOICE, start=SR, frames=2 * SR)
    assert sr == SR
    return np.asarray(x, np.float64)


def noisy(x: NDArray[np.float64], snr_db: float) -> NDArray[np.float64]:
    noise = np.random.default_rng(0).standard_normal(x.shape)
    return x + noise * math.sqrt((x**2).mean() / 10 ** (snr_db / 10))


# Levels


@settings(max_examples=50, deadline=None, derandomize=True)
@given(ratio_db=ratios_db)
def test_snr_is_the_ratio_of_signal_and_error(ratio_db: float) -> None:
    s, e = orthogonal()
    assert snr(s, s + 10 ** (-ratio_db / 20) * e) == pytest.approx(ratio_db, abs=1e-9)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(ratio_db=ratios_db, gain=st.floats(0.01, 100), sign=st.sampled_from([-1, 1]))
def test_si_sdr_is_the_ratio_of_the_orthogonal_parts_of_the_estimate(
    ratio_db: float, gain: float, sign: int
) -> None:
    s, e = orthogonal()
    estimate = sign * gain * (s + 10 ** (-ratio_db / 20) * e)
    assert si_sdr(s, estimate) == pytest.approx(ratio_db, abs=1e-9)


def test_an_error_along_the_signal_counts_for_snr_and_not_for_si_sdr() -> None:
    s, e = orthogonal()
    estimate = 0.5 * s + 0.1 * e
    assert snr(s, estimate) == pytest.approx(-10 * math.log10(0.26))
    assert si_sdr(s, estimate) == pytest.approx(10 * math.log10(25))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(exponent=exponents, other=exponents)
def test_scale_does_not_matter(exponent: int, other: int) -> None:
    s, e = orthogonal()
    estimate = s + 0.3 * e
    assert snr(2.0**exponent * s, 2.0**exponent * estimate) == snr(s, estimate)
    assert si_sdr(2.0**exponent * s, 2.0**other * estimate) == si_sdr(s, estimate)


def test_levels_count_all_channels_together() -> None:
    s, e = orthogonal()
    reference, estimate = np.stack([s, 2 * s]), np.stack([s + e, 2 * s])
    assert snr(reference, estimate) == pytest.approx(10 * math.log10(5))
    assert si_sdr(reference, estimate) == pytest.approx(10 * math.log10(5))


def test_levels_at_the_ends_are_infinite() -> None:
    s, e = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert snr(s, s) == si_sdr(s, 4 * s) == math.inf
    assert si_sdr(s, e) == si_sdr(s, 0 * s) == -math.inf
    assert snr(s, 0 * s) == 0.0


# Spectra


def test_a_gain_is_so_many_decibels_away_everywhere() -> None:
    T = np.exp(2j * np.random.default_rng(0).random((5, 7)))
    assert log_spectral_distance(T, -0.1j * T) == pytest.approx(20.0)
    assert log_spectral_distance(T, 10 * T) == pytest.approx(20.0)
    assert log_spectral_distance(T, T) == 0.0


def test_distances_are_averaged_as_squares_over_the_cells_that_count() -> None:
    T, Y = np.ones((2, 2)), np.array([[1.0, 10.0], [100.0, 1000.0]])
    assert log_spectral_distance(T, Y) == pytest.approx(math.sqrt((400 + 1600 + 3600) / 4))
    assert log_spectral_distance(T, Y, [[1, 1], [0, 0]]) == pytest.approx(math.sqrt(200))


def test_both_spectra_count_as_no_less_than_the_floor() -> None:
    T, Y = np.array([[1e-9, 100.0]]), np.array([[1.0, 0.0]])
    silence, lost = [[True, False]], [[False, True]]
    assert log_spectral_distance(T, Y, silence) == pytest.approx(20.0)
    assert log_spectral_distance(T, Y, lost) == pytest.approx(60.0)
    assert log_spectral_distance(T, Y, lost, floor_db=30.0) == pytest.approx(30.0)


def test_without_cells_there_is_no_distance() -> None:
    assert math.isnan(log_spectral_distance([[1.0]], [[1.0]], [[False]]))


def test_cells_of_another_shape_are_refused() -> None:
    with pytest.raises(MismatchError, match=r"cells have shape \(2,\), the spectra \(1, 2\)"):
        log_spectral_distance([[1.0, 1.0]], [[1.0, 1.0]], [True, True])


# Speech


def test_scores_of_speech_are_those_of_the_packages(speech: NDArray[Any]) -> None:
    estimate = noisy(speech, 5.0)
    # pystoi rounds differently from call to call.
    assert stoi(speech, estimate, sr=SR) == pytest.approx(pystoi.stoi(speech, estimate, SR))
    extended = stoi(speech, estimate, sr=SR, extended=True)
    assert extended == pytest.approx(pystoi.stoi(speech, estimate, SR, extended=True))
    single = speech.astype(np.float32), estimate.astype(np.float32)
    assert pesq_wb(speech, estimate, sr=SR) == pesq.pesq(SR, *single, "wb")


def test_identical_speech_is_best_and_more_noise_is_worse(speech: NDArray[Any]) -> None:
    scores = [evaluate(speech, x, sr=SR) for x in (speech, noisy(speech, 20), noisy(speech, 0))]
    assert list(scores[0]) == ["snr_db", "si_sdr_db", "stoi", "estoi", "pesq_wb"]
    for name in scores[0]:
        values = [score[name] for score in scores]
        assert values == sorted(values, key=lambda value: -value if value is not None else 0)
        assert len(set(values)) == 3
    assert scores[0]["snr_db"] == scores[0]["si_sdr_db"] == math.inf
    assert scores[0]["stoi"] == pytest.approx(1.0)
    assert scores[0]["estoi"] == pytest.approx(1.0)
    assert scores[0]["pesq_wb"] == pytest.approx(4.644, abs=1e-3)


def test_evaluate_is_every_metric_by_itself(speech: NDArray[Any]) -> None:
    estimate = noisy(speech, 5.0)
    by_itself = {
        "snr_db": snr(speech, estimate),
        "si_sdr_db": si_sdr(speech, estimate),
        "stoi": stoi(speech, estimate, sr=SR),
        "estoi": stoi(speech, estimate, sr=SR, extended=True),
        "pesq_wb": pesq_wb(speech, estimate, sr=SR),
    }
    assert evaluate(speech, estimate, sr=SR) == pytest.approx(by_itself)


def test_scores_of_stereo_are_means_over_the_channels(speech: NDArray[Any]) -> None:
    left, right = noisy(speech, 20.0), noisy(speech, 0.0)
    stereo = evaluate(np.stack([speech, speech]), np.stack([left, right]), sr=SR)
    mono = [evaluate(speech, channel, sr=SR) for channel in (left, right)]
    for name in ("stoi", "estoi", "pesq_wb"):
        one, other = mono[0][name], mono[1][name]
        assert one is not None
        assert other is not None
        assert stereo[name] == pytest.approx((one + other) / 2)


def test_a_silent_channel_has_no_say(speech: NDArray[Any]) -> None:
    estimate = noisy(speech, 5.0)
    stereo = evaluate(np.stack([speech, 0 * speech]), np.stack([estimate, 0 * speech + 0.1]), sr=SR)
    mono = evaluate(speech, estimate, sr=SR)
    for name in ("stoi", "estoi", "pesq_wb"):
        assert stereo[name] == pytest.approx(mono[name])


def test_pesq_is_taken_at_16_khz(speech: NDArray[Any]) -> None:
    x, y = (soxr.resample(signal, SR, 44100) for signal in (speech, noisy(speech, 10.0)))
    back = [soxr.resample(signal, 44100, 16000).astype(np.float32) for signal in (x, y)]
    score = pesq_wb(x, y, sr=44100)
    assert score == pesq.pesq(16000, *back, "wb")
    assert score == pytest.approx(pesq_wb(speech, noisy(speech, 10.0), sr=SR), abs=0.1)
    assert stoi(x, y, sr=44100) == pytest.approx(pystoi.stoi(x, y, 44100))


@pytest.mark.parametrize("n", [1, 100, 1000, 3000])
def test_of_too_little_speech_nothing_is_said(speech: NDArray[Any], n: int) -> None:
    scores = evaluate(speech[:n], noisy(speech, 5.0)[:n], sr=SR)
    assert scores["snr_db"] is not None
    assert [scores[name] for name in ("stoi", "estoi", "pesq_wb")] == [None] * 3


def test_without_an_utterance_there_is_no_quality(speech: NDArray[Any]) -> None:
    whisper = 1e-30 * speech
    assert pesq_wb(whisper, speech, sr=SR) is None
    assert pesq_wb(speech, whisper, sr=SR) is None
    scores = evaluate(speech, 0 * speech, sr=SR)
    assert (scores["snr_db"], scores["si_sdr_db"]) == (0.0, -math.inf)
    assert scores["pesq_wb"] is None


def test_of_a_click_nothing_can_be_understood(speech: NDArray[Any]) -> None:
    click = np.eye(1, speech.size, SR)[0]
    assert stoi(click, speech, sr=SR) is stoi(click, click, sr=SR, extended=True) is None


# Packages that are not there


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give what hides a package."""
    found = importlib.util.find_spec

    def hide(hidden: str) -> None:
        def find_spec(name: str) -> ModuleSpec | None:
            return None if name == hidden else found(name)

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)

    return hide


def test_with_all_packages_no_metric_is_missing() -> None:
    assert missing_metrics() == []


def test_without_pystoi_the_rest_is_measured(
    without: Callable[[str], None], speech: NDArray[Any]
) -> None:
    without("pystoi")
    with pytest.raises(MissingExtraError, match=r"^pystoi is not installed: pip install 'spectra"):
        stoi(speech, speech, sr=SR)
    scores = evaluate(speech, speech, sr=SR)
    assert scores["stoi"] is scores["estoi"] is None
    assert scores["pesq_wb"] is not None
    assert missing_metrics() == ["stoi and estoi are empty: pip install pystoi."]


def test_without_pesq_the_rest_is_measured(
    without: Callable[[str], None], speech: NDArray[Any]
) -> None:
    without("pesq")
    with pytest.raises(MissingExtraError, match=r"^pesq is not installed: pip install 'spectra"):
        pesq_wb(speech, speech, sr=SR)
    scores = evaluate(speech, speech, sr=SR)
    assert scores["pesq_wb"] is None
    assert scores["stoi"] is not None
    (line,) = missing_metrics()
    assert line.startswith("pesq_wb is empty: the package pesq is not installed")
    assert "C compiler" in line
    assert line.endswith("pip install pesq.")


# What no metric can measure

METRICS: dict[str, Callable[[Any, Any], object]] = {
    "snr": snr,
    "si_sdr": si_sdr,
    "log_spectral_distance": log_spectral_distance,
    "stoi": lambda s, s_hat: stoi(s, s_hat, sr=SR),
    "pesq_wb": lambda s, s_hat: pesq_wb(s, s_hat, sr=SR),
    "evaluate": lambda s, s_hat: evaluate(s, s_hat, sr=SR),
}
x = np.ones(SR)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        (x, x[1:], r"reference has shape \(16000,\), estimate \(15999,\): give equal"),
        (x, x[None], r"reference has shape \(16000,\), estimate \(1, 16000\)"),
        (x[:0], x[:0], r"reference has shape \(0,\), estimate \(0,\): give equal, non-empty"),
        (np.where(x.cumsum() == 9, np.nan, x), x, "reference has NaN or infinite values"),
        (x, np.where(x.cumsum() == 9, np.inf, x), "estimate has NaN or infinite values"),
        (0 * x, x, "reference is silent: no metric is defined"),
    ],
    ids=["length", "channels", "empty", "NaN", "infinite", "silent"],
)
def test_what_no_metric_can_measure_is_refused(
    metric: Callable[[Any, Any], object], reference: Any, estimate: Any, message: str
) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        metric(reference, estimate)
    assert ("shape" in message) == isinstance(caught.value, MismatchError)


@pytest.mark.parametrize("metric", [metrics.stoi, metrics.pesq_wb])
def test_speech_is_measured_one_channel_at_a_time(metric: Callable[..., object]) -> None:
    with pytest.raises(ParameterError, match=r"reference has shape \(2, 9\): give one channel"):
        metric(np.ones((2, 9)), np.ones((2, 9)), sr=SR)
