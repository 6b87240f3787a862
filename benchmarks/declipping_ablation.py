"""Ablation of declipping: ``python benchmarks/declipping_ablation.py --data DIR``.

DIR holds folders of speech and of music, as for ``spectramend experiment declipping``. Prints a
Markdown table of our default without one part at a time: the mean gain in SDR over the clipped
samples of the middle of every third recording, for levels given by the SDR of the clipped
recording, and seconds for a second of sound.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spectramend.declipping import estimate, posterior_mode
from spectramend.declipping.bounded_least_squares import BoundedSolution, Vector, minimise_within
from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.experiments import declipping

# Engineering choices: a run takes a quarter of an hour.
SECONDS = 1.0  # s of a recording
EVERY = 3  # recordings, of which one is taken
SHORT_COURSES = {
    name: replace(getattr(estimate, name), products=20)
    for name in ("FROM_SPARSE", "CONCAVE", "PLAIN")
}


def unbounded(A: Any, x: Vector, lower: Vector, upper: Vector, **options: Any) -> BoundedSolution:
    """Solve without bounds on the samples that are not reliable."""
    free = lower < upper
    return minimise_within(
        A,
        x,
        np.where(free, np.float32(-np.inf), lower),
        np.where(free, np.float32(np.inf), upper),
        **options,
    )


def one_frame(problem: Any, n_window: int) -> list[ParsevalFrame]:
    """Give the frame of the longer window alone."""
    return [ParsevalFrame(n_window, problem.start.size)]


# Name of a row: module or class, name and value of what leaves the part out.
PARTS: dict[str, list[tuple[Any, str, Any]]] = {
    "all parts": [],
    "social variances alone": [
        (estimate, "GeometricMeanVariance", lambda social, nmf: social),
    ],
    "NMF alone": [(estimate, "GeometricMeanVariance", lambda social, nmf: nmf)],
    "one window": [(estimate._Problem, "frames", one_frame)],
    "no curves at the start": [(estimate, "hermite_start", lambda y, bounds: y.copy())],
    "no sparse start": [(estimate, "SPARSE_DB", -np.inf)],
    "no bounds before the end": [(posterior_mode, "minimise_within", unbounded)],
    "a third of the products": [(estimate, name, course) for name, course in SHORT_COURSES.items()],
}


@contextmanager
def without(part: str) -> Iterator[None]:
    """Leave a part out within the context."""
    before = [(home, name, getattr(home, name)) for home, name, _ in PARTS[part]]
    for home, name, value in PARTS[part]:
        setattr(home, name, value)
    try:
        yield
    finally:
        for home, name, value in before:
            setattr(home, name, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--input-sdr", default="3,10", help="levels of clipping in dB")
    arguments = parser.parse_args()
    levels = [int(level) for level in arguments.input_sdr.split(",")]
    recordings = declipping.load(arguments.data)[::EVERY]
    kinds = list(dict.fromkeys(recording.kind for recording in recordings))
    columns = [f"{kind or 'all'}, {level} dB" for kind in kinds for level in levels]
    print("| part | " + " | ".join(columns) + " | seconds |")
    print("|---|" + "---:|" * (len(columns) + 1))
    for part in PARTS:
        start = time.perf_counter()
        with without(part):
            result = declipping.run(
                recordings, input_sdr_db=levels, seconds=SECONDS, methods=["spectramend"]
            )
        seconds = (time.perf_counter() - start) / (len(recordings) * len(levels) * SECONDS)
        gains = {(row["kind"], row["level"]): row["delta_sdr_db"] for row in result.rows}
        cells = [f"{gains[kind or 'all', level]:.2f}" for kind in kinds for level in levels]
        print(f"| {part} | " + " | ".join(cells) + f" | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
