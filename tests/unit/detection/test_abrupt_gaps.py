"""Dropouts that hold noise, an offset or soft sound, and pauses that are none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from damaged_signals import SR, Array, spans, tone
from spectramend.detection import detect, scan
from spectramend.detection.abrupt_gaps import cut_off_db

STEP = 1 / 32768


def rounded(x: Array) -> Array:
    """Round to 16 bits."""
    return np.round(x / STEP) * STEP


def steps(size: int, most: int) -> Array:
    """Draw noise within a few steps."""
    return np.asarray(np.random.default_rng(size).integers(-most, most + 1, size) * STEP, float)


FILLS: dict[str, Callable[[Array], Array]] = {
    "one step": lambda x: steps(x.size, 1),
    "three steps": lambda x: steps(x.size, 3),
    "offset": lambda x: 0.05 + steps(x.size, 1),
    "40 dB softer": lambda x: 0.01 * x,
    "noise": lambda x: 3e-4 * np.random.default_rng(0).standard_normal(x.size),
}


@pytest.mark.parametrize("length", [64, 320, 1600, 4000])
@pytest.mark.parametrize("fill", FILLS)
def test_sound_that_is_cut_off_is_a_dropout(fill: str, length: int) -> None:
    x = tone()
    x[9000 : 9000 + length] = FILLS[fill](x[9000 : 9000 + length])
    (found,) = spans(detect(rounded(x), SR, kinds=("dropout",)))
    assert np.max(np.abs(np.subtract(found, (9000, 9000 + length)))) <= 4


def test_a_burst_of_losses_is_found_and_is_no_clicks() -> None:
    x = tone()
    starts = range(4000, 24000, 1280)
    for start in starts:
        x[start : start + 320] = steps(320, 1)
    found = detect(rounded(x), SR)
    assert {r.label for r in found} == {"dropout"}
    assert [a for a, _ in spans(found)] == pytest.approx(list(starts), abs=3)


@pytest.mark.parametrize("decay_s", [0.004, 0.01, 0.03])
def test_sound_that_rings_out_is_no_dropout(decay_s: float) -> None:
    """A plosive: the vowel fades within some milliseconds, the burst begins at once."""
    x = tone()
    x[9000:10000] *= np.exp(-np.arange(1000) / (decay_s * SR))
    x += 3 * STEP * np.random.default_rng(1).standard_normal(x.size)
    assert detect(rounded(x), SR, kinds=("dropout",)) == []


def test_soft_crests_of_a_low_tone_are_no_dropouts() -> None:
    x = 0.3 * np.sin(2 * np.pi * 60 * np.arange(2 * SR) / SR)
    x += 1e-3 * np.random.default_rng(2).standard_normal(x.size)
    assert detect(rounded(x), SR, kinds=("dropout",)) == []


def test_the_ratio_is_that_of_the_side_that_is_cut_off_less() -> None:
    x = tone()
    both = x.copy()
    both[9000:9320] = steps(320, 1)
    faded = both.copy()
    faded[8600:9000] *= np.linspace(1, 0.02, 400)
    cut, soft = (cut_off_db(y, [(9000, 9320)], SR, floor=STEP)[0] for y in (both, faded))
    assert cut > 40
    assert soft < cut - 20


def test_gaps_of_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x = tone(4.0)
    for start in range(5000, 60000, 4321):
        x[start : start + 200] = steps(200, 2)
    whole = detect(rounded(x), SR, kinds=("dropout",))
    assert len(whole) == 13
    for block in (8192, 10007):
        monkeypatch.setattr(scan, "SCAN_BLOCK", block)
        assert detect(rounded(x), SR, kinds=("dropout",)) == whole


def test_a_level_changes_nothing() -> None:
    x = tone()
    x[9000:9320] *= 0.01
    assert detect(x, SR) == detect(1e-3 * x, SR) != []
