"""The report of a repair: a folder with a listening page, figures, sounds and JSON."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
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
from spectramend.display.tables import number_text
from spectramend.errors import ParameterError
from spectramend.reports.listening_page import Picture, Sound, listening_page
from spectramend.reports.panels import Panel, spectrogram_figure
from spectramend.reports.repair_views import write_view
from spectramend.reports.results_table import Column, Table
from spectramend.reports.waveforms import loudest_change, waveform_figure
from spectramend.restoration.headroom import gain_db
from spectramend.restoration.jobs import Job, job_boxes, jobs_in_common
from spectramend.restoration.recording_files import LONGEST_EXCERPT_S, Excerpt, FileRepair

# Engineering choices:
MAX_EXCERPTS = 12  # excerpts that are drawn and played
EXCERPT_CONTEXT_S = 1.0  # s, context of an excerpt on either side
PAUSE_S = 0.5  # s, silence between two excerpts
MAX_REGIONS = 8  # regions that are named in a row
FIGURE_FRAME_S = 0.032  # s, frame of the spectrograms
LIBRARIES = ("numpy", "scipy", "soundfile")
COLUMNS = (
    Column("number", "Repair"),
    Column("start_s", "Plays at (s)"),
    Column("channels", "Channel"),
    Column("region", "Region (s, Hz)"),
    Column("label", "Label"),
    Column("damage", "Damage"),
    Column("method", "Method"),
    Column("expected_snr_db", "Expected SNR (dB)"),
    Column("status", "Status"),
)
# What is played, and said of it.
SOUNDS = {
    "before": "The recording as it was.",
    "after": "The same with its regions repaired.",
    "removed": "What was taken away: before minus after. Where samples were missing, it is what "
    "was put in, with the opposite sign.",
}


def write_report(
    folder: Path,
    done: FileRepair,
    target: Path,
    *,
    settings: Mapping[str, Any],
    command: str,
) -> None:
    """Fill an empty folder: ``index.html``, ``report.json``, figures, and sounds.

    The sounds are those before, those after, and what was taken away.

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
    count = len(jobs_in_common(done.jobs))
    more = count - len(done.excerpts)
    notes = [f"{more} more repairs are in report.json."] if more > 0 else []
    rows = [
        {"number": i, "start_s": start, **_row_for_people(excerpt.jobs)}
        for i, (start, excerpt) in enumerate(zip(starts, done.excerpts, strict=True), 1)
    ]
    columns = [c for c in COLUMNS if c.key != "label" or any(row["label"] for row in rows)]
    numbered = enumerate(zip(starts, done.excerpts, strict=True), 1)
    page = listening_page(
        title=f"Repair of {done.info.path.name}",
        lead=f"{count} repair{'s' if count > 1 else ''}, written to {target.name}. The sounds "
        f"are excerpts with their context, one after the other.{_gain_text(done)}",
        sounds=sounds,
        table=Table("Repairs", columns, rows, stacks=True),
        figures=[
            *_waveforms(folder, done, sr),
            *(_figure(folder, i, excerpt, sr, start) for i, (start, excerpt) in numbered),
        ],
        commands=[command],
        notes=[*done.written.notes, *notes],
        equal_loudness=False,  # both differ in the repairs only
    )
    (folder / "index.html").write_text(page, "utf-8")


def _gain_text(done: FileRepair) -> str:
    """Say by how much the recording was turned down, if it was."""
    if done.gain == 1:
        return ""
    return (
        f" All of the recording was turned down by {-gain_db(done.gain):.2f} dB, so that restored "
        f"peaks do not clip; what was before is turned down here, too."
    )


def _waveforms(folder: Path, done: FileRepair, sr: int) -> list[Picture]:
    """Draw the loudest peak that was restored within bounds, if there is one."""
    bounded = [own for own in done.excerpts if own.jobs[0].model == "bounded_nmf"]
    found = [(peak, own) for own in bounded if (peak := loudest_change(own)) is not None]
    if not found:
        return []
    peak, excerpt = max(found, key=lambda item: item[0].height)
    job = next(job for job in excerpt.jobs if job.channel == peak.channel)
    figure = waveform_figure(excerpt, peak, sr, [done.gain * level for level in job.levels])
    (folder / "waveform.png").write_bytes(figure_png(figure))
    levels = ", and the level of clipping" if job.levels else ""
    return [
        Picture(
            "waveform.png",
            f"Samples before and after around the loudest restored peak{levels}.",
            f"The loudest restored peak, in channel {job.channel_number} at "
            f"{(excerpt.start + peak.sample) / sr:.3f} s: samples before and after{levels}.",
        )
    ]


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
        "gain_db": gain_db(done.gain),
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
        "levels": list(job.levels),
    }


