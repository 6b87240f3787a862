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
from spectramend.audio.file_info import inspect
from spectramend.audio.output_format import container_of
from spectramend.audio.reader import read_part
from spectramend.core.files import Source, atomic_file
from spectramend.core.given_arrays import on_unit_scale
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
        from spectramend.display.html_audio import sound_html

        return sound_html(self.samples, self.sr, title=self.title)


def read(path: str | os.PathLike[str], *, salvage: bool = False) -> Audio:
    """Read a whole recording.

    Parameters
    ----------
    path : path-like
        The file, in any format that `inspect` reads.
    salvage : bool
        Whether to accept a truncated recording, as far as it goes.

    Returns
    -------
    Audio
        Samples in float64, which holds every coding exactly.

    Raises
    ------
    AudioError
        If the file is not audio, is truncated and not to be salvaged, has no samples, or NaN or
        infinite ones.
    FileError
        If there is no such file, or it is a directory, empty or unreadable.
    """
    info = inspect(path, salvage=salvage)
    file, samples = info.path, read_part(info, 0, info.length)
    if not np.isfinite(samples).all():
        bad = int((~np.isfinite(samples)).sum())
        raise AudioError(f"{file}: has {bad} NaN or infinite samples; repair or remove them.")
    source = Source(file.name, hashlib.sha256(file.read_bytes()).hexdigest(), info.seconds)
    mono_or_all = samples[0] if info.channels == 1 else samples
    return Audio(mono_or_all, info.sr, file.stem, source, info.subtype)


def write(
    path: str | os.PathLike[str],
    samples: NDArray[Any],
    sr: int,
    *,
    subtype: str = "FLOAT",
    overwrite: bool = False,
) -> None:
    """Write a recording, atomically.

    Parameters
    ----------
    path : path-like
        The file; its extension selects the container.
    samples : ndarray [shape=(n,) or (channels, n)]
        Samples, full scale at ±1, or integers of the full scale of their type.
    sr : int
        Sample rate in Hz.
    subtype : str
        Their coding, as libsndfile names it; where the container does not have it, the container's
        default is taken.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ParameterError
        If there are no samples, they are NaN or infinite, or an integer coding would clip them.
    AudioError
        If the extension is not that of an audio format, or the samples cannot be coded.
    FileError
        If the file exists or cannot be written.
    """
    import soundfile

    samples = on_unit_scale("samples", samples)
    if samples.size == 0:
        raise ParameterError(f"{path}: there are no samples to write.")
    if not np.isfinite(samples).all():
        raise ParameterError("samples are NaN or infinite: not written.")
    container = container_of(Path(path))
    if not soundfile.check_format(container, subtype):
        is_opus = Path(path).suffix.lower() == ".opus"
        subtype = "OPUS" if is_opus else soundfile.default_subtype(container)
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


def read_same_rate(paths: list[Path], *, salvage: bool = False) -> list[Audio]:
    """Read recordings that must share a sample rate; FileError if one has another."""
    recordings = [read(path, salvage=salvage) for path in paths]
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

    # RAW has no header; the others are extensions of formats that libsndfile names otherwise.
    extensions = ({*soundfile.available_formats()} - {"RAW"}) | {"AIF", "OGA", "OPUS", "SPH"}
    return sorted(
        path
        for path in Path(folder).iterdir()
        if path.suffix[1:].upper() in extensions and path.name[0] != "." and path.is_file()
    )
