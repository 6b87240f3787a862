"""Make the recordings of docs/cookbook.md: ``python examples/damage.py NAME``.

Writes ``clean.wav``, ``damaged.wav`` and where the damage is, as Audacity's labels (``where.txt``)
and as a Raven table (``where.selections.txt``), into a folder of this name. The talk is the
synthetic speech that comes with Spectramend; the music is plucked strings, made here. The same name
always makes the same files.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

import spectramend as sm
from spectramend.labels import write_regions

Samples = NDArray[np.float64]


class Example(NamedTuple):
    """A recording before and after its damage, and where it is damaged."""

    clean: Samples
    damaged: Samples
    sr: int  # Hz
    where: list[sm.Region]


# Recordings


def talk(number: int = 1) -> tuple[Samples, int]:
    """Read one of the four sentences of the bundled voice."""
    folder = Path(sm.__file__).parent / "voices"
    recording = sm.audio.read(folder / f"item_0{number}_MA.flac")
    return recording.samples.astype(np.float64), recording.sr


def plucked_strings() -> tuple[Samples, int]:
    """Play a broken chord for 6 s (Karplus and Strong, Computer Music Journal 7(2), 1983)."""
    sr, rng = 44100, np.random.default_rng(7)
    notes = [40, 47, 52, 56, 59, 64, 59, 56, 45, 52, 57, 61, 64, 69, 64, 61]
    x = np.zeros(6 * sr)
    for i, note in enumerate(notes):
        start, period = round(0.36 * i * sr), round(sr / (440 * 2 ** ((note - 69) / 12)))
        excitation = np.zeros(x.size - start)
        excitation[:period] = lfilter([0.5, 0.5], 1, rng.uniform(-1, 1, period))
        a = np.zeros(period + 2)
        a[[0, period, period + 1]] = 1, -0.498, -0.498
        attack = np.minimum(1, np.arange(excitation.size) / (0.005 * sr))
        x[start:] += attack * lfilter([1], a, excitation)
    return 0.5 * x / np.abs(x).max(), sr


# Sounds over a recording


def cough() -> Example:
    """Lay two bursts of noise over a talk."""
    x, sr = talk()
    t, rng = np.arange(round(0.5 * sr)) / sr, np.random.default_rng(1)
    second = np.clip(t - 0.22, 0, None)
    envelope = t**0.2 * np.exp(-t / 0.06) + 0.7 * second**0.2 * np.exp(-second / 0.06)
    throat = butter(2, (400, 3000), "bandpass", fs=sr, output="sos")
    return _over(x, sr, envelope * sosfilt(throat, rng.standard_normal(t.size)), at_s=3.1, db=6)


def phone() -> Example:
    """Let a phone ring under a talk: two tones and their octaves, twenty strokes a second."""
    x, sr = talk(2)
    t = np.arange(sr) / sr
    tones = sum(np.sin(2 * np.pi * f * t) / f for f in (1250, 1500, 2500, 3000))
    strokes = 1 + np.tanh(8 * np.sin(2 * np.pi * 20 * t))
    return _over(x, sr, tones * strokes * np.hanning(sr) ** 0.1, at_s=4, db=3, band=(1000, 3300))


def beep() -> Example:
    """Lay a beep of 1 kHz over a word."""
    x, sr = talk(3)
    t = np.arange(round(0.6 * sr)) / sr
    tone = np.sin(2 * np.pi * 1000 * t) * np.minimum(1, np.minimum(t, t[::-1]) / 0.005)
    return _over(x, sr, tone, at_s=2.5, db=10, band=(900, 1100))


def wind() -> Example:
    """Let two gusts of wind blow into the microphone."""
    x, sr = talk(4)
    rng, t = np.random.default_rng(4), np.arange(2 * sr) / sr
    rumble = lfilter([1], [1, -0.995], rng.standard_normal(t.size))
    gusts = np.sin(np.pi * t) ** 2 * np.sin(np.pi * t / 2) ** 0.5
    low = butter(6, 120, fs=sr, output="sos")
    return _over(x, sr, sosfilt(low, rumble * gusts), at_s=3, db=6, band=(None, 150))


def hum() -> Example:
    """Lay mains hum under a whole talk: 50 Hz, drifting by 0.03 %, with eight harmonics."""
    x, sr = talk(3)
    rng, t = np.random.default_rng(3), np.arange(x.size) / sr
    phase = 2 * np.pi * np.cumsum(50 * (1 + 3e-4 * np.sin(2 * np.pi * t / 7))) / sr
    tones = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 10))
    whole = sm.Region(0, x.size / sr, label="hum")
    return Example(x, x + tones * np.std(x) / np.std(tones), sr, [whole])


def bird() -> Example:
    """Let a door slam while a bird sings: a chirp of 3 to 5 kHz, and thuds below 600 Hz."""
    sr, rng = 32000, np.random.default_rng(10)
    t = np.arange(5 * sr) / sr
    song = sum(
        np.sin(2 * np.pi * (3000 + 2000 * np.mod(t * 2, 1)) * t / h) * (np.mod(t, 1) < 0.5) / h
        for h in (1, 2)
    )
    x = 0.03 * song + 0.002 * lfilter([1], [1, -0.7], rng.standard_normal(t.size))
    n = np.arange(round(0.4 * sr)) / sr
    thud = np.exp(-n / 0.05) * np.sin(2 * np.pi * 90 * n + 3 * np.exp(-n / 0.02))
    rattle = np.exp(-n / 0.08) * sosfilt(
        butter(2, 500, fs=sr, output="sos"), rng.standard_normal(n.size)
    )
    return _over(x, sr, thud + rattle, at_s=2.2, db=12, band=(None, 900))


# Lost samples and bands


def vinyl() -> Example:
    """Scratch a record: clicks that ring for a millisecond or two, and crackle."""
    x, sr = plucked_strings()
    rng, damaged, where = np.random.default_rng(5), x.copy(), []
    for size, count in ((0.3, 12), (0.03, 100)):
        for start in rng.integers(0.05 * sr, x.size - 0.05 * sr, count):
            n = np.arange(round(0.003 * sr))
            frequency, decay = rng.uniform(1500, 6000), sr * rng.uniform(0.1e-3, 0.5e-3)
            click = np.exp(-n / decay) * np.cos(2 * np.pi * frequency * n / sr)
            damaged[start : start + n.size] += size * rng.choice([-1, 1]) * click
            stop = start + round(5 * decay)
            where.append(sm.Region(start / sr, min(stop, start + n.size) / sr, label="click"))
    return Example(x, damaged, sr, sorted(where, key=lambda r: r.start_s or 0))


def dropouts() -> Example:
    """Lose 20 ms eight times: a noise floor of -70 dB remains."""
    x, sr = plucked_strings()
    rng, damaged, n = np.random.default_rng(6), x.copy(), round(0.02 * sr)
    starts = round(0.5 * sr) + np.arange(8) * round(0.63 * sr)
    for start in starts:
        damaged[start : start + n] = 3e-4 * rng.standard_normal(n)
    return Example(
        x, damaged, sr, [sm.Region(s / sr, (s + n) / sr, label="dropout") for s in starts]
    )


def packets() -> Example:
    """Lose 20 ms packets of a call; the receiver repeats the last one, fading."""
    x, sr = talk(2)
    damaged, n, where = x.copy(), round(0.02 * sr), list[sm.Region]()
    for start in np.random.default_rng(8).permutation(np.arange(40, 380, 7))[:24] * n:
        damaged[start : start + n] = x[start - n : start] * np.linspace(0.9, 0.3, n)
        where.append(sm.Region(start / sr, (start + n) / sr, label="dropout"))
    return Example(x, damaged, sr, sorted(where, key=lambda r: r.start_s or 0))


def clipped() -> Example:
    """Turn the gain of an interview up too far."""
    x, sr = talk(4)
    level = float(np.quantile(np.abs(x), 0.985))
    over = np.flatnonzero(np.diff(np.abs(np.pad(x, 1)) > level)).reshape(-1, 2)
    where = [sm.Region(a / sr, b / sr, label="clipping") for a, b in over.tolist()]
    return Example(x, np.clip(x, -level, level), sr, where)


def hole() -> Example:
    """Empty a band for half a second, as a codec of low rate does."""
    x, sr = talk()
    stft = sm.STFT(512, 128)
    X = stft.forward(x)
    frames = slice(round(2.2 * sr / 128), round(2.7 * sr / 128))
    X[round(1500 * 512 / sr) : round(3200 * 512 / sr), frames] = 0
    where = sm.Region(2.2 - 0.016, 2.7 + 0.016, 1500, 3200)
    return Example(x, stft.inverse(X, length=x.size), sr, [where])


EXAMPLES: dict[str, Callable[[], Example]] = {
    make.__name__: make
    for make in (
        cough, phone, hum, vinyl, dropouts, packets, clipped, wind, beep, hole, bird,
    )
}  # fmt: skip


def _over(
    x: Samples,
    sr: int,
    sound: Samples,
    *,
    at_s: float,
    db: float,
    band: tuple[float | None, float | None] = (None, None),
) -> Example:
    """Add a sound, so many dB over what it covers."""
    start = round(at_s * sr)
    covered = x[start : start + sound.size]
    damaged = x.copy()
    damaged[start : start + sound.size] += sound * 10 ** (db / 20) * np.std(covered) / np.std(sound)
    return Example(x, damaged, sr, [sm.Region(at_s, at_s + sound.size / sr, *band)])


def main() -> None:
    """Write an example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=EXAMPLES)
    name = parser.parse_args().name
    folder = Path(name)
    folder.mkdir(exist_ok=True)
    example = EXAMPLES[name]()
    for file, x in (("clean", example.clean), ("damaged", example.damaged)):
        sm.audio.write(folder / f"{file}.wav", x, sr=example.sr, subtype="PCM_24", overwrite=True)
    seconds = example.clean.size / example.sr
    for file in ("where.txt", "where.selections.txt"):
        write_regions(folder / file, example.where, sr=example.sr, length_s=seconds, overwrite=True)


if __name__ == "__main__":
    main()
