"""Gain by other channels for gaps in one channel: ``python benchmarks/stereo_gaps.py DIR``.

Gaps are cut into the first channel of every stereo recording of DIR, and of stereo mixes of pairs
of mono recordings: panned with and without delays, with reverberation, and one in each channel.
Prints a Markdown table: the mean signal-to-noise ratio of the gaps without and with the other
channel.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import Region, audio, repair
from spectramend.evaluation import snr

# Engineering choices: a run takes minutes, and short gaps, whose errors vary more, are more.
PAIRS = 3  # mixes of each kind
GAPS = 6  # in a recording
SHORT_GAPS = 30  # in a recording, of gaps shorter than the next
SHORT_MS = 10  # milliseconds
MARGIN_S = 0.4  # seconds between a gap and the ends of its slot
REVERBERATION_S = 0.3  # seconds in which the reverberation decays by 60 dB
MIN_S = 3  # seconds of a mono recording at least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of recordings, stereo and mono")
    parser.add_argument("--gap-ms", default="1,20,40,80", help="lengths of gaps")
    arguments = parser.parse_args()
    lengths = [float(ms) for ms in arguments.gap_ms.split(",")]
    print(
        "| channels | " + " | ".join(f"{ms:g} ms: alone, with the other" for ms in lengths) + " |"
    )
    print("|---|" + "---:|" * len(lengths))
    for name, scenes in materials(arguments.data):
        cells = []
        for ms in lengths:
            results = np.array([measure(x, sr, ms) for x, sr in scenes])
            cells.append("{:.1f}, {:.1f}".format(*results.mean(axis=0)))
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def materials(folder: Path) -> Iterator[tuple[str, list[tuple[NDArray[Any], int]]]]:
    """Yield kinds of stereo material, with recordings [shape=(2, n)] and sample rates."""
    mono = []
    for path in audio.recordings_in(folder):
        sound = audio.read(path)
        if np.ndim(sound.samples) == 2:
            yield f"`{path.stem}`", [(np.asarray(sound.samples[:2]), sound.sr)]
        elif sound.samples.size > MIN_S * sound.sr:
            mono.append((sound.samples / np.sqrt(np.mean(sound.samples**2)), sound.sr))
    pairs = [
        (a[: min(a.size, b.size)], b[: min(a.size, b.size)], sr)
        for (a, sr), (b, other) in pairwise(mono)
        if sr == other
    ][:PAIRS]
    rng = np.random.default_rng(0)
    yield "the same, inverted", [(np.stack([a, -0.7 * a]), sr) for a, _, sr in pairs]
    yield "panned", [(np.stack([a + b / 2, 0.4 * a + b]), sr) for a, b, sr in pairs]
    yield (
        "panned with delays",
        [(np.stack([a + delayed(b, 20) / 2, 0.6 * delayed(a, 15) + b]), sr) for a, b, sr in pairs],
    )
    scenes = []
    for a, b, sr in pairs:
        channels = [reverberated(a, sr, rng) + reverberated(b, sr, rng) / 2 for _ in range(2)]
        scenes.append((np.stack(channels), sr))
    yield "in reverberation", scenes
    yield "independent", [(np.stack([a, b]), sr) for a, b, sr in pairs]


def delayed(x: NDArray[Any], by: int) -> NDArray[Any]:
    """Delay by some samples."""
    return np.concatenate([np.zeros(by), x[:-by]])


def reverberated(x: NDArray[Any], sr: int, rng: np.random.Generator) -> NDArray[Any]:
    """Add reverberation, different in each call."""
    from scipy.signal import fftconvolve

    n = np.arange(round(REVERBERATION_S * sr))
    response = 0.1 * rng.standard_normal(n.size) * 10 ** (-3 * n / n.size)
    response[0] = 1
    return np.asarray(fftconvolve(x, response)[: x.size])


def measure(x: NDArray[Any], sr: int, ms: float) -> tuple[float, float]:
    """Cut gaps into the first channel; give their SNR in dB without and with the other channel."""
    n, h = x.shape[1], round(ms * sr / 1000)
    count = GAPS if ms >= SHORT_MS else SHORT_GAPS
    slot, margin = n // count, round(MARGIN_S * sr)
    margin = min(margin, (slot - h) // 3)
    rng = np.random.default_rng((0, h))
    starts = [i * slot + margin + int(rng.integers(slot - h - 2 * margin)) for i in range(count)]
    regions = [Region(start / sr, (start + h) / sr, channel=1) for start in starts]
    gap = np.zeros(n, bool)
    for start in starts:
        gap[start : start + h] = True
    given = np.where([gap, np.zeros(n, bool)], np.nan, x)
    alone, both = (repair(y, sr, regions, damage="missing").samples for y in (given[:1], given))
    return snr(x[0, gap], alone[0, gap]), snr(x[0, gap], both[0, gap])


if __name__ == "__main__":
    main()
