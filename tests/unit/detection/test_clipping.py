"""Clipped runs: flat tops, and crests that are none."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, Array, clipped, share_met, spans, tone
from spectramend.core.intervals import runs
from spectramend.detection import Thresholds, detect
from spectramend.detection.clipping import clipped_runs, concatenate, rail_runs


@pytest.mark.parametrize("gain", [1.0, 0.1])
@pytest.mark.parametrize("bits", [None, 16])
def test_flat_tops_are_clipped_runs_whatever_the_level(gain: float, bits: int | None) -> None:
    x = tone()
    level = float(np.quantile(np.abs(x), 0.98))
    y = gain * clipped(x, level)
    if bits:
        y = np.round(y * 2**15) / 2**15
    found = detect(y, SR)
    assert {r.label for r in found} == {"clipping"}
    at_rail = np.zeros(x.size, bool)
    for start, stop in spans(found):
        at_rail[start:stop] = True
    truth = runs(np.abs(x) >= level)
    assert all(np.all(at_rail[a:b]) for a, b in truth if b - a > 1)
    assert np.all(np.abs(x[at_rail]) >= 0.999 * level)


def test_one_rail_may_be_clipped() -> None:
    x = tone()
    y = np.minimum(x, np.quantile(x, 0.98))
    found = spans(detect(y, SR))
    assert all(np.all(y[a:b] >= 0.999 * y.max()) for a, b in found)
    assert len(found) > 10


def test_rails_of_one_height_are_counted_together() -> None:
    x = clipped(tone(), 0.7)
    tops = [span for span in spans(detect(x, SR)) if span[1] - span[0] >= 3]
    below = spans(detect(x, SR, thresholds=Thresholds(clip_tops=3 * len(tops) // 4)))
    assert any(x[a] > 0 for a, _ in below)
    assert any(x[a] < 0 for a, _ in below)


def test_a_single_sample_at_the_rail_counts_near_a_run_only() -> None:
    x = tone() * 0.5
    top = 0.8
    for at in (5000, 7000, 9000):
        x[at - 3 : at + 6] = [0.6, 0.7, 0.75, top, top, top, 0.75, 0.7, 0.6]
    x[9040] = x[20000] = top
    x[9038:9043:4] = x[19998:20003:4] = 0.75
    x[9039:9042:2] = x[19999:20002:2] = 0.77
    assert (9040, 9041) in spans(detect(x, SR), "clipping")
    assert (20000, 20001) not in spans(detect(x, SR), "clipping")


@pytest.mark.parametrize(
    "x",
    [
        np.round(100 * np.sin(2 * np.pi * 20 * np.arange(SR) / SR)) / 100,
        0.5 * np.sin(2 * np.pi * 1000 * np.arange(SR) / SR),
        np.round(0.5 * np.sin(2 * np.pi * 30 * np.arange(SR) / SR) * 32768) / 32768,
        np.round(100 * np.sin(2 * np.pi * 130.3 * np.arange(3 * SR) / 44100)) / 128,
        np.round(3 * np.sin(2 * np.pi * 100 * np.arange(SR) / SR)) / 32768,
    ],
    ids=["coarse", "sine", "low", "8 bits", "soft"],
)
def test_crests_are_not_clipped(x: Array) -> None:
    assert detect(x, SR, kinds=("clipping",)) == []


def test_pulses_of_one_height_are_not_clipped() -> None:
    x = 0.1 * tone()
    for at in range(3000, 30000, 3000):
        x[at : at + 6] = 0.9
    found = detect(x, SR)
    assert "clipping" not in {r.label for r in found}
    assert len(spans(found, "click")) == 9


def test_coarse_clipped_sound_is_found_by_the_samples_that_pile_up_at_the_rail() -> None:
    x = np.round(30 * clipped(tone(), 0.5)) / 128
    assert {r.label for r in detect(x, SR)} == {"clipping"}


# Runs at a rail


def test_runs_of_several_blocks_are_those_of_the_whole() -> None:
    x = clipped(tone(), 0.5)
    whole = rail_runs(x, 0.5, 0.1, own=(0, x.size))
    parts = []
    for start in (8000, 0, 24000, 16000):
        first = max(0, start - 1000)  # with margins
        own = (start - first, start - first + 8000)
        parts.append(rail_runs(x[first : start + 9000], 0.5, 0.1, own=own, offset=first))
    together = concatenate(parts)
    np.testing.assert_array_equal(together.spans, whole.spans)
    np.testing.assert_array_equal(together.falls, whole.falls)
    assert together.below == whole.below > 100


def test_falls_are_how_far_the_neighbours_are_below_the_rail() -> None:
    found = rail_runs(np.array([0.2, 1.0, 1.0, 0.6, 0.0, 1.0]), 1.0, 0.0, own=(0, 6))
    assert found.spans.tolist() == [[1, 3], [5, 6]]
    np.testing.assert_allclose(found.falls, [0.6, 0.5])


def test_single_samples_far_from_runs_count_where_they_pile_up() -> None:
    some = np.array([[0, 3], [10, 11], [500, 501]])
    assert clipped_runs(some, SR).tolist() == [True, True, False]
    assert clipped_runs(some, SR, far=True).all()
    noise = np.random.default_rng(0).standard_normal(4 * SR)
    y = clipped(noise, 1.5)
    found = spans(detect(y, SR, kinds=("clipping",)))
    truth = [tuple(span) for side in (noise, -noise) for span in runs(side >= 1.5).tolist()]
    assert share_met(sorted(truth), found) == 1
    assert len(found) < 1.01 * len(truth)  # some are within 1e-4 of the rail
