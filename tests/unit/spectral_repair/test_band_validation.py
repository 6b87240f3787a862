"""Pretended holes: a prediction is used as far as it helps beside the real hole."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_scenes import SR, scene
from spectramend.spectral_repair.band_validation import Hole, fill_validated
from spectramend.spectral_repair.subband_interpolation import fill_band, stft_for_band

HOLE = Hole(SR, SR + SR // 4, 500, 1500)
STFT_OF_BAND = stft_for_band(SR, SR // 4, 1000)
INSIDE = slice(HOLE.start + 200, HOLE.stop - 200)


def _error(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum((x - y)[INSIDE] ** 2))


def test_steady_tones_are_predicted_and_the_snr_is_known() -> None:
    x = scene()
    fill = fill_validated(x, HOLE, sr=SR, stft=STFT_OF_BAND)
    assert fill.power is not None
    assert fill.snr_db is not None
    true = 10 * np.log10(fill.power * (INSIDE.stop - INSIDE.start) / _error(x, fill.samples))
    assert true > 6
    assert fill.snr_db == pytest.approx(true, abs=4)


def test_noise_is_not_and_little_is_put_there() -> None:
    x = np.random.default_rng(0).standard_normal(3 * SR)
    fill = fill_validated(x, HOLE, sr=SR, stft=STFT_OF_BAND)
    plain = fill_band(x, *HOLE, sr=SR, stft=STFT_OF_BAND)
    assert fill.snr_db is not None
    assert fill.snr_db < 0.5
    assert _error(x, fill.samples) <= 1.05 * _error(x, plain)


def test_another_note_on_the_other_side_limits_the_prediction() -> None:
    t = np.arange(3 * SR) / SR
    same = np.sin(2 * np.pi * 800 * t)
    other = np.where(t < 1.1, same, np.sin(2 * np.pi * 1100 * t))
    snr = [fill_validated(x, HOLE, sr=SR, stft=STFT_OF_BAND).snr_db for x in (same, other)]
    assert snr[0] is not None
    assert snr[1] is not None
    assert snr[1] < 3 < 10 < snr[0]


def test_what_is_in_an_almost_empty_hole_is_kept_and_a_loud_one_replaced() -> None:
    x = scene()
    fills = []
    for level in (0.001, 1.0):
        y = x.copy()
        y[HOLE.start : HOLE.stop] += level * np.sin(np.arange(HOLE.stop - HOLE.start))
        fills.append(fill_validated(y, HOLE, sr=SR, stft=STFT_OF_BAND))
    n = np.sin(np.arange(HOLE.stop - HOLE.start))[200:-200]
    there = [abs(fill.samples[INSIDE] @ n) / (n @ n) for fill in fills]
    assert there[1] < 0.2


def test_without_sides_there_is_no_measurement() -> None:
    x = scene()[: SR // 2]
    fill = fill_validated(x, Hole(0, x.size - 100, 500, 1500), sr=SR, stft=STFT_OF_BAND)
    assert fill.snr_db is None
