"""Race `spectramend.nmf.fit` against others: divergence against time, on the same data.

The others are the formula of the 2015 notebook, scikit-learn's multiplicative updates and torchnmf;
those that are not installed are left out, and a line says so. All minimise the Itakura-Saito
divergence with the same number of BLAS threads, once from the same random factors and once as each
starts by default; half of the cells are hidden from the runs with a mask, which only ours can do.

Whole calls with a fixed number of iterations are timed, set-up and start and checks included. They
take turns, and the median of several runs counts. The divergence of what they return is evaluated
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
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.threads import limited_threads
from spectramend.experiments import thiemann2015
from spectramend.nmf import encode, fit
from workbench import (
    INK,
    floored,
    in_turns,
    low_rank_power,
    medians,
    new_figure,
    notebook_update,
    plain_ticks,
    random_start,
    save_figure,
    seconds_of,
    single,
    speech_power,
    table,
    tidy,
)

Factors: TypeAlias = tuple[NDArray[Any], NDArray[Any]]

ITERATIONS = 50  # of the notebook's formula, which set target and time
SETTLE = 21  # of these only of the activations when the notebook trains
FIT_ITERATIONS = 100  # of the activations on the notebook's mix
PATIENCE, MOST_ITERATIONS = 6, 5000  # times the notebook's time; then a method is given up
PRECISION = 0.02  # with which the first number of iterations that reaches the target is found
SHARE_OBSERVED = 0.5
NOTEBOOK, SKLEARN, TORCHNMF = "notebook's formula", "scikit-learn MU", "torchnmf"
NOTEBOOK_OWN = "notebook's formula, own start"
OURS, MASKED = "spectramend", "spectramend, 50 % mask"
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


@dataclass(frozen=True)
class Method:
    """A way to factorize: `run` makes so many iterations in a whole call; `note` says how."""

    name: str
    run: Callable[[int], Factors]
    note: str = ""
    observed: NDArray[np.bool_] | None = None


@dataclass
class Curve:
    """What a method reaches after how many iterations, and in which time."""

    method: Method
    V: NDArray[np.float64]
    divergence: dict[int, float] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    reaches: int | None = None

    def try_(self, n: int) -> float:
        """Run so many iterations, once; return the divergence."""
        if n not in self.divergence:
            factors: list[Factors] = []
            self.seconds[n] = seconds_of(lambda: factors.append(self.method.run(n)))
            self.divergence[n] = mean_divergence(self.V, factors[0], self.method.observed)
        return self.divergence[n]

    @property
    def time_to_target(self) -> float:
        """Seconds after which the target was reached, infinity if it never was."""
        return math.inf if self.reaches is None else self.seconds[self.reaches]

    def after(self, seconds: float) -> float:
        """Evaluate the divergence after so many iterations as fit into a time."""
        n = sorted(self.seconds)
        # No noise of the clock makes more iterations take less.
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


# The contenders


def notebook_fit(V: NDArray[Any], start: Factors, settle: int, n: int) -> Factors:
    """Iterate the notebook's formula: activations, and atoms once these have settled."""
    everything = np.array(1.0)
    W, H = start
    for i in range(n):
        H = notebook_update(V, W, H, everything)
        if i >= settle:
            W = notebook_update(V.T, H.T, W.T, everything).T
    return W, H


def notebook_encode(V: NDArray[Any], start: Factors, n: int) -> Factors:
    """Iterate the notebook's formula for the activations alone."""
    W, H = start
    for _ in range(n):
        H = notebook_update(V, W, H, np.array(1.0))
    return W, H


def our_fit(
    V: NDArray[Any],
    n_components: int,
    start: Factors | None,
    observed: NDArray[np.bool_] | None,
    n: int,
) -> Factors:
    """Call `fit`."""
    W, H = (None, None) if start is None else start
    nmf = fit(V, n_components, weights=observed, W=W, H=H, max_iter=n, tol=0, rng=0)
    return nmf.W, nmf.H


def our_encode(V: NDArray[Any], W: NDArray[Any], H: NDArray[Any] | None, n: int) -> Factors:
    """Call `encode`."""
    nmf = encode(V, W, H=H, max_iter=n, tol=0, rng=0)
    return nmf.W, nmf.H


def sklearn_fit(V: NDArray[Any], n_components: int, start: Factors | None, n: int) -> Factors:
    """Call scikit-learn's NMF; its default start is NNDSVDA."""
    from sklearn.decomposition import NMF

    model = NMF(
        n_components,
        init=None if start is None else "custom",
        solver="mu",
        beta_loss="itakura-saito",
        max_iter=n,
        tol=0,
        random_state=0,
    )
    W, H = (None, None) if start is None else (factor.copy() for factor in start)
    # It wants a start to be given in the dtype of the data, and overwrites it.
    W = model.fit_transform(V, W=W, H=H)
    return W, model.components_


