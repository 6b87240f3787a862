"""Fit the click classifier to recordings that are damaged at random, and write its constants.

    PYTHONPATH=benchmarks python tools/fit_click_classifier.py --data DIR [--write]

DIR is that of ``benchmarks/detection.py``; the damage has other seeds than there. Fits the logistic
model of `spectramend.detection.click_classifier` to each half of the recordings, and prints its
scores on the other half. ``--write`` then fits it to all, and writes the constants into the module.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detection import TOLERANCE_S, false_alarms, markdown_table, overlapping, score
from simulated_damage import HARDER, Array, Damage, Recording, crackle, load, variants
from spectramend.core.intervals import Span
from spectramend.detection import click_classifier, clicks
from spectramend.detection.click_classifier import ClickModel

CLEAN_WEIGHT = 5.0  # weight of undamaged recordings' candidates; engineering choice: few are false
RIDGE = 3.0  # weight of half the sum of squares; engineering choice: 78 weights, few clicks
BEGIN = "fit_click_classifier.py: begin.\n"
END = "# end."


@dataclass(frozen=True)
class Examples:
    """Candidates: features (n, 11), whether they are clicks (n,), and their weights (n,)."""

    features: Array
    true: NDArray[np.bool_]
    weight: Array


def examples(recordings: list[Recording], damages: list[tuple[int, Damage]]) -> Iterator[Examples]:
    """Find the candidates of each recording, undamaged and damaged; events are never damaged."""
    for i, recording in enumerate(recordings):
        sr = recording.sr
        versions: list[tuple[Array, list[Span]]] = [(recording.x[0], [])]
        if recording.folder != "events":
            for seed, damage in damages:
                versions.append(damage(recording.x[0], sr, np.random.default_rng([seed, i])))
        for x, damaged in versions:
            spans, features = clicks.find_candidates(x, sr, level=float(np.sqrt(np.mean(x**2))))
            reach = round(TOLERANCE_S * sr)
            true = np.array([overlapping(span, damaged, reach) for span in spans], bool)
            yield Examples(features, true, np.full(true.size, 1.0 if damaged else CLEAN_WEIGHT))


def all_examples(recordings: list[Recording]) -> Examples:
    """Find the candidates of all versions of the recordings with clicks of all kinds."""
    found = list(examples(recordings, [(seed, crackle) for seed in (100, 101, 102)]))
    for name in ("click, 1-100 times", "click, 10 a second"):
        found += examples(recordings, [(200, HARDER[name][1])])
    for _, changed in variants(recordings):
        found += examples(changed, [(300, crackle)])
    parts = [[getattr(e, f.name) for e in found] for f in fields(Examples)]
    return Examples(*(np.concatenate(part) for part in parts))


def fit(chosen: Examples) -> ClickModel:
    """Fit the model by Newton's method with a ridge; its numbers are rounded as written."""
    low, high = np.quantile(chosen.features[chosen.true], (0.02, 0.9), axis=0)
    limited = np.clip(chosen.features, low, high)
    model = ClickModel(
        low=np.round(low, 4),
        high=np.round(high, 4),
        mean=np.round(limited.mean(axis=0), 4),
        std=np.round(limited.std(axis=0), 4),
        weights=np.zeros(0),
        base_rate=round(float(np.average(chosen.true, weights=chosen.weight)), 4),
    )
    A = model.terms(chosen.features)
    weights = np.zeros(A.shape[1])
    weights[0] = -2.0
    for _ in range(8):
        p = 1 / (1 + np.exp(-np.clip(A @ weights, -30, 30)))
        curvature = chosen.weight * p * (1 - p) + 1e-6
        hessian = (A.T * curvature) @ A + RIDGE * np.eye(A.shape[1])
        gradient = A.T @ (chosen.weight * (chosen.true - p)) - RIDGE * weights
        weights = weights + np.linalg.solve(hessian, gradient)
    return replace(model, weights=np.round(weights, 3))


def source_of(model: ClickModel) -> str:
    """Write a model as Python."""
    lines = ["# fmt: off", "MODEL = ClickModel("]
    for name, value in vars(model).items():
        if name == "base_rate":
            lines.append(f"    {name}={value},")
            continue
        text = ", ".join(map(str, value.tolist()))
        wrapped = textwrap.fill(text, 98, initial_indent=" " * 8, subsequent_indent=" " * 8)
        lines += [f"    {name}=np.array((", wrapped, "    )),"]
    return "\n".join([*lines, ")", "# fmt: on", ""])


def write(model: ClickModel) -> None:
    """Write a model into the module of the classifier, between its two marks."""
    file = Path(click_classifier.__file__)
    before, rest = file.read_text("utf-8").split(BEGIN)
    file.write_text(before + BEGIN + source_of(model) + rest[rest.index(END) :], "utf-8")


def cross_validate(recordings: list[Recording]) -> str:
    """Score each half of the recordings with the model of the other half, in a table."""
    halves = {"even": recordings[0::2], "odd": recordings[1::2]}
    models = [fit(all_examples(half)) for half in halves.values()]
    rows = []
    for (name, half), model in zip(halves.items(), models[::-1], strict=True):
        click_classifier.MODEL = model
        sounding = [r for r in half if r.folder != "events"]
        alarms = sum(len(regions) for regions in false_alarms(sounding).values())
        result = score(sounding, "click", crackle, range(1)).row()
        rows.append({"half": name} | result | {"on undamaged": alarms})
    return markdown_table(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--write", action="store_true", help="fit to all, and write the constants")
    options = parser.parse_args()
    recordings = load(options.data)
    print(cross_validate(recordings))
    if options.write:
        write(fit(all_examples(recordings)))


if __name__ == "__main__":
    main()
