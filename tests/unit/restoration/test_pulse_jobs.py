"""Regions with repeating pulses: classified, repaired in their band, or left."""

from __future__ import annotations

import numpy as np
import pytest

from pulse_signals import SR, gain_db, voice, with_pulses
from spectramend import Region, RegionOptions, repair
from spectramend.errors import OptionError

X = voice(4.0)
Y = with_pulses(X, SR, 3 * SR, 216.67)
REGION = Region(1, 3)


def test_pulses_are_recognised_and_removed() -> None:
    fixed = repair(Y, SR, REGION, rng=0)
    (job,) = fixed.jobs
    assert (job.damage, job.reason, job.status) == ("pulses", "pulses every 4.6 ms", "done")
    assert job.expected_snr_db is not None
    assert job.expected_snr_db > 5
    assert gain_db(X, Y, fixed.samples) > 10
    assert np.array_equal(fixed.samples[:SR], Y[:SR])
    assert np.array_equal(fixed.samples[3 * SR :], Y[3 * SR :])


@pytest.mark.parametrize("label", ["", "pulses"])
def test_outside_a_band_nothing_changes(label: str) -> None:
    fixed = repair(Y, SR, Region(1, 3, 500, 4000, label=label), rng=0)
    assert fixed.jobs[0].damage == "pulses"
    change = np.fft.rfft((fixed.samples - Y)[SR : 3 * SR] * np.hanning(2 * SR))
    f = np.fft.rfftfreq(2 * SR, 1 / SR)
    outside = (f < 490) | (f > 4010)
    assert np.sum(np.abs(change[outside]) ** 2) < 1e-6 * np.sum(np.abs(change) ** 2)
    assert gain_db(X, Y, fixed.samples) > 3


def test_a_train_that_the_context_has_too_belongs_to_the_recording() -> None:
    y = with_pulses(X, 0, X.size, 216.67)
    assert repair(y, SR, Region(1.5, 2.5), rng=0).jobs[0].damage == "occluded"


def test_without_pulses_a_region_is_left_and_the_job_says_so() -> None:
    fixed = repair(X, SR, REGION, damage="pulses", rng=0)
    assert fixed.jobs[0].status.startswith("left as it is: no pulses at a constant rate")
    assert np.array_equal(fixed.samples, X)


def test_options_of_other_damage_are_refused() -> None:
    with pytest.raises(OptionError, match="fills gaps, and damage='pulses' has none"):
        RegionOptions(damage="pulses", method="ar")
