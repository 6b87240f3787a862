"""Recordings that experiments work on, in one channel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.errors import AudioError, FileError

# Seconds; shorter recordings hold no ten gaps and are left out, as in the protocol of Mokrý et al.
# (2023).
MIN_RECORDING_S = 3.0
MIN_PIECE_S = 1.9  # seconds, music of up to this is left out; engineering choice: a loud event fits


@dataclass(frozen=True)
class Recording:
    """A recording of one channel."""

    name: str
    samples: NDArray[Any]  # [shape=(n,)]
    sr: int  # Hz
    kind: str = ""  # "speech", say


def load_recordings(folder: Path) -> list[Recording]:
    """Read the first channel of each recording of at least 3 s in a folder, in order of the names.

    Raises FileError if there is no such folder or recording, AudioError if one cannot be used.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder of recordings.")
    found = []
    for path in audio.recordings_in(folder):
        sound = audio.read(path)
        samples = np.atleast_2d(sound.samples)[0]
        if samples.size >= MIN_RECORDING_S * sound.sr and samples.any():
            found.append(Recording(path.stem, samples, sound.sr))
    if not found:
        raise FileError(f"{folder}: has no recording of {MIN_RECORDING_S:g} s or more.")
    return found


def read_mono(path: Path, name: str = "", kind: str = "") -> Recording:
    """Read the mean of the channels of a recording; raise AudioError if it is silent."""
    sound = audio.read(path)
    samples = np.atleast_2d(sound.samples).mean(axis=0)
    if not samples.any():
        raise AudioError(f"{path}: is digital silence; remove it.")
    return Recording(name, samples, sound.sr, kind)


def resampled(x: NDArray[Any], sr: int, to: int) -> NDArray[Any]:
    """Convert a signal from a sample rate to another one, both in Hz [shape=(n,)]."""
    if sr == to:
        return x
    import soxr

    return np.asarray(soxr.resample(x, sr, to))


def load_speech_and_music(folder: Path) -> list[Recording]:
    """Read the first recording of 3 s in each folder of ``speech``, and those of ``music``.

    Music of up to 1.9 s is left out; channels are averaged. Raises FileError if a folder is absent
    or nothing is in them, AudioError if a recording cannot be used.
    """
    for name in ("speech", "music"):
        if not (folder / name).is_dir():
            raise FileError(f"{folder / name}: no such folder: give one with speech and music.")
    found = []
    for voice in sorted(path for path in (folder / "speech").iterdir() if path.is_dir()):
        sounds = (read_mono(path, voice.name, "speech") for path in audio.recordings_in(voice))
        found += [s for s in sounds if s.samples.size >= MIN_RECORDING_S * s.sr][:1]
    pieces = [read_mono(p, p.stem, "music") for p in audio.recordings_in(folder / "music")]
    found += [piece for piece in pieces if piece.samples.size > MIN_PIECE_S * piece.sr]
    if not found:
        raise FileError(
            f"{folder}: has no speech of {MIN_RECORDING_S:g} s or music over {MIN_PIECE_S:g} s."
        )
    return found
