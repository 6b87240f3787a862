"""Lost packets that were concealed by what was before them."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, Array, spans, tone
from spectramend.detection import detect
from spectramend.detection.packet_concealment import concealed_packets

STEP = 1 / 32768
GAINS = {
    "line": lambda t: 1 - t,
    "exponential": lambda t: 10.0**-t,
    "cosine": lambda t: np.cos(np.pi / 2 * t),
    "half": lambda t: 0.5 + 0 * t,
}


def rounded(x: Array) -> Array:
    """Round to 16 bits."""
    return np.round(x / STEP) * STEP


@pytest.mark.parametrize("length", [160, 320, 640])
@pytest.mark.parametrize("gain", GAINS)
def test_a_faded_repeat_is_a_dropout_and_its_edges_are_no_clicks(gain: str, length: int) -> None:
    x = rounded(tone())
    x[9000 : 9000 + length] = x[9000 - length : 9000] * GAINS[gain](np.arange(length) / length)
    found = detect(rounded(x), SR)
    assert [r.label for r in found] == ["dropout"]
    assert np.max(np.abs(np.subtract(spans(found), (9000, 9000 + length)))) <= 4


def test_several_faded_repeats_of_one_packet_are_one_dropout() -> None:
    x = rounded(tone())
    x[9000:9480] = np.tile(x[8840:9000], 3) * np.linspace(1, 0.1, 480)
    (found,) = spans(detect(rounded(x), SR))
    assert np.max(np.abs(np.subtract(found, (9000, 9480)))) <= 4


@pytest.mark.parametrize("hz", [110.0, 437.0, 2000.0])
def test_a_tone_that_decays_repeats_itself_undamaged(hz: float) -> None:
    t = np.arange(2 * SR) / SR
    x = sum(np.sin(2 * np.pi * k * hz * t) / k for k in (1, 2, 3)) * np.exp(-3 * t)
    assert concealed_packets(rounded(0.3 * x), SR, step=STEP) == []


def test_sound_without_repeats_has_none() -> None:
    assert concealed_packets(rounded(tone(4.0)), SR, step=STEP) == []
    assert concealed_packets(np.zeros(SR), SR, step=np.inf) == []
