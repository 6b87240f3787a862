"""Score the detection of clipping: ``python benchmarks/clipping.py --data DIR``.

DIR holds clean recordings in ``speech`` and ``music``. Each is clipped at several levels and then
processed as in `simulated_clipping`. A clipped run is found if a detection overlaps it within 1 ms;
a detection that overlaps none is false. F1 is that of all runs of a group of recordings. ``median``
is the error of the stated level in dB, its median over the recordings where a level is stated.
Saturated recordings count as clipped if any run is found, and as recognised if the note is there.

``--half tuning`` takes the recordings that constants were chosen on, ``--half check`` the others;
``--every N`` takes each Nth of a voice.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detection import Score, markdown_table, overlapping
from simulated_clipping import CURVES, PROCESSES, clipped, saturated
from simulated_damage import Recording, load
from spectramend.detection import detect

SDRS = (3.0, 7.0, 10.0, 15.0, 20.0, 30.0)  # dB, of the clipped signal
DRIVES = (6.0, 12.0, 20.0, 30.0)  # dB
TUNING = ("arctic_clb", "libri_1688", "vctk_p225") + (
    "brahms_hungarian5",
    "cello-phrase",
    "mridangam",
    "piano",
    "flute-A4",
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
    """A generator of its own for each case, whatever else is measured."""
    return np.random.default_rng(zlib.crc32(repr((recording.name, *parts)).encode()))


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
            found = detect(case.x, case.sr, kinds=("clipping",))
            score.add(case.truth, found, "clipping", case.sr)
            rows.append(
                {"name": recording.name, "folder": recording.folder, "process": name}
                | {"sdr_db": sdr_db, "found": score.found, "missed": score.missed}
                | {"false": score.false}
            )
    return rows


def summary(rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """Add up the counts of groups."""
    groups: dict[tuple[Any, ...], Score] = defaultdict(Score)
    members: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in rows:
        key = tuple(row[k] for k in keys)
        own = Score(row["found"], row["missed"], row["false"])
        members[key].append(own.row()["f1"])
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
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for keys in (("process",), ("process", "folder"), ("process", "sdr_db")):
        print(markdown_table(summary(rows, *keys)), end="\n\n")
    worst = sorted(rows, key=lambda row: -row["missed"] - row["false"])[: options.worst]
    if worst:
        print(markdown_table(worst))


if __name__ == "__main__":
    main()
