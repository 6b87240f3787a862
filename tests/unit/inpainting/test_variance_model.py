"""The model of an occluded target: guided fits, correction, confidence, background."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spectramend.inpainting.occlusion_posterior import Occluded
from spectramend.inpainting.variance_model import (
    _confidence,
    _correct_smoothly,
    _estimate_background,
    _frame_weight,
    _geometric_mean,
)
from spectramend.nmf import Bounded, Guided, encode
from spectramend.nmf.divergence import cell_divergence

RNG = np.random.default_rng(0)
LAM = RNG.gamma(0.5, 1.0, (60, 80)) + 1e-3
V = LAM * RNG.exponential(1.0, LAM.shape)
OBSERVED = RNG.random(LAM.shape) < 0.5


def test_confidence_is_high_for_the_true_model_and_0_for_a_wrong_one() -> None:
    assert _confidence(V, LAM, OBSERVED, window=20).mean() > 0.93
    wrong = LAM * RNG.choice([0.1, 10.0], LAM.shape)
    assert not _confidence(V, wrong, OBSERVED, window=20).any()


def test_confidence_is_measured_around_each_frame() -> None:
    wrong = LAM.copy()
    wrong[:, 60:] *= 30
    confidence = _confidence(V, wrong, OBSERVED, window=5)
    assert confidence[:40].min() > 0.8
    assert confidence[70:].max() == 0


def test_hidden_cells_do_not_change_confidence() -> None:
    spoiled = np.where(OBSERVED, V, 1e9 * V.max())
    np.testing.assert_allclose(
        _confidence(np.where(OBSERVED, V, 0), LAM, OBSERVED, window=20),
        _confidence(np.where(OBSERVED, spoiled, V.max()), LAM, OBSERVED, window=20),
    )


def test_expected_divergence_of_a_true_model_is_eulers_constant() -> None:
    x = np.random.default_rng(1).exponential(1.0, 400_000)
    assert cell_divergence(x, np.ones_like(x), 0.0).mean() == pytest.approx(
        np.euler_gamma, rel=0.01
    )


def test_frames_without_reliable_cells_have_little_weight() -> None:
    observed = np.ones((100, 60), bool)
    observed[:, 20:40] = False
    weight = _frame_weight(observed)
    assert weight[30] < 0.2
    assert weight[:10].min() > 0.98
    observed[0, 20:40] = True  # one cell in a hundred
    assert _frame_weight(observed)[30] == pytest.approx(0.5, abs=0.05)


def test_means_are_geometric_and_scale_exactly() -> None:
    one, two = LAM, 4 * LAM
    np.testing.assert_allclose(_geometric_mean([one, two, one], [0.25, 0.5, 0.25]), 2 * LAM)
    scaled = _geometric_mean([2.0**-30 * one, 2.0**-30 * V])
    np.testing.assert_array_equal(scaled, 2.0**-30 * _geometric_mean([one, V]))


def test_background_is_that_of_the_pauses_at_the_level_of_the_mix() -> None:
    rng = np.random.default_rng(0)
    pause = np.linspace(1e-4, 1e-3, 60)[:, None]
    exemplars = np.hstack([rng.gamma(2.0, 1.0, (60, 90)), np.repeat(pause, 15, axis=1)])
    P = 100 * np.hstack([rng.gamma(2.0, 1.0, (60, 80)), np.full((60, 20), 1e-2)])
    lam = np.full(P.shape, 100 * exemplars.mean())
    np.testing.assert_allclose(_estimate_background(exemplars, P, lam), 100 * pause, rtol=1e-6)
    # What is in the target is in the mix.
    quiet = P.copy()
    quiet[:, 80:] = 1e-3
    np.testing.assert_allclose(_estimate_background(exemplars, quiet, lam), 1e-3, rtol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_guided_em_never_raises_its_objective(weight: float) -> None:
    rng = np.random.default_rng(0)
    W = rng.gamma(0.5, 1.0, (20, 5))
    data = rng.gamma(0.5, 1.0, (20, 30))
    observed = rng.random(data.shape) < 0.4
    known = Bounded(~observed, data[~observed], 0.0)
    pseudo = rng.gamma(0.5, 1.0, known.B.shape) + 1e-3
    nmf = encode(
        data,
        W,
        weights=observed,
        bound=Guided(known, pseudo, weight),
        step="mm",
        max_iter=60,
        tol=0,
        check_every=1,
        rng=0,
    )
    assert (np.diff(nmf.trace) <= 1e-9 * abs(nmf.trace[0])).all()
    if weight == 0:
        how: dict[str, Any] = {"step": "mm", "max_iter": 60, "tol": 0, "check_every": 1, "rng": 0}
        plain = encode(data, W, weights=observed, bound=known, **how)
        np.testing.assert_allclose(nmf.trace, plain.trace, rtol=1e-6)


def test_a_pseudo_observation_of_weight_1_is_what_is_expected() -> None:
    cells = np.array([[True]])
    guided = Guided(Occluded(cells, np.array([4.0]), 1.0, 0.0), np.array([0.5]), 1.0)
    np.testing.assert_array_equal(guided.expected(np.array([7.0])), [0.5])


def test_the_correction_follows_a_shift_in_frequency() -> None:
    everything = np.ones((40, 30), bool)
    nothing = Bounded(~everything, np.zeros(0), 0.0)
    f = np.arange(40)[:, None]
    ridge = np.exp(-0.5 * ((f - 20) / 3) ** 2) + 1e-3 + np.zeros((1, 30))
    moved = np.exp(-0.5 * ((f - 22) / 3) ** 2) + 1e-3 + np.zeros((1, 30))
    before, after = (
        np.abs(np.log(model / moved)).mean()
        for model in (ridge, _correct_smoothly(ridge, moved, everything, nothing))
    )
    assert after < 0.2 * before


def test_smooth_correction_keeps_a_true_model_and_corrects_its_level() -> None:
    everything = np.ones_like(OBSERVED)
    nothing = Bounded(~everything, np.zeros(0), 0.0)
    np.testing.assert_allclose(_correct_smoothly(LAM, LAM, everything, nothing), LAM, rtol=1e-9)
    doubled = _correct_smoothly(LAM / 2, LAM, everything, nothing)
    np.testing.assert_allclose(doubled, LAM, rtol=0.01)
