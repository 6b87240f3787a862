"""Compare `spectramend.nmf.fit` with other implementations: divergence against time.

The others are the formula of the 2015 notebook, scikit-learn's multiplicative updates and torchnmf;
those that are not installed are left out, and a line says so. All minimise the Itakura-Saito
divergence with the same number of BLAS threads, once from the same random factors and once as each
starts by default; half of the cells are hidden from the runs with a mask, which only ours supports.

Whole calls with a fixed number of iterations are timed, set-up and start and checks included. They
run in turns, and the median of several runs counts. The divergence of what they return is evaluated
outside of that, in double precision: the mean over the cells, over the observed ones for runs with
a mask. The target is what 50 joint iterations of the notebook's formula reach from the random
factors; the time to reach it is that of the first number of iterations that does, found to 2 %.

Prints Markdown tables: for a power spectrogram of speech, for data of low rank, and for the two
steps of the experiment ``thiemann2015``. Draws divergence against time.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from peer_methods import (
    MASKED,
    NOTEBOOK,
    NOTEBOOK_OWN,
    OURS,
    SKLEARN,
    TORCHNMF,
    Factors,
    Method,
    methods_from,
    notebook_encode,
    notebook_fit,
    our_encode,
    our_fit,
    set_up_peers,
)
from spectramend.core.threads import limited_threads
from spectramend.experiments import thiemann2015
from spectramend.experiments._common.notebook import FIT_ITERATIONS, SETTLE, TRAINING_ITERATIONS
from workbench import (
    INK,
    floored,
    in_turns,
    low_rank_power,
    medians,
    new_figure,
    plain_ticks,
    random_start,
    save_figure,
    seconds_of,
    single,
    speech_power,
    table,
    tidy,
)

ITERATIONS = TRAINING_ITERATIONS  # of the notebook's formula; they define target and time
# Engineering choices: a method is given up after so many times the notebook's time, or iterations.
MAX_TIME_RATIO = 6
MAX_ITERATIONS = 5000
PRECISION = 0.02  # relative, of the first number of iterations that reaches the target
SHARE_OBSERVED = 0.5  # of the cells, in runs with a mask
COLORS = {
    NOTEBOOK: "#555555",
    NOTEBOOK_OWN: "#aaaaaa",
    SKLEARN: "#e69f00",
    TORCHNMF: "#009e73",
    OURS: "#0072b2",
    MASKED: "#cc79a7",
}
MARKERS = {
    NOTEBOOK: "s",
    NOTEBOOK_OWN: "s",
    SKLEARN: "^",
    TORCHNMF: "D",
    OURS: "o",
    MASKED: "v",
}


@dataclass
class Curve:
    """Divergence and time of a method by its number of iterations."""

    method: Method
    V: NDArray[np.float64]
    divergence: dict[int, float] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    reaches: int | None = None

    def evaluate(self, n: int) -> float:
        """Run n iterations unless that was done; return the divergence."""
        if n not in self.divergence:
            factors: list[Factors] = []
            self.seconds[n] = seconds_of(lambda: factors.append(self.method.run(n)))
            self.divergence[n] = mean_divergence(self.V, factors[0], self.method.observed)
        return self.divergence[n]

    @property
    def time_to_target(self) -> float:
        """Seconds after which the target was reached, infinity if it never was."""
        return math.inf if self.reaches is None else self.seconds[self.reaches]

    def divergence_after(self, seconds: float) -> float:
        """Evaluate the divergence after as many iterations as fit into a time."""
        n = sorted(self.seconds)
        # More iterations never take less, but for noise of the clock.
        times = np.maximum.accumulate([self.seconds[i] for i in n])
        fitting = max(1, int(np.interp(seconds, times, n)))
        return mean_divergence(self.V, self.method.run(fitting), self.method.observed)


def mean_divergence(
    V: NDArray[np.float64], factors: Factors, observed: NDArray[np.bool_] | None = None
) -> float:
    """Itakura-Saito divergence of a model from data, averaged over (observed) cells."""
    W, H = (np.asarray(factor, np.float64) for factor in factors)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = V / (W @ H)
        cells = ratio - np.log(ratio) - 1
    return float(np.mean(cells if observed is None else cells[observed]))


def measured_curve(V: NDArray[Any], method: Method, target: float, budget: float) -> Curve:
    """Double the iterations up to target and budget, then bisect for the first that reaches it."""
    method.run(1)  # warms up
    curve = Curve(method, V)
    n = 1
    while curve.evaluate(n) > target or curve.seconds[n] < budget:
        if curve.seconds[n] > MAX_TIME_RATIO * budget or n > MAX_ITERATIONS:
            break
        n *= 2
    of_interest = {*curve.divergence, ITERATIONS}
    passed = [n for n, value in curve.divergence.items() if value <= target]
    if passed:
        high = min(passed)
        low = high // 2
        while high - low > max(1, PRECISION * high):
            middle = (low + high) // 2
            low, high = (low, middle) if curve.evaluate(middle) <= target else (middle, high)
        curve.reaches = high
        of_interest.add(high)
    curve.divergence = {n: curve.evaluate(n) for n in sorted(of_interest)}
    return curve


def compare(
    V: NDArray[Any], methods: Iterable[Method], target: float, budget: float, runs: int
) -> dict[str, Curve]:
    """Measure the curves of methods, and time them in turns."""
    curves = {method.name: measured_curve(V, method, target, budget) for method in methods}
    calls = {
        (name, n): partial(curve.method.run, n)
        for name, curve in curves.items()
        for n in curve.divergence
    }
    times = medians(in_turns(calls, runs=runs, warm_up=0))
    for name, curve in curves.items():
        curve.seconds = {n: times[name, n] for n in curve.divergence}
    return curves


def reference(V: NDArray[Any], run: Callable[[int], Factors], n: int) -> tuple[float, float]:
    """Give the divergence of n iterations of the notebook's formula, and their time in seconds."""
    curve = Curve(Method(NOTEBOOK, run), V)
    target = curve.evaluate(n)
    return target, medians(in_turns({n: partial(run, n)}, runs=3))[n]


