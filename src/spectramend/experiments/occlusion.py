"""Recordings under an event: what is left of the event, and what of the recording.

Every event of a folder is laid at the middle of every recording, at equal energy over its span. The
smallest box of time and frequency that holds 95 % of the event's energy is what a user would
select. With ``damage="missing"`` the box is deleted instead. The rows say what doing nothing, two
tools of today's editors, a Wiener filter, and our default give.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.errors import FileError, ParameterError
from spectramend.experiments.conditions import Progress, mean_rows
from spectramend.metrics import log_spectral_distance, pesq_wb
from spectramend.regions import Region
from spectramend.restoration import repair
from spectramend.stft import STFT, frame_length

Kind: TypeAlias = Literal["speech", "music"]
Damage: TypeAlias = Literal["occluded", "missing"]

LEAST_S = 3.0  # recordings have to be longer
EVENT_S = 1.0  # of an event, at most
BOX_ENERGY = 0.95  # of an event, in its box
FRAME_S = 0.064  # of the transform in which boxes are drawn and results judged
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


@dataclass(frozen=True)
class Box:
    """A rectangle of cells, half-open.

    Parameters
    ----------
    first_bin, stop_bin : int
        Frequencies.
    first_frame, stop_frame : int
        Frames.
    """

    first_bin: int
    stop_bin: int
    first_frame: int
    stop_frame: int

    @property
    def cells(self) -> tuple[slice, slice]:
        """Index of its cells."""
        return slice(self.first_bin, self.stop_bin), slice(self.first_frame, self.stop_frame)


@dataclass(frozen=True)
class Sound:
    """A recording or an event.

    Parameters
    ----------
    name : str
        Its name.
    samples : ndarray [shape=(n,)]
        Samples.
    sr : int
        Sample rate in Hz.
    kind : {"speech", "music", "event"}
        What it is.
    """

    name: str
    samples: NDArray[Any]
    sr: int
    kind: str


@dataclass(frozen=True)
class Scene:
    """A recording with an event over it, or with a hole.

    Parameters
    ----------
    recording : Sound
        The recording T.
    event : str
        Name of the event.
    N : ndarray [shape=(n,)]
        The event as it was added, or minus what was deleted.
    stft : STFT
        The transform in which the box was drawn.
    box : Box
        The box.
    region : Region
        The box as a user gives it: the samples that its frames see, and its band.
    """

    recording: Sound
    event: str
    N: NDArray[Any]
    stft: STFT
    box: Box
    region: Region

    @property
    def mix(self) -> NDArray[Any]:
        """The damaged recording [shape=(n,)]."""
        return self.recording.samples + self.N


@dataclass(frozen=True)
class Result:
    """All scenes with their rows.

    Parameters
    ----------
    damage : {"occluded", "missing"}
        What was done to the recordings.
    scenes : tuple of dict
        ``recording, kind, event, rows`` of each scene.
    """

    damage: Damage
    scenes: tuple[dict[str, Any], ...]

    def rows(self, kind: Kind | None = None) -> list[dict[str, Any]]:
        """Average over scenes.

        Parameters
        ----------
        kind : {"speech", "music"}, optional
            Which recordings; all if None.

        Returns
        -------
        list of dict
            A row for each condition; what a scene does not have does not count.
        """
        tables = [s["rows"] for s in self.scenes if kind in (None, s["kind"])]
        return mean_rows(tables, MEASURES)


def load(folder: Path) -> tuple[list[Sound], list[Sound]]:
    """Read recordings and events.

    Parameters
    ----------
    folder : Path
        Holds a folder for each voice in ``speech``, pieces in ``music``, and ``events``.

    Returns
    -------
    recordings : list of Sound
        The first utterance of each voice and every piece, those longer than 3 s, as one channel.
    events : list of Sound
        The events.

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
    return recordings, events


