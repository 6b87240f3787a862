"""Recordings, and random damage to them, which detection is measured and fitted with.

- `drop`: about one dropout a second, 5-80 ms, at places whose 20 ms around are louder than a tenth
  of the recording's RMS value: zeros, a stuck value, 20 ms replaced by zeros, by the 20 ms before.
- `crackle`: two clicks a second anywhere, 1-40 samples, peak at 2-20 times the standard deviation
  of the 20 ms around (log-uniform): noise or oscillation that decays, a bump, a rectangle.
- `clip`: all of it, so that 0.1-5 % of the samples (log-uniform) lie at the rails (both, or one),
  then scaled by 0-20 dB and rounded to 16 bits, or not. Every run of clipped samples is damage.

`HARDER` has wider ranges, and `variants` the same recordings at 8 and 48 kHz, in 8 bits, 30 dB
softer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs

Array: TypeAlias = NDArray[np.float64]
Damage: TypeAlias = Callable[[Array, int, np.random.Generator], tuple[Array, list[Span]]]

FOLDERS = ("speech", "music", "events")  # events are never damaged


# The recordings


@dataclass(frozen=True)
class Recording:
    """A recording and where it is from; `x` holds (channels, n)."""

    name: str
    x: Array
    sr: int

    @property
    def folder(self) -> str:
        """What kind of recording it is."""
        return self.name.split("/")[0]


def load(data: Path) -> list[Recording]:
    """Read all recordings."""
    found = []
    for folder in FOLDERS:
        for file in sorted((data / folder).rglob("*.flac")):
            x, sr = soundfile.read(file, always_2d=True)
            found.append(Recording(file.relative_to(data).as_posix(), x.T.copy(), sr))
    return found


def variants(recordings: list[Recording]) -> Iterator[tuple[str, list[Recording]]]:
    """Make other versions: rates, bits, level."""
    for sr in (8000, 48000):
        yield (
            f"{sr // 1000} kHz",
            [Recording(r.name, soxr.resample(r.x.T, r.sr, sr).T, sr) for r in recordings],
        )
    yield "8 bits", [Recording(r.name, np.round(r.x * 127) / 128, r.sr) for r in recordings]
    softer = [np.round(r.x * 10**-1.5 * 32768) / 32768 for r in recordings]
    yield "30 dB softer", [Recording(r.name, x, r.sr) for x, r in zip(softer, recordings)]  # noqa: B905


# The damage


def local_std(x: Array, middle: int, sr: int) -> float:
    """Measure the level of the 20 ms around a sample."""
    reach = round(0.010 * sr)
    return float(np.std(x[max(0, middle - reach) : middle + reach]))


def places(
    x: Array, sr: int, rng: np.random.Generator, *, count: int, longest: int, floor: float
) -> list[int]:
    """Draw where damage begins: nowhere near the ends or other damage, where it is loud enough."""
    level, found = float(np.std(x)), list[int]()
    margin = round(0.03 * sr)
    for _ in range(100 * count):
        start = int(rng.integers(margin, max(margin + 1, x.size - longest - margin)))
        apart = all(abs(start - other) > longest + margin // 3 for other in found)
        if apart and local_std(x, start, sr) >= floor * level and len(found) < count:
            found.append(start)
    return sorted(found)


def drop(
    x: Array, sr: int, rng: np.random.Generator, *, shortest_s: float = 0.005
) -> tuple[Array, list[Span]]:
    """Lose about one stretch a second."""
    y, spans = x.copy(), list[Span]()
    packet = round(0.02 * sr)
    count = max(1, round(x.size / sr))
    for start in places(x, sr, rng, count=count, longest=round(0.08 * sr), floor=0.1):
        stop = start + round(rng.uniform(shortest_s, 0.08) * sr)
        kind = rng.choice(["zeros", "stuck", "lost", "repeated"])
        if kind in ("lost", "repeated"):
            stop = start + packet
        if kind == "stuck":
            y[start:stop] = y[start]
        elif kind == "repeated":
            y[start:stop] = y[start - packet : start]
        else:
            y[start:stop] = 0.0
        spans.append((start, stop))
    return y, spans


def impulse(width: int, rng: np.random.Generator) -> Array:
    """Draw the shape of a click, its peak at 1 or -1."""
    t = np.arange(width)
    shape = rng.choice(["noise", "oscillation", "bump", "rectangle"])
    decay = np.exp(-3.0 * t / width)
    if shape == "noise":
        click = decay * rng.standard_normal(width)
    elif shape == "oscillation":
        click = decay * np.cos(np.pi * rng.uniform(0.05, 1.0) * t + rng.uniform(0.0, 1.0))
    elif shape == "bump":
        click = np.hanning(width + 2)[1:-1]
    else:
        click = np.ones(width)
    return click / np.max(np.abs(click)) * rng.choice([-1.0, 1.0])


def crackle(
    x: Array,
    sr: int,
    rng: np.random.Generator,
    *,
    peaks: tuple[float, float] = (2.0, 20.0),
    rate: float = 2.0,
) -> tuple[Array, list[Span]]:
    """Add clicks, so many a second."""
    y, spans = x.copy(), list[Span]()
    count = max(1, round(rate * x.size / sr))
    floor = 1e-3 * float(np.std(x))
    for start in places(x, sr, rng, count=count, longest=40, floor=0.0):
        width = int(rng.integers(1, 41))
        level = max(floor, local_std(x, start + width // 2, sr))
        peak = level * np.exp(rng.uniform(*np.log(peaks)))
        y[start : start + width] += peak * impulse(width, rng)
        spans.append((start, start + width))
    return y, spans


def ringing(
    x: Array,
    sr: int,
    rng: np.random.Generator,
    *,
    rate: float,
    ms: tuple[float, float] = (0.2, 5.0),
    peaks: tuple[float, float] = (2.0, 20.0),
) -> tuple[Array, list[Span]]:
    """Add decaying oscillations of 1-8 kHz, so many a second, that may overlap."""
    y, spans = x.copy(), list[Span]()
    floor, margin = 1e-3 * float(np.std(x)), round(0.03 * sr)
    for start in sorted(rng.integers(margin, x.size - margin, max(1, round(rate * x.size / sr)))):
        width = max(2, round(np.exp(rng.uniform(*np.log(ms))) / 1000 * sr))
        t = np.arange(width)
        hz = np.exp(rng.uniform(*np.log((1000.0, min(8000.0, 0.45 * sr)))))
        wave = np.exp(-4.6 * t / width) * np.cos(2 * np.pi * hz / sr * t + rng.uniform(-1, 1))
        level = max(floor, local_std(x, start + width // 2, sr))
        peak = rng.choice([-1, 1]) * level * np.exp(rng.uniform(*np.log(peaks)))
        y[start : start + width] += peak * wave / np.max(np.abs(wave))
        spans.append((int(start), int(start) + width))
    return y, spans


def clip(
    x: Array, sr: int, rng: np.random.Generator, *, shortest: int = 1
) -> tuple[Array, list[Span]]:
    """Clip all of it at one level."""
    share = np.exp(rng.uniform(*np.log((0.001, 0.05))))
    sides = rng.choice(["both", "both", "above", "below"])
    heights = {"both": np.abs(x), "above": x, "below": -x}[str(sides)]
    level = float(np.quantile(heights, 1.0 - share))
    hidden = heights > level
    y = np.where(hidden, np.sign(x) * level, x)
    y *= 10.0 ** (-rng.uniform(0.0, 20.0) / 20.0) / max(1.0, float(np.max(np.abs(y))))
    if rng.random() < 0.5:
        y = np.round(y * 32767.0) / 32768.0
    return y, [(a, b) for a, b in runs(hidden).tolist() if b - a >= shortest]


# Kind and program of each damage; of `clipping, runs of 3`, only runs of three samples count.
DAMAGES: dict[str, tuple[str, Damage]] = {
    "dropout": ("dropout", drop),
    "click": ("click", crackle),
    "clipping": ("clipping", clip),
}
HARDER: dict[str, tuple[str, Damage]] = {
    "dropout, 2-80 ms": ("dropout", partial(drop, shortest_s=0.002)),
    "click, 1-100 times": ("click", partial(crackle, peaks=(1.0, 100.0))),
    "click, 10 a second": ("click", partial(crackle, rate=10.0)),
    "clipping, runs of 3": ("clipping", partial(clip, shortest=3)),
}
