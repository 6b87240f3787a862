"""Growth of time and memory of `spectramend.nmf.fit` with the sizes of the problem.

One of F, K, N varies at a time. An iteration is timed as the difference of two calls with different
numbers of iterations, so that set-up cancels; calls run in turns, the fastest count. Slopes are
those of lines through all but the two smallest sizes, in log-log scale: 1 is proportional. Half of
the cells are hidden from the runs with a mask.

Memory is the peak of what a call allocates, as NumPy reports it, less the factors that it returns;
data, mask and start are allocated before. It is measured against N for two values of F, and a line
is fitted: a method that keeps copies of the data needs F numbers for each further frame, one that
works in blocks a few times the K numbers of an activation.

Prints Markdown tables; draws the figure with ``--figure FILE``. Data, start and result are float32.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spectramend.core.threads import limited_threads
from spectramend.nmf import fit
from workbench import (
    INK,
    in_turns,
    low_rank_power,
    new_figure,
    per_iteration,
    plain_ticks,
    random_start,
    save_figure,
    single,
    table,
    tidy,
)

# Sizes of the problem; engineering choices: a run takes minutes.
BASE = {"F": 513, "K": 64, "N": 2000}
SIZES = {
    "F": (65, 129, 257, 513, 1025, 2049),
    "K": (8, 16, 32, 64, 128, 256),
    "N": (250, 500, 1000, 2000, 4000, 8000, 16000),
}
MEMORY_F = (257, 1025)
MEMORY_K = 16
MEMORY_N = (1000, 2000, 4000, 8000, 16000)
FEW = 2  # iterations of the shorter call
SMALL = 2  # sizes that slopes leave out: the fixed cost of a call dominates there
STYLES: dict[str, dict[str, Any]] = {
    "no mask": {"color": "#0072b2", "marker": "o", "markersize": 4},
    "masked": {"color": "#cc79a7", "marker": "o", "markersize": 8, "markerfacecolor": "none"},
}

Lines = dict[str, dict[int, float]]  # values of each kind, by size


def call(F: int, K: int, N: int, masked: bool) -> Callable[[int], Any]:
    """Prepare calls of `fit` by their number of iterations."""
    rng = np.random.default_rng(0)
    V = single(low_rank_power(F, K, N))
    W, H = (single(factor) for factor in random_start(V, K, rng))
    observed = rng.random((F, N)) < 0.5 if masked else None
    return lambda n: fit(V, W=W, H=H, weights=observed, max_iter=n, tol=0, check_every=n)


def time_axis(axis: str, iterations: int, runs: int) -> Lines:
    """Time an iteration along one axis [seconds]."""
    calls = {}
    for size in SIZES[axis]:
        sizes = BASE | {axis: size}
        for kind in STYLES:
            run = call(**sizes, masked=kind == "masked")
            for n in (FEW, FEW + iterations):
                calls[kind, size, n] = partial(run, n)
    times = in_turns(calls, runs=runs)

    def seconds(kind: str, size: int) -> float:
        few, more = times[kind, size, FEW], times[kind, size, FEW + iterations]
        return per_iteration(few, more, iterations)

    return {kind: {size: seconds(kind, size) for size in SIZES[axis]} for kind in STYLES}


def slope(line: dict[int, float]) -> tuple[float, float]:
    """Fit exponent and log of the factor to all but the smallest sizes."""
    sizes = sorted(line)[SMALL:]
    exponent, offset = np.polyfit(np.log(sizes), np.log([line[size] for size in sizes]), 1)
    return float(exponent), float(offset)


def memory(F: int, K: int, N: int, masked: bool) -> int:
    """Measure what a call allocates at its peak, less the factors that it returns [bytes]."""
    run = call(F, K, N, masked)
    run(1)  # loads and caches what is needed
    gc.collect()
    tracemalloc.start()
    nmf = run(FEW)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - int(nmf.W.nbytes) - int(nmf.H.nbytes)


def print_times(times: dict[str, Lines]) -> None:
    """Print the times of all axes."""
    for axis, lines in times.items():
        fixed = ", ".join(f"{name}={size}" for name, size in BASE.items() if name != axis)
        rows = [
            [kind, *(f"{1000 * seconds:.2f}" for seconds in line.values()), f"{slope(line)[0]:.2f}"]
            for kind, line in lines.items()
        ]
        heads = [f"ms an iteration, {fixed}", *(f"{axis}={size}" for size in SIZES[axis]), "slope"]
        print("\n" + table(heads, rows), flush=True)


def print_memory(peaks: dict[int, Lines]) -> None:
    """Print the memory, and what a further frame takes."""
    rows = []
    for F, lines in peaks.items():
        for kind, line in lines.items():
            frame = np.polyfit(list(line), list(line.values()), 1)[0]
            rows.append(
                [
                    f"F={F}, {kind}",
                    *(f"{size / 1e6:.1f}" for size in line.values()),
                    f"{frame:.0f}",
                    f"{frame / (4 * MEMORY_K):.1f}",
                    f"{frame / (4 * F):.2f}",
                ]
            )
    heads = [f"MB beyond inputs and factors, K={MEMORY_K}", *(f"N={N}" for N in MEMORY_N)]
    heads += ["bytes a frame", "in columns of H", "in columns of V"]
    print("\n" + table(heads, rows))


def draw(times: dict[str, Lines], peaks: dict[int, Lines], path: Path) -> None:
    """Draw three axes of time, and memory."""
    figure = new_figure(11, 7)
    axes = dict(zip([*times, "memory"], figure.subplots(2, 2).flat, strict=True))
    for axis, lines in times.items():
        ax = axes[axis]
        for kind, line in lines.items():
            exponent, offset = slope(line)
            ax.loglog(
                list(line),
                [1000 * seconds for seconds in line.values()],
                linestyle="none",
                label=f"{kind}: slope {exponent:.2f}",
                **STYLES[kind],
            )
            sizes = np.array(sorted(line)[SMALL:])
            fitted = 1000 * np.exp(offset) * sizes**exponent
            ax.plot(sizes, fitted, color=STYLES[kind]["color"], linewidth=1.2)
        fixed = ", ".join(f"{name}={size}" for name, size in BASE.items() if name != axis)
        ax.set_title(f"Time against {axis} ({fixed})", fontsize=10)
        ax.set_ylabel("ms an iteration")
    ax = axes["memory"]
    for (F, lines), dash in zip(peaks.items(), ("-", "--"), strict=True):
        for kind, line in lines.items():
            megabytes = [size / 1e6 for size in line.values()]
            ax.loglog(list(line), megabytes, dash, label=f"F={F}, {kind}", **STYLES[kind])
        data = [4 * F * N / 1e6 for N in MEMORY_N]
        ax.plot(MEMORY_N, data, dash, color=INK, linewidth=0.8, label=f"F={F}, the data itself")
    ax.set_title(f"Memory beyond inputs and factors against N (K={MEMORY_K})", fontsize=10)
    ax.set_ylabel("MB")
    for axis, ax in axes.items():
        ticks = SIZES.get(axis, MEMORY_N)
        ax.set_xlabel(axis if axis in SIZES else "N")
        ax.set_xticks(ticks, [str(size) for size in ticks])
        ax.minorticks_off()
        plain_ticks(ax.yaxis, (1, 2, 5))
        ax.legend(fontsize=8, frameon=False)
        tidy(ax)
    save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=5, help="of which the time is measured")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="BLAS threads")
    parser.add_argument("--figure", type=Path, help="where to draw time and memory")
    options = parser.parse_args()
    with limited_threads(options.threads):
        print(f"{options.threads} BLAS threads, float32.")
        times = {axis: time_axis(axis, options.iterations, options.runs) for axis in SIZES}
        print_times(times)
        peaks = {
            F: {
                kind: {N: float(memory(F, MEMORY_K, N, kind == "masked")) for N in MEMORY_N}
                for kind in STYLES
            }
            for F in MEMORY_F
        }
        print_memory(peaks)
    if options.figure:
        draw(times, peaks, options.figure)


if __name__ == "__main__":
    main()