def comparison_table(curves: dict[str, Curve]) -> str:
    """Make a table of a comparison."""
    budget = curves[NOTEBOOK].seconds[ITERATIONS]
    peers = [name for name in (NOTEBOOK, TORCHNMF, SKLEARN) if name in curves]
    rows = []
    for name, curve in curves.items():
        own = curve.time_to_target
        ratios = [curves[peer].time_to_target / own for peer in peers]
        met = curve.reaches is not None
        rows.append(
            [
                f"{name} ({curve.method.note})",
                f"{1000 * curve.seconds[ITERATIONS]:.0f}",
                str(curve.reaches) if met else "never",
                f"{1000 * own:.0f}" if met else "",
                *(f"{ratio:.2f}" if met and math.isfinite(ratio) else "" for ratio in ratios),
                f"{curve.divergence_after(budget):.4f}",
            ]
        )
    heads = [
        "",
        f"{ITERATIONS} iterations (ms)",
        "iterations to target",
        "time to target (ms)",
        *("times faster than " + peer.split(" ")[0].removesuffix("'s") for peer in peers),
        f"divergence after {1000 * budget:.0f} ms",
    ]
    return table(heads, rows)


def cost_of_mask(plain: Curve, masked: Curve) -> str:
    """Compare times with and without a mask."""
    text = (
        f"With the mask {ITERATIONS} iterations take "
        f"{masked.seconds[ITERATIONS] / plain.seconds[ITERATIONS]:.2f} times as long as without"
    )
    if plain.reaches is None or masked.reaches is None:
        return text + "."
    ratio = masked.time_to_target / plain.time_to_target
    return f"{text}, and the way to the target (over the observed cells) {ratio:.2f} times."


