"""Classification of damage: what is wrong with a region, why, and the transform that suits it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from damaged_scenes import SR, N, repeated, scene, with_value, without_band
from spectramend import Region, repair
from spectramend.restoration.damage import suitable_stft

NOISE = np.random.default_rng(5).standard_normal(N)


def faded(x: NDArray[Any]) -> NDArray[Any]:
    """Fade a scene down by 30 dB and up again, at all frequencies."""
    return x * 10 ** (-1.5 * np.hanning(N)[np.clip(2 * np.arange(N) - N // 3, 0, N - 1)])


def with_noise_floor() -> NDArray[Any]:
    """Replace 50 ms by noise within a step of 16 bits."""
    x = scene()
    size = round(0.05 * SR)
    x[SR : SR + size] = np.random.default_rng(0).integers(-1, 2, size) / 32768
    return x


@pytest.mark.parametrize(
    ("x", "region", "damage", "reason"),
    [
        (with_value(0.0), Region(1, 1.05), "missing", "100 % digital silence"),
        (with_value(0.0), Region(1, 1.08), "missing", "62 % digital silence"),
        (with_value(np.nan), Region(1, 1.05), "missing", "100 % not finite"),
        (with_value(0.25), Region(1, 1.05), "missing", "100 % one value"),
        (with_noise_floor(), Region(1, 1.05), "missing", "100 % much softer than what is around"),
        (with_noise_floor(), Region(0.995, 1.055), "missing", "% much softer than what is around"),
        (repeated(), Region(1, 1.05), "missing", "a copy of what is before it"),
        (scene(), Region(1, 1.05), "occluded", "there is sound"),
        (scene(), Region(1, 1.5, 500, 1500), "occluded", "there is sound"),
        (without_band(scene(), SR // 2, 2 * SR, 450, 1600), Region(0.5, 2, 500, 1500), "missing",
         "the band is empty"),
        (0.1 * without_band(scene(), SR // 2, 2 * SR, 450, 1600) + 1e-4 * NOISE,
         Region(0.5, 2, 500, 1500), "missing", "the band is empty: "),
        (0.95 * without_band(scene(), SR // 2, 2 * SR, 450, 1600) + 0.05 * scene(),
         Region(0.5, 2, 500, 1500), "missing", "the band is empty: "),
        (faded(scene()), Region(0.5, 2, 500, 1500), "occluded", "there is sound"),
        (scene(), Region(1, 1.05, label="click"), "missing", "labelled click"),
        (scene(), Region(1, 1.05, label="dropout"), "missing", "labelled dropout"),
        (scene(), Region(1, 1.05, label="clipping"), "clipped", "labelled clipping"),
        (scene(), Region(1, 1.05, label="cough"), "occluded", "there is sound"),
        (scene(), Region(1, 1.5, 500, 1500, label="click"), "occluded", "there is sound"),
        (scene(), Region(1, 1.5, 500, 1500, label="clipping"), "occluded", "there is sound"),
    ],
)  # fmt: skip
def test_damage_is_classified_and_a_reason_given(
    x: NDArray[Any], region: Region, damage: str, reason: str
) -> None:
    (job,) = repair(x, SR, region, rng=0).jobs
    assert job.damage == damage
    assert reason in job.reason


@pytest.mark.parametrize("damage", ["missing", "occluded"])
def test_damage_that_is_specified_is_not_classified(damage: Any) -> None:
    (job,) = repair(scene(), SR, Region(1, 1.05, label="click"), damage=damage, rng=0).jobs
    assert (job.damage, job.reason) == (damage, "as specified")


def test_a_transform_suits_its_region() -> None:
    for sr in (8000, 44100, 192000):
        stft = suitable_stft(sr, (0, sr), 0, sr / 2)
        assert 0.04 < stft.n_fft / sr < 0.1
        assert stft.hop_length * 4 == stft.n_fft
        assert suitable_stft(sr, (0, 30), 0, sr / 2).n_fft == 32
        hum = suitable_stft(sr, (0, 100 * sr), 49, 51)
        assert hum.n_fft * 2 / sr >= 2
