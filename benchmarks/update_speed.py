"""Time the update of the activations against the matrix products that it needs at least.

An iteration of `spectramend.nmf.encode` is timed as the difference of two calls with different
numbers of iterations, so that set-up cancels. Its bound is the time of the three products
``W @ H``, ``W.T @ A``, ``W.T @ A`` into allocated arrays, in the same dtype, with the same number
of BLAS threads. Half of the cells are hidden from the rows with a mask. All run in turns; the
fastest of several runs count, as other processes only add to a time.

Prints a Markdown table for each shape: milliseconds, the bound's share of them, and how many times
faster than the formula of the 2015 notebook the update is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.threads import limited_threads
from spectramend.nmf import encode
from workbench import in_turns, notebook_update, per_iteration, table

SHAPES = ((513, 103, 1000), (1025, 64, 10000))  # F, K, N
FEW = 2  # iterations of the shorter call


def iterate(
    V: NDArray[Any],
    W: NDArray[Any],
    H: NDArray[Any],
    observed: NDArray[np.bool_] | None,
    extrapolate: bool,
    max_iter: int,
) -> None:
    """Run iterations of the activations; the objective is evaluated at both ends only."""
    encode(
        V,
        W,
        H=H,
        weights=observed,
        extrapolate=extrapolate,
        max_iter=max_iter,
        tol=0,
        check_every=max_iter,
    )


def products(W: NDArray[Any], H: NDArray[Any]) -> Callable[[], None]:
    """Prepare the products of an update."""
    V_hat = W @ H
    num, den = np.empty_like(H), np.empty_like(H)

    def multiply() -> None:
        np.matmul(W, H, out=V_hat)
        np.matmul(W.T, V_hat, out=num)
        np.matmul(W.T, V_hat, out=den)

    return multiply


def measure(F: int, K: int, N: int, iterations: int, runs: int) -> str:
    """Time everything at one shape."""
    rng = np.random.default_rng(0)
    V, W, H = (rng.gamma(1.0, 1.0, shape) for shape in ((F, N), (F, K), (K, N)))
    observed = rng.random((F, N)) < 0.5
    formula = "notebook's formula, masked, float64"
    calls: dict[tuple[str, int], Callable[[], object]] = {
        (formula, 1): partial(notebook_update, V, W, H, observed.astype(np.float64))
    }
    bounds: dict[str, str] = {}
    for dtype in (np.float32, np.float64):
        v, w, h = (a.astype(dtype) for a in (V, W, H))
        bound = f"products alone, {dtype.__name__}"
        calls[bound, 1] = products(w, h)
        for mask, extrapolate in ((None, False), (observed, False), (None, True), (observed, True)):
            name = ", ".join(
                (
                    "spectramend",
                    "no mask" if mask is None else "masked",
                    *(("extrapolated",) if extrapolate else ()),
                    dtype.__name__,
                )
            )
            bounds[name] = bound
            for n in (FEW, FEW + iterations):
                calls[name, n] = partial(iterate, v, w, h, mask, extrapolate, n)
    times = in_turns(calls, runs=runs)

    def seconds(name: str) -> float:
        if name not in bounds:
            return min(times[name, 1])
        return per_iteration(times[name, FEW], times[name, FEW + iterations], iterations)

    rows = []
    for name in dict.fromkeys(name for name, _ in calls):
        share = f"{100 * seconds(bounds[name]) / seconds(name):.0f} %" if name in bounds else ""
        faster = seconds(formula) / seconds(name)
        rows.append([name, f"{1000 * seconds(name):.2f}", share, f"{faster:.1f}"])
    heads = ["", "ms", "share of the products", "times faster than the notebook"]
    return table(heads, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bins", type=int, metavar="F", help="instead of two shapes, this one")
    parser.add_argument("--atoms", type=int, default=103, metavar="K")
    parser.add_argument("--frames", type=int, default=1000, metavar="N")
    parser.add_argument("--iterations", type=int, default=10, help="of which the time is measured")
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--threads", type=int, default=2, help="BLAS threads for all")
    options = parser.parse_args()
    shapes = SHAPES if options.bins is None else ((options.bins, options.atoms, options.frames),)
    with limited_threads(options.threads):
        for F, K, N in shapes:
            print(f"One update of H at F={F}, K={K}, N={N}, {options.threads} BLAS threads.\n")
            print(measure(F, K, N, options.iterations, options.runs) + "\n", flush=True)


if __name__ == "__main__":
    main()
