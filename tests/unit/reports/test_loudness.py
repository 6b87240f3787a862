"""Loudness: the values of the recommendation, and gains that are fair."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from spectramend.errors import ParameterError
from spectramend.reports.loudness import equal_loudness_gains, loudness_db

SR = 16000


def noise(seconds: float = 1.0, *, level: float = 0.1, seed: int = 0) -> NDArray[np.float64]:
    return level * np.random.default_rng(seed).standard_normal(round(seconds * SR))


@pytest.mark.parametrize("sr", [16000, 44100, 48000])
def test_full_scale_sine_has_the_loudness_of_the_recommendation(sr: int) -> None:
    x = np.sin(2 * np.pi * 997 * np.arange(2 * sr) / sr)
    assert loudness_db(x, sr) == pytest.approx(-3.01, abs=0.05)
    assert loudness_db(np.stack([x, x]), sr) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("n", [100, 1600, 6399, 6400, 6401, 16000])
def test_clips_shorter_than_a_block_are_measured_alike(n: int) -> None:
    x = np.sin(2 * np.pi * 1600 * np.arange(n) / SR)
    assert loudness_db(x, SR) == pytest.approx(loudness_db(np.tile(x, 20000 // n + 1), SR), abs=0.4)


@pytest.mark.parametrize("n", [1, 100, 20000])
def test_digital_silence_is_minus_infinity(n: int) -> None:
    assert loudness_db(np.zeros(n), SR) == -math.inf
    assert loudness_db(np.zeros((1, n)), SR) == -math.inf


@pytest.mark.parametrize("gain_db", [-30.0, -60.0, -120.0])
def test_loudness_follows_gain_even_below_the_gate(gain_db: float) -> None:
    x = noise()
    quiet = loudness_db(x * 10 ** (gain_db / 20), SR)
    assert quiet - loudness_db(x, SR) == pytest.approx(gain_db, abs=0.01)


@pytest.mark.parametrize("sr", [300, 2000, 7999])
def test_low_sample_rates_are_measured(sr: int) -> None:
    n = np.arange(2 * sr)
    low = loudness_db(0.5 * np.sin(2 * np.pi * 100 * n / sr), sr)
    n = np.arange(2 * SR)
    assert low == pytest.approx(loudness_db(0.5 * np.sin(2 * np.pi * 100 * n / SR), SR), abs=0.1)


def test_channels_beyond_the_recommendation_add_power() -> None:
    x = noise()
    eight = loudness_db(np.tile(x, (8, 1)), SR)
    assert eight == pytest.approx(loudness_db(x, SR) + 10 * math.log10(8), abs=0.01)


def test_loudness_refuses_what_is_not_finite() -> None:
    with pytest.raises(ParameterError, match="NaN"):
        loudness_db([0.0, math.nan], SR)


def test_gains_equalise_loudness() -> None:
    t = np.arange(SR) / SR
    sounds = [0.5 * np.sin(2 * np.pi * 300 * t), noise(level=0.07), noise(seed=1, level=0.3) * t]
    gains = equal_loudness_gains([loudness_db(x, SR) for x in sounds])
    assert max(gains) == 0.0
    meter = pyloudnorm.Meter(SR)
    heard = [
        meter.integrated_loudness(x * 10 ** (gain / 20))
        for x, gain in zip(sounds, gains, strict=True)
    ]
    assert np.ptp(heard) < 0.15
    assert np.ptp([meter.integrated_loudness(x) for x in sounds]) > 6


def test_one_faint_sound_does_not_silence_the_others() -> None:
    assert equal_loudness_gains([-20.0, -45.0, -25.0]) == [-5.0, 0.0, 0.0]
    assert equal_loudness_gains([-20.0, -40.0]) == [-20.0, 0.0]
    assert equal_loudness_gains([-20.0, -45.0], max_attenuation_db=30) == [-25.0, 0.0]


def test_gains_of_silence_and_of_nothing() -> None:
    assert equal_loudness_gains([-math.inf, -math.inf]) == [0.0, 0.0]
    assert equal_loudness_gains([-math.inf, -20.0]) == [0.0, 0.0]
    assert equal_loudness_gains([]) == []
    with pytest.raises(ParameterError, match="max_attenuation_db=-1"):
        equal_loudness_gains([-20.0], max_attenuation_db=-1)
