"""Gain by consistency for missing cells: ``python benchmarks/missing_cells.py DIR``.

Columns, boxes and scattered cells of the spectra of recordings are hidden; `inpaint` restores them
from what it learns of the others, once with phases by Griffin-Lim and once by default. Prints a
Markdown table: the mean signal-to-noise ratio of the whole signal, the share of samples that
reliable cells determine, and seconds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from spectramend import STFT, Mask, audio, inpaint
from spectramend.evaluation import snr

SR = 16000  # Hz
SECONDS = 3
TRANSFORM = STFT(n_fft=1024, hop_length=256)  # samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of recordings")
    parser.add_argument("--most", type=int, default=9, help="recordings at most")
    arguments = parser.parse_args()
    signals = [excerpt(path) for path in audio.recordings_in(arguments.data)[: arguments.most]]
    print("| hidden | Griffin-Lim (dB) | default (dB) | determined | time (s) |")
    print("|---|---:|---:|---:|---:|")
    for name in masks(TRANSFORM.forward(signals[0]).shape):
        found = np.array([measure(x, name) for x in signals]).mean(axis=0)
        print("| {} | {:.1f} | {:.1f} | {:.0f} % | {:.1f}, {:.1f} |".format(name, *found))


def excerpt(path: Path) -> NDArray[Any]:
    """Take the first seconds at 16 kHz."""
    sound = audio.read(path)
    x = np.atleast_2d(sound.samples)[0][: SECONDS * sound.sr]
    return np.asarray(soxr.resample(x, sound.sr, SR), np.float64)


def masks(shape: tuple[int, ...]) -> dict[str, NDArray[np.bool_]]:
    """Hide cells in several ways."""
    rng = np.random.default_rng(0)
    F, N = shape
    found = {}
    for k in (2, 4, 6):
        found[f"{k} columns of 25"] = np.ones(shape, bool)
        found[f"half of {k} columns of 25"] = np.ones(shape, bool)
        for start in range(12, N - k, 25):
            found[f"{k} columns of 25"][:, start : start + k] = False
            found[f"half of {k} columns of 25"][: F // 2, start : start + k] = False
    for part in (0.1, 0.5):
        name = f"6 columns of 25 and {100 * part:.0f} % of the other cells"
        found[name] = found["6 columns of 25"] & (np.random.default_rng(1).random(shape) > part)
    for part in (0.1, 0.3, 0.5, 0.7):
        found[f"{100 * part:.0f} % of cells"] = rng.random(shape) > part
    boxes = np.ones(shape, bool)
    for _ in range(N // 5):
        f, n = rng.integers(F - 20), rng.integers(N - 8)
        boxes[f : f + 20, n : n + 8] = False
    return found | {"boxes of 20 bins and 8 columns": boxes}


def measure(x: NDArray[Any], name: str) -> tuple[float, float, float, float, float]:
    """Hide and restore: SNR of both methods, share determined in percent, seconds of both."""
    X = TRANSFORM.forward(x)
    mask = Mask(masks(X.shape)[name])
    ratios, times = [], []
    for phase in ("griffin-lim", "auto"):
        started = time.perf_counter()
        out = inpaint(X, mask, stft=TRANSFORM, sr=SR, length=x.size, phase=phase, rng=0)
        times.append(time.perf_counter() - started)
        ratios.append(snr(x, out.samples))
    (note,) = (note for note in out.notes if "follow from the reliable cells" in note)
    determined = float(note.split(" %")[0])
    return ratios[0], ratios[1], determined, times[0], times[1]


if __name__ == "__main__":
    main()
