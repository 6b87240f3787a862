"""Score the detection of clipping: ``python benchmarks/clipping.py --data DIR``.

DIR holds clean recordings in ``speech`` and ``music``. Each is clipped at several levels and then
processed as in `simulated_clipping`. A clipped run is found if a detection overlaps it within 1 ms;
a detection that overlaps none is false. F1 is that of all runs of a group of recordings, ``mean
f1`` the mean of the recordings, of which many have few runs. ``level`` is the median error in dB of
the levels that are stated, where the processing leaves a constant one.

Saturated recordings must not count as clipped; ``note`` is how often it is said that they are
saturated. Recordings that are left as they are must give neither.

``--half tuning`` takes the recordings that constants were chosen on, ``--half check`` the others;
``--every N`` takes each Nth of a voice.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from detection import Score, markdown_table
from simulated_clipping import CURVES, PROCESSES, clipped, saturated
from simulated_damage import Array, Recording, load
from spectramend.detection import Detection, scan_blocks

SDRS = (3.0, 7.0, 10.0, 15.0, 20.0, 30.0)  # dB, of the clipped signal
DRIVES = (6.0, 12.0, 20.0, 30.0)  # dB
TUNING = (
    *("arctic_clb", "libri_1688", "vctk_p225"),
    *("brahms_hungarian5", "cello-phrase", "mridangam", "piano", "flute-A4"),
)  # names of recordings on which constants were chosen


def chosen(recordings: list[Recording], half: str, every: int) -> list[Recording]:
    """Choose recordings that can be clipped."""
    rest = [r for r in recordings if r.folder != "events"]
    if half != "all":
        rest = [r for r in rest if any(n in r.name for n in TUNING) == (half == "tuning")]
    voices: dict[str, int] = defaultdict(int)
    kept = []
    for r in rest:
        voice = r.name.rsplit("/", 1)[0]
        if r.folder == "music" or voices[voice] % every == 0:
            kept.append(r)
        voices[voice] += 1
    return kept


def rng_of(recording: Recording, *parts: object) -> np.random.Generator:
    """Make a generator of its own for each case, whatever else is measured."""
    return np.random.default_rng(zlib.crc32(repr((recording.name, *parts)).encode()))


def scan(x: Array, sr: float) -> Detection:
    """Look for clipping in one channel or more."""
    y = np.atleast_2d(x)
    return scan_blocks(
        lambda start, stop: y[:, start:stop],
        length=y.shape[1],
        channels=len(y),
        sr=sr,
        kinds=("clipping",),
    )


def clipping_scores(
    recording: Recording, processes: list[str], seconds: float
) -> list[dict[str, Any]]:
    """Detect the clipping of one recording after each process, at each level."""
    rows = []
    x = recording.x[0][: round(seconds * recording.sr)]
    for name in processes:
        for sdr_db in SDRS:
            rng = rng_of(recording, name, sdr_db)
            case = clipped(x, recording.sr, rng, sdr_db=sdr_db, process=PROCESSES[name])
            score = Score()
            found = scan(case.x, case.sr)
            score.add(case.truth, found.regions, "clipping", case.sr)
            levels = [v for v in (found.clipping[0].low, found.clipping[0].high) if v]
            errors = [abs(20 * np.log10(abs(v) / case.level)) for v in levels]
            rows.append(
                {"name": recording.name, "folder": recording.folder, "process": name}
                | {"sdr_db": sdr_db, "found": score.found, "missed": score.missed}
                | {"false": score.false, "level_error_db": float(max(errors, default=np.nan))}
            )
    return rows


def saturation_scores(recording: Recording, seconds: float) -> list[dict[str, Any]]:
    """Look for clipping in one recording after each curve, and as it is."""
    x = recording.x[0][: round(seconds * recording.sr)]
    cases = {("none", 0.0): x} | {
        (curve, drive): saturated(x, curve=curve, drive_db=drive)
        for curve in CURVES
        for drive in DRIVES
    }
    rows = []
    for (curve, drive), y in cases.items():
        found = scan(y, recording.sr)
        note = any(level.saturated for level in found.clipping)
        rows.append(
            {"curve": curve, "drive_db": drive, "recordings": 1}
            | {"clipped": int(bool(found.regions)), "note": int(note)}
        )
    return rows


def saturation_summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add up the recordings of each curve and drive."""
    totals: dict[tuple[str, float], dict[str, Any]] = {}
    for row in rows:
        key = (row["curve"], row["drive_db"])
        if key in totals:
            for name in ("recordings", "clipped", "note"):
                totals[key][name] += row[name]
        else:
            totals[key] = dict(row)
    return list(totals.values())


def summary(rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Add up the counts of groups."""
    groups: dict[tuple[Any, ...], Score] = defaultdict(Score)
    members: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    errors: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in rows:
        key = tuple(row[k] for k in keys)
        own = Score(row["found"], row["missed"], row["false"])
        members[key].append(own.row()["f1"])
        errors[key].append(row["level_error_db"])
        total = groups[key]
        total.found += own.found
        total.missed += own.missed
        total.false += own.false
    table = []
    for key, total in groups.items():
        counts = total.row()
        del counts["of other kinds"]
        table.append(
            dict(zip(keys, key, strict=True))
            | counts
            | {"mean f1": round(float(np.mean(members[key])), 3)}
            | {"level": round(float(np.nanmedian(errors[key])), 2)}
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--half", choices=["all", "tuning", "check"], default="all")
    parser.add_argument("--every", type=int, default=1, help="each Nth recording of a voice")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each recording")
    parser.add_argument("--process", action="append", choices=list(PROCESSES), help="only these")
    parser.add_argument("--worst", type=int, default=0, help="print so many recordings")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    recordings = chosen(load(options.data), options.half, options.every)
    processes = options.process or list(PROCESSES)
    rows = [row for r in recordings for row in clipping_scores(r, processes, options.seconds)]
    saturation = [row for r in recordings for row in saturation_scores(r, options.seconds)]
    if options.json:
        print(json.dumps({"clipped": rows, "saturated": saturation}, indent=1))
        return
    for keys in (("process",), ("process", "folder"), ("process", "sdr_db")):
        print(markdown_table(summary(rows, *keys)), end="\n\n")
    print("Saturated recordings:\n\n" + markdown_table(saturation_summary(saturation)))
    worst = sorted(rows, key=lambda row: -row["missed"] - row["false"])[: options.worst]
    if worst:
        print("\n" + markdown_table(worst))


if __name__ == "__main__":
    main()
