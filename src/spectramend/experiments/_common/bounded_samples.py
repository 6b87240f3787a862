"""Restoration of recordings whose samples are known only to an interval, and its measures.

Damage gives each sample an interval: of clipped samples it is open, of quantized ones a step wide,
and of others a point. A group is a level of damage, with the kind of recordings if there are some.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.threads import limited_threads
from spectramend.declipping import EstimateOptions, SampleBounds, estimate_within
from spectramend.errors import ParameterError
from spectramend.evaluation import snr
from spectramend.experiments._common.conditions import pesq_of_speech, timed
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.recordings import (
    Recording,
    load_recordings,
    load_speech_and_music,
)
from spectramend.experiments._common.results import Layout, Progress, Result, Row, mean_rows
from spectramend.reports.results_table import Column

# From samples, their least and largest values [shape=(n,) each], and Hz, to samples [shape=(n,)].
Method: TypeAlias = Callable[[NDArray[Any], NDArray[Any], NDArray[Any], int], NDArray[Any]]

CONSISTENT = 1e-6  # relative to full scale, distance from its interval at which a sample lies in it
MEASURES = ("sdr_db", "delta_sdr_db", "pesq_wb", "consistent_share", "seconds")


@dataclass(frozen=True, eq=False)
class BoundedSamples:
    """Damaged samples y, and the intervals in which the undamaged ones lie."""

    y: NDArray[np.float64]  # [shape=(n,)]
    lower: NDArray[np.float64]  # [shape=(n,)] -inf where there is no bound
    upper: NDArray[np.float64]  # [shape=(n,)] inf where there is no bound

    def measures(self, x: NDArray[Any], restored: NDArray[Any]) -> Row:
        """Compare what is restored with the truth x, over samples that are not reliable."""
        free = self.lower < self.upper
        sdr = snr(x[free], restored[free])
        nearest = np.clip(restored, self.lower, self.upper)
        return {
            "sdr_db": sdr,
            "delta_sdr_db": sdr - snr(x[free], self.y[free]),
            "consistent_share": float(np.mean(np.abs(restored - nearest) <= CONSISTENT)),
        }


@dataclass(frozen=True)
class BoundedExperiment:
    """What distinguishes one experiment on samples with bounds from another."""

    name: str
    damage: Callable[[NDArray[Any], int], BoundedSamples]  # of samples, at a level
    methods: Mapping[str, Method]
    unit: str  # of levels
    measure: str  # in the printed table, and of published results


def load(folder: Path) -> list[Recording]:
    """Read the recordings of a folder, or those of ``speech`` and ``music`` in it.

    Of speech it is the first recording of 3 s in each folder, of music all over 1.9 s, of a folder
    without these all of 3 s or more. Raises FileError if there is none, AudioError if a recording
    cannot be used.
    """
    grouped = (folder / "speech").is_dir() and (folder / "music").is_dir()
    return load_speech_and_music(folder) if grouped else load_recordings(folder)


def run_bounded(
    experiment: BoundedExperiment,
    recordings: Sequence[Recording],
    levels: Sequence[int],
    *,
    seconds: float | None,
    methods: Collection[str] | None,
    progress: Progress,
) -> Result:
    """Damage every recording at every level, and restore it by some methods, all if None.

    A recording is cut to `seconds` in its middle, all of it if None, and scaled to a peak of 1.
    Raises ParameterError if a method is unknown, or nothing sounds in the middle.
    """
    unknown = [name for name in methods or () if name not in experiment.methods]
    if unknown:
        known = ", ".join(experiment.methods)
        raise ParameterError(f"methods has {unknown[0]!r}: give some of {known}.")
    names = [name for name in experiment.methods if methods is None or name in methods]
    total = len(recordings) * len(levels) * len(names)
    items: list[Row] = []
    for recording in (_excerpt(recording, seconds) for recording in recordings):
        for level in levels:
            given = experiment.damage(recording.samples, level)
            for name in names:
                about = f"{recording.name}, {level} {experiment.unit}, {name}"
                progress(about, len(items), total)
                measured = _measured(recording, given, experiment.methods[name])
                items.append({**_about(name, recording, level), **measured})
    progress("done", total, total)
    items += _published(experiment, recordings, levels)
    settings = {
        "levels": list(levels),
        "methods": names,
        "seconds": seconds,
        "recordings": len(recordings),
    }
    columns = [("signals", "Signals"), ("pesq_wb", "PESQ-wb"), ("consistent_share", "Consistent")]
    layout = Layout(
        tuple(Column(key, heading) for key, heading in [*columns, ("seconds", "Time (s)")]),
        unit=experiment.unit,
        levels=True,
        measure=experiment.measure,
    )
    return Result(experiment.name, settings, tuple(_rows(items)), tuple(items), layout)


def spectramend_within(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int, *, fast: bool = False
) -> NDArray[Any]:
    """Restore samples by the solver of `spectramend.declip` and `spectramend.dequantize`."""
    rng, options = np.random.default_rng(0), EstimateOptions(fast=fast)
    return estimate_within(y, SampleBounds(lower, upper), sr, options=options, rng=rng).samples


def _excerpt(recording: Recording, seconds: float | None) -> Recording:
    """Cut the middle of a recording, and scale it to a peak of 1."""
    x = recording.samples
    if seconds is not None:
        n = round(seconds * recording.sr)
        if n < 1:
            raise ParameterError(f"seconds={seconds:g}: give a length above 0.")
        start = max(0, (x.size - n) // 2)
        x = x[start : start + n]
    peak = float(np.abs(x).max())
    if peak == 0:
        raise ParameterError(
            f"seconds={seconds:g}: the middle of {recording.name} is silent: give more."
        )
    return replace(recording, samples=x / peak)


def _measured(recording: Recording, given: BoundedSamples, method: Method) -> Row:
    """Restore samples by a method, and measure the result."""
    with limited_threads(1):  # as in repairs: times are comparable
        y, lower, upper = given.y, given.lower, given.upper
        x, seconds = timed(partial(method, y, lower, upper, recording.sr))
    found = {**given.measures(recording.samples, x), "pesq_wb": pesq_of_speech(recording, x)}
    return {key: {**found, "seconds": seconds}[key] for key in MEASURES}


def _about(condition: str, recording: Recording, level: int) -> Row:
    """Say what an item is about."""
    kind = recording.kind
    group = f"{kind} {level}" if kind else level
    about = {"group": group, "kind": kind or "all", "level": level, "signal": recording.name}
    return {"condition": condition, **about}


def _published(
    experiment: BoundedExperiment, recordings: Sequence[Recording], levels: Sequence[int]
) -> list[Row]:
    """Give what others have published for the same recordings."""
    by_name = {recording.name: recording for recording in recordings}
    return [
        {
            **_about(item["condition"], by_name[item["signal"]], item["group"]),
            **dict.fromkeys(MEASURES),
            experiment.measure: item["snr_db"],
        }
        for item in read_published(f"{experiment.name}.csv", by_name, levels)
    ]


def _rows(items: Sequence[Row]) -> list[Row]:
    """Average the items of each kind and level."""
    rows = []
    for group in dict.fromkeys(item["group"] for item in items):
        own = [item for item in items if item["group"] == group]
        about = {key: own[0][key] for key in ("kind", "level")}
        for row in mean_rows(own, MEASURES, group):
            signals = sum(item["condition"] == row["condition"] for item in own)
            named = {key: row.pop(key) for key in ("condition", "group")}
            rows.append({**named, **about, "signals": signals, **row})
    return rows
