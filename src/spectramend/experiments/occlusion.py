"""Recordings under an event: how much remains of the event, and of the recording.

Every event of a folder is added to the middle of every recording, at equal energy over its span.
The smallest box of time and frequency that holds 95 % of the event's energy is what a user would
select; with ``damage="missing"`` it is deleted instead. The conditions are no processing, two tools
of today's editors, a Wiener filter, and our default.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.errors import FileError, ParameterError
from spectramend.evaluation import log_spectral_distance
from spectramend.experiments._common.conditions import (
    Method,
    decibels,
    pesq_of_speech,
    timed,
)
from spectramend.experiments._common.events import Damage, Scene, place_event
from spectramend.experiments._common.recordings import (
    MIN_RECORDING_S,
    Recording,
    read_mono,
)
from spectramend.experiments._common.results import (
    Drawing,
    Layout,
    Progress,
    Result,
    Row,
    mean_rows,
)
from spectramend.reports.panels import Panel
from spectramend.reports.results_table import Column
from spectramend.restoration.recording import repair

WIENER_CONTEXT_S = 2.0  # seconds on either side; engineering choice: longer than an event

CONDITIONS = {
    "untouched": "No processing.",
    "zeroed": "Spectral delete: the box's cells are zero.",
    "interpolated": "Magnitudes interpolated in time across the box, phases advanced from its "
    "edges, as editors do.",
    "wiener": "One gain for each frequency, from the spectrum of the context and the excess in the "
    "box.",
    "spectramend": "Our default, given the box.",
}
MEASURES = ("snr_db", "lsd_db", "residual_db", "pesq_wb", "seconds")
GROUPS = ("all", "speech", "music")  # all recordings, and those of each kind
LAYOUT = Layout(
    (
        Column("condition", "Condition"),
        Column("snr_db", "SNR (dB)", "higher"),
        Column("lsd_db", "LSD (dB)", "lower"),
        Column("residual_db", "Event left (dB)", "lower"),
        Column("pesq_wb", "PESQ-wb", "higher"),
        Column("seconds", "Time (s)"),
    )
)


class Material(NamedTuple):
    """Recordings of speech and music, and the events to add to them."""

    recordings: list[Recording]
    events: list[Recording]


def load(folder: Path) -> Material:
    """Read the first recording of each folder in ``speech``, all of ``music``, and all ``events``.

    Recordings of up to 3 s are left out. Raises FileError if a folder is absent or nothing is in
    it, AudioError if a recording cannot be used.
    """
    for name in ("speech", "music", "events"):
        if not (folder / name).is_dir():
            raise FileError(
                f"{folder / name}: no such folder: give one with speech, music, events."
            )
    voices = sorted(path for path in (folder / "speech").iterdir() if path.is_dir())
    paths = [(voice.name, "speech", audio.recordings_in(voice)[:1]) for voice in voices]
    paths += [(p.stem, "music", [p]) for p in audio.recordings_in(folder / "music")]
    sounds = [read_mono(path, name, kind) for name, kind, found in paths for path in found]
    recordings = [sound for sound in sounds if sound.samples.size > MIN_RECORDING_S * sound.sr]
    events = [read_mono(p, p.stem, "event") for p in audio.recordings_in(folder / "events")]
    if not recordings or not events:
        raise FileError(
            f"{folder}: has {len(recordings)} recordings longer than {MIN_RECORDING_S:g} s and "
            f"{len(events)} events: give at least one of each."
        )
    return Material(recordings, events)


def run(
    material: Material,
    *,
    damage: Damage = "occluded",
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Run every condition on every recording under every event.

    A figure shows each event over one recording, in turn. Raises ParameterError if `damage` is
    unknown.
    """
    if damage not in ("occluded", "missing"):
        raise ParameterError(f"damage={damage!r}: give 'occluded' or 'missing'.")
    recordings, events = material
    total, done = len(recordings) * len(events), 0
    items: list[Row] = []
    drawings: dict[str, Drawing] = {}
    for number, recording in enumerate(recordings):
        for turn, event in enumerate(events):
            progress(f"{recording.name} under {event.name}", done, total)
            scene = place_event(recording, event, damage=damage)
            for name, method in methods(scene, damage, seed).items():
                y, seconds = timed(method)
                items.append(_item(name, scene, y, seconds))
                if name == "spectramend" and number == turn % len(recordings):
                    drawings[event.name] = _drawing(scene, y)
            done += 1
    progress("done", total, total)
    settings = {
        "seed": seed,
        "damage": damage,
        "recordings": len(recordings),
        "events": len(events),
    }
    rows = [
        row
        for group in GROUPS
        for row in mean_rows([i for i in items if group in ("all", i["group"])], MEASURES, group)
    ]
    figures = tuple(drawings[event.name] for event in events if recordings)
    return Result("occlusion", settings, tuple(rows), tuple(items), LAYOUT, figures)


def _item(name: str, scene: Scene, y: NDArray[Any], seconds: float) -> Row:
    """Measure the output of a condition on a scene."""
    return {
        "condition": name,
        "group": scene.recording.kind,
        "recording": scene.recording.name,
        "event": scene.event,
        "region": str(scene.region),
        **measures(scene, y),
        "seconds": round(seconds, 3),
    }


