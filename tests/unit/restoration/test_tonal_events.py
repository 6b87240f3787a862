"""Tones of an event are subtracted as tones, and notes of the recording are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend import Region, repair

SR = 16000


def melody() -> NDArray[np.float64]:
    """Notes that glide, with overtones, over a little noise."""
    t = np.arange(4 * SR) / SR
    phase = 2 * np.pi * np.cumsum(300 + 80 * np.sin(2 * np.pi * 0.7 * t)) / SR
    notes = sum(np.sin(k * phase) / k for k in range(1, 8))
    return 0.1 * notes + 0.002 * np.random.default_rng(0).standard_normal(t.size)


def bell() -> NDArray[np.float64]:
    """Two tones that a hammer strikes twenty times a second, for a second."""
    t = np.arange(SR) / SR
    x = np.zeros(4 * SR)
    tones = np.sin(2 * np.pi * 1130 * t) + np.sin(2 * np.pi * 1370 * t)
    x[24000:40000] = tones * (1 - np.cos(2 * np.pi * 20 * t))
    return x


def snr_db(clean: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.sum(clean**2) / np.sum((x - clean) ** 2)))


@pytest.mark.parametrize("level", [0.05, 0.3])
def test_a_bell_is_subtracted_and_what_is_between_its_tones_stays(level: float) -> None:
    x = melody()
    damaged = x + level * bell()
    fixed = repair(damaged, SR, Region(1.47, 2.53, 1000, 1500), rng=0)
    assert fixed.jobs[0].method.startswith("subtraction of steady tones")
    assert snr_db(x, fixed.samples) > 20
    outside = np.r_[: round(1.47 * SR), round(2.53 * SR) : x.size]
    np.testing.assert_array_equal(fixed.samples[outside], damaged[outside])


def test_a_note_that_is_also_outside_the_region_is_none_of_the_event() -> None:
    t = np.arange(4 * SR) / SR
    note = 0.1 * np.sin(2 * np.pi * 1200 * t)
    noise = np.zeros(t.size)
    noise[28000:34000] = 0.05 * np.random.default_rng(1).standard_normal(6000)
    fixed = repair(note + noise, SR, Region(1.7, 2.2, 1000, 1500), damage="occluded", rng=0)
    assert "steady tones" not in fixed.jobs[0].method
    assert snr_db(note, fixed.samples) > snr_db(note, note + noise)


def test_a_short_region_is_not_searched_for_tones() -> None:
    x = melody()
    damaged = x + 0.3 * bell() * (np.abs(np.arange(x.size) - 32000) < 1600)
    (job,) = repair(damaged, SR, Region(1.9, 2.1, 1000, 1500), damage="occluded", rng=0).jobs
    assert "steady tones" not in job.method
