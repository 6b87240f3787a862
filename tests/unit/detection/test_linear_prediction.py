"""Linear prediction forward and backward, against its equations."""

from __future__ import annotations

import numpy as np

from damaged_signals import SR, tone
from reference import detection as reference
from spectramend.detection import linear_prediction
from spectramend.detection.linear_prediction import (
    BACKGROUND_RANK,
    GUARD,
    HOP,
    REACH,
    predict_robustly,
)


def test_prediction_is_exact_for_what_follows_its_model() -> None:
    x = np.cos(np.arange(SR) * 0.3)
    predicted = predict_robustly(x, 16, 2, 1e-4)
    inside = slice(600, -600)
    assert np.max(np.abs(predicted.forward.samples[inside])) < 0.02
    assert np.max(np.abs(predicted.backward.samples[inside])) < 0.02


def test_background_peaks_are_those_of_the_slow_search() -> None:
    peaks = np.random.default_rng(0).random(150)
    slow = reference.background(peaks, REACH, GUARD, BACKGROUND_RANK)
    np.testing.assert_array_equal(linear_prediction._background(peaks), slow)


def test_the_quartile_limits_the_background_of_many_peaks() -> None:
    peaks = np.ones(400)
    peaks[::5] = 100.0
    assert np.all(linear_prediction._louder_quartile(peaks) == 1.0)
    peaks[200:] *= 10  # the louder side counts
    quartile = linear_prediction._louder_quartile(peaks)
    assert np.all(quartile[:120] == 1.0)
    assert np.all(quartile[190:] == 10.0)
    assert linear_prediction._louder_quartile(peaks[:3]).shape == (3,)


def test_a_click_does_not_change_the_coefficients_much() -> None:
    x = tone(1.0)
    y = x.copy()
    y[8000:8004] += 3.0
    clean, robust = (predict_robustly(z, 16, 2, 1e-4) for z in (x, y))
    plain = linear_prediction._coefficients(linear_prediction._Frames(y, 16, 2).around(y), 2, 1e-4)
    fitted = clean.coefficients_at(8000)
    error_of_plain = np.abs(plain[8000 // (HOP * 16)] - fitted).max()
    assert np.abs(robust.coefficients_at(8000) - fitted).max() < 0.1 * error_of_plain


def test_residuals_are_those_of_filters_in_both_directions() -> None:
    x = np.random.default_rng(0).standard_normal(1000)
    x[500] = 30.0  # so that some frames are fitted again
    p = predict_robustly(x, 16, 4, 1e-4)
    for n in (300, 480, 501, 700):
        a = p.coefficients_at(n)
        np.testing.assert_allclose(p.forward.samples[n], a @ x[n - 4 : n + 1][::-1], atol=1e-9)
        np.testing.assert_allclose(p.backward.samples[n], a @ x[n : n + 5], atol=1e-9)


def test_weights_fall_over_a_cell_beside_those_left_out() -> None:
    near = np.zeros(9, bool)
    near[4] = True
    taper = np.hanning(2 * 8 + 3)[1:-1]
    slow = np.convolve(np.repeat(near, 16), taper / taper.sum(), "same")
    np.testing.assert_allclose(linear_prediction._smoothed(near, 16), slow, atol=1e-12)
