"""Periods of repeating pulses: found to a hundredth of a sample, and not in a voice."""

from __future__ import annotations

import numpy as np
import pytest

from pulse_signals import SR, voice, with_pulses
from spectramend.restoration.pulse_jobs import is_impulsive
from spectramend.spectral_repair.pulse_removal import MIN_EVIDENCE
from spectramend.spectral_repair.pulse_trains import find_pulse_train


@pytest.mark.parametrize("rate", [12.0, 24.0, 100.0, 216.67])
@pytest.mark.parametrize("noise", [False, True])
def test_the_period_of_a_train_is_found(rate: float, noise: bool) -> None:
    train = find_pulse_train(with_pulses(voice(), 0, 2 * SR, rate, noise=noise), SR)
    assert train is not None
    assert train.evidence > MIN_EVIDENCE
    assert train.period == pytest.approx(SR / rate, rel=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_a_voice_has_no_train(seed: int) -> None:
    train = find_pulse_train(voice(seed=seed), SR)
    assert train is not None
    assert train.evidence < MIN_EVIDENCE


def test_pulses_rise_and_a_steady_tone_does_not() -> None:
    t = np.arange(2 * SR) / SR
    tone = sum(np.sin(2 * np.pi * 150 * h * t + h**2) / h for h in range(1, 20))
    for x, rises in ((tone, False), (with_pulses(voice(), 0, 2 * SR, 24.0), True)):
        train = find_pulse_train(x + 0.001 * np.random.default_rng(0).standard_normal(t.size), SR)
        assert train is not None
        assert is_impulsive(train) == rises


@pytest.mark.parametrize("n", [1, 40, 300])
def test_what_is_too_short_or_silent_has_none(n: int) -> None:
    assert find_pulse_train(np.ones(n), SR) is None
    assert find_pulse_train(np.zeros(10 * n), SR) is None
