"""Everyday damage as it is laid: levels, places, and the same draws at every level."""

from __future__ import annotations

import numpy as np
import pytest

from experiment_runs import inharmonic
from spectramend.core.intervals import marked
from spectramend.experiments._common.everyday_damage import KINDS, lay
from spectramend.experiments._common.everyday_scenes import EverydayScene
from spectramend.experiments._common.recordings import Recording

SR = 8000
PIECE = Recording("piece", inharmonic(3, SR), SR, "music")


def _scene(kind: str, level: str) -> EverydayScene:
    return lay(PIECE, kind, level, np.random.default_rng(1))


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_where_the_scene_says(kind: str) -> None:
    for level in KINDS[kind].levels:
        scene = _scene(kind, level)
        N = scene.mix - PIECE.samples
        assert np.isfinite(scene.mix).all()
        assert N.any() == (kind != "undamaged")
        # A box leaves a thousandth of an event's energy outside.
        assert np.sum(N[~scene.inside] ** 2) <= (2e-3 if scene.box else 0) * np.sum(N**2)
        if scene.spans:
            np.testing.assert_array_equal(marked(scene.spans, N.size), scene.inside)
        np.testing.assert_array_equal(scene.mix, _scene(kind, level).mix)


@pytest.mark.parametrize("kind", ["hum_steady", "hum_drifting", "whine"])
def test_steady_tones_have_their_level_and_frequencies(kind: str) -> None:
    for level, level_db in KINDS[kind].levels.items():
        scene = _scene(kind, level)
        assert -scene.snr_db(scene.mix) == pytest.approx(level_db, abs=1e-6)
        N = scene.mix - PIECE.samples
        f, P = np.fft.rfftfreq(N.size, 1 / SR), np.abs(np.fft.rfft(N * np.hanning(N.size))) ** 2
        near = np.any([np.abs(f - hz) < 3 for hz in scene.tones_hz], axis=0)
        assert P[near].sum() > 0.999 * P.sum()


@pytest.mark.parametrize("kind", ["ringing_phone", "gsm", "knock", "loud_event"])
def test_events_have_their_level(kind: str) -> None:
    powers = []
    for level in KINDS[kind].levels:
        box = _scene(kind, level).box
        assert box is not None
        powers.append(10 * np.log10(np.sum(box.N**2)))
    levels = list(KINDS[kind].levels.values())
    assert powers[1] - powers[0] == pytest.approx(levels[1] - levels[0])


def test_bursts_of_a_telephone_come_217_times_a_second() -> None:
    scene = _scene("gsm", "+10 dB")
    assert scene.box is not None
    envelope = np.abs(scene.box.N) ** 2
    P = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2
    f = np.fft.rfftfreq(envelope.size, 1 / SR)
    band = (f > 100) & (f < 400)
    assert f[band][np.argmax(P[band])] == pytest.approx(216.7, abs=1)


def test_a_noise_floor_is_not_silence_and_a_repeated_buffer_repeats() -> None:
    first, stop = _scene("dropout_noise_floor", "±1 LSB").spans[0]
    lost = _scene("dropout_noise_floor", "±1 LSB").mix[first:stop]
    assert set(np.round(lost * 2**15)) <= {-1, 0, 1}
    assert lost.any()
    held = _scene("dropout_concealed", "repeated").mix[first:stop]
    np.testing.assert_array_equal(held, PIECE.samples[first - (stop - first) : first])
    faded = _scene("dropout_concealed", "faded").mix[first:stop]
    assert faded[0] == held[0]
    assert faded[-1] == 0
