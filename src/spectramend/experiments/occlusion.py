"""Recordings under an event: what is left of the event, and what of the recording.

Every event of a folder is laid at the middle of every recording, at equal energy over its span. The
smallest box of time and frequency that holds 95 % of the event's energy is what a user would
select. With ``damage="missing"`` the box is deleted instead. The rows say what doing nothing, two
tools of today's editors, a Wiener filter, and our default give.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.errors import FileError, ParameterError
from spectramend.evaluation import log_spectral_distance, pesq_wb
from spectramend.experiments._common.conditions import Method, timed
from spectramend.experiments._common.events import Damage, Scene, lay
from spectramend.experiments._common.results import (
    Drawing,
    Layout,
    Progress,
    Result,
    Row,
    mean_rows,
)
from spectramend.experiments._common.scenes import LEAST_S, Recording, read_mono, resampled
from spectramend.reports.panels import Panel
from spectramend.reports.results_table import Column
from spectramend.restoration.recording import repair

FLOOR_DB = 60.0  # of the log-spectral distance, under the recording's loudest cell
CONTEXT_S = 2.0  # from which the Wiener filter learns the recording's spectrum
SPEECH_SR = 16000  # Hz, of PESQ

CONDITIONS = {
    "untouched": "Nothing done.",
    "zeroed": "Spectral delete: the box's cells are zero.",
    "interpolated": "Magnitudes interpolated in time across the box, phases advanced from its "
    "edges, as editors do.",
    "wiener": "One gain a frequency: the recording's spectrum from the context against the excess "
    "in the box.",
    "spectramend": "Our default, told the box.",
}
MEASURES = ("snr_db", "lsd_db", "residual_db", "pesq_wb", "seconds")
GROUPS = ("all", "speech", "music")  # all, or recordings of a kind
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
    """Recordings of speech and music, and the events to lay over them."""

    recordings: list[Recording]
    events: list[Recording]


def load(folder: Path) -> Material:
    """Read recordings and events.

    Parameters
    ----------
    folder : Path
        Holds a folder for each voice in ``speech``, pieces in ``music``, and ``events``.

    Returns
    -------
    Material
        The first utterance of each voice and every piece, those longer than 3 s, as one channel,
        and the events.

    Raises
    ------
    FileError
        If there are no such folders, or no recording or event in them.
    AudioError
        If a recording is not usable.
    """
    for name in ("speech", "music", "events"):
        if not (folder / name).is_dir():
            raise FileError(
                f"{folder / name}: no such folder: give one with speech, music, events."
            )
    homes = sorted(path for path in (folder / "speech").iterdir() if path.is_dir())
    paths = [(home.name, "speech", audio.recordings_in(home)[:1]) for home in homes]
    paths += [(p.stem, "music", [p]) for p in audio.recordings_in(folder / "music")]
    sounds = [_sound(name, path, kind) for name, kind, found in paths for path in found]
    recordings = [sound for sound in sounds if sound.samples.size > LEAST_S * sound.sr]
    events = [_sound(p.stem, p, "event") for p in audio.recordings_in(folder / "events")]
    if not recordings or not events:
        raise FileError(
            f"{folder}: has {len(recordings)} recordings longer than {LEAST_S:g} s and "
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

    Parameters
    ----------
    material : Material
        Recordings and events.
    damage : {"occluded", "missing"}
        Whether events are added, or their boxes deleted.
    seed : int
        Fixes random starts.
    progress : callable
        Called with what is being done, the number of scenes done, and of all.

    Returns
    -------
    Result
        Items are conditions of scenes, in groups by the kind of recording; rows are means of all
        and of each kind. A figure shows each event over one recording, in turn.

    Raises
    ------
    ParameterError
        If `damage` is unknown.
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
            scene = lay(recording, event, damage=damage)
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
    """Say how a condition did on a scene."""
    return {
        "condition": name,
        "group": scene.recording.kind,
        "recording": scene.recording.name,
        "event": scene.event,
        "region": str(scene.region),
        **measured(scene, y),
        "seconds": round(seconds, 3),
    }


def _drawing(scene: Scene, repaired: NDArray[Any]) -> Drawing:
    """Draw what our default makes of a scene."""
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
    """Give the conditions of a scene, as functions that return samples.

    Parameters
    ----------
    scene : Scene
        The scene.
    damage : {"occluded", "missing"}
        What was done to it; a Wiener filter has nothing to filter where a box was deleted.
    seed : int
        Fixes random starts.

    Returns
    -------
    dict
        Functions by the names of `CONDITIONS`.
    """
    x, stft, box = scene.mix, scene.stft, scene.box
    X = stft.forward(x)

    def changed(cells: NDArray[Any]) -> NDArray[Any]:
        Y = X.copy()
        Y[box.cells] = cells
        return stft.inverse(Y, length=x.size)

    all_of_them: dict[str, Method] = {
        "untouched": lambda: x,
        "zeroed": lambda: changed(np.zeros_like(X[box.cells])),
        "interpolated": lambda: interpolated(scene, X, damage),
        "wiener": lambda: changed(wiener_gain(X, scene)[:, None] * X[box.cells]),
        "spectramend": lambda: (
            repair(x, scene.recording.sr, scene.region, damage=damage, rng=seed).samples
        ),
    }
    if damage == "missing":
        del all_of_them["wiener"]
    return all_of_them


def interpolated(scene: Scene, X: NDArray[Any], damage: Damage) -> NDArray[Any]:
    """Interpolate magnitudes in time, and advance phases from both edges to the middle.

    Parameters
    ----------
    scene : Scene
        The scene.
    X : ndarray [shape=(F, N), complex]
        Its spectrum.
    damage : {"occluded", "missing"}
        Deleting a box changes the frames beside it, too: then all frames that see the region are
        interpolated, from the first that are whole.

    Returns
    -------
    ndarray [shape=(n,)]
        The signal.
    """
    stft, box = scene.stft, scene.box
    reach = -(-stft.n_fft // stft.hop_length) - 1 if damage == "missing" else 0
    first = max(2, box.first_frame - reach)
    stop = min(X.shape[1] - 2, box.stop_frame + reach)
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
    """Compare the spectrum of the context with the excess in the box.

    Parameters
    ----------
    X : ndarray [shape=(F, N), complex]
        The spectrum.
    scene : Scene
        The scene.

    Returns
    -------
    ndarray [shape=(bins of the box,)]
        Gains from 0 to 1.
    """
    stft, box = scene.stft, scene.box
    reach = stft.n_fft // stft.hop_length
    context = round(CONTEXT_S * scene.recording.sr / stft.hop_length)
    before = np.arange(max(0, box.first_frame - context), max(0, box.first_frame - reach))
    after = np.arange(box.stop_frame + reach, min(X.shape[1], box.stop_frame + context))
    P = np.abs(X[box.cells[0]]) ** 2
    target = P[:, np.concatenate([before, after])].mean(axis=1)
    excess = np.maximum(P[:, box.cells[1]].mean(axis=1) - target, 0)
    return target / np.maximum(target + excess, np.finfo(np.float64).tiny)


def measured(scene: Scene, y: NDArray[Any]) -> Row:
    """Measure a repaired scene.

    Parameters
    ----------
    scene : Scene
        The scene.
    y : ndarray [shape=(n,)]
        What came out.

    Returns
    -------
    dict
        ``snr_db`` and ``lsd_db`` over the box's cells of the re-analysed output, ``residual_db``,
        how much of the event is left there, against the event, and ``pesq_wb`` of speech.
    """
    stft, cells = scene.stft, scene.box.cells
    T, N, Y = (stft.forward(z) for z in (scene.recording.samples, scene.N, y))
    in_box = np.zeros(T.shape, bool)
    in_box[cells] = True
    t, event, error = T[cells], N[cells], Y[cells] - T[cells]
    # The event's part of the error: its projection.
    left = np.abs(np.vdot(event, error)) / max(np.vdot(event, event).real, np.finfo(float).tiny)
    return {
        "snr_db": _decibels(np.sum(np.abs(t) ** 2), np.sum(np.abs(error) ** 2)),
        "lsd_db": log_spectral_distance(T, Y, in_box, floor_db=FLOOR_DB),
        "residual_db": 20 * float(np.log10(max(left, 1e-10))),
        "pesq_wb": _pesq(scene.recording, y),
    }


def _pesq(recording: Recording, y: NDArray[Any]) -> float | None:
    """Measure speech quality at 16 kHz; None of music."""
    if recording.kind != "speech":
        return None
    pair = (resampled(z, recording.sr, SPEECH_SR) for z in (recording.samples, y))
    return pesq_wb(*pair, sr=SPEECH_SR)


def _sound(name: str, path: Path, kind: str) -> Recording:
    """Read a recording as one channel."""
    x, sr = read_mono(path)
    if not x.any():
        raise FileError(f"{path}: is digital silence; remove it.")
    return Recording(name, x, sr, kind)


def _decibels(signal: float, noise: float) -> float:
    """Compare energies."""
    return float(10 * np.log10(signal / max(noise, 1e-30 * signal)))
