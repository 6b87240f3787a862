"""The waveform of pulses, and the times and amplitudes at which they come."""

from __future__ import annotations

import numpy as np
import pytest

from pulse_signals import SR, bursts, gain_db, voice, with_pulses
from spectramend.spectral_repair.pulse_template import estimate_pulses
from spectramend.spectral_repair.pulse_trains import PulseTrain


@pytest.mark.parametrize(("rate", "least"), [(24.0, 15), (100.0, 15), (216.67, 12)])
def test_pulses_are_told_from_a_voice(rate: float, least: float) -> None:
    x = voice()
    y = with_pulses(x, 0, x.size, rate)
    # A wrong period, by half a sample over all pulses, is corrected.
    train = PulseTrain(SR / rate * (1 + 0.5 / x.size), 20.0, 10.0, 10.0)
    found = estimate_pulses(y, SR, train)
    assert gain_db(x, y, y - found.samples) > least
    assert np.diff(found.times) == pytest.approx(SR / rate, abs=0.3)
    true = float(np.sum((y - found.samples - x) ** 2))
    assert true / 30 < found.error < 30 * true


def test_a_pulse_that_is_left_out_is_not_subtracted() -> None:
    rate = 216.67
    y = 0.01 * voice() + bursts(2 * SR, rate)
    found = estimate_pulses(y, SR, PulseTrain(SR / rate, 20.0, 10.0, 10.0))
    out = round(25.3 / rate * SR)
    around = slice(out - 5, out + 50)
    assert np.abs(found.samples[around]).max() < 0.03 * np.abs(found.samples).max()
