"""What was done to a file, as a folder for eye, ear and machine."""

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
from spectramend.reports.listening_page import (
    Column,
    Panel,
    Picture,
    Sound,
    listening_page,
    spectrogram_figure,
)
from spectramend.restoration.jobs import Job
from spectramend.restoration.recording_files import Excerpt, FileRepair

MAX_EXCERPTS = 12  # that are shown and heard
CONTEXT_S = 1.0  # of an excerpt, on either side
PAUSE_S = 0.5  # between two excerpts
FRAME_S = 0.032  # of the figures
LIBRARIES = ("numpy", "scipy", "soundfile")
COLUMNS = (
    Column("number", "Repair"),
    Column("heard", "Heard at (s)"),
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
    """Fill a folder: ``index.html``, ``report.json``, figures, and sounds before and after.

    Parameters
    ----------
    folder : Path
        An empty folder.
    done : FileRepair
        What was done, with excerpts.
    target : Path
        The file that was written.
    settings : mapping
        Options of the repair, for the JSON.
    command : str
        The command that repairs the file again.
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
    page = listening_page(
        title=f"Repair of {done.info.path.name}",
        lead=f"{len(done.jobs)} repairs, written to {target.name}. "
        "The sounds are excerpts with their context, one after the other.",
        sounds=sounds,
        rows=[
            {"number": i, "heard": start, **_shown(excerpt.job)}
            for i, (start, excerpt) in enumerate(zip(starts, done.excerpts, strict=True), 1)
        ],
        columns=COLUMNS,
        figures=[_figure(folder, i, e, sr) for i, e in enumerate(done.excerpts, 1)],
        commands=[command],
        notes=[*done.written.notes, *notes],
        table_heading="Repairs",
        equal_loudness=False,  # what was not repaired sounds as loud as it did
    )
    (folder / "index.html").write_text(page, "utf-8")


def as_json(done: FileRepair, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Put a repair into a form that JSON holds.

    Parameters
    ----------
    done : FileRepair
        What was done.
    target : Path
        The file that was written.
    settings : mapping
        Options of the repair.

    Returns
    -------
    dict
        ``spectramend, input, output, settings, jobs, notes, clipped, seconds, versions``. Files
        have their SHA-256; that of the input is None if it was written over.
    """
    info = done.info
    replaced = target.exists() and info.path.exists() and target.samefile(info.path)
    return {
        "spectramend": __version__,
        "input": {
            "name": info.path.name,
            "sha256": None if replaced else sha256(info.path),
            "container": info.container,
            "subtype": info.subtype,
            "sr": info.sr,
            "channels": info.channels,
            "samples": info.length,
        },
        "output": {
            "name": target.name,
            "sha256": sha256(target),
            "container": done.written.container,
            "subtype": done.written.subtype,
        },
        "settings": dict(settings),
        "jobs": [{"start": j.start, "stop": j.stop, **row(j)} for j in done.jobs],
        "notes": list(done.written.notes),
        "clipped": done.written.clipped,
        "seconds": round(done.seconds, 3),
        "versions": {"python": platform.python_version()} | {n: version(n) for n in LIBRARIES},
    }


def row(job: Job) -> dict[str, Any]:
    """Say what was done, a field each.

    Parameters
    ----------
    job : Job
        What was done.

    Returns
    -------
    dict
        ``channel, region, label, damage, reason, method, model, n_fft, order, status``; channels
        count from 1, several regions are separated by commas.
    """
    return {
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
    }


def sha256(path: Path) -> str:
    """Hash a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _shown(job: Job) -> dict[str, Any]:
    """Say what was done as a reader wants it."""
    size = f"frames of {job.n_fft}" if job.order is None else f"order {job.order}"
    return {
        **row(job),
        "region": ", ".join(map(_rounded, job.regions)),
        "damage": f"{job.damage} ({job.reason})",
        "method": f"{job.method}, {size}",
    }


def _rounded(region: Region) -> str:
    """Write a region in milliseconds and Hz."""
    start, end = (None if t is None else round(t, 3) for t in (region.start_s, region.end_s))
    low, high = (None if f is None else round(f) for f in (region.f_low_hz, region.f_high_hz))
    try:
        return str(Region(start, end, low, high))
    except ParameterError:  # a band of less than 1 Hz
        return str(region)


def _cut(excerpt: Excerpt, sr: int) -> tuple[int, NDArray[Any], NDArray[Any]]:
    """Leave a second on either side: the first sample of the recording, before, after."""
    context = round(CONTEXT_S * sr)
    first = max(0, excerpt.job.start - context - excerpt.start)
    last = min(excerpt.before.size, excerpt.job.stop + context - excerpt.start)
    return excerpt.start + first, excerpt.before[first:last], excerpt.after[first:last]


def _sounds(excerpts: Sequence[Excerpt], sr: int) -> tuple[list[float], list[Sound]]:
    """Join excerpts, and say at which second each begins."""
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
    """Draw an excerpt before and after, with its regions."""
    start, before, after = _cut(excerpt, sr)
    n_fft = min(frame_length(FRAME_S, sr), before.size)
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
