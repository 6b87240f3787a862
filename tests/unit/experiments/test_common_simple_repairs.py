"""Usual filters: notches, medians and lines."""

from __future__ import annotations

import numpy as np

from experiment_runs import inharmonic
from spectramend.experiments._common.everyday_damage import lay
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments._common.simple_repairs import (
    best_notches,
    interpolated_linearly,
    median_filtered,
    without_bands,
)

SR = 8000
PIECE = Recording("piece", inharmonic(3, SR), SR, "music")


def test_narrow_notches_take_hum_away() -> None:
    scene = lay(PIECE, "hum_steady", "+10 dB", np.random.default_rng(0))
    assert scene.snr_db(best_notches(scene)) > scene.snr_db(scene.mix) + 15


def test_a_tone_is_zeroed_with_its_band() -> None:
    t = np.arange(SR) / SR
    kept = np.sin(2 * np.pi * 300 * t)
    found = without_bands(kept + np.sin(2 * np.pi * 50 * t), [50], SR)
    np.testing.assert_allclose(found, kept, atol=1e-9)


def test_lines_cross_spans_at_the_ends_too() -> None:
    x = np.array([7.0, 1.0, 9.0, 3.0, 8.0])
    found = interpolated_linearly(x, [(0, 1), (2, 3), (4, 5)])
    assert found.tolist() == [1, 1, 2, 3, 3]


def test_a_median_takes_a_click_away_and_changes_nothing_else() -> None:
    x = np.linspace(0, 1, 50)
    clicked = x.copy()
    clicked[20:24] += 5
    found = median_filtered(clicked, [(20, 24)])
    assert np.abs(found - x).max() < 0.1
    np.testing.assert_array_equal(np.delete(found, range(20, 24)), np.delete(x, range(20, 24)))
