"""Time training on 30 s of speech and inpainting 5 s, and measure the memory it takes.

Speech is that of the bundled voices, repeated with noise so that no frame is there twice. Prints a
Markdown table.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from spectramend import Dictionary, repair
from spectramend.core.masks import Mask
from spectramend.core.threads import limited_threads
from spectramend.experiments._common.mixtures import DEFAULT_STFT
from workbench import SR, bundled_speech


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="BLAS threads")
    parser.add_argument("--dictionaries", type=int, default=2)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    training = bundled_speech(["item_02_MA", "item_03_MA", "item_04_MA"], 30 * SR, rng)
    target, interferer = (
        bundled_speech([name], 5 * SR, rng) for name in ("item_01_MA", "item_01_ML")
    )
    interferer *= np.sqrt(np.sum(target**2) / np.sum(interferer**2))
    T, N = DEFAULT_STFT.forward(target), DEFAULT_STFT.forward(interferer)
    mask = Mask.ideal(T, N, floor_db=60, stft=DEFAULT_STFT, sr=SR)
    rows: list[tuple[str, float]] = []
    with limited_threads(options.threads):
        for count in sorted({1, options.dictionaries}):
            started = time.perf_counter()
            voices = [
                Dictionary.train([training], sr=SR, stft=DEFAULT_STFT, rng=seed)
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
