"""Scores within regions: over samples where all frequencies are meant, over cells elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.core.regions import Region
from spectramend.errors import MismatchError, ParameterError
from spectramend.evaluation.metrics import snr
from spectramend.evaluation.region_metrics import evaluate_regions

SR = 8000


@pytest.fixture(scope="module")
def noise() -> NDArray[np.float64]:
    return np.random.default_rng(0).standard_normal((2, SR))


def tone(hz: float) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * hz * np.arange(SR) / SR)


def test_a_region_of_all_frequencies_counts_its_samples_alone(noise: NDArray[np.float64]) -> None:
    estimate = noise.copy()
    estimate[:, 4000:4800] += 0.1 * noise[::-1, 4000:4800]
    estimate[:, :2000] = 0.0
    region = Region(0.5, 0.6, label="click")
    scores = evaluate_regions(noise, estimate, [region], sr=SR)
    assert [(s.channel, s.region, s.label) for s in scores] == [
        (1, "0.5-0.6", "click"), (2, "0.5-0.6", "click"),
    ]  # fmt: skip
    for s, x, y in zip(scores, noise, estimate, strict=True):
        assert s.snr_db == snr(x[4000:4800], y[4000:4800])


def test_a_band_counts_its_cells_alone() -> None:
    low, high = tone(500), tone(3000)
    halved = evaluate_regions(low + high, low + 0.5 * high, [Region(0.2, 0.8, 2500, 3500)], sr=SR)
    kept = evaluate_regions(low + high, low + 0.5 * high, [Region(0.2, 0.8, 200, 800)], sr=SR)
    assert halved[0].snr_db == pytest.approx(20 * np.log10(2), abs=0.1)
    assert kept[0].snr_db is not None
    assert kept[0].snr_db > 60
    assert kept[0].lsd_db == pytest.approx(0.0, abs=0.1)


def test_the_distance_to_a_scaled_signal_is_its_gain(noise: NDArray[np.float64]) -> None:
    (scores,) = evaluate_regions(noise[0], 0.1 * noise[0], [Region(0.3, 0.4)], sr=SR)
    assert scores.lsd_db == pytest.approx(20.0, abs=0.5)


def test_regions_of_a_channel_are_measured_there(noise: NDArray[np.float64]) -> None:
    regions = [Region(0.1, 0.2, channel=2), Region(0.3, 0.4)]
    scores = evaluate_regions(noise, noise, regions, sr=SR)
    assert [(s.channel, s.region) for s in scores] == [
        (2, "0.1-0.2"), (1, "0.3-0.4"), (2, "0.3-0.4"),
    ]  # fmt: skip


def test_nothing_is_measured_against_silence(noise: NDArray[np.float64]) -> None:
    (scores,) = evaluate_regions(0 * noise[0], noise[0], [Region(0.3, 0.4)], sr=SR)
    assert (scores.snr_db, scores.lsd_db) == (None, None)


def test_what_does_not_fit_is_refused(noise: NDArray[np.float64]) -> None:
    with pytest.raises(MismatchError, match=r"shape \(2, 8000\), estimate \(1, 8000\)"):
        evaluate_regions(noise, noise[0], [Region(0.1, 0.2)], sr=SR)
    with pytest.raises(ParameterError, match="lies outside the recording"):
        evaluate_regions(noise, noise, [Region(1.5, 2.0)], sr=SR)
