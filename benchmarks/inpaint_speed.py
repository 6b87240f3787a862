"""Time training on 30 s of speech and inpainting 5 s, and measure the memory it takes.

Speech is that of the bundled voices, repeated with noise so that no frame is there twice. Prints a
Markdown table.
"""

from __future__ import annotations

import argparse
import resource
import time
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from spectramend import Dictionary, audio, repair
from spectramend.experiments.conditions import STFT_OF_OURS
from spectramend.masks import Mask

SR = 16000


def speech(names: list[str], seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Cut speech of so many seconds from bundled recordings."""
    folder = files("spectramend") / "voices"
    with_gaps = [audio.read(str(folder / f"{name}.flac")).samples for name in names]
    x = np.resize(np.concatenate(with_gaps), round(seconds * SR))
    return x + 1e-4 * rng.standard_normal(x.size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="BLAS threads")
    parser.add_argument("--dictionaries", type=int, default=2)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    training = speech(["item_02_MA", "item_03_MA", "item_04_MA"], 30, rng)
    target, interferer = speech(["item_01_MA"], 5, rng), speech(["item_01_ML"], 5, rng)
    interferer *= np.sqrt(np.sum(target**2) / np.sum(interferer**2))
    T, N = STFT_OF_OURS.forward(target), STFT_OF_OURS.forward(interferer)
    mask = Mask.ideal(T, N, floor_db=60, stft=STFT_OF_OURS, sr=SR)
    rows: list[tuple[str, float]] = []
    with threadpool_limits(options.threads):
        for count in sorted({1, options.dictionaries}):
            started = time.perf_counter()
            voices = [
                Dictionary.train([training], sr=SR, stft=STFT_OF_OURS, rng=seed)
                for seed in range(count)
            ]
            trained = time.perf_counter()
            repair(target + interferer, SR, mask, dictionary=voices, rng=0)
            done = time.perf_counter()
            plural = "dictionary" if count == 1 else "dictionaries"
            rows += [
                (f"train {count} {plural} on 30 s", trained - started),
                (f"inpaint 5 s with {count}", done - trained),
                (f"both with {count}", done - started),
            ]
    # kilobytes on Linux
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{options.threads} BLAS threads; at most {memory:.2f} GB resident.\n")
    print("| | seconds |")
    print("|---|---:|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
