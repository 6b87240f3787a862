"""Measures of scenes with everyday damage, and which spans are found."""

from __future__ import annotations

import numpy as np
import pytest

from experiment_runs import inharmonic
from spectramend.core.regions import Region
from spectramend.experiments._common.everyday_damage import lay
from spectramend.experiments._common.everyday_scenes import REACH_HZ, EverydayScene, hits
from spectramend.experiments._common.recordings import Recording

SR = 8000
PIECE = Recording("piece", inharmonic(3, SR), SR, "music")


def test_snr_is_that_of_the_damaged_samples() -> None:
    T = PIECE.samples
    mix = T.copy()
    mix[100:200] = 0
    mix[5000] = 9
    scene = EverydayScene(PIECE, mix, (Region(100 / SR, 200 / SR),), spans=((100, 200),))
    assert scene.snr_db(mix) == pytest.approx(0)
    assert scene.snr_db(T) == 300
    half = np.where(mix == 0, T / 2, mix)
    assert scene.snr_db(half) == pytest.approx(6.02, abs=0.01)


def test_a_change_outside_counts_and_one_inside_does_not() -> None:
    scene = lay(PIECE, "dropout_exact", "20 ms", np.random.default_rng(0))
    assert scene.outside_db(scene.mix * scene.inside + PIECE.samples * ~scene.inside) == -200
    first = scene.spans[0][0]
    inside, outside = scene.mix.copy(), scene.mix.copy()
    inside[first] += 1
    outside[first - 1] += np.sqrt(np.sum(PIECE.samples**2))
    assert scene.outside_db(inside) == -200
    assert scene.outside_db(outside) == pytest.approx(0)


@pytest.mark.parametrize(("offset_hz", "counts"), [(5.0, False), (REACH_HZ + 20, True)])
def test_a_change_far_from_a_tone_counts(offset_hz: float, counts: bool) -> None:
    scene = lay(PIECE, "whine", "-15 dB", np.random.default_rng(0))
    t = np.arange(PIECE.samples.size) / SR
    added = np.sqrt(2) * np.std(PIECE.samples)
    y = scene.mix + added * np.sin(2 * np.pi * (scene.tones_hz[0] + offset_hz) * t)
    found = scene.outside_db(y)
    if counts:
        assert found == pytest.approx(0, abs=0.2)
    else:
        assert found < -80


def test_only_speech_has_a_quality_and_undamaged_recordings_no_ratio() -> None:
    scene = EverydayScene(PIECE, PIECE.samples, ())
    found = scene.measures(PIECE.samples)
    assert found == {"snr_db": None, "outside_db": -200, "pesq_wb": None}


def test_a_span_is_found_once() -> None:
    spans = [(100, 200), (300, 320)]
    assert hits(spans, [(101, 198), (301, 310), (299, 320)], 2, edges=True) == 2
    assert hits(spans, [(90, 150)], 2, edges=True) == 0
    assert hits(spans, [(90, 310)], 2, edges=False) == 1
