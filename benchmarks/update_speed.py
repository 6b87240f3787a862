"""Time one masked Itakura-Saito update of the activations, beside the notebook's plain formula.

Prints a Markdown table: milliseconds and ratios, medians over runs that take turns, with the same
number of BLAS threads for all. ``sgemm`` is the time of the three matrix products that an update
cannot do without.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from spectramend.nmf import update


def notebook_update(
    V: NDArray[Any], B: NDArray[Any], C: NDArray[Any], M: NDArray[Any]
) -> NDArray[Any]:
    """Update as the 2015 notebook does, line by line, with its noise against zeros."""
    D = np.array(1.0)
    Ve = B.dot(C).dot(D)
    num = B.T.dot(V * M * (Ve ** (-2.0))).dot(D.T)
    den = B.T.dot(M * (Ve ** (-1.0))).dot(D.T)
    den = den + abs(1e-50 * np.random.randn(*den.shape))  # noqa: NPY002  # the notebook's own
    new_C = C * num / den
    return new_C + abs(1e-50 * np.random.randn(*new_C.shape))  # noqa: NPY002


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bins", type=int, default=513, metavar="F")
    parser.add_argument("--frames", type=int, default=1000, metavar="N")
    parser.add_argument("--atoms", type=int, default=103, metavar="K")
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2, help="BLAS threads for all")
    options = parser.parse_args()
    F, N, K = options.bins, options.frames, options.atoms

    rng = np.random.default_rng(0)
    V, W, H = (rng.gamma(1.0, 1.0, shape) for shape in ((F, N), (F, K), (K, N)))
    M = (rng.random((F, N)) < 0.5).astype(np.float64)
    v, w, h, m = (a.astype(np.float32) for a in (V, W, H, M))

    def sgemm() -> None:
        v_hat = w @ h
        w.T @ v_hat
        w.T @ v_hat

    contenders: dict[str, Callable[[], object]] = {
        "notebook's formula, float64": lambda: notebook_update(V, W, H, M),
        "spectramend, masked, float32": lambda: update(v, w, h, m),
        "spectramend, no mask, float32": lambda: update(v, w, h),
        "spectramend, masked, float64": lambda: update(V, W, H, M),
        "sgemm of its products": sgemm,
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    with threadpool_limits(options.threads):
        for run in range(options.runs + 2):
            for name, work in contenders.items():
                started = time.perf_counter()
                work()
                if run >= 2:  # the first runs warm up
                    times[name].append(time.perf_counter() - started)

    medians = {name: statistics.median(values) for name, values in times.items()}
    slowest = medians["notebook's formula, float64"]
    print(f"One update of H at F={F}, N={N}, K={K}, {options.threads} BLAS threads.\n")
    print("| | ms | times faster than the notebook |")
    print("|---|---:|---:|")
    for name, median in medians.items():
        print(f"| {name} | {1000 * median:.2f} | {slowest / median:.1f} |")


if __name__ == "__main__":
    main()
