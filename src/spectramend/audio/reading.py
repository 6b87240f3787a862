"""What a file holds, and parts of it, without reading the rest."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio.containers import WIDTHS, Layout, find_layout
from spectramend.audio.samples import decode
from spectramend.errors import AudioError, FileError, ParameterError
from spectramend.files import check_input

BLOCK = 1 << 16  # samples of each channel that are held at once
PREROLL = 1 << 18  # samples that a lossy decoder reads before a part
UNSEEKABLE = {"PAF", "SDS"}  # libsndfile does not say so
# What mpg123 has no part in, the decoder that writes to the terminal: names, and how files begin.
SILENT = {"FLAC", "OGG", "AIFF", "CAF", b"fLaC", b"OggS", b"FORM", b"caff"}
LOSSLESS = {*WIDTHS, "ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32"}
UNKNOWN_FRAMES = 1 << 36  # and more: what FLAC cannot even say

_stderr = threading.Lock()


@dataclass(frozen=True)
class FileInfo:
    """What a file holds.

    Parameters
    ----------
    path : Path
        The file.
    sr, channels : int
        Sample rate in Hz, number of channels.
    length : int
        Samples of each channel that are really there.
    container, subtype : str
        Names of libsndfile: "WAV", "WAVEX", "RF64", "AIFF", "CAF", "FLAC", "OGG", "MP3", ...;
        "PCM_16", ..., "FLOAT", "VORBIS", ...
    lossy : bool
        Whether its coding is one that loses something; µ-law and A-law do not when they are coded
        again, because their few levels stay what they are.
    truncated : bool
        Whether the header promises more samples.
    layout : Layout, optional
        Where uncompressed samples lie.
    """

    path: Path
    sr: int
    channels: int
    length: int
    container: str
    subtype: str
    lossy: bool
    truncated: bool
    layout: Layout | None = None

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.length / self.sr


def inspect(path: str | os.PathLike[str], *, salvage: bool = False) -> FileInfo:
    """Find what a recording holds, without reading its samples.

    Parameters
    ----------
    path : path-like
        The file, in any format that libsndfile reads.
    salvage : bool
        Whether to take what is there of a file whose header promises more.

    Returns
    -------
    FileInfo
        What it holds.

    Raises
    ------
    AudioError
        If the file is not audio, has no samples, or is truncated and not to be salvaged.
    FileError
        If there is no such file, or it is a directory, a device, empty or unreadable.

    Notes
    -----
    A file that a program wrote to a pipe does not say how long it is; it is taken to go on until
    its end. So is an Ogg file, which never says it: that one is truncated cannot be told.
    """
    source = check_input(path)
    if not source.is_file():
        raise FileError(f"{source}: is a device or a pipe; name a file.")
    layout = find_layout(source)
    if layout is not None and layout.subtype:
        info = FileInfo(
            source,
            layout.sr,
            layout.channels,
            layout.frames,
            layout.container,
            layout.subtype,
            lossy=False,
            truncated=layout.truncated,
            layout=layout,
        )
    else:
        info = _inspect_decoded(source, layout is not None and layout.truncated, salvage)
    if info.truncated and not salvage:
        raise AudioError(
            f"{source}: is truncated: its header promises more samples than it holds; "
            f"allow what is there to be salvaged."
        )
    if info.length == 0:
        raise AudioError(f"{source}: has no samples.")
    return info


def read_part(info: FileInfo, start: int, stop: int) -> NDArray[np.float64]:
    """Read a part of a recording, and nothing else of it.

    Parameters
    ----------
    info : FileInfo
        The recording, from `inspect`.
    start, stop : int
        The first sample of the part, and the first after it.

    Returns
    -------
    ndarray [shape=(channels, stop - start), float64]
        Samples, full scale at ±1; NaN and infinite ones of a float file are as they are.

    Raises
    ------
    ParameterError
        If the part does not lie in the recording.
    AudioError
        If the file cannot be decoded, or has become shorter.
    FileError
        If the file is gone.
    """
    if not 0 <= start <= stop <= info.length:
        raise ParameterError(
            f"samples {start} to {stop} are not in {info.path}, which has {info.length}."
        )
    check_input(info.path)
    layout = info.layout
    if layout is None:
        with opened(info.path) as stream:
            # What a decoder gives right after a jump is not always what it gives in passing.
            before = min(start, PREROLL) if info.lossy else 0
            _skip(stream, start - before)
            x = _decoded(stream, before + stop - start)[before:]
    else:
        with info.path.open("rb") as file:
            file.seek(layout.offset + start * layout.frame)
            raw = file.read((stop - start) * layout.frame)
        raw = raw[: len(raw) - len(raw) % layout.frame]
        x = decode(raw, layout.subtype, layout.big_endian).reshape(-1, info.channels)
    if len(x) != stop - start:
        raise _too_short(info, stop)
    return np.ascontiguousarray(x.T)


def blocks(info: FileInfo) -> Iterator[NDArray[np.float64]]:
    """Read a whole recording piece by piece.

    Parameters
    ----------
    info : FileInfo
        The recording, from `inspect`.

    Yields
    ------
    ndarray [shape=(channels, n), float64]
        The next samples.
    """
    # The last piece is long: libsndfile decodes the end of an Opus file wrongly in short ones.
    stops = [0, *range(BLOCK, info.length - BLOCK // 2, BLOCK), info.length]
    if info.layout is not None:
        for start, stop in pairwise(stops):
            yield read_part(info, start, stop)
        return
    with opened(info.path) as stream:
        for start, stop in pairwise(stops):
            x = _decoded(stream, stop - start)
            if len(x) != stop - start:
                raise _too_short(info, stop)
            yield x.T


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a recording with libsndfile, whose errors become one line.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    SoundFile
        The recording.

    Raises
    ------
    AudioError
        If it cannot be decoded.
    """
    import soundfile

    try:
        with _quiet(_magic(path) not in SILENT):
            stream = soundfile.SoundFile(path)
        with stream:
            yield stream
    except (soundfile.SoundFileError, TypeError, ValueError, MemoryError, AssertionError) as error:
        raise AudioError(f"{path}: cannot be read as audio: {reason(error)}.") from None


