"""Linear prediction forward and backward, against its equations."""

from __future__ import annotations

import numpy as np

from damaged_signals import SR, tone
from reference import detection as reference
from spectramend.detection import linear_prediction
from spectramend.detection.linear_prediction import BACKGROUND_RANK, GUARD, REACH, predict_robustly


def test_prediction_is_exact_for_what_follows_its_model() -> None:
    x = np.cos(np.arange(SR) * 0.3)
    predicted = linear_prediction._predict(x, np.ones(x.size), 16, 2, 1e-4)
    inside = slice(600, -600)
    assert np.max(np.abs(predicted.forward.samples[inside])) < 0.02
    assert np.max(np.abs(predicted.backward.samples[inside])) < 0.02


def test_background_peaks_are_those_of_the_slow_search() -> None:
    peaks = np.random.default_rng(0).random(150)
    slow = reference.background(peaks, REACH, GUARD, BACKGROUND_RANK)
    np.testing.assert_array_equal(linear_prediction._background(peaks), slow)


def test_a_click_does_not_change_the_coefficients_much() -> None:
    x = tone(1.0)
    y = x.copy()
    y[8000:8004] += 3.0
    clean, robust = (predict_robustly(z, 16, 2, 1e-4) for z in (x, y))
    plain = linear_prediction._predict(y, np.ones(y.size), 16, 2, 1e-4)
    errors = [
        np.abs(p.coefficients_at(8000) - clean.coefficients_at(8000)).max() for p in (robust, plain)
    ]
    assert errors[0] < 0.1 * errors[1]
