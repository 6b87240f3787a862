"""Score the detection of damage: ``python benchmarks/detection.py --data DIR``.

DIR holds clean recordings in ``speech`` and ``music``, and in ``events`` sounds that no damage is
laid on. A seeded program damages each recording in one way at a time; every part of the result is
then compared with what was done. A truth is found if a detection overlaps it within 1 ms; a
detection that overlaps no truth is false, whatever kind it claims: those of another kind than the
damage count as false alarms of their own kind in the row of the damage.

- ``dropout``: about one a second, 5-80 ms, at places whose 20 ms around are louder than a tenth of
  the recording's RMS value: zeros, a stuck value, 20 ms replaced by zeros, by the 20 ms before.
- ``click``: two a second anywhere, 1-40 samples, peak at 2-20 times the standard deviation of the
  20 ms around (log-uniform): noise that decays, oscillation that decays, a bump, a rectangle.
- ``clipping``: all of it, so that 0.1-5 % of the samples (log-uniform) lie at the rails (both, or
  one), then scaled by 0-20 dB and rounded to 16 bits, or not. Every run of clipped samples is a
  truth; ``clipping, runs of 3`` counts those of three samples or more only.

Prints Markdown tables, or one JSON object; ``--seeds`` sets how many damages of each recording.
``--harder`` also lays damage on versions at 8 and 48 kHz, in 8 bits, 30 dB softer, and clicks and
dropouts of wider ranges. The last line says how many times faster than real time it runs.

``--fit`` fits the constants by which clicks are weighed, to damage of other seeds: on each half of
the recordings, scored on the other half.
"""

from __future__ import annotations

import argparse
import json
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from spectramend.core.regions import Region
from spectramend.detection import click_classifier, clicks, detect

Array: TypeAlias = NDArray[np.float64]
Span: TypeAlias = tuple[int, int]
Damage: TypeAlias = Callable[[Array, int, np.random.Generator], tuple[Array, list[Span]]]

TOLERANCE_S = 1e-3
KINDS = ("dropout", "click", "clipping")
FOLDERS = ("speech", "music", "events")
CLEAN_WEIGHT = 5.0  # of candidates in recordings without damage, in the fit
RIDGE = 3.0


# The damage


def local_std(x: Array, middle: int, sr: int) -> float:
    """Measure the level of the 20 ms around a sample."""
    reach = round(0.010 * sr)
    return float(np.std(x[max(0, middle - reach) : middle + reach]))


