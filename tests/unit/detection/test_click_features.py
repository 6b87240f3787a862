"""Features of click candidates: the least disturbance against a slow solution."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, tone
from reference import detection as reference
from spectramend.detection import click_features
from spectramend.detection.linear_prediction import predict_robustly


def test_the_disturbance_is_that_of_the_slow_solution() -> None:
    x = tone(0.1)
    a = np.array([1.0, -1.8, 0.95, 0.1])
    x[400:420] += 1.0
    d, energy, fall = click_features._least_disturbance(x, a, (398, 424))
    slow, left = reference.least_disturbance(x, a, 398, 424)
    np.testing.assert_allclose(d, slow, rtol=1e-9)
    assert energy - fall == pytest.approx(left)


def test_features_do_not_depend_on_the_level() -> None:
    x = tone(0.5)
    x[4000:4008] += 1.0
    features = [
        click_features.candidate_features(
            predict_robustly(scale * x, 16, 20, scale * 1e-4),
            [(4000, 4008)],
            np.array([scale * 0.1]),
            SR,
        )
        for scale in (1.0, 1e-3)
    ]
    np.testing.assert_allclose(features[0], features[1], rtol=1e-6)
    assert features[0].shape == (1, len(click_features.FEATURES))


def test_a_click_explains_the_residual_and_a_pulse_does_not() -> None:
    x = tone(0.5)
    pulse = x.copy()
    x[4000:4004] += 1.0
    pulse[4000:4300] += 0.97 ** np.arange(300) * np.sin(np.arange(300) * 0.3)
    explained = [
        click_features.candidate_features(
            predict_robustly(y, 16, 20, 1e-4), [(4000, 4004)], np.array([0.1]), SR
        )[0, 0]
        for y in (x, pulse)
    ]
    assert explained[0] > np.log(0.9) > explained[1]