def run_data(
    V: NDArray[np.float64], n_components: int, runs: int
) -> tuple[float, list[dict[str, Curve]]]:
    """Compare the methods on some data from both starts, and print tables."""
    rng = np.random.default_rng(0)
    start = random_start(V, n_components, rng)
    observed = rng.random(V.shape) < SHARE_OBSERVED
    target, budget = reference(V, partial(notebook_fit, V, start, 0), ITERATIONS)
    comparisons = []
    for own in (False, True):
        methods = methods_from(V, n_components, start, observed, own=own)
        curves = compare(V, methods, target, budget, runs)
        print(f"\n{'From own starts' if own else 'From the same start'}, target {target:.4f}:\n")
        print(comparison_table(curves))
        print("\n" + cost_of_mask(curves[OURS], curves[MASKED]), flush=True)
        comparisons.append(curves)
    return target, comparisons


def draw(results: dict[str, tuple[float, list[dict[str, Curve]]]], path: Path) -> None:
    """Draw divergence against time: a row for each data set, a column for each start."""
    figure = new_figure(10, 3.6 * len(results) + 0.6)
    axes = figure.subplots(len(results), 2, sharex="row", sharey="row", squeeze=False)
    for row, (name, (target, comparisons)) in zip(axes, results.items(), strict=True):
        least = min(min(c.divergence.values()) for curves in comparisons for c in curves.values())
        for ax, curves, start in zip(row, comparisons, ("same start", "own starts"), strict=True):
            for label, curve in curves.items():
                n = sorted(curve.divergence)
                t, d = [curve.seconds[i] for i in n], [curve.divergence[i] for i in n]
                style = {"color": COLORS[label], "marker": MARKERS[label]}
                line = "--" if label == MASKED else "-"
                ax.loglog(t, d, line, label=label, markersize=3.5, linewidth=1.6, **style)
                if curve.reaches is not None:
                    at = curve.time_to_target, curve.divergence[curve.reaches]
                    ax.plot(*at, markersize=9, markeredgecolor="white", zorder=3, **style)
            ax.axhline(target, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
            ax.set_ylim(0.95 * least, 2.2 * target)
            plain_ticks(ax.xaxis)
            plain_ticks(ax.yaxis, (1, 1.5, 2, 3, 4, 5, 6, 7, 8))
            ax.set_title(f"{name}, {start}", fontsize=10)
            ax.set_xlabel("seconds")
            tidy(ax)
        row[0].set_ylabel("Itakura-Saito divergence per cell")
        row[0].text(
            0.99,
            target,
            "target ",
            transform=row[0].get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=8,
            color=INK,
        )
    handles, labels = axes[0, 1].get_legend_handles_labels()
    labels = [f"{label}, observed cells" if label == MASKED else label for label in labels]
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    save_figure(figure, path)


# What the notebook's code does: data, number of iterations, its method first and then ours.
Step: TypeAlias = tuple[NDArray[np.float64], int, list[Method]]
OURS_SAME, OURS_OWN = "ours, same start", "ours, own start"


def n_atoms(F: int) -> int:
    """Give the number of atoms of the 2015 notebook: a fifth of the bins, rounded up."""
    return -(-F // 5)


def thiemann_steps(data: Path | None) -> dict[str, Step]:
    """Prepare both NMF steps of the 2015 notebook: training, and the fit to the mix."""
    recordings = (
        thiemann2015.load_bundled() if data is None else thiemann2015.load(data / "thiemann2015")
    )
    stft, rng = thiemann2015.NOTEBOOK_STFT, np.random.default_rng(0)
    speech = np.concatenate([recording.samples for recording in recordings.training])
    magnitude = np.abs(stft.forward(speech))
    V = floored(magnitude[:, magnitude.sum(axis=0) > thiemann2015.FRAME_FLOOR])
    K = n_atoms(V.shape[0])
    length = min(recordings.target.samples.size, recordings.interferer.samples.size)
    target, interferer = (
        sound.samples[:length] + thiemann2015.NOISE * rng.standard_normal(length)
        for sound in (recordings.target, recordings.interferer)
    )
    mix = floored(np.abs(stft.forward(target + thiemann2015.MIX_GAIN * interferer)))
    start = V[:, rng.permutation(V.shape[1])[:K]], np.abs(rng.standard_normal((K, V.shape[1])))
    W, _ = notebook_fit(V, start, SETTLE, ITERATIONS)
    H = np.abs(rng.standard_normal((K, mix.shape[1])))
    V32, mix32, W32, H32 = map(single, (V, mix, W, H))
    start32 = single(start[0]), single(start[1])
    training = [
        Method(NOTEBOOK, partial(notebook_fit, V, start, SETTLE)),
        Method(OURS_SAME, partial(our_fit, V32, K, start32, None)),
        Method(OURS_OWN, partial(our_fit, V32, K, None, None)),
    ]
    encoding = [
        Method(NOTEBOOK, partial(notebook_encode, mix, (W, H))),
        Method(OURS_SAME, partial(our_encode, mix32, W32, H32)),
        Method(OURS_OWN, partial(our_encode, mix32, W32, None)),
    ]
    of_mix = f"mix, N={mix.shape[1]}, {FIT_ITERATIONS} iterations of H"
    return {
        f"training, N={V.shape[1]}, {ITERATIONS} iterations": (V, ITERATIONS, training),
        of_mix: (mix, FIT_ITERATIONS, encoding),
    }


def print_steps(steps: dict[str, Step], runs: int) -> None:
    """Print the times of the steps, by the notebook's code and by ours."""
    rows, sums = [], np.zeros(3)
    F = max(V.shape[0] for V, _, _ in steps.values())
    for name, (values, n, methods) in steps.items():
        goal, budget = reference(values, methods[0].run, n)
        curves = compare(values, methods, goal, budget, runs)
        times = [curve.time_to_target for curve in curves.values()]
        counts = [curve.reaches for curve in curves.values()]
        sums += times
        rows.append([name, *_cells(times, counts)])
    rows.append(["both", *_cells(list(sums), None)])
    print(f"F={F}, K={n_atoms(F)}, to the divergence of the notebook's code.\n")
    heads = ["", f"{NOTEBOOK} (ms)"]
    heads += [
        f"{name} {what}" for name in (OURS_SAME, OURS_OWN) for what in ("(ms)", "times faster")
    ]
    print(table(heads, rows))


def _cells(times: list[float], counts: list[int | None] | None) -> list[str]:
    """Format times, with iterations where known, and how many times faster than the first."""
    texts = [f"{1000 * seconds:.0f}" if seconds < math.inf else "never" for seconds in times]
    if counts is not None:
        texts = [f"{text} (n={n})" if n else text for text, n in zip(texts, counts, strict=True)]
    cells = texts[:1]
    for text, seconds in zip(texts[1:], times[1:], strict=True):
        cells += [text, f"{times[0] / seconds:.2f}" if seconds < math.inf else ""]
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with dev/speech and thiemann2015")
    parser.add_argument("--frames", type=int, default=1000, metavar="N")
    parser.add_argument("--atoms", type=int, default=103, metavar="K")
    parser.add_argument("--threads", type=int, default=2, help="BLAS threads for all")
    parser.add_argument(
        "--runs", type=int, default=5, help="timed runs, of which the median counts"
    )
    parser.add_argument("--figure", type=Path, help="where to draw divergence against time")
    options = parser.parse_args()
    N, K = options.frames, options.atoms
    absent = set_up_peers(options.threads)
    speech = speech_power(N, options.data)
    data = {"speech": speech, "low rank": low_rank_power(speech.shape[0], K, N)}
    with limited_threads(options.threads):
        print(f"F={speech.shape[0]}, N={N}, K={K}, {options.threads} BLAS threads. {absent}")
        results = {}
        for name, V in data.items():
            print(f"\n### Data: {name}")
            results[name] = run_data(V, K, options.runs)
        print("\n### NMF of the experiment thiemann2015\n")
        print_steps(thiemann_steps(options.data), options.runs)
    if options.figure:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