def torchnmf_fit(V: Any, n_components: int, start: tuple[Any, Any] | None, n: int) -> Factors:
    """Call torchnmf on tensors; its H and W are our W and the transpose of our H."""
    import torch
    from torchnmf.nmf import NMF

    torch.manual_seed(0)
    model = NMF(V.shape, n_components) if start is None else NMF(H=start[0], W=start[1].T)
    model.fit(V, beta=0, tol=-math.inf, max_iter=n)
    return model.H.detach().numpy(), model.W.detach().numpy().T


def contenders(
    V: NDArray[Any], n_components: int, start: Factors, observed: NDArray[np.bool_], *, own: bool
) -> list[Method]:
    """Line up the methods, from `start`, or each from its `own` start."""
    V32 = single(V)
    start32 = None if own else (single(start[0]), single(start[1]))
    methods = [Method(NOTEBOOK, partial(notebook_fit, V, start, 0), "float64, random factors")]
    if own:
        run = partial(notebook_fit, V, exemplars(V, start[1]), 0)
        methods.append(Method(NOTEBOOK_OWN, run, "float64, frames and `randn`"))
    if find_spec("sklearn"):
        svd = ", NNDSVDA" * own
        # In double precision it takes twice as long.
        run = partial(sklearn_fit, V32, n_components, start32)
        methods.append(Method(SKLEARN, run, "float32" + svd))
    if find_spec("torchnmf"):
        import torch

        tensors = None if start32 is None else tuple(torch.from_numpy(x) for x in start32)
        run = partial(torchnmf_fit, torch.from_numpy(V32), n_components, tensors)
        methods.append(Method(TORCHNMF, run, "float32" + ", `randn`" * own))
    for name, mask in ((OURS, None), (MASKED, observed)):
        run = partial(our_fit, V32, n_components, start32, mask)
        methods.append(Method(name, run, "float32" + ", exemplars" * own, mask))
    return methods


def exemplars(V: NDArray[Any], H: NDArray[Any]) -> Factors:
    """Start as the notebook trains: from random frames."""
    chosen = np.random.default_rng(0).permutation(V.shape[1])[: H.shape[0]]
    return V[:, chosen], H


# The race


def explore(V: NDArray[Any], method: Method, target: float, budget: float) -> Curve:
    """Double the iterations until the target is met and the budget spent; find where it was met."""
    method.run(1)  # warms up
    curve = Curve(method, V)
    n = 1
    while curve.try_(n) > target or curve.seconds[n] < budget:
        if curve.seconds[n] > PATIENCE * budget or n > MOST_ITERATIONS:
            break
        n *= 2
    of_interest = {*curve.divergence, ITERATIONS}
    passed = [n for n, value in curve.divergence.items() if value <= target]
    if passed:
        high = min(passed)
        low = high // 2
        while high - low > max(1, PRECISION * high):
            middle = (low + high) // 2
            low, high = (low, middle) if curve.try_(middle) <= target else (middle, high)
        curve.reaches = high
        of_interest.add(high)
    curve.divergence = {n: curve.try_(n) for n in sorted(of_interest)}
    return curve


def race(
    V: NDArray[Any], methods: Iterable[Method], target: float, budget: float, runs: int
) -> dict[str, Curve]:
    """Follow methods, and time them in turns."""
    curves = {method.name: explore(V, method, target, budget) for method in methods}
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
    """Say what the notebook's formula reaches, and in how many seconds."""
    curve = Curve(Method(NOTEBOOK, run), V)
    target = curve.try_(n)
    return target, medians(in_turns({n: partial(run, n)}, runs=3))[n]


def standing(curves: dict[str, Curve]) -> str:
    """Lay a race out as a table."""
    budget = curves[NOTEBOOK].seconds[ITERATIONS]
    rivals = [name for name in (NOTEBOOK, TORCHNMF, SKLEARN) if name in curves]
    rows = []
    for name, curve in curves.items():
        own = curve.time_to_target
        ratios = [curves[rival].time_to_target / own for rival in rivals]
        met = curve.reaches is not None
        rows.append(
            [
                f"{name} ({curve.method.note})",
                f"{1000 * curve.seconds[ITERATIONS]:.0f}",
                str(curve.reaches) if met else "never",
                f"{1000 * own:.0f}" if met else "",
                *(f"{ratio:.2f}" if met and math.isfinite(ratio) else "" for ratio in ratios),
                f"{curve.after(budget):.4f}",
            ]
        )
    heads = [
        "",
        f"{ITERATIONS} iterations (ms)",
        "iterations to target",
        "time to target (ms)",
        *("times faster than " + rival.split(" ")[0].removesuffix("'s") for rival in rivals),
        f"divergence after {1000 * budget:.0f} ms",
    ]
    return table(heads, rows)


