"""Scenes: a recording with an event over it, and the smallest box that holds the event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.regions import Region
from spectramend.core.stft import STFT, frame_length
from spectramend.experiments._common.recordings import Recording, resampled

Damage: TypeAlias = Literal["occluded", "missing"]

# Engineering choices: the length of an everyday event, and what a user would select of it.
EVENT_S = 1.0  # seconds of an event, at most
BOX_ENERGY = 0.95  # share of an event's energy that its box holds
BOX_FRAME_S = 0.064  # seconds, frames of the transform in which boxes are drawn and measured


@dataclass(frozen=True)
class Box:
    """A rectangle of cells, half-open in both directions."""

    first_bin: int
    stop_bin: int
    first_frame: int
    stop_frame: int

    @property
    def cells(self) -> tuple[slice, slice]:
        """Index of its cells."""
        return slice(self.first_bin, self.stop_bin), slice(self.first_frame, self.stop_frame)


@dataclass(frozen=True)
class Scene:
    """A recording with an event over it, or with the box of an event deleted."""

    recording: Recording  # T
    event: str
    N: NDArray[Any]  # [shape=(n,)] the event as it was added, or minus what was deleted
    stft: STFT  # in which the box is drawn
    box: Box
    region: Region  # the box as a user gives it: the samples that its frames see, and its band

    @property
    def mix(self) -> NDArray[Any]:
        """The damaged recording [shape=(n,)]."""
        return self.recording.samples + self.N


def place_event(recording: Recording, event: Recording, *, damage: Damage = "occluded") -> Scene:
    """Add the loudest second of an event to the middle of a recording, at equal energy.

    With damage="missing" its box is deleted from the recording instead.
    """
    T, sr = recording.samples, recording.sr
    n_fft = frame_length(BOX_FRAME_S, sr)
    stft = STFT(n_fft, n_fft // 4)
    e = loudest_part(resampled(event.samples, event.sr, sr), round(EVENT_S * sr))
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
    """Take the part of a signal [shape=(n,)] with the most energy, of `length` samples at most.

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


def smallest_box(V: NDArray[Any], share: float) -> Box:
    """Find the rectangle of fewest cells that holds a share of the energy, the first of several.

    V [shape=(F, N), >= 0] is power.

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
    # A sum that is exactly enough may be rounded down.
    enough = share * total[-1, -1] * (1 - 1e-9)
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
