"""Regions whose samples are missing, and regions that hold sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from damaged_signals import SR, Array, tone
from spectramend.detection import damage_kind
from spectramend.errors import ParameterError


@pytest.mark.parametrize(
    ("fill", "reason"),
    [
        (lambda x: 0.0, "100 % digital silence"),
        (lambda x: 0.25, "100 % one value"),
        (lambda x: np.nan, "100 % not finite"),
        (lambda x: x[600:800], "100 % a copy of what is before it"),
        (lambda x: np.tile(x[700:800], 2), "100 % a copy of what is before it"),
    ],
    ids=["silence", "one value", "nan", "copy", "two copies"],
)
def test_samples_without_sound_are_missing(fill: Callable[[Array], Any], reason: str) -> None:
    x = tone(0.2)
    x[800:1000] = fill(x.copy())
    assert damage_kind(x, 800, 1000) == ("missing", reason)
    assert damage_kind(x, 750, 1000)[0] == "missing"
    assert damage_kind(x, 300, 1000) == ("occluded", "there is sound")


def test_a_synthesised_tone_is_not_missing() -> None:
    x = np.tile(np.sin(2 * np.pi * np.arange(50) / 50), 40)
    assert damage_kind(x, 800, 1000) == ("occluded", "there is sound")


def test_a_region_at_the_start_and_one_of_a_sample_are_classified() -> None:
    x = tone(0.1)
    assert damage_kind(x, 0, 100)[0] == "occluded"
    assert damage_kind(x, 5, 6)[0] == "occluded"
    x[5] = np.nan
    assert damage_kind(x, 5, 6)[0] == "missing"


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (0, 101)])
def test_regions_outside_are_refused(start: int, stop: int) -> None:
    with pytest.raises(ParameterError, match=f"start={start}, stop={stop}: give a region within"):
        damage_kind(np.zeros(100), start, stop)
    with pytest.raises(ParameterError, match=r"shape \(2, 5\)"):
        damage_kind(np.zeros((2, 5)), 0, 1)


# Sound that is cut off, and packets that fade


def marked(x: Array, start: int, stop: int) -> tuple[str, str]:
    """Classify as `repair` does: with context on either side."""
    return damage_kind(np.round(x * 32768) / 32768, start, stop, SR)


@pytest.mark.parametrize("wide", [0, 50, 100])
@pytest.mark.parametrize("fill", ["dither", "offset", "softer"])
def test_marked_dropouts_that_are_not_exact_are_missing(fill: str, wide: int) -> None:
    x = tone()
    noise = np.random.default_rng(0).integers(-1, 2, 320) / 32768
    fills = {"dither": noise, "offset": 0.03 + noise, "softer": 0.01 * x[9000:9320]}
    x[9000:9320] = fills[fill]
    kind, reason = marked(x, 9000 - wide, 9320 + wide)
    assert kind == "missing"
    assert reason.endswith("% much softer than what is around it")


def test_a_marked_packet_that_fades_is_missing() -> None:
    x = np.round(tone() * 32768) / 32768
    x[9000:9320] = x[8680:9000] * np.linspace(1, 0, 320)
    kind, reason = marked(x, 8990, 9330)
    assert kind == "missing"
    assert reason.endswith("% a fading copy of what is before it")


def test_a_pause_and_an_event_over_it_are_not_missing() -> None:
    x = tone()
    rng = np.random.default_rng(1)
    x[9000:12000] *= np.concatenate((np.exp(-np.arange(1500) / 80), np.zeros(1500)))
    x += 1e-4 * rng.standard_normal(x.size)
    assert marked(x, 9400, 11900)[0] == "occluded"
    x[10000:11000] += rng.standard_normal(1000) * np.exp(-np.arange(1000) / 200)
    assert marked(x, 10000, 11000)[0] == "occluded"
    assert marked(x, 9800, 11200)[0] == "occluded"


@pytest.mark.parametrize("peak", [0.05, 0.5])
def test_a_knock_in_coarse_soft_sound_is_not_missing(peak: float) -> None:
    x = 0.02 * tone()
    x[9000:11000] += peak * np.exp(-np.arange(2000) / 300) * np.sin(np.arange(2000) / 20)
    x = np.round(x * 127) / 128
    assert damage_kind(x, 9000, 11000, SR)[0] == "occluded"


def test_digital_silence_in_coarse_sound_is_missing() -> None:
    x = np.round(tone() * 127) / 128
    x[9000:9320] = 0.0
    assert damage_kind(x, 9000, 9320, SR) == ("missing", "100 % digital silence")
