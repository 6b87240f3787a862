"""Time ten gaps of 50 ms in 8 s at 44.1 kHz: by default, by Janssen's method, and by EM.

The signal consists of notes with harmonics and a little noise. EM-tf does all its 100 iterations.
Then a second of bursts of lost packets, 20 ms each, is repaired. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import Region, repair
from spectramend.core.threads import limited_threads
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments.gaps import METHODS, gap_positions
from spectramend.gaps import EMSettings, interpolate_by_em

# A signal much like music, and gaps in the middle of the range of `spectramend experiment gaps`.
SR = 44100  # Hz
SECONDS = 8
GAP_MS = 50  # milliseconds
NOTE_S = 0.5  # seconds from one note to the next
NOTES_HZ = (220.0, 261.6, 329.6, 440.0, 392.0, 293.7)  # fundamental frequencies
HARMONICS = 12  # of a note
PACKET_S = 0.02  # s of a lost packet
EVERY_MS = (200, 100, 60)  # ms from one lost packet to the next
NOISE = 1e-3  # RMS level of the noise, full scale being 1


def notes(rng: np.random.Generator) -> NDArray[np.float64]:
    """Synthesise notes that decay, each of them still audible in the next."""
    x = NOISE * rng.standard_normal(SECONDS * SR)
    for i, start in enumerate(range(0, x.size, round(NOTE_S * SR))):
        t = np.arange(min(x.size - start, round(2 * NOTE_S * SR))) / SR
        for harmonic in range(1, HARMONICS + 1):
            phase = rng.uniform(0, 2 * np.pi)
            tone = np.sin(2 * np.pi * harmonic * NOTES_HZ[i % len(NOTES_HZ)] * t + phase)
            x[start : start + t.size] += 0.1 / harmonic * np.exp(-4 * t) * tone
    return x


def lost_packets(every_ms: int) -> list[Region]:
    """Mark lost packets in the fourth second."""
    starts = np.arange(3.01, 4.0, every_ms / 1000)
    return [Region(start, start + PACKET_S, label="dropout") for start in starts]


def timed(work: Callable[[], Any]) -> str:
    """Give the seconds and the seconds of process time that a call takes."""
    wall, process = time.perf_counter(), time.process_time()
    work()
    return f"{time.perf_counter() - wall:.2f} | {time.process_time() - process:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=100, help="of EM-tf")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    x = notes(rng)
    gaps = gap_positions(Recording("notes", x, SR), GAP_MS, rng)
    missing = np.zeros(x.size, bool)
    for start, stop in gaps:
        missing[start:stop] = True
    x[missing] = 0.0

    calls: dict[str, Callable[[], Any]] = {
        "spectramend, the default": lambda: METHODS["spectramend"](x, SR, gaps, 0),
        "janssen, order 1024, 10 iterations": lambda: METHODS["janssen"](x, SR, gaps, 0),
        f"em_tf, {options.iterations} iterations": lambda: interpolate_by_em(
            x, missing, settings=EMSettings(max_iter=options.iterations, tol=0), rng=0
        ),
    }
    print(f"{len(gaps)} gaps of {GAP_MS} ms in {SECONDS} s at {SR} Hz; one BLAS thread.\n")
    print("| | seconds | process time (s) |")
    print("|---|---:|---:|")
    with limited_threads(1):
        for name, work in calls.items():
            print(f"| {name} | {timed(work)} |", flush=True)
        print("\nA second of lost packets of 20 ms:\n")
        print("| one every | packets | seconds | process time (s) |\n|---|---:|---:|---:|")
        for every_ms in EVERY_MS:
            lost = lost_packets(every_ms)
            seconds = timed(partial(repair, x, SR, lost))
            print(f"| {every_ms} ms | {len(lost)} | {seconds} |", flush=True)


if __name__ == "__main__":
    main()
