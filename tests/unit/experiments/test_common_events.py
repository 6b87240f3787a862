"""Scenes of events over recordings, and the boxes that hold the events."""

from __future__ import annotations

import numpy as np
import pytest

from event_scenes import EVENT, RECORDING, SR, noise
from spectramend.experiments._common.events import place_event
from spectramend.experiments._common.recordings import Recording


@pytest.mark.parametrize("event", [EVENT, Recording("long", noise(2.5), SR, "event")])
def test_an_event_is_as_loud_as_the_recording_over_its_span(event: Recording) -> None:
    scene = place_event(RECORDING, event)
    n = min(event.samples.size, SR)
    start = RECORDING.samples.size // 2 - n // 2
    span = slice(start, start + n)
    np.testing.assert_allclose(np.sum(scene.N[span] ** 2), np.sum(RECORDING.samples[span] ** 2))
    assert not np.delete(scene.N, np.arange(start, start + n)).any()
    np.testing.assert_array_equal(scene.mix, RECORDING.samples + scene.N)


def test_the_box_holds_the_event_and_the_region_holds_the_box() -> None:
    scene = place_event(RECORDING, EVENT)
    V = np.abs(scene.stft.forward(scene.N)) ** 2
    assert V[scene.box.cells].sum() >= 0.95 * V.sum() * (1 - 1e-9)
    start, stop = scene.region.samples(length=scene.N.size, sr=SR)
    hop, half = scene.stft.hop_length, scene.stft.n_fft // 2
    assert start == scene.box.first_frame * hop - half
    assert stop == (scene.box.stop_frame - 1) * hop + half
    low, high = scene.region.band(sr=SR)
    f = scene.stft.frequencies(SR)
    assert np.flatnonzero((f > low) & (f < high)).tolist() == list(
        range(scene.box.first_bin, scene.box.stop_bin)
    )


def test_a_missing_box_is_empty() -> None:
    scene = place_event(RECORDING, EVENT, damage="missing")
    cells = scene.box.cells
    before, after = (scene.stft.forward(z) for z in (RECORDING.samples, scene.mix))
    assert np.sum(np.abs(after[cells]) ** 2) < 0.3 * np.sum(np.abs(before[cells]) ** 2)
    start, stop = scene.region.samples(length=scene.N.size, sr=SR)
    assert np.abs(scene.N[start:stop]).max() > 0.01
    assert np.abs(np.delete(scene.N, np.arange(start, stop))).max() < 1e-12


def test_an_event_of_another_sample_rate_is_resampled() -> None:
    fast = Recording("noise", np.repeat(EVENT.samples, 2), 2 * SR, "event")
    scene, other = place_event(RECORDING, fast), place_event(RECORDING, EVENT)
    assert scene.N.size == RECORDING.samples.size
    assert abs(scene.box.first_frame - other.box.first_frame) <= 1
    assert abs(scene.box.stop_frame - other.box.stop_frame) <= 1
