"""Removal of pulses: identical ones, bursts of noise, and none at all."""

from __future__ import annotations

import numpy as np
import pytest

from pulse_signals import SR, gain_db, voice, with_pulses
from spectramend.spectral_repair.pulse_removal import remove_pulses


@pytest.mark.parametrize("snr_db", [10, 0, -10])
def test_identical_pulses_are_subtracted(snr_db: float) -> None:
    x = voice()
    y = with_pulses(x, 0, x.size, 216.67, snr_db=snr_db)
    removal = remove_pulses(y, SR)
    assert gain_db(x, y, removal.samples) > 8
    assert removal.period == pytest.approx(SR / 216.67, rel=1e-3)
    assert removal.filled < 0.5
    assert np.sum((removal.samples - x) ** 2) < 10 * removal.error


@pytest.mark.parametrize(("snr_db", "least"), [(0, 8), (-10, 16)])
def test_bursts_of_noise_are_interpolated(snr_db: float, least: float) -> None:
    x = voice()
    y = with_pulses(x, 0, x.size, 216.67, snr_db=snr_db, noise=True)
    removal = remove_pulses(y, SR)
    assert gain_db(x, y, removal.samples) > least
    assert removal.filled > 0.5


def test_long_trains_are_removed_piece_by_piece() -> None:
    x = voice(9.0)
    y = with_pulses(x, 0, x.size, 100.0)
    assert gain_db(x, y, remove_pulses(y, SR).samples) > 12


def test_samples_without_pulses_stay_as_they_are() -> None:
    x = voice()
    removal = remove_pulses(x, SR)
    assert removal.period is None
    assert np.array_equal(removal.samples, x)
