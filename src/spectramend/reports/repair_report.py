"""The report of a repair: a folder with a listening page, figures, sounds and JSON."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend._version import __version__
from spectramend.core.regions import Region
from spectramend.core.stft import STFT, frame_length
from spectramend.display import figure_png
from spectramend.errors import ParameterError
from spectramend.reports.listening_page import Picture, Sound, listening_page
from spectramend.reports.panels import Panel, spectrogram_figure
from spectramend.reports.results_table import Column, Table
from spectramend.restoration.jobs import Job
from spectramend.restoration.recording_files import Excerpt, FileRepair

# Engineering choices:
MAX_EXCERPTS = 12  # excerpts that are drawn and played
EXCERPT_CONTEXT_S = 1.0  # s, context of an excerpt on either side
PAUSE_S = 0.5  # s, silence between two excerpts
FIGURE_FRAME_S = 0.032  # s, frame of the spectrograms
LIBRARIES = ("numpy", "scipy", "soundfile")
COLUMNS = (
    Column("number", "Repair"),
    Column("start_s", "Plays at (s)"),
    Column("channel", "Channel"),
    Column("region", "Region (s, Hz)"),
    Column("label", "Label"),
    Column("damage", "Damage"),
    Column("method", "Method"),
    Column("status", "Status"),
)


def write_report(
    folder: Path,
    done: FileRepair,
    target: Path,
    *,
    settings: Mapping[str, Any],
    command: str,
) -> None:
    """Fill an empty folder: ``index.html``, ``report.json``, figures, sounds before and after.

    `target` is the file that was written, `settings` are the options of the repair, for the JSON,
    and `command` repairs the file again.
    """
    (folder / "report.json").write_text(
        json.dumps(as_json(done, target, settings), indent=2) + "\n", "utf-8"
    )
    sr = done.info.sr
    starts, sounds = _sounds(done.excerpts, sr)
    for sound in sounds:
        audio.write(folder / sound.file, sound.samples, sr)
    more = len(done.jobs) - len(done.excerpts)
    notes = [f"{more} more repairs are in report.json."] if more > 0 else []
    rows = [
        {"number": i, "start_s": start, **_row_for_people(excerpt.job)}
        for i, (start, excerpt) in enumerate(zip(starts, done.excerpts, strict=True), 1)
    ]
    page = listening_page(
        title=f"Repair of {done.info.path.name}",
        lead=f"{len(done.jobs)} repairs, written to {target.name}. "
        "The sounds are excerpts with their context, one after the other.",
        sounds=sounds,
        table=Table("Repairs", COLUMNS, rows),
        figures=[_figure(folder, i, e, sr) for i, e in enumerate(done.excerpts, 1)],
        commands=[command],
        notes=[*done.written.notes, *notes],
        equal_loudness=False,  # both differ in the repairs only
    )
    (folder / "index.html").write_text(page, "utf-8")


def as_json(done: FileRepair, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a repair for ``report.json``; the hash of an input that was written over is None."""
    info = done.info
    replaced = target.exists() and info.path.exists() and target.samefile(info.path)
    return {
        "spectramend": __version__,
        "input": {
            "name": info.path.name,
            "sha256": None if replaced else _sha256(info.path),
            "container": info.container,
            "subtype": info.subtype,
            "sr": info.sr,
            "channels": info.channels,
            "samples": info.length,
        },
        "output": {
            "name": target.name,
            "sha256": _sha256(target),
            "container": done.written.container,
            "subtype": done.written.subtype,
        },
        "settings": dict(settings),
        "jobs": [job_json(job) for job in done.jobs],
        "notes": list(done.written.notes),
        "clipped": done.written.clipped,
        "seconds": round(done.seconds, 3),
        "versions": {"python": platform.python_version()} | {n: version(n) for n in LIBRARIES},
    }


