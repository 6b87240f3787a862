"""Fit the click classifier to recordings that are damaged at random, and write its constants.

    PYTHONPATH=benchmarks python tools/fit_click_classifier.py --data DIR [--write]

DIR is that of ``benchmarks/detection.py``; the damage has other seeds than there. Fits the logistic
models of `spectramend.detection.click_classifier` to each half of the recordings, and prints their
scores on the other half. ``--write`` then fits them to all, and writes the constants into the
module.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detection import TOLERANCE_S, false_alarms, markdown_table, overlapping, score
from simulated_damage import HARDER, Array, Damage, Recording, crackle, load, ringing, variants
from spectramend.core.intervals import Span
from spectramend.detection import click_classifier, clicks
from spectramend.detection.click_classifier import ClickModel
from spectramend.detection.crackle import QUARTILES

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


# Seeds and programs of dense clicks: rates a second, widths and peaks.
DENSE: list[tuple[int, Damage]] = [
    (200, partial(crackle, rate=10.0)),
    (301, partial(ringing, rate=10.0)),
    (310, partial(ringing, rate=30.0, ms=(0.1, 1.0), peaks=(1.5, 10.0))),
    (311, partial(ringing, rate=100.0, ms=(0.1, 0.6), peaks=(1.5, 8.0))),
]
DENSE_TEST: Damage = partial(ringing, rate=50.0, ms=(0.1, 0.5), peaks=(2.0, 6.0))


def examples(
    recordings: list[Recording], damages: list[tuple[int, Damage]], quartiles: float | None = None
) -> Iterator[Examples]:
    """Find the candidates of each recording, undamaged and damaged; events are never damaged."""
    for i, recording in enumerate(recordings):
        sr = recording.sr
        versions: list[tuple[Array, list[Span]]] = [(recording.x[0], [])]
        if recording.folder != "events":
            for seed, damage in damages:
                versions.append(damage(recording.x[0], sr, np.random.default_rng([seed, i])))
        for x, damaged in versions:
            level = float(np.sqrt(np.mean(x**2)))
            p, _ = clicks.predict_on_grid(x, sr, level=level, quartiles=quartiles)
            spans, features = clicks.candidates_of(p, sr)
            reach = round(TOLERANCE_S * sr)
            true = overlapping(list(spans), damaged, reach)
            yield Examples(features, true, np.full(true.size, 1.0 if damaged else CLEAN_WEIGHT))


def single_clicks(recordings: list[Recording]) -> Examples:
    """Find the candidates of all versions of the recordings with clicks of all kinds."""
    found = list(examples(recordings, [(seed, crackle) for seed in (100, 101, 102)]))
    for name in ("click, 1-100 times", "click, 10 a second"):
        found += examples(recordings, [(200, HARDER[name][1])])
    for _, changed in variants(recordings):
        found += examples(changed, [(300, crackle)])
    return joined(found)


def dense_clicks(recordings: list[Recording]) -> Examples:
    """Find the candidates of the recordings with dense clicks."""
    return joined(list(examples(recordings, DENSE, QUARTILES)))


def joined(found: list[Examples]) -> Examples:
    """Join examples."""
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


def fit_both(recordings: list[Recording]) -> dict[str, ClickModel]:
    """Fit the models of single and of dense clicks, by their names in the module."""
    return {"MODEL": fit(single_clicks(recordings)), "CRACKLE": fit(dense_clicks(recordings))}


def source_of(name_of_model: str, model: ClickModel) -> str:
    """Write a model as Python."""
    lines = [f"{name_of_model} = ClickModel("]
    for name, value in vars(model).items():
        if name == "base_rate":
            lines.append(f"    {name}={value},")
            continue
        text = ", ".join(map(str, value.tolist()))
        wrapped = textwrap.fill(text, 98, initial_indent=" " * 8, subsequent_indent=" " * 8)
        lines += [f"    {name}=np.array((", wrapped, "    )),"]
    return "\n".join([*lines, ")", ""])


def write(models: dict[str, ClickModel]) -> None:
    """Write models into the module of the classifier, between its two marks."""
    file = Path(click_classifier.__file__)
    before, rest = file.read_text("utf-8").split(BEGIN)
    source = "".join(source_of(*item) for item in models.items())
    written = f"{BEGIN}# fmt: off\n{source}# fmt: on\n"
    file.write_text(before + written + rest[rest.index(END) :], "utf-8")


def cross_validate(recordings: list[Recording]) -> str:
    """Score each half of the recordings with the model of the other half, in a table."""
    halves = {"even": recordings[0::2], "odd": recordings[1::2]}
    models = [fit_both(half) for half in halves.values()]
    rows = []
    for (name, half), of_others in zip(halves.items(), models[::-1], strict=True):
        click_classifier.MODEL, click_classifier.CRACKLE = of_others["MODEL"], of_others["CRACKLE"]
        sounding = [r for r in half if r.folder != "events"]
        alarms = sum(len(regions) for regions in false_alarms(sounding).values())
        for damage, program in {"click": crackle, "crackle": DENSE_TEST}.items():
            result = score(sounding, "click", program, range(1)).row()
            rows.append({"half": name, "damage": damage} | result | {"on undamaged": alarms})
    return markdown_table(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--write", action="store_true", help="fit to all, and write the constants")
    options = parser.parse_args()
    recordings = load(options.data)
    print(cross_validate(recordings))
    if options.write:
        write(fit_both(recordings))


if __name__ == "__main__":
    main()
