"""Regions whose samples are missing, and regions that hold sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from damaged_signals import Array, tone
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
