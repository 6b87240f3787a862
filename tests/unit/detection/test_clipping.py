"""Clipped runs: flat tops, and crests that are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soxr

from damaged_signals import SR, Array, clipped, spans, tone
from spectramend.core.intervals import runs
from spectramend.detection import Thresholds, detect
from spectramend.detection.clipping import concatenate, rail_runs
from spectramend.detection.clipping_level import AmplitudeHistogram, Edge, edge_runs


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
    below = spans(detect(x, SR, thresholds=Thresholds(clip_tops=len(detect(x, SR)) // 2)))
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


# Tops that are not exactly flat


def _dithered(x: Array, sr: int) -> Array:
    noise = np.random.default_rng(0).integers(-1, 2, x.size)
    return np.round(x * 2**15) / 2**15 + noise / 2**15


def _other_rate(x: Array, sr: int) -> Array:
    return soxr.resample(x, sr, 1.5 * sr)


@pytest.mark.parametrize("spread", [_dithered, _other_rate])
def test_tops_that_are_not_exactly_flat_are_clipped(spread: Callable[[Array, int], Array]) -> None:
    x = 0.5 * tone()
    level = float(np.quantile(np.abs(x), 0.97))
    y = spread(clipped(x, level), SR)
    scale = y.size / x.size
    found = spans(detect(y, SR, kinds=("clipping",)))
    truth = [(a, b) for a, b in runs(np.abs(x) >= level) if b - a >= 4]
    hits = [any(c < b * scale and d > a * scale for c, d in found) for a, b in truth]
    assert np.mean(hits) > 0.9
    clean = spread(x, SR)
    assert detect(clean, SR, kinds=("clipping",)) == []


def test_an_edge_of_amplitudes_lies_where_samples_pile_up() -> None:
    rng = np.random.default_rng(1)
    tail = np.abs(rng.standard_normal(20000)) * 0.2
    piled = 0.4 * 10 ** (rng.uniform(-0.2, 0.2, 2000) / 20)
    whole, parts = AmplitudeHistogram(), AmplitudeHistogram()
    whole.add(np.concatenate([np.minimum(tail, 0.38), piled]))
    for part in (np.minimum(tail, 0.38), piled):
        parts.add(part)
    edge = whole.edge(1e-6)
    assert edge == parts.edge(1e-6)
    assert edge is not None
    assert whole.edge(0.01) is None
    assert 0.35 < edge.lowest < 0.4 < edge.highest < 0.42
    unclipped = AmplitudeHistogram()
    unclipped.add(tail)
    assert unclipped.edge(1e-6) is None
    assert AmplitudeHistogram().edge(1e-6) is None


def test_a_parabola_has_the_steepness_of_one_and_a_clipped_wave_more() -> None:
    n = np.arange(-200, 201)
    parabola = 1 - (n / 100) ** 2
    edge = Edge(0.9, 1.0)
    crest = edge_runs(parabola, edge, own=(0, n.size))
    flat = edge_runs(np.minimum(2 * parabola, 1.0), edge, own=(0, n.size))
    assert crest.steepness[0] == pytest.approx(1, abs=0.1)
    assert flat.steepness[0] > 3


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
