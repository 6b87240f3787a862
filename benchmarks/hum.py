"""Hum over speech and music: SNR after notch filters and after `repair --hum`, and false alarms.

    python benchmarks/hum.py DATA [--half 0|1]

takes every second recording of DATA/speech and DATA/music, lays hum of mains and a whine over each,
and prints a row for each situation: means over the recordings, and the least gain over the notch
bank, which is told the fundamental and takes the best of six widths.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from spectramend import Region, repair

LONGEST_S = 8.0
ORDERS = (1, 2, 3, 5, 7)
WIDTHS_HZ = (0.5, 1, 2, 4, 8, 16)
SITUATIONS = {  # fundamental in Hz, orders, drift, relative swing of the amplitude
    "steady": (50.07, ORDERS, 0.0, 0.0),
    "drift of 0.05 %": (59.9, ORDERS, 5e-4, 0.0),
    "amplitude swings by 2 %": (60.05, (*ORDERS, 11, 13, 20), 0.0, 0.02),
    "whine": (3117.0, (1,), 0.0, 0.0),
}

Samples = NDArray[np.float64]


def recordings(data: Path, half: int) -> dict[str, tuple[Samples, int]]:
    """Read every second recording: music, and of each speaker some sentences in a row."""
    groups = {path.stem: [path] for path in sorted((data / "music").glob("*.flac"))}
    for folder in sorted((data / "speech").iterdir()):
        groups[folder.name] = sorted(folder.glob("*.flac"))[:4]
    chosen = list(groups.items())[half::2]
    read = {}
    for name, paths in chosen:
        parts = [soundfile.read(path, always_2d=True) for path in paths]
        sr = parts[0][1]
        x = np.concatenate([samples[:, 0] for samples, _ in parts])
        read[name] = x[: round(LONGEST_S * sr)], sr
    return read


def tones(n: int, sr: int, situation: tuple[float, tuple[int, ...], float, float]) -> Samples:
    """Sum the tones of a situation, of levels and phases that are the same each time."""
    f0, orders, drift, swing = situation
    rng = np.random.default_rng(0)
    t = np.arange(n) / sr
    phase = 2 * np.pi * np.cumsum(f0 * (1 + drift * np.sin(2 * np.pi * t / 7 + 1))) / sr
    levels, starts = 10 ** (-rng.uniform(0, 12, 20) / 20), rng.uniform(0, 2 * np.pi, 20)
    total = sum(levels[k % 20] * np.cos(k * phase + starts[k % 20]) for k in orders)
    return np.asarray((1 + swing * np.sin(2 * np.pi * 0.7 * t)) * total)


def snr_db(x: Samples, y: Samples) -> float:
    """Compare with the clean recording."""
    return float(10 * np.log10(np.sum(x**2) / np.sum((y - x) ** 2)))


def notch_db(x: Samples, y: Samples, sr: int, frequencies: list[float]) -> float:
    """Give the SNR after the best bank of notch filters."""
    from scipy.signal import filtfilt, iirnotch

    best = -np.inf
    for width in WIDTHS_HZ:
        z = y
        for f in frequencies:
            z = filtfilt(*iirnotch(f, f / width, sr), z)
        best = max(best, snr_db(x, z))
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    arguments = parser.parse_args()
    read = recordings(arguments.data, arguments.half)
    whole = Region(label="hum")
    for name, (x, sr) in read.items():
        if not np.array_equal(repair(x, sr, whole).samples, x):
            print(f"false alarm: {name}")
    print("| situation | hum to signal | notch bank | spectramend | least gain |")
    print("|---|---|---|---|---|")
    for title, situation in SITUATIONS.items():
        f0, orders = situation[:2]
        for level_db in (-10, 0, 10):
            rows = []
            for name, (x, sr) in read.items():
                hum = tones(x.size, sr, situation)
                y = x + hum * np.sqrt(np.mean(x**2) / np.mean(hum**2)) * 10 ** (level_db / 20)
                own = snr_db(x, repair(y, sr, whole).samples)
                rows.append((notch_db(x, y, sr, [k * f0 for k in orders]), own, name))
            notch, own = np.mean([row[:2] for row in rows], axis=0)
            gain, worst = min((own - notch, name) for notch, own, name in rows)
            print(
                f"| {title} | {level_db:+d} dB | {notch:.1f} | {own:.1f} | {gain:.1f} ({worst}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