def price_of_mask(plain: Curve, masked: Curve) -> str:
    """Say what a mask costs."""
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
    """Race on some data from both starts, and print what came of it."""
    rng = np.random.default_rng(0)
    start = random_start(V, n_components, rng)
    observed = rng.random(V.shape) < SHARE_OBSERVED
    target, budget = reference(V, partial(notebook_fit, V, start, 0), ITERATIONS)
    races = []
    for own in (False, True):
        methods = contenders(V, n_components, start, observed, own=own)
        curves = race(V, methods, target, budget, runs)
        print(f"\n{'From own starts' if own else 'From the same start'}, target {target:.4f}:\n")
        print(standing(curves))
        print("\n" + price_of_mask(curves[OURS], curves[MASKED]), flush=True)
        races.append(curves)
    return target, races


def draw(results: dict[str, tuple[float, list[dict[str, Curve]]]], path: Path) -> None:
    """Draw divergence against time: a row for each data set, a column for each start."""
    figure = new_figure(10, 3.6 * len(results) + 0.6)
    axes = figure.subplots(len(results), 2, sharex="row", sharey="row", squeeze=False)
    for row, (name, (target, races)) in zip(axes, results.items(), strict=True):
        least = min(min(c.divergence.values()) for curves in races for c in curves.values())
        for ax, curves, start in zip(row, races, ("same start", "own starts"), strict=True):
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


# The steps of the experiment thiemann2015


def thiemann_steps(data: Path | None, runs: int) -> None:
    """Print the times of both NMF steps of the 2015 notebook: the notebook's code, and ours."""
    recordings = (
        thiemann2015.load_bundled() if data is None else thiemann2015.load(data / "thiemann2015")
    )
    stft, rng = thiemann2015.NOTEBOOK_STFT, np.random.default_rng(0)
    speech = np.concatenate([recording.samples for recording in recordings.training])
    magnitude = np.abs(stft.forward(speech))
    V = floored(magnitude[:, magnitude.sum(axis=0) > thiemann2015.FRAME_FLOOR])
    K = -(-V.shape[0] // 5)
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

    same, own = "ours, same start", "ours, own start"
    steps: dict[str, tuple[NDArray[np.float64], int, list[Method]]] = {
        f"training, N={V.shape[1]}, {ITERATIONS} iterations": (
            V,
            ITERATIONS,
            [
                Method(NOTEBOOK, partial(notebook_fit, V, start, SETTLE)),
                Method(same, partial(our_fit, V32, K, start32, None)),
                Method(own, partial(our_fit, V32, K, None, None)),
            ],
        ),
        f"mix, N={mix.shape[1]}, {FIT_ITERATIONS} iterations of H": (
            mix,
            FIT_ITERATIONS,
            [
                Method(NOTEBOOK, partial(notebook_encode, mix, (W, H))),
                Method(same, partial(our_encode, mix32, W32, H32)),
                Method(own, partial(our_encode, mix32, W32, None)),
            ],
        ),
    }
    rows, sums = [], np.zeros(3)
    for name, (values, n, methods) in steps.items():
        goal, budget = reference(values, methods[0].run, n)
        curves = race(values, methods, goal, budget, runs)
        times = [curve.time_to_target for curve in curves.values()]
        counts = [curve.reaches for curve in curves.values()]
        sums += times
        rows.append([name, *_cells(times, counts)])
    rows.append(["both", *_cells(list(sums), None)])
    print(f"F={V.shape[0]}, K={K}, to the divergence of the notebook's code.\n")
    heads = ["", f"{NOTEBOOK} (ms)"]
    heads += [f"{name} {what}" for name in (same, own) for what in ("(ms)", "times faster")]
    print(table(heads, rows))


def _cells(times: list[float], counts: list[int | None] | None) -> list[str]:
    """Write times, with iterations where they are known; and how much faster than the first."""
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
        thiemann_steps(options.data, options.runs)
    if options.figure:
        draw(results, options.figure)


def set_up_peers(threads: int) -> str:
    """Load the others, so that limits of threads reach them, and say which ones there are."""
    texts = []
    for module, package in (("sklearn", "scikit-learn"), ("torchnmf", "torchnmf")):
        if find_spec(module):
            import_module(module)
            texts.append(f"{package} {version(package)}.")
        else:
            texts.append(f"{package} is not installed and left out.")
    if find_spec("torchnmf"):
        import torch

        torch.set_num_threads(threads)
        texts[-1] = texts[-1][:-1] + f" on torch {torch.__version__}."
    return " ".join(texts)


if __name__ == "__main__":
    main()
