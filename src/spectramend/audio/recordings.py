"""Recordings that are read and written as a whole, and folders of them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio.codings import CODINGS, LINEAR
from spectramend.audio.decoder import reason
from spectramend.audio.output_format import check_container
from spectramend.audio.reader import is_truncated
from spectramend.core.files import Source, atomic_file, check_input
from spectramend.errors import AudioError, FileError, ParameterError


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording in memory; Jupyter shows a player that keeps relative loudness.

    Parameters
    ----------
    samples : ndarray [shape=(n,) or (channels, n), float]
        Samples, full scale at ±1.
    sr : int
        Sample rate in Hz.
    title : str
        Its name in figures and players.
    source : Source, optional
        The file that it was read from.
    subtype : str
        Coding of its samples in a file, by its name in libsndfile.

    Examples
    --------
    >>> tone = Audio(0.1 * np.sin(np.arange(8000)), 8000, title="a tone")
    >>> tone.seconds
    1.0
    """

    samples: NDArray[Any]
    sr: int
    title: str = ""
    source: Source | None = None
    subtype: str = "FLOAT"

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.samples.shape[-1] / self.sr

    def _repr_html_(self) -> str:
        """Show a player and a spectrogram in Jupyter."""
        from spectramend.display import sound_html

        return sound_html(self.samples, self.sr, title=self.title)


def read(path: str | os.PathLike[str]) -> Audio:
    """Read a whole recording.

    Parameters
    ----------
    path : path-like
        The file, in any format that libsndfile reads.

    Returns
    -------
    Audio
        Samples in float64, which holds every coding exactly.

    Raises
    ------
    AudioError
        If the file is not audio, truncated, has no samples, or NaN or infinite ones.
    FileError
        If there is no such file, or it is a directory, empty or unreadable.
    """
    import soundfile

    source = check_input(path)
    try:
        with soundfile.SoundFile(source) as stream:
            declared, sr, subtype = stream.frames, stream.samplerate, stream.subtype
            samples = stream.read(dtype="float64", always_2d=True).T
    except (soundfile.SoundFileError, TypeError) as error:
        raise AudioError(f"{source}: cannot be read as audio: {reason(error)}.") from None
    except (ValueError, MemoryError):
        raise AudioError(
            f"{source}: its header does not say how long it is, or longer than fits in memory; "
            f"write it again, to a file and not to a pipe."
        ) from None
    if samples.shape[1] < declared or is_truncated(source):
        raise AudioError(f"{source}: is truncated: its header promises more samples than it holds.")
    if samples.shape[1] == 0:
        raise AudioError(f"{source}: has no samples.")
    if not np.isfinite(samples).all():
        bad = int((~np.isfinite(samples)).sum())
        raise AudioError(f"{source}: has {bad} NaN or infinite samples; repair or remove them.")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    origin = Source(source.name, digest, samples.shape[1] / sr)
    mono = samples[0] if samples.shape[0] == 1 else samples
    return Audio(np.ascontiguousarray(mono), sr, source.stem, origin, subtype)


def write(
    path: str | os.PathLike[str],
    samples: NDArray[Any],
    sr: int,
    *,
    subtype: str = "FLOAT",
    overwrite: bool = False,
) -> None:
    """Write a recording, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file; its extension chooses the container.
    samples : ndarray [shape=(n,) or (channels, n)]
        Samples, full scale at ±1.
    sr : int
        Sample rate in Hz.
    subtype : str
        Their coding, by its name in libsndfile; where the container does not have it, the
        container's default is taken.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ParameterError
        If there are no samples, they are NaN or infinite, or would not fit an integer coding.
    AudioError
        If the extension is no audio format, or the samples cannot be coded.
    FileError
        If the file exists or cannot be written.
    """
    import soundfile

    if samples.size == 0:
        raise ParameterError(f"{path}: there are no samples to write.")
    if not np.isfinite(samples).all():
        raise ParameterError("samples are NaN or infinite: not written.")
    container = Path(path).suffix[1:].upper()
    check_container(Path(path), container)
    if not soundfile.check_format(container, subtype):
        subtype = soundfile.default_subtype(container)
    if subtype in LINEAR and CODINGS[subtype].kind == "integer":
        step = 2.0 ** (1 - CODINGS[subtype].bits)
        peak = float(np.abs(samples).max(initial=0.0))
        # libsndfile clips without a message; rounding up to full scale is not clipping.
        if peak > 1 + step / 2:
            raise ParameterError(
                f"{path}: the peak is {20 * np.log10(peak):+.1f} dB over full scale and {subtype} "
                f"would clip it: lower the level, or write float."
            )
    try:
        with atomic_file(path, overwrite=overwrite) as temporary:
            soundfile.write(temporary, samples.T, sr, subtype=subtype, format=container)
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise AudioError(f"{path}: cannot be written: {reason(error)}.") from None


def read_same_rate(paths: list[Path]) -> list[Audio]:
    """Read recordings that must share a sample rate; FileError if one has another."""
    recordings = [read(path) for path in paths]
    for path, recording in zip(paths, recordings, strict=True):
        if recording.sr != recordings[0].sr:
            raise FileError(
                f"{path}: has {recording.sr} Hz, {paths[0]} has {recordings[0].sr} Hz: resample "
                f"one of them."
            )
    return recordings


def recordings_in(folder: str | os.PathLike[str]) -> list[Path]:
    """List the audio files of a folder by their extensions, sorted by name; none that is hidden."""
    import soundfile

    # RAW does not say what it holds; the others are extensions that libsndfile names otherwise.
    extensions = ({*soundfile.available_formats()} - {"RAW"}) | {"AIF", "OGA", "OPUS", "SPH"}
    return sorted(
        path
        for path in Path(folder).iterdir()
        if path.suffix[1:].upper() in extensions and path.name[0] != "." and path.is_file()
    )
