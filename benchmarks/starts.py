"""Compare starts of `spectramend.nmf.fit` on long data.

Prints a Markdown table for a power spectrogram of speech: the mean Itakura-Saito divergence of a
cell after equal times, from noise, from frames of the data, and after learning from a sample of
them. Whole calls are timed, the start included, for growing numbers of iterations; the fastest of
several runs counts, and the divergence is that of the most iterations that fit into the time.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from spectramend.core.threads import limited_threads
from spectramend.nmf import fit
from spectramend.nmf.initialization import Init
from workbench import in_turns, single, speech_power, table

ITERATIONS = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40)


def divergence(V: NDArray[Any], K: int, init: Init, n: int, seed: int) -> float:
    """Factorize; give the mean divergence of a cell."""
    return float(fit(V, K, init=init, max_iter=n, tol=0, rng=seed).trace[-1]) / V.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with dev/speech; else bundled voices")
    parser.add_argument("--frames", type=int, default=12_000, metavar="N")
    parser.add_argument("--atoms", type=int, default=64, metavar="K")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3, help="starts over which is averaged")
    options = parser.parse_args()
    N, K = options.frames, options.atoms
    V = single(speech_power(N, options.data))
    inits: tuple[Init, ...] = get_args(Init)
    with limited_threads(options.threads):
        calls = {
            (init, n): partial(divergence, V, K, init, n, 0) for init in inits for n in ITERATIONS
        }
        times = {key: min(runs) for key, runs in in_turns(calls, runs=options.runs).items()}
        longest = min(times[init, ITERATIONS[-1]] for init in inits)
        budgets = [longest / 8, longest / 4, longest / 2, longest]
        rows = []
        for init in inits:
            cells = []
            for budget in budgets:
                fitting = [n for n in ITERATIONS if times[init, n] <= budget]
                n = max(fitting, default=0)
                values = [divergence(V, K, init, n, seed) for seed in range(options.seeds)]
                cells.append(f"{np.mean(values):.3f} (n={n})" if n else "")
            rows.append([f"`{init}`", *cells])
    print(f"F={V.shape[0]}, N={N}, K={K}, {options.threads} threads, {options.seeds} seeds.\n")
    print(table(["init", *(f"after {1000 * budget:.0f} ms" for budget in budgets)], rows))


if __name__ == "__main__":
    main()