def places(
    x: Array, sr: int, rng: np.random.Generator, *, count: int, longest: int, floor: float
) -> list[int]:
    """Draw where damage begins: nowhere near the ends or other damage, where it is loud enough."""
    level, found = float(np.std(x)), list[int]()
    margin = round(0.03 * sr)
    for _ in range(100 * count):
        start = int(rng.integers(margin, max(margin + 1, x.size - longest - margin)))
        apart = all(abs(start - other) > longest + margin // 3 for other in found)
        if apart and local_std(x, start, sr) >= floor * level and len(found) < count:
            found.append(start)
    return sorted(found)


def drop(
    x: Array, sr: int, rng: np.random.Generator, *, shortest_s: float = 0.005
) -> tuple[Array, list[Span]]:
    """Lose about one stretch a second."""
    y, spans = x.copy(), list[Span]()
    packet = round(0.02 * sr)
    count = max(1, round(x.size / sr))
    for start in places(x, sr, rng, count=count, longest=round(0.08 * sr), floor=0.1):
        stop = start + round(rng.uniform(shortest_s, 0.08) * sr)
        kind = rng.choice(["zeros", "stuck", "lost", "repeated"])
        if kind in ("lost", "repeated"):
            stop = start + packet
        if kind == "stuck":
            y[start:stop] = y[start]
        elif kind == "repeated":
            y[start:stop] = y[start - packet : start]
        else:
            y[start:stop] = 0.0
        spans.append((start, stop))
    return y, spans


def impulse(width: int, rng: np.random.Generator) -> Array:
    """Draw the shape of a click, its peak at 1 or -1."""
    t = np.arange(width)
    shape = rng.choice(["noise", "oscillation", "bump", "rectangle"])
    decay = np.exp(-3.0 * t / width)
    if shape == "noise":
        click = decay * rng.standard_normal(width)
    elif shape == "oscillation":
        click = decay * np.cos(np.pi * rng.uniform(0.05, 1.0) * t + rng.uniform(0.0, 1.0))
    elif shape == "bump":
        click = np.hanning(width + 2)[1:-1]
    else:
        click = np.ones(width)
    return click / np.max(np.abs(click)) * rng.choice([-1.0, 1.0])


def crackle(
    x: Array,
    sr: int,
    rng: np.random.Generator,
    *,
    peaks: tuple[float, float] = (2.0, 20.0),
    rate: float = 2.0,
) -> tuple[Array, list[Span]]:
    """Add clicks, so many a second."""
    y, spans = x.copy(), list[Span]()
    count = max(1, round(rate * x.size / sr))
    floor = 1e-3 * float(np.std(x))
    for start in places(x, sr, rng, count=count, longest=40, floor=0.0):
        width = int(rng.integers(1, 41))
        level = max(floor, local_std(x, start + width // 2, sr))
        peak = level * np.exp(rng.uniform(*np.log(peaks)))
        y[start : start + width] += peak * impulse(width, rng)
        spans.append((start, start + width))
    return y, spans


def runs(mask: NDArray[np.bool_], shortest: int = 1) -> list[Span]:
    """Find where a mask is true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False]))))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= shortest]


def clip(
    x: Array, sr: int, rng: np.random.Generator, *, shortest: int = 1
) -> tuple[Array, list[Span]]:
    """Clip all of it at one level."""
    share = np.exp(rng.uniform(*np.log((0.001, 0.05))))
    sides = rng.choice(["both", "both", "above", "below"])
    heights = {"both": np.abs(x), "above": x, "below": -x}[str(sides)]
    level = float(np.quantile(heights, 1.0 - share))
    hidden = heights > level
    y = np.where(hidden, np.sign(x) * level, x)
    y *= 10.0 ** (-rng.uniform(0.0, 20.0) / 20.0) / max(1.0, float(np.max(np.abs(y))))
    if rng.random() < 0.5:
        y = np.round(y * 32767.0) / 32768.0
    return y, runs(hidden, shortest)


# The score


@dataclass
class Score:
    """Counts over the recordings that were damaged in one way."""

    found: int = 0
    missed: int = 0
    false: int = 0
    other: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def add(self, truths: list[Span], detections: list[Region], kind: str, sr: int) -> None:
        """Count one recording."""
        reach = round(TOLERANCE_S * sr)
        spans = []
        for region in detections:
            assert region.start_s is not None
            assert region.end_s is not None
            span = (round(region.start_s * sr), round(region.end_s * sr))
            if region.label == kind:
                spans.append(span)
            else:
                self.other[region.label] += 1
        hits = [overlapping(truth, spans, reach) for truth in truths]
        self.found += sum(hits)
        self.missed += len(hits) - sum(hits)
        self.false += sum(not overlapping(span, truths, reach) for span in spans)

    def row(self) -> dict[str, Any]:
        """Give recall over the truths, precision over the detections, and the rest."""
        recall = self.found / max(1, self.found + self.missed)
        precision = self.found / max(1, self.found + self.false)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        wrong = {name: count for name, count in self.other.items() if count}
        return {
            "truths": self.found + self.missed,
            "precision": round(precision, 3),
            "recall": round(recall, 3),
            "f1": round(f1, 3),
            "false": self.false,
            "of other kinds": ", ".join(f"{n} {name}" for name, n in wrong.items()) or "none",
        }


def overlapping(span: Span, others: list[Span], reach: int) -> bool:
    """Tell whether a span overlaps one of others, or comes so near."""
    return any(span[0] < b + reach and a - reach < span[1] for a, b in others)


# The recordings


@dataclass(frozen=True)
class Recording:
    """A recording and where it is from; `x` holds (channels, n)."""

    name: str
    x: Array
    sr: int

    @property
    def folder(self) -> str:
        """What kind of recording it is."""
        return self.name.split("/")[0]


def load(data: Path) -> list[Recording]:
    """Read all recordings."""
    found = []
    for folder in FOLDERS:
        for file in sorted((data / folder).rglob("*.flac")):
            x, sr = soundfile.read(file, always_2d=True)
            found.append(Recording(file.relative_to(data).as_posix(), x.T.copy(), sr))
    return found


def variants(recordings: list[Recording]) -> Iterator[tuple[str, list[Recording]]]:
    """Make other versions: rates, bits, level."""
    for sr in (8000, 48000):
        yield (
            f"{sr // 1000} kHz",
            [Recording(r.name, soxr.resample(r.x.T, r.sr, sr).T, sr) for r in recordings],
        )
    yield "8 bits", [Recording(r.name, np.round(r.x * 127) / 128, r.sr) for r in recordings]
    softer = [np.round(r.x * 10**-1.5 * 32768) / 32768 for r in recordings]
    yield "30 dB softer", [Recording(r.name, x, r.sr) for x, r in zip(softer, recordings)]  # noqa: B905


def score(recordings: list[Recording], kind: str, damage: Damage, seeds: Iterable[int]) -> Score:
    """Damage the first channel of each recording in one way and compare what is found."""
    total = Score()
    for seed in seeds:
        for i, recording in enumerate(recordings):
            rng = np.random.default_rng([seed, i])
            y, truths = damage(recording.x[0], recording.sr, rng)
            total.add(truths, detect(y, recording.sr), kind, recording.sr)
    return total


def false_alarms(recordings: list[Recording]) -> dict[str, list[Region]]:
    """Find what is said to be damaged in recordings that are not."""
    found = {r.name: detect(r.x, r.sr) for r in recordings}
    return {name: regions for name, regions in found.items() if regions}


def speed(recording: Recording, seconds: float, rng: np.random.Generator) -> float:
    """Time long stereo at 48 kHz, as a multiple of real time."""
    x = soxr.resample(recording.x[0], recording.sr, 48000)
    x = np.resize(x, round(seconds * 48000)) * (1 + 0.1 * rng.standard_normal())
    stereo = np.stack([x, np.roll(x, 4800)]) + 1e-4 * rng.standard_normal((2, x.size))
    started = time.perf_counter()
    detect(stereo, 48000)
    return seconds / (time.perf_counter() - started)


# The constants of the model that weighs the signs of clicks


@dataclass(frozen=True)
class Examples:
    """Candidates of recordings: signs (n, 11), whether they are clicks, and what they are from."""

    signs: Array
    true: NDArray[np.bool_]
    weight: Array
    recording: NDArray[np.int64]


def examples(recordings: list[Recording], damages: list[tuple[int, Damage]]) -> Iterator[Examples]:
    """Find candidates, first in the recordings as they are; events are never damaged."""
    for i, recording in enumerate(recordings):
        sr = recording.sr
        versions: list[tuple[Array, list[Span]]] = [(recording.x[0], [])]
        if recording.folder != "events":
            for seed, damage in damages:
                versions.append(damage(recording.x[0], sr, np.random.default_rng([seed, i])))
        for x, truths in versions:
            spans, signs = clicks.candidates(x, sr, level=float(np.sqrt(np.mean(x**2))))
            true = np.array([overlapping(s, truths, round(TOLERANCE_S * sr)) for s in spans], bool)
            weight = np.full(true.size, 1.0 if truths else CLEAN_WEIGHT)
            yield Examples(signs, true, weight, np.full(true.size, i))


def all_examples(recordings: list[Recording]) -> Examples:
    """Lay clicks of all sorts on recordings of all versions."""
    wider = harder()
    found = list(examples(recordings, [(seed, crackle) for seed in (100, 101, 102)]))
    for name in ("click, 1-100 times", "click, 10 a second"):
        found += examples(recordings, [(200, wider[name][1])])
    for _, changed in variants(recordings):
        found += examples(changed, [(300, crackle)])
    parts = [[getattr(e, f.name) for e in found] for f in fields(Examples)]
    return Examples(*(np.concatenate(part) for part in parts))


def fit(chosen: Examples) -> dict[str, Array]:
    """Find the constants of `spectramend.detection.click_classifier` by Newton's method."""
    clicks_of = chosen.signs[chosen.true]
    low, high = np.quantile(clicks_of, (0.02, 0.9), axis=0)
    cut = np.clip(chosen.signs, low, high)
    found = {"LOW": low, "HIGH": high, "MEAN": cut.mean(axis=0), "SPREAD": cut.std(axis=0)}
    found = {name: np.round(value, 4) for name, value in found.items()}
    for name, value in found.items():
        setattr(click_classifier, name, value)
    A = click_classifier.terms(chosen.signs)
    weights = np.zeros(A.shape[1])
    weights[0] = -2.0
    for _ in range(8):
        p = 1 / (1 + np.exp(-np.clip(A @ weights, -30, 30)))
        curvature = chosen.weight * p * (1 - p) + 1e-6
        hessian = (A.T * curvature) @ A + RIDGE * np.eye(A.shape[1])
        gradient = A.T @ (chosen.weight * (chosen.true - p)) - RIDGE * weights
        weights = weights + np.linalg.solve(hessian, gradient)
    found["WEIGHTS"] = np.round(weights, 3)
    found["SHARE"] = np.round(np.average(chosen.true, weights=chosen.weight), 4)
    return found


def write_constants(found: dict[str, Array]) -> None:
    """Put constants into the module that they are for."""
    file = Path(click_classifier.__file__)
    before, rest = file.read_text("utf-8").split("--fit: begin.\n")
    lines = ["# fmt: off"]
    for name, value in found.items():
        text = ", ".join(str(v) for v in np.atleast_1d(value))
        if value.ndim == 0:
            lines.append(f"{name} = {text}")
        else:
            wrapped = textwrap.fill(text, 98, initial_indent="    ", subsequent_indent="    ")
            lines += [f"{name} = np.array((", wrapped, "))"]
    lines.append("# fmt: on")
    after = rest[rest.index("# end.") :]
    file.write_text(before + "--fit: begin.\n" + "\n".join(lines) + "\n" + after, "utf-8")


def use(found: dict[str, Array]) -> None:
    """Judge by these constants from here on."""
    for name, value in found.items():
        setattr(click_classifier, name, value)


# The program


DAMAGES: dict[str, tuple[str, Damage]] = {
    "dropout": ("dropout", drop),
    "click": ("click", crackle),
    "clipping": ("clipping", clip),
}


def harder() -> dict[str, tuple[str, Damage]]:
    """Give damages of wider ranges."""
    return {
        "dropout, 2-80 ms": ("dropout", lambda x, sr, g: drop(x, sr, g, shortest_s=0.002)),
        "click, 1-100 times": ("click", lambda x, sr, g: crackle(x, sr, g, peaks=(1.0, 100.0))),
        "click, 10 a second": ("click", lambda x, sr, g: crackle(x, sr, g, rate=10.0)),
        "clipping, runs of 3": ("clipping", lambda x, sr, g: clip(x, sr, g, shortest=3)),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Lay rows out as a Markdown table."""
    keys = list(rows[0])
    numbers = [not isinstance(rows[0][key], str) for key in keys]
    lines = ["| " + " | ".join(keys) + " |"]
    lines.append("|" + "|".join("---:" if number else "---" for number in numbers) + "|")
    lines += ["| " + " | ".join(str(row[key]) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def score_all(recordings: list[Recording], seeds: range, *, wider: bool) -> dict[str, Any]:
    """Score everything."""
    versions = {"as it is": recordings} | (dict(variants(recordings)) if wider else {})
    rows, alarms = [], []
    for version, chosen in versions.items():
        damages = DAMAGES | (harder() if wider and chosen is recordings else {})
        for name, (kind, damage) in damages.items():
            for folder in ("speech", "music"):
                group = [r for r in chosen if r.folder == folder]
                result = score(group, kind, damage, seeds).row()
                rows.append({"version": version, "damage": name, "folder": folder} | result)
        for folder in FOLDERS:
            group = [r for r in chosen if r.folder == folder]
            found = false_alarms(group)
            where = [f"{n}: {r.label} {r}" for n, regions in found.items() for r in regions]
            seconds = round(sum(r.x.shape[1] / r.sr for r in group))
            alarms.append(
                {"version": version, "folder": folder, "recordings": len(group)}
                | {"seconds": seconds, "false": len(where), "where": "; ".join(where) or "nowhere"}
            )
    rate = speed(recordings[0], 60.0, np.random.default_rng(0))
    return {"damaged": rows, "undamaged": alarms, "times_real_time_48k_stereo": round(rate, 1)}


def fit_and_check(recordings: list[Recording], *, write: bool) -> None:
    """Fit, print how each half does by what the other says, and perhaps write the constants."""
    halves = [recordings[0::2], recordings[1::2]]
    fitted = [fit(all_examples(half)) for half in halves]
    rows = []
    for name, found, half in zip(("even", "odd"), fitted[::-1], halves, strict=True):
        use(found)
        sounding = [r for r in half if r.folder != "events"]
        alarms = sum(len(regions) for regions in false_alarms(sounding).values())
        result = score(sounding, "click", crackle, range(1)).row()
        rows.append({"half": name} | result | {"on undamaged": alarms})
    print(table(rows))
    if write:
        write_constants(fit(all_examples(recordings)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--seeds", type=int, default=1, help="how many damages of each recording")
    parser.add_argument("--harder", action="store_true", help="other versions, wider ranges")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--fit",
        choices=("check", "write"),
        help="fit the model of clicks on each half and score it on the other; write: then fit it "
        "on all, and put its constants into the package",
    )
    options = parser.parse_args()
    recordings = load(options.data)
    if options.fit:
        fit_and_check(recordings, write=options.fit == "write")
        return
    result = score_all(recordings, range(options.seeds), wider=options.harder)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(table(result["damaged"]))
    print("\nOn recordings without damage:\n")
    print(table(result["undamaged"]))
    print(f"\n48 kHz stereo: {result['times_real_time_48k_stereo']} times real time.")


if __name__ == "__main__":
    main()