def _sha256(path: Path) -> str:
    """Hash a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _row_for_people(jobs: Sequence[Job]) -> dict[str, Any]:
    """Describe jobs of the same regions for the table of the page."""
    job = jobs[0]
    sizes = {"order": job.order, "frames of": job.n_fft}
    size = "".join(f", {name} {n}" for name, n in sizes.items() if n is not None)
    known = [j.expected_snr_db for j in jobs if j.expected_snr_db is not None]
    return {
        **job_json(job),
        "channels": _channels_text(jobs),
        "region": _regions_text(job.regions),
        "damage": f"{job.damage} ({_of_all(j.reason for j in jobs)})",
        "method": f"{job.method}{size}",
        "status": _of_all(j.status for j in jobs),
        "expected_snr_db": min(known) if known else None,
    }


def _channels_text(jobs: Sequence[Job]) -> str:
    """Name the channels of jobs."""
    return ", ".join(str(job.channel_number) for job in jobs)


def _of_all(texts: Iterable[str]) -> str:
    """Write what several jobs say, once where they agree."""
    return "; ".join(dict.fromkeys(texts))


def _regions_text(regions: Sequence[Region]) -> str:
    """Write the first regions, rounded, and how many more there are."""
    more = len(regions) - MAX_REGIONS
    text = ", ".join(map(_rounded, regions[:MAX_REGIONS]))
    return f"{text} and {more} more" if more > 0 else text


def _rounded(region: Region) -> str:
    """Write a region, rounded to milliseconds and Hz."""
    if str(region) == "-":
        return "all of it"
    start, end = (None if t is None else round(t, 3) for t in (region.start_s, region.end_s))
    low, high = (None if f is None else round(f) for f in (region.f_low_hz, region.f_high_hz))
    try:
        return str(Region(start, end, low, high))
    except ParameterError:  # a band of less than 1 Hz
        return str(region)


def _cut(excerpt: Excerpt, sr: int) -> tuple[int, dict[str, NDArray[Any]]]:
    """Shorten the context to a second: first sample in the recording, sounds by their names."""
    context, job = round(EXCERPT_CONTEXT_S * sr), excerpt.jobs[0]
    first = max(0, job.start - context - excerpt.start)
    last = min(excerpt.before.shape[1], job.stop + context - excerpt.start)
    before, after = excerpt.before[:, first:last], excerpt.after[:, first:last]
    return excerpt.start + first, {"before": before, "after": after, "removed": before - after}


def _sounds(excerpts: Sequence[Excerpt], sr: int) -> tuple[list[float], list[Sound]]:
    """Concatenate excerpts: the second at which each begins, and the sounds [shape=(channels, n)].

    Of a mono recording the shape is (n,).
    """
    starts: list[float] = []
    joined: dict[str, list[NDArray[Any]]] = {name: [] for name in SOUNDS}
    position = 0
    for excerpt in excerpts:
        _, parts = _cut(excerpt, sr)
        pause = np.zeros((len(parts["before"]), round(PAUSE_S * sr)))
        starts.append(round(position / sr, 2))
        for name, part in parts.items():
            joined[name] += [part, pause]
        position += parts["before"].shape[1] + pause.shape[1]
    sounds = []
    for name, text in SOUNDS.items():
        x = np.concatenate(joined[name], axis=1)
        x = x[0] if len(x) == 1 else x
        sounds.append(Sound(name, name.capitalize(), text, x, sr, f"{name}.wav"))
    return starts, sounds


def _figure(folder: Path, number: int, excerpt: Excerpt, sr: int, plays_at: float) -> Picture:
    """Draw an excerpt before, after, and what was removed: a picture, and data to zoom into."""
    start, parts = _cut(excerpt, sr)
    jobs = excerpt.jobs
    sounds = {name: part[[job.channel for job in jobs]] for name, part in parts.items()}
    n_fft = min(frame_length(FIGURE_FRAME_S, sr), sounds["before"].shape[1])
    stft = STFT(n_fft, max(1, n_fft // 4))
    boxes = tuple(job_boxes(jobs[0], sr))
    panels = [
        Panel(
            name.capitalize(),
            np.mean(np.abs(stft.forward(x)) ** 2, axis=0),
            sr,
            stft,
            start / sr,
            boxes,
        )
        for name, x in sounds.items()
    ]
    stem = f"repair_{number:02d}"
    (folder / f"{stem}.png").write_bytes(figure_png(spectrogram_figure(panels)))
    span = (jobs[0].start, jobs[0].stop)
    levels = [excerpt.gain * level for level in jobs[0].levels]
    view = write_view(
        folder, stem, sounds, sr=sr, start=start, repair=span, boxes=boxes, levels=levels
    )
    view |= {"plays_at": plays_at, "channels": [job.channel_number for job in jobs]}
    return Picture(
        f"{stem}.png",
        "Spectrograms before, after, and of what was removed, with the repaired region.",
        _caption(number, excerpt, parts["before"].shape[1] / sr),
        view,
    )


def _caption(number: int, excerpt: Excerpt, seconds: float) -> str:
    """Say what a picture of so many seconds shows."""
    row = _row_for_people(excerpt.jobs)
    channels = f"channel{'s' if len(excerpt.jobs) > 1 else ''} {row['channels']}"
    snr = row["expected_snr_db"]
    expected = "" if snr is None else f", expected SNR {number_text(snr, 0)} dB"
    status = "" if row["status"] == "done" else f": {row['status'].removesuffix('.')}"
    cut = ""
    if seconds * 1.001 >= LONGEST_EXCERPT_S:
        cut = f" The first {seconds:.0f} s are shown."
    return (
        f"Repair {number}: {channels}, {row['region']}: {row['damage']}, "
        f"{excerpt.jobs[0].method}{expected}{status}.{cut}"
    )
