"""Damage of short spans of samples: clicks with tails, crackle, and dropouts of several kinds."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.core.regions import Region
from spectramend.experiments._common.everyday_scenes import EverydayScene
from spectramend.experiments._common.recordings import Recording

DropoutLevel: TypeAlias = tuple[str, float, float]  # what fills it, shortest and longest in ms

# Engineering choices, but those with a source:
CLICKS_PER_S = 2.0  # a second: one and a bit for each turn of a record at 78 rpm, one of two
CLICK_MS = (0.3, 3.0)  # ms, shortest and longest click
TAIL_MS = 1.5  # ms, tail of every other click
TAIL_SHARE = 0.3  # share of a click's peak at which its tail begins
CRACKLE_MS = (0.1, 0.5)  # ms, shortest and longest click of crackle
CRACKLE_PEAK = (2.0, 6.0)  # times the local deviation, lowest and highest peak of crackle
CRACKLE_S = 0.5  # seconds of crackle in the middle of a recording; for the time of a run
DECAY = 4.6  # exponent over a click: its end is 40 dB below its peak
LOCAL_S = 0.02  # seconds on either side of a click whose deviation is the local one
QUIETEST_CLICK = 0.05  # times the deviation of the recording, least local deviation
DROPOUT_S = 0.35  # seconds from dropout to dropout in the mean: one in 200 to 500 ms
QUIETEST_DROPOUT = 1e-3  # relative power: where a recording is 30 dB below its mean, none is lost
LSB = 2.0**-15  # relative to full scale, step of 16 bits
DC = 4e-3  # relative to full scale, offset of a dropout; as of cheap converters
REPEAT_S = 0.02  # seconds of the buffer that is held, G.711 appendix I (1999) holds up to 20 ms


def clicks(recording: Recording, peak: float, rng: np.random.Generator) -> EverydayScene:
    """Add two clicks a second whose peaks are `peak` times the local deviation.

    Each is a decaying oscillation of 0.3 to 3 ms; every other one has a tail of 1.5 ms.
    """
    sr, tail = recording.sr, round(TAIL_MS / 1000 * recording.sr)
    parts = []
    for number in range(round(CLICKS_PER_S * recording.samples.size / sr)):
        click = _oscillation(round(rng.uniform(*CLICK_MS) / 1000 * sr), (1000, 5000), sr, rng)
        if number % 2:
            rest = TAIL_SHARE * _oscillation(tail, (300, 1000), sr, rng)
            click = np.concatenate([click, rest])
        parts.append(peak * click)
    return _clicked(recording, parts, rng, recording.samples.size)


def crackle(recording: Recording, rate: float, rng: np.random.Generator) -> EverydayScene:
    """Add `rate` small clicks, each of 0.1 to 0.5 ms, in the middle half second."""
    sr = recording.sr
    lengths = [
        max(2, round(rng.uniform(*CRACKLE_MS) / 1000 * sr)) for _ in range(round(rate * CRACKLE_S))
    ]
    parts = [
        rng.uniform(*CRACKLE_PEAK) * _oscillation(length, (2000, 8000), sr, rng)
        for length in lengths
    ]
    return _clicked(recording, parts, rng, round(CRACKLE_S * sr))


def _oscillation(
    length: int, band_hz: tuple[float, float], sr: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Oscillate within a band, decaying by 40 dB, with a peak of 1 or -1 [shape=(n,)]."""
    n = np.arange(length)
    hz = rng.uniform(band_hz[0], min(band_hz[1], 0.4 * sr))
    wave = np.exp(-DECAY * n / length) * np.cos(2 * np.pi * hz / sr * n + rng.uniform(-0.5, 0.5))
    return np.asarray(rng.choice([-1, 1]) * wave / np.abs(wave).max())


def _clicked(
    recording: Recording, parts: list[NDArray[Any]], rng: np.random.Generator, length: int
) -> EverydayScene:
    """Add clicks [each shape=(n,)] to the middle of a recording, scaled by the local deviation."""
    T, sr = recording.samples, recording.sr
    near, least = round(LOCAL_S * sr), QUIETEST_CLICK * float(np.std(T))
    begin, mix = (T.size - length) // 2, T.copy()
    found = places(length, [part.size for part in parts], rng)
    spans = tuple((begin + first, begin + stop) for first, stop in found)
    for (first, stop), part in zip(spans, parts, strict=True):
        mix[first:stop] += max(least, float(np.std(T[max(0, first - near) : stop + near]))) * part
    regions = tuple(Region(first / sr, stop / sr, label="click") for first, stop in spans)
    return EverydayScene(recording, mix, regions, spans=spans)


def dropouts(recording: Recording, level: DropoutLevel, rng: np.random.Generator) -> EverydayScene:
    """Lose spans of the sounding parts of a recording, about three a second."""
    T, sr = recording.samples, recording.sr
    fill, shortest, longest = level
    draws = rng.uniform(np.log(shortest), np.log(longest), round(T.size / sr / DROPOUT_S))
    lengths = [round(ms / 1000 * sr) for ms in np.exp(draws)]
    power = QUIETEST_DROPOUT * float(np.mean(T**2))
    found = [
        (first, stop)
        for first, stop in places(T.size, lengths, rng)
        if first >= REPEAT_S * sr and np.mean(T[first:stop] ** 2) >= power
    ]
    mix = T.copy()
    for first, stop in found:
        mix[first:stop] = _filled(fill, T, (first, stop), sr, rng)
    regions = tuple(Region(first / sr, stop / sr) for first, stop in found)
    return EverydayScene(recording, mix, regions, spans=tuple(found))


def _filled(
    fill: str, T: NDArray[Any], span: Span, sr: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Make what stands in a dropout of a recording T [shape=(n,)], [shape=(length,)]."""
    first, length = span[0], span[1] - span[0]
    if fill == "±1 LSB":
        return LSB * rng.integers(-1, 2, length)
    if fill == "DC":
        return np.full(length, DC)
    if fill.endswith(" dB"):
        deviation = 10 ** (float(fill.split()[0]) / 20) * np.sqrt(np.mean(T**2))
        return np.asarray(deviation * rng.standard_normal(length))
    if fill in ("repeated", "faded"):
        held = T[first - round(REPEAT_S * sr) : first]
        fade = np.linspace(1, 0, length) if fill == "faded" else 1.0
        return np.asarray(fade * np.resize(held, length))
    return np.zeros(length)


def places(n: int, lengths: list[int], rng: np.random.Generator) -> tuple[Span, ...]:
    """Draw a place for each length, in order, each in its own equal part of n samples.

    Examples
    --------
    >>> places(100, [10, 10], np.random.default_rng(0))
    ((24, 34), (61, 71))
    """
    slot = n / max(1, len(lengths))
    # A tenth of each part stays free, so that no two spans touch.
    return tuple(
        (first, first + length)
        for number, length in enumerate(lengths)
        for first in [int(number * slot + 0.05 * slot + rng.uniform(0, 0.9 * slot - length))]
    )