def run(
    recordings: list[Sound],
    events: list[Sound],
    *,
    damage: Damage = "occluded",
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Run every condition on every recording under every event.

    Parameters
    ----------
    recordings : list of Sound
        Recordings.
    events : list of Sound
        Events.
    damage : {"occluded", "missing"}
        Whether events are added, or their boxes deleted.
    seed : int
        Fixes random starts.
    progress : callable
        Called with what is being done, the number of scenes done, and of all.

    Returns
    -------
    Result
        All rows.

    Raises
    ------
    ParameterError
        If `damage` is unknown.
    """
    if damage not in ("occluded", "missing"):
        raise ParameterError(f"damage={damage!r}: give 'occluded' or 'missing'.")
    total = len(recordings) * len(events)
    scenes: list[dict[str, Any]] = []
    for recording in recordings:
        for event in events:
            progress(f"{recording.name} under {event.name}", len(scenes), total)
            scene = lay(recording, event, damage=damage)
            rows = [
                judge(scene, name, method) for name, method in methods(scene, damage, seed).items()
            ]
            scenes.append(
                {
                    "recording": recording.name,
                    "kind": recording.kind,
                    "event": event.name,
                    "region": str(scene.region),
                    "rows": rows,
                }
            )
    progress("done", total, total)
    return Result(damage, tuple(scenes))


def lay(recording: Sound, event: Sound, *, damage: Damage = "occluded") -> Scene:
    """Lay an event at the middle of a recording, at equal energy over its span.

    Parameters
    ----------
    recording : Sound
        The recording.
    event : Sound
        The event, of which the loudest second at most is taken.
    damage : {"occluded", "missing"}
        Whether the event is added, or its box deleted.

    Returns
    -------
    Scene
        The scene.
    """
    T, sr = recording.samples, recording.sr
    n_fft = frame_length(FRAME_S, sr)
    stft = STFT(n_fft, n_fft // 4)
    e = loudest_part(_resampled(event, sr), round(EVENT_S * sr))
    start = T.size // 2 - e.size // 2
    under = T[start : start + e.size]
    N = np.zeros_like(T)
    N[start : start + e.size] = e * np.sqrt(np.sum(under**2) / np.sum(e**2))
    box = smallest_box(np.abs(stft.forward(N)) ** 2, BOX_ENERGY)
    pad, bin_hz = n_fft // 2, sr / n_fft
    region = Region(
        max(0, box.first_frame * stft.hop_length - pad) / sr,
        min(T.size, (box.stop_frame - 1) * stft.hop_length + pad) / sr,
        max(0.0, (box.first_bin - 0.5) * bin_hz),
        min(sr / 2, (box.stop_bin - 0.5) * bin_hz),
    )
    if damage == "missing":
        X = stft.forward(T)
        X[box.cells] = 0
        N = stft.inverse(X, length=T.size) - T
    return Scene(recording, event.name, N, stft, box, region)


def loudest_part(x: NDArray[Any], length: int) -> NDArray[Any]:
    """Take the loudest part of a signal.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The signal.
    length : int
        Samples at most.

    Returns
    -------
    ndarray
        The part with the most energy, or all if it is shorter.

    Examples
    --------
    >>> loudest_part(np.array([1.0, 0.0, 2.0, 2.0, 0.0]), 2).tolist()
    [2.0, 2.0]
    """
    if x.size <= length:
        return x
    energy = np.concatenate([[0.0], np.cumsum(x**2)])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return x[start : start + length]


def smallest_box(V: NDArray[Any], part: float) -> Box:
    """Find the rectangle with the fewest cells that holds a part of the energy.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Power.
    part : float, 0 to 1
        Which part.

    Returns
    -------
    Box
        The first of the smallest.

    Examples
    --------
    >>> V = np.zeros((8, 8))
    >>> V[2:4, 5:7] = 1
    >>> smallest_box(V, 0.95)
    Box(first_bin=2, stop_bin=4, first_frame=5, stop_frame=7)
    """
    loud = np.flatnonzero(V.any(axis=0))
    begin, end = int(loud[0]), int(loud[-1]) + 1
    total = np.cumsum(np.cumsum(np.pad(V[:, begin:end], ((1, 0), (1, 0))), axis=0), axis=1)
    # Rounding may leave a sum a little under what is exactly enough.
    enough = part * total[-1, -1] * (1 - 1e-9)
    best: tuple[int, Box] | None = None
    for first in range(end - begin):
        for stop in range(first + 1, end - begin + 1):
            column = total[:, stop] - total[:, first]
            if column[-1] < enough or (best and best[0] <= stop - first):
                continue
            # For every lowest frequency, the first highest one with enough between them.
            stops = np.searchsorted(column, column[:-1] + enough)
            heights = np.where(stops < column.size, stops - np.arange(stops.size), column.size)
            low = int(np.argmin(heights))
            area = int(heights[low]) * (stop - first)
            if best is None or area < best[0]:
                best = area, Box(low, int(stops[low]), begin + first, begin + stop)
    assert best is not None
    return best[1]


def methods(scene: Scene, damage: Damage, seed: int) -> dict[str, Callable[[], NDArray[Any]]]:
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

    all_of_them: dict[str, Callable[[], NDArray[Any]]] = {
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


def judge(scene: Scene, name: str, method: Callable[[], NDArray[Any]]) -> dict[str, Any]:
    """Run a method and measure it.

    Parameters
    ----------
    scene : Scene
        The scene.
    name : str
        Name of the condition.
    method : callable
        Returns samples.

    Returns
    -------
    dict
        The row: ``snr_db`` and ``lsd_db`` over the box's cells of the re-analysed output,
        ``residual_db``, how much of the event is left there, against the event, and ``pesq_wb`` of
        speech.
    """
    started = time.perf_counter()
    y = method()
    seconds = time.perf_counter() - started
    stft, cells = scene.stft, scene.box.cells
    T, N, Y = (stft.forward(z) for z in (scene.recording.samples, scene.N, y))
    in_box = np.zeros(T.shape, bool)
    in_box[cells] = True
    t, event, error = T[cells], N[cells], Y[cells] - T[cells]
    # The event's part of the error: its projection.
    left = np.abs(np.vdot(event, error)) / max(np.vdot(event, event).real, np.finfo(float).tiny)
    return {
        "condition": name,
        "snr_db": _decibels(np.sum(np.abs(t) ** 2), np.sum(np.abs(error) ** 2)),
        "lsd_db": log_spectral_distance(T, Y, in_box, floor_db=FLOOR_DB),
        "residual_db": 20 * float(np.log10(max(left, 1e-10))),
        "pesq_wb": _pesq(scene.recording, y),
        "seconds": round(seconds, 3),
    }


def _pesq(recording: Sound, y: NDArray[Any]) -> float | None:
    """Measure speech quality at 16 kHz; None of music."""
    if recording.kind != "speech":
        return None
    pair = [recording.samples, y]
    if recording.sr != SPEECH_SR:
        import soxr

        pair = [soxr.resample(z, recording.sr, SPEECH_SR) for z in pair]
    return pesq_wb(*pair, sr=SPEECH_SR)


def _sound(name: str, path: Path, kind: str) -> Sound:
    """Read a recording as one channel."""
    recording = audio.read(path)
    x = np.atleast_2d(recording.samples).mean(axis=0)
    if not x.any():
        raise FileError(f"{path}: is digital silence; remove it.")
    return Sound(name, x, recording.sr, kind)


def _resampled(event: Sound, sr: int) -> NDArray[Any]:
    """Give an event at a sample rate."""
    if event.sr == sr:
        return event.samples
    import soxr

    return soxr.resample(event.samples, event.sr, sr)


def _decibels(signal: float, noise: float) -> float:
    """Compare energies."""
    return float(10 * np.log10(signal / max(noise, 1e-30 * signal)))