def _drawing(scene: Scene, repaired: NDArray[Any]) -> Drawing:
    """Draw a scene, the output of our default, and the recording."""
    sr, stft, name = scene.recording.sr, scene.stft, scene.recording.name
    first, last = scene.region.samples(length=scene.mix.size, sr=sr)
    box = (first / sr, last / sr, *scene.region.band(sr=sr))
    sounds = {
        "Damaged": scene.mix,
        "Repaired by default": repaired,
        "The recording": scene.recording.samples,
    }
    return Drawing(
        f"{name}_under_{scene.event}.png",
        f"{name} under {scene.event}: damaged, repaired, and as it was.",
        lambda: [
            Panel(title, np.abs(stft.forward(x)) ** 2, sr, stft, boxes=(box,))
            for title, x in sounds.items()
        ],
    )


def methods(scene: Scene, damage: Damage, seed: int) -> dict[str, Method]:
    """Give the methods by the names of `CONDITIONS`; a Wiener filter needs an event to filter."""
    x, stft, box = scene.mix, scene.stft, scene.box
    X = stft.forward(x)

    def with_box(cells: NDArray[Any]) -> NDArray[Any]:
        Y = X.copy()
        Y[box.cells] = cells
        return stft.inverse(Y, length=x.size)

    found: dict[str, Method] = {
        "untouched": lambda: x,
        "zeroed": lambda: with_box(np.zeros_like(X[box.cells])),
        "interpolated": partial(interpolated, scene, X, damage),
        "wiener": lambda: with_box(wiener_gain(X, scene)[:, None] * X[box.cells]),
        "spectramend": lambda: (
            repair(x, scene.recording.sr, scene.region, damage=damage, rng=seed).samples
        ),
    }
    if damage == "missing":
        del found["wiener"]
    return found


def interpolated(scene: Scene, X: NDArray[Any], damage: Damage) -> NDArray[Any]:
    """Interpolate magnitudes in time, and advance phases from both edges to the middle.

    X [shape=(F, N)] is the spectrum of the damaged recording; returns [shape=(n,)]. Deleting a box
    changes the frames beside it, too: with damage="missing" all that overlap it are interpolated.
    """
    stft, box = scene.stft, scene.box
    overlap = -(-stft.n_fft // stft.hop_length) - 1 if damage == "missing" else 0
    first = max(2, box.first_frame - overlap)
    stop = min(X.shape[1] - 2, box.stop_frame + overlap)
    bins, n = box.cells[0], stop - first
    left, right = X[bins, first - 1], X[bins, stop]
    t = np.arange(1, n + 1)
    magnitude = np.abs(left)[:, None] * (1 - t / (n + 1)) + np.abs(right)[:, None] * t / (n + 1)
    step_left = np.angle(left * X[bins, first - 2].conj())[:, None]
    step_right = np.angle(X[bins, stop + 1] * right.conj())[:, None]
    from_left = np.angle(left)[:, None] + step_left * t
    from_right = np.angle(right)[:, None] - step_right * (n + 1 - t)
    phase = np.where(t <= n / 2, from_left, from_right)
    Y = X.copy()
    Y[bins, first:stop] = magnitude * np.exp(1j * phase)
    return stft.inverse(Y, length=scene.mix.size)


def wiener_gain(X: NDArray[Any], scene: Scene) -> NDArray[Any]:
    """Compute the gain of each bin of the box from its mean power and that of the context.

    X [shape=(F, N)] is the spectrum of the damaged recording; returns [shape=(bins of the box,)].
    """
    stft, box = scene.stft, scene.box
    overlap = stft.n_fft // stft.hop_length
    context = round(WIENER_CONTEXT_S * scene.recording.sr / stft.hop_length)
    before = np.arange(max(0, box.first_frame - context), max(0, box.first_frame - overlap))
    after = np.arange(box.stop_frame + overlap, min(X.shape[1], box.stop_frame + context))
    P = np.abs(X[box.cells[0]]) ** 2
    target = P[:, np.concatenate([before, after])].mean(axis=1)
    excess = np.maximum(P[:, box.cells[1]].mean(axis=1) - target, 0)
    return target / np.maximum(target + excess, np.finfo(np.float64).tiny)


def measures(scene: Scene, y: NDArray[Any]) -> Row:
    """Measure a repaired scene, y [shape=(n,)].

    ``snr_db`` and ``lsd_db`` are those of the cells of the box, of the transformed output;
    ``residual_db`` is the level of the event that remains there; ``pesq_wb`` is None of music.
    """
    stft, cells = scene.stft, scene.box.cells
    T, N, Y = (stft.forward(z) for z in (scene.recording.samples, scene.N, y))
    in_box = np.zeros(T.shape, bool)
    in_box[cells] = True
    t, event, error = T[cells], N[cells], Y[cells] - T[cells]
    # The projection of the error on the event.
    left = np.abs(np.vdot(event, error)) / max(np.vdot(event, event).real, np.finfo(float).tiny)
    return {
        "snr_db": decibels(np.sum(np.abs(t) ** 2), np.sum(np.abs(error) ** 2)),
        "lsd_db": log_spectral_distance(T, Y, in_box),
        "residual_db": 20 * float(np.log10(max(left, 1e-10))),
        "pesq_wb": pesq_of_speech(scene.recording, y),
    }
