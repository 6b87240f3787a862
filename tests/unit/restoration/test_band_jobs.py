"""Missing bands: nothing that is missing is used, and cost stays bounded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from damaged_scenes import SR, N, scene, without_band
from spectramend import STFT, Region, repair


def test_touching_bands_are_one_hole() -> None:
    parts = [Region(1, 1.1, 500, 900), Region(1.1, 1.25, 500, 900)]
    options: dict[str, Any] = {"damage": "missing", "stft": STFT(256, 64)}
    whole = repair(scene(), SR, Region(1, 1.25, 500, 900), **options)
    np.testing.assert_array_equal(repair(scene(), SR, parts, **options).samples, whole.samples)


def burst(start: int, stop: int, hz: float) -> NDArray[Any]:
    """Make a tone that fades in and out, and keeps within a band."""
    x = np.zeros(N)
    window = np.kaiser(stop - start, 20)
    x[start:stop] = window * np.sin(2 * np.pi * hz * np.arange(stop - start) / SR)
    return x


@pytest.mark.parametrize(
    "others",
    [
        [],
        [Region(1.4, 1.6, 600, 800)],
        [Region(1.2, 1.6, 600, 800)],
        [Region(1.15, 1.5, 2000, 2500), Region(1.4, 1.6, 600, 800)],
    ],
)
def test_what_is_missing_in_a_band_is_never_used(others: list[Region]) -> None:
    x = scene()
    spoiled = x + burst(SR + 400, SR + 1600, 700)
    if others:
        spoiled += burst(round(1.42 * SR), round(1.58 * SR), 700)
    regions = [Region(1, 1.25, 500, 900), *others]
    options: dict[str, Any] = {"damage": "missing", "stft": STFT(256, 64)}
    y, other = (repair(z, SR, regions, **options).samples for z in (x, spoiled))
    # Fades are the recording's, and so is what the lobes of the window let out of the band.
    inside = slice(SR + 40, round(1.25 * SR) - 40)
    assert np.abs(y - other)[inside].max() < 1e-2 * np.abs(spoiled - x).max()


def test_the_status_says_that_nothing_is_known_of_a_band() -> None:
    for region in (Region(None, None, 500, 900), Region(0.001, None, 500, 900)):
        (job,) = repair(scene(), SR, region, damage="missing").jobs
        assert job.status == "nothing is known of the band: left empty"
    both = [Region(None, None, 500, 900), Region(1, 1.2, 2000, 2500)]
    (job,) = repair(scene(), SR, both, damage="missing").jobs
    assert job.status == "nothing is known of the band: left empty"
    for region in (Region(1, None, 500, 900), Region(None, 1, 500, 900)):
        (job,) = repair(scene(), SR, region, damage="missing").jobs
        assert job.status == "done"


def test_one_sample_of_a_band_takes_no_models_of_hundreds_of_coefficients() -> None:
    x = np.random.default_rng(0).standard_normal(4 * 44100)
    started = time.process_time()
    (job,) = repair(x, 44100, Region(2, 2.00002, 1000, 3000), damage="missing").jobs
    assert job.n_fft is not None
    assert job.n_fft >= 256
    assert time.process_time() - started < 3


def test_a_band_that_cannot_be_predicted_hardly_changes_if_empty_and_is_emptied_if_full() -> None:
    x = np.random.default_rng(0).standard_normal(N)
    hole = without_band(x, SR, SR + SR // 4, 500, 900)
    for given in (hole, x):
        fixed = repair(given, SR, Region(1, 1.25, 500, 900), damage="missing")
        (job,) = fixed.jobs
        assert job.status.startswith("little could be recovered: ")
        assert job.expected_snr_db == pytest.approx(0, abs=1)
        lost = np.sum((hole - x) ** 2)
        assert 0 < np.sum((fixed.samples - x) ** 2) < 1.2 * lost


def test_an_empty_band_of_a_click_is_left() -> None:
    x = np.random.default_rng(0).standard_normal(N) * np.exp(-np.arange(N) / SR * 60)
    hole = without_band(x, SR, SR + SR // 4, 500, 900)
    fixed = repair(hole, SR, Region(1, 1.25, 500, 900), damage="missing")
    assert np.array_equal(fixed.samples, hole)
