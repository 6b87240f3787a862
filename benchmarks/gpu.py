"""Time the update of the activations on a GPU against that GPU's own matrix products.

An iteration of `spectramend.nmf.encode` on PyTorch tensors in float32 is timed as the difference of
two calls with different numbers of iterations, so that set-up cancels. Its bound is the time of the
three products ``W @ H``, ``W.T @ A``, ``W.T @ A`` into allocated tensors, without TF32. Half of the
cells are hidden from the rows with a mask. All run in turns; the fastest runs count.

Prints a Markdown table. Without PyTorch, or without CUDA, a line says so; ``--device cpu`` and
smaller sizes run anywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from spectramend.nmf import encode
from workbench import in_turns, per_iteration, table

FEW = 2  # iterations of the shorter call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bins", type=int, default=1025, metavar="F")
    parser.add_argument("--atoms", type=int, default=1024, metavar="K")
    parser.add_argument("--frames", type=int, default=200_000, metavar="N")
    parser.add_argument("--iterations", type=int, default=10, help="of which the time is measured")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    options = parser.parse_args()
    if not find_spec("torch"):
        print("PyTorch is not installed: nothing to time.")
        return
    import torch

    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("PyTorch finds no CUDA device: nothing to time; give --device cpu and small sizes.")
        return
    print(measure(torch, options))


def measure(torch: Any, options: argparse.Namespace) -> str:
    """Time everything on one device."""
    torch.backends.cuda.matmul.allow_tf32 = False
    device = torch.device(options.device)
    torch.manual_seed(0)
    F, K, N = options.bins, options.atoms, options.frames
    V, W, H = (
        torch.empty(shape, device=device).exponential_() for shape in ((F, N), (F, K), (K, N))
    )
    observed = torch.rand((F, N), device=device) < 0.5
    V_hat, num, den = W @ H, torch.empty_like(H), torch.empty_like(H)

    def products() -> None:
        torch.matmul(W, H, out=V_hat)
        torch.matmul(W.T, V_hat, out=num)
        torch.matmul(W.T, V_hat, out=den)

    def iterate(mask: Any, extrapolate: bool, n: int) -> None:
        encode(
            V,
            W,
            H=H,
            weights=mask,
            extrapolate=extrapolate,
            max_iter=n,
            tol=0,
            check_every=n,
        )

    def synchronized(work: Callable[[], None]) -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    bound = "products alone"
    calls = {(bound, 1): partial(synchronized, products)}
    for mask, extrapolate in ((None, False), (observed, False), (None, True), (observed, True)):
        name = "no mask" if mask is None else "masked"
        name += ", extrapolated" * extrapolate
        for n in (FEW, FEW + options.iterations):
            calls[name, n] = partial(synchronized, partial(iterate, mask, extrapolate, n))
    times = in_turns(calls, runs=options.runs)

    def seconds(name: str) -> float:
        if name == bound:
            return min(times[name, 1])
        more = FEW + options.iterations
        return per_iteration(times[name, FEW], times[name, more], options.iterations)

    rows = [
        [name, f"{1000 * seconds(name):.2f}", f"{100 * seconds(bound) / seconds(name):.0f} %"]
        for name in dict.fromkeys(name for name, _ in calls)
    ]
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    text = f"One update of H at F={F}, K={K}, N={N}, float32; {where}, torch {torch.__version__}."
    if device.type == "cuda":
        # Counted by PyTorch: data, mask, factors and the arrays of the products included.
        text += f" At most {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB allocated."
    return f"{text}\n\n{table(['', 'ms', 'share of the products'], rows)}"


if __name__ == "__main__":
    main()
