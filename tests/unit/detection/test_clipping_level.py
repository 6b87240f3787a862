"""Clipping that is not exactly flat, and the edges of the histogram that show it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
import soxr

from damaged_signals import SR, Array, clipped, share_met, spans, tone, voice
from spectramend.core.intervals import runs
from spectramend.detection import clipping_levels, detect
from spectramend.detection.clipping_level import (
    AmplitudeHistogram,
    Edge,
    concatenate_edges,
    edge_runs,
)


def dithered(x: Array) -> Array:
    """Round to 16 bits, and add a step, or none, or take one away."""
    noise = np.random.default_rng(0).integers(-1, 2, x.size)
    return np.round(x * 2**15) / 2**15 + noise / 2**15


def other_rate(x: Array) -> Array:
    """Change the rate by a factor of 1.5."""
    return soxr.resample(x, SR, 1.5 * SR)


def lower_rate(x: Array) -> Array:
    """Change the rate by a factor of 0.8."""
    return soxr.resample(x, SR, 0.8 * SR)


def vorbis(x: Array) -> Array:
    """Code and decode."""
    file = io.BytesIO()
    soundfile.write(file, x, SR, format="OGG", subtype="VORBIS")
    file.seek(0)
    return np.asarray(soundfile.read(file)[0])


@pytest.mark.parametrize("share", [0.01, 0.03, 0.2])
@pytest.mark.parametrize("spread", [dithered, other_rate, lower_rate, vorbis])
def test_tops_that_are_not_exactly_flat_are_clipped(
    spread: Callable[[Array], Array], share: float
) -> None:
    x = 0.5 * voice()
    level = float(np.quantile(np.abs(x), 1 - share))
    y = spread(clipped(x, level))
    scale = y.size / x.size
    sr = SR * scale
    found = spans(detect(y, sr, kinds=("clipping",)), sr=int(sr))
    truth = [(a * scale, b * scale) for a, b in runs(np.abs(x) >= level)]
    long = [(a, b) for a, b in truth if b - a >= 3 * scale]
    assert share_met(long, found, 4) > 0.8
    assert share_met(found, truth, 4) > 0.8
    (stated,) = clipping_levels(y, sr)
    assert stated.high == pytest.approx(level, rel=0.04)
    assert stated.low == pytest.approx(-level, rel=0.04)
    assert 0 < stated.tolerance < 0.15 * level


@pytest.mark.parametrize("spread", [dithered, other_rate, lower_rate, vorbis])
def test_sound_that_is_not_clipped_has_no_level(spread: Callable[[Array], Array]) -> None:
    (level,) = clipping_levels(spread(0.5 * voice(4.0, seed=3)), SR)
    assert not level.is_clipped
    assert not level.saturated


def test_dither_hides_no_run_of_the_lower_values() -> None:
    """Some tops have three samples of the largest value; the rest must be found, too."""
    x = 0.5 * voice(4.0)
    level = float(np.quantile(np.abs(x), 0.8))
    flat = spans(detect(np.round(clipped(x, level) * 2**15) / 2**15, SR, kinds=("clipping",)))
    found = spans(detect(dithered(clipped(x, level)), SR, kinds=("clipping",)))
    assert share_met(flat, found) == 1


def test_a_dropout_with_an_offset_is_not_clipped() -> None:
    x = voice()
    peak = float(np.max(x))
    x[8000:9000] = 0.95 * peak
    assert detect(dithered(x), SR, kinds=("clipping",)) == []


# Edges


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
    coarse = whole.edge(0.01)
    assert coarse is None or coarse.highest - coarse.lowest >= 0.04
    assert 0.35 < edge.lowest < 0.4 < edge.highest < 0.42
    assert edge.width_db < 1
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
    assert crest.steepness() == pytest.approx(1, abs=1e-6)
    assert flat.steepness() > 3
    ripple = 0.01 * np.cos(np.pi * n)
    rippled = edge_runs(np.minimum(2 * parabola, 1.0) + ripple, Edge(0.9, 1.1), own=(0, n.size))
    assert rippled.steepness() > 3
    assert rippled.ripple() > 0.8
    assert flat.ripple() == 0


def test_runs_of_several_blocks_are_those_of_the_whole() -> None:
    x = dithered(clipped(tone(), 0.5))
    edge = Edge(0.499, 0.501)
    whole = edge_runs(x, edge, own=(0, x.size))
    parts = []
    for start in (16000, 0, 24000, 8000):
        first = max(0, start - 1000)
        own = (start - first, start - first + 8000)
        parts.append(edge_runs(x[first : start + 9000], edge, own=own, offset=first))
    together = concatenate_edges(parts)
    np.testing.assert_array_equal(together.spans, whole.spans)
    np.testing.assert_array_equal(together.turns, whole.turns)
    assert together.steepness() == pytest.approx(whole.steepness())
