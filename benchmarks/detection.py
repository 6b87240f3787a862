"""Score the detection of damage: ``python benchmarks/detection.py --data DIR``.

DIR holds clean recordings in ``speech`` and ``music``, and sounds that are never damaged in
``events``. `simulated_damage` and `simulated_dropouts` damage each recording in one way at a time,
and the regions detected are compared with the true ones. A true region is found if a detection
overlaps it within 1 ms; a detection that overlaps none is false. Detections of another kind than
the damage are counted apart.

Prints Markdown tables, or one JSON object; ``--seeds`` is the number of random damages of each
recording. ``--harder`` adds other versions of the recordings, and damage of wider ranges. The last
line is the speed in multiples of real time. ``tools/fit_click_classifier.py`` fits the click
classifier to damage of other seeds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from simulated_damage import DAMAGES, FOLDERS, HARDER, Damage, Recording, load, variants
from simulated_dropouts import DROPOUTS
from spectramend.core.intervals import Span, join
from spectramend.core.regions import Region
from spectramend.detection import KINDS, detect

TOLERANCE_S = 1e-3  # s between a detection and a true region that count as one


@dataclass
class Score:
    """Counts over the recordings that were damaged in one way."""

    found: int = 0
    missed: int = 0
    false: int = 0
    other: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def add(self, true: list[Span], detections: list[Region], kind: str, sr: float) -> None:
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
        hits = overlapping(true, spans, reach)
        self.found += int(hits.sum())
        self.missed += int((~hits).sum())
        self.false += int((~overlapping(spans, true, reach)).sum())

    def row(self) -> dict[str, Any]:
        """Give recall over the true regions, precision over the detections, and the rest."""
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


def overlapping(spans: list[Span], others: list[Span], reach: int) -> NDArray[np.bool_]:
    """Return which spans overlap one of others, or are less than `reach` samples away."""
    near = [(a - reach, b + reach) for a, b in others]
    starts, stops = np.array(join(near), int).reshape(-1, 2).T
    first, last = np.array(spans, int).reshape(-1, 2).T
    # Joined, the others are sorted by start and by stop: some end after the span begins.
    return np.searchsorted(starts, last, "left") > np.searchsorted(stops, first, "right")


def score(recordings: list[Recording], kind: str, damage: Damage, seeds: Iterable[int]) -> Score:
    """Damage the first channel of each recording in one way, and score its detection."""
    total = Score()
    for seed in seeds:
        for i, recording in enumerate(recordings):
            rng = np.random.default_rng([seed, i])
            y, true = damage(recording.x[0], recording.sr, rng)
            total.add(true, detect(y, recording.sr), kind, recording.sr)
    return total


def false_alarms(recordings: list[Recording]) -> dict[str, list[Region]]:
    """Detect damage in undamaged recordings."""
    found = {r.name: detect(r.x, r.sr) for r in recordings}
    return {name: regions for name, regions in found.items() if regions}


def speed(recording: Recording, seconds: float, rng: np.random.Generator) -> float:
    """Measure the speed on long stereo at 48 kHz, in multiples of real time."""
    x = soxr.resample(recording.x[0], recording.sr, 48000)
    x = np.resize(x, round(seconds * 48000)) * (1 + 0.1 * rng.standard_normal())
    stereo = np.stack([x, np.roll(x, 4800)]) + 1e-4 * rng.standard_normal((2, x.size))
    started = time.perf_counter()
    detect(stereo, 48000)
    return seconds / (time.perf_counter() - started)


def markdown_table(rows: list[dict[str, Any]]) -> str:
    """Format rows as a Markdown table."""
    keys = list(rows[0])
    numbers = [not isinstance(rows[0][key], str) for key in keys]
    lines = ["| " + " | ".join(keys) + " |"]
    lines.append("|" + "|".join("---:" if number else "---" for number in numbers) + "|")
    lines += ["| " + " | ".join(str(row[key]) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def score_all(recordings: list[Recording], seeds: range, *, wider: bool) -> dict[str, Any]:
    """Score all damages on all versions, false alarms, and speed."""
    versions = {"as it is": recordings} | (dict(variants(recordings)) if wider else {})
    rows, alarms = [], []
    for version, chosen in versions.items():
        damages = DAMAGES | DROPOUTS | (HARDER if wider and chosen is recordings else {})
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--seeds", type=int, default=1, help="random damages of each recording")
    parser.add_argument("--harder", action="store_true", help="other versions, wider ranges")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = score_all(load(options.data), range(options.seeds), wider=options.harder)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(markdown_table(result["damaged"]))
    print("\nOn recordings without damage:\n")
    print(markdown_table(result["undamaged"]))
    print(f"\n48 kHz stereo: {result['times_real_time_48k_stereo']} times real time.")


if __name__ == "__main__":
    main()
