"""Soft saturation is told from clipping."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from damaged_signals import SR, Array, clipped, voice
from spectramend.detection import clipping_levels, detect
from spectramend.detection.saturation import Approach

CURVES: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "arctan": lambda v: 2 / np.pi * np.arctan(np.pi / 2 * v),
    "cubic": lambda v: np.where(np.abs(v) < 1.5, v - 4 / 27 * v**3, np.sign(v)),
}


def saturated(curve: str, drive_db: float, seed: int) -> Array:
    """Drive a sound into a curve, and round to 16 bits."""
    y = CURVES[curve](10 ** (drive_db / 20) * voice(4.0, seed=seed))
    return np.round(0.9 * y / np.max(np.abs(y)) * 2**15) / 2**15


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("drive_db", [3.0, 6.0, 10.0, 14.0, 20.0, 26.0, 32.0])
def test_a_tangent_hyperbolic_is_never_clipping(drive_db: float, seed: int) -> None:
    y = saturated("tanh", drive_db, seed)
    assert detect(y, SR, kinds=("clipping",)) == []
    (level,) = clipping_levels(y, SR)
    assert not level.is_clipped
    if drive_db >= 20:
        assert level.saturated


@pytest.mark.parametrize("curve", ["arctan", "cubic"])
@pytest.mark.parametrize("drive_db", [20.0, 30.0])
def test_other_curves_are_no_clipping(curve: str, drive_db: float) -> None:
    (level,) = clipping_levels(saturated(curve, drive_db, 0), SR)
    assert level.saturated
    assert not level.is_clipped


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_hard_clipping_is_no_saturation(gain: float) -> None:
    (level,) = clipping_levels(gain * clipped(voice(4.0), 0.2), SR)
    assert level.is_clipped
    assert not level.saturated


def test_sound_as_it_is_is_not_saturated() -> None:
    for x in (voice(4.0), np.sin(np.arange(4 * SR) / 9), np.zeros(SR)):
        (level,) = clipping_levels(x, SR)
        assert not level.saturated


@pytest.mark.parametrize("exponent", [0.0, 0.5, 0.9])
def test_the_growth_of_a_density_is_its_exponent(exponent: float) -> None:
    uniform = np.random.default_rng(0).random(200000)
    distance = uniform ** (1 / (1 - exponent))  # density in proportion to e**-exponent
    approach = Approach(2.0)
    for part in np.split(2.0 * (1 - distance), 4):
        approach.add(part)
    growth, error = approach.growth(1e-6)
    assert growth == pytest.approx(exponent, abs=max(5 * error, 0.05))
    assert 0 < error < 0.1
    assert approach.is_soft(1e-6) == (exponent > 0.2)
    assert np.isnan(approach.growth(0.1)[0])
    assert not approach.is_soft(0.1)