def job_json(job: Job) -> dict[str, Any]:
    """Describe a job for JSON: channels count from 1, several regions are separated by commas."""
    return {
        "start": job.start,
        "stop": job.stop,
        "channel": job.channel_number,
        "region": ", ".join(map(str, job.regions)),
        "label": ", ".join(dict.fromkeys(r.label for r in job.regions if r.label)),
        "damage": job.damage,
        "reason": job.reason,
        "method": job.method,
        "model": job.model,
        "n_fft": job.n_fft,
        "order": job.order,
        "status": job.status,
        "expected_snr_db": job.expected_snr_db,
    }


def _sha256(path: Path) -> str:
    """Hash a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _row_for_people(job: Job) -> dict[str, Any]:
    """Describe a job for the table of the page."""
    size = f"frames of {job.n_fft}" if job.order is None else f"order {job.order}"
    return {
        **job_json(job),
        "region": ", ".join(map(_rounded, job.regions)),
        "damage": f"{job.damage} ({job.reason})",
        "method": f"{job.method}, {size}",
    }


def _rounded(region: Region) -> str:
    """Write a region, rounded to milliseconds and Hz."""
    start, end = (None if t is None else round(t, 3) for t in (region.start_s, region.end_s))
    low, high = (None if f is None else round(f) for f in (region.f_low_hz, region.f_high_hz))
    try:
        return str(Region(start, end, low, high))
    except ParameterError:  # a band of less than 1 Hz
        return str(region)


def _cut(excerpt: Excerpt, sr: int) -> tuple[int, NDArray[Any], NDArray[Any]]:
    """Shorten the context to a second: first sample in the recording, before, after."""
    context = round(EXCERPT_CONTEXT_S * sr)
    first = max(0, excerpt.job.start - context - excerpt.start)
    last = min(excerpt.before.size, excerpt.job.stop + context - excerpt.start)
    return excerpt.start + first, excerpt.before[first:last], excerpt.after[first:last]


def _sounds(excerpts: Sequence[Excerpt], sr: int) -> tuple[list[float], list[Sound]]:
    """Concatenate excerpts: the second at which each begins, and the sounds before and after."""
    pause = np.zeros(round(PAUSE_S * sr))
    starts: list[float] = []
    joined: dict[str, list[NDArray[Any]]] = {"before": [], "after": []}
    position = 0
    for excerpt in excerpts:
        _, before, after = _cut(excerpt, sr)
        starts.append(round(position / sr, 2))
        joined["before"] += [before, pause]
        joined["after"] += [after, pause]
        position += before.size + pause.size
    texts = {"before": "The recording as it was.", "after": "The same with its regions repaired."}
    return starts, [
        Sound(name, name.capitalize(), texts[name], np.concatenate(parts), sr, f"{name}.wav")
        for name, parts in joined.items()
    ]


def _figure(folder: Path, number: int, excerpt: Excerpt, sr: int) -> Picture:
    """Draw the spectrograms of an excerpt before and after, with its regions."""
    start, before, after = _cut(excerpt, sr)
    n_fft = min(frame_length(FIGURE_FRAME_S, sr), before.size)
    stft = STFT(n_fft, max(1, n_fft // 4))
    boxes = []
    for region in excerpt.job.regions:
        first, last = region.samples(length=excerpt.start + excerpt.before.size, sr=sr)
        boxes.append((first / sr, last / sr, *region.band(sr=sr)))
    panels = [
        Panel(title, np.abs(stft.forward(x)) ** 2, sr, stft, start / sr, tuple(boxes))
        for title, x in (("Before", before), ("After", after))
    ]
    name = f"repair_{number:02d}.png"
    (folder / name).write_bytes(figure_png(spectrogram_figure(panels)))
    job = excerpt.job
    caption = (
        f"Repair {number}: channel {job.channel_number}, {', '.join(map(_rounded, job.regions))}: "
        f"{job.damage} ({job.reason}), {job.method}."
    )
    return Picture(name, "Spectrograms before and after, with the repaired region.", caption)