def _too_short(info: FileInfo, stop: int) -> AudioError:
    """Give the error for a part that is not there, though it should be."""
    return AudioError(f"{info.path}: ends before sample {stop}: it is damaged, or was changed.")


def _magic(path: Path) -> bytes:
    """Read how a file begins."""
    with path.open("rb") as stream:
        return stream.read(4)


def reason(error: Exception) -> str:
    """Give what libsndfile says, without the name of the file.

    Parameters
    ----------
    error : Exception
        What it raised.

    Returns
    -------
    str
        A line without a full stop.
    """
    return " ".join(str(error).rsplit(": ", 1)[-1].split()).rstrip(".") or type(error).__name__


def is_truncated(path: Path) -> bool:
    """Tell whether a file ends before its data does; libsndfile reads these without a word.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        Whether its header promises more than there is, for the containers of `find_layout`.
    """
    layout = find_layout(path)
    return layout is not None and layout.truncated


def _inspect_decoded(source: Path, truncated: bool, salvage: bool) -> FileInfo:
    """Find what a file holds whose samples only libsndfile can tell apart."""
    with opened(source) as stream:
        frames, subtype = stream.frames, stream.subtype
        sr, channels, container = stream.samplerate, stream.channels, stream.format
        whole = _reaches(stream, frames)
    if frames >= UNKNOWN_FRAMES and not salvage:
        raise AudioError(
            f"{source}: its header does not say how long it is; write it again, to a file and not "
            f"to a pipe, or allow what is there to be salvaged."
        )
    there = frames if whole else _count(source, frames)
    truncated = truncated or there < frames
    lossy = subtype not in LOSSLESS
    return FileInfo(source, sr, channels, there, container, subtype, lossy, truncated)


def _reaches(stream: Any, frames: int) -> bool:
    """Tell whether the last sample can be decoded."""
    import soundfile

    if frames == 0:
        return True
    try:
        _skip(stream, frames - 1)
        return len(_decoded(stream, 1)) == 1
    except soundfile.SoundFileError:
        return False


def _skip(stream: Any, n: int) -> None:
    """Go to a sample; some codings can be read only from the beginning on."""
    import soundfile

    if n == 0:
        return
    try:
        if stream.format not in UNSEEKABLE:
            with _quiet(stream.format not in SILENT):
                stream.seek(n)
            return
    except soundfile.SoundFileError:
        pass
    while n > 0:
        read = len(_decoded(stream, min(n, BLOCK)))
        n = n - read if read else 0


def _decoded(stream: Any, n: int) -> NDArray[np.float64]:
    """Decode the next samples, (n, channels), or as many as there are."""
    with _quiet(stream.format not in SILENT):
        x: NDArray[np.float64] = stream.read(n, dtype="float64", always_2d=True)
    return x


def _count(source: Path, promised: int) -> int:
    """Count the samples that can be decoded; what fails takes the rest of its piece with it."""
    import soundfile

    there = 0
    for step in (BLOCK, 64):
        with opened(source) as stream:
            _skip(stream, there)
            try:
                while n := len(_decoded(stream, min(step, promised - there))):
                    there += n
            except soundfile.SoundFileError:
                continue
    return there


@contextmanager
def _quiet(loud: bool) -> Iterator[None]:
    """Keep off the terminal what a loud decoder writes to it; it cannot be told not to."""
    if not loud:
        yield
        return
    with _stderr, open(os.devnull, "wb") as nowhere:
        try:
            kept = os.dup(2)
        except OSError:  # there is no such stream
            yield
            return
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
