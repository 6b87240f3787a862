"""Patches over samples: the last one holds, in arrays, sources and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from spectramend.audio import (
    Patch,
    PatchedSource,
    TurnedDown,
    inspect,
    overlay,
    write_patched,
)

SR = 8000


def noise(n: int, channels: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (channels, n))


# Patches


def test_a_later_patch_covers_an_earlier_one() -> None:
    x = noise(100)
    source = PatchedSource(lambda a, b: x[:, a:b], length=100, channels=2)
    expected = x.copy()
    for channel, start, stop, value in (
        (1, 10, 60, -1.0), (1, 5, 20, -2.0), (1, 90, 100, -3.0), (0, 12, 13, -5.0),
        (1, 15, 17, -4.0),
    ):  # fmt: skip
        source.add(Patch(channel, start, np.full(stop - start, value)))
        expected[channel, start:stop] = value
        for a, b in ((0, 100), (30, 40), (16, 95), (0, 5), (60, 90), (50, 50)):
            np.testing.assert_array_equal(source.read(a, b), expected[:, a:b])
            for number in range(2):
                found = source.read_channel(number, a, b)
                np.testing.assert_array_equal(found, expected[number, a:b])
    np.testing.assert_array_equal(x, noise(100))


def test_overlay_takes_the_order_of_patches() -> None:
    patches = [Patch(0, 3, np.full(4, 1.0)), Patch(0, 0, np.full(5, 2.0))]
    for order, expected in ((patches, [2.0, 2, 2, 1, 1, 0]), (patches[::-1], [2.0, 1, 1, 1, 1, 0])):
        x = np.zeros(6)
        overlay(x, 2, order)
        assert x.tolist() == expected


def test_patches_given_are_those_added() -> None:
    x, patches = noise(50), [Patch(0, 3, np.ones(4)), Patch(1, 40, np.zeros(10))]
    given = PatchedSource(lambda a, b: x[:, a:b], length=50, channels=2, patches=patches)
    added = PatchedSource(lambda a, b: x[:, a:b], length=50, channels=2)
    for patch in patches:
        added.add(patch)
    np.testing.assert_array_equal(given.read(0, 50), added.read(0, 50))


def test_writing_lays_later_patches_over_earlier_ones(tmp_path: Path) -> None:
    x = noise(1000)
    patches = [Patch(0, 10, np.full(20, 0.25)), Patch(0, 5, np.full(10, -0.25))]
    expected = np.round(x * 2**15) / 2**15
    expected[0, 10:30], expected[0, 5:15] = 0.25, -0.25
    for ending in ("wav", "flac"):
        source = tmp_path / f"x.{ending}"
        soundfile.write(source, x.T, SR, subtype="PCM_16")
        write_patched(inspect(source), tmp_path / f"y.{ending}", patches)
        found = soundfile.read(tmp_path / f"y.{ending}", always_2d=True)[0].T
        np.testing.assert_allclose(found, expected, rtol=0, atol=2**-15)
        np.testing.assert_array_equal(found[0, 5:30], expected[0, 5:30])


def test_all_of_a_channel_is_turned_down_with_its_patches(tmp_path: Path) -> None:
    x = np.round(noise(1000) * 2**15) / 2**15
    patches = [Patch(0, 10, np.full(20, 0.25)), Patch(0, 5, np.full(10, -1.5))]
    expected = x.copy()
    expected[0, 10:30], expected[0, 5:15] = 0.25, -1.5
    expected[0] *= 0.5
    change = TurnedDown(0, 1000, patches, 0.5)
    assert (change.start, change.stop) == (0, 1000)
    np.testing.assert_array_equal(change.samples_between(3, 40, x[0, 3:40]), expected[0, 3:40])
    source = tmp_path / "x.wav"
    soundfile.write(source, x.T, SR, subtype="PCM_16")
    report = write_patched(inspect(source), tmp_path / "y.wav", [change])
    found = soundfile.read(tmp_path / "y.wav", always_2d=True)[0].T
    assert report.clipped == 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-16)
    np.testing.assert_array_equal(found[1:], x[1:])
