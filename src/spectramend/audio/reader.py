"""What a file holds, and parts of it, without reading the rest."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio.codings import LOSSLESS
from spectramend.audio.containers import Layout, find_layout
from spectramend.audio.decoder import (
    BLOCK,
    decoded,
    decoding,
    go_from_start,
    go_to,
    open_stream,
    opened,
    skip,
)
from spectramend.audio.pcm import decode
from spectramend.core.files import check_input
from spectramend.errors import AudioError, FileError, ParameterError

PREROLL = 1 << 18  # samples that a lossy decoder reads before a part
GRID = 1 << 12  # samples of each channel that are kept, or not, together
KEPT = 1 << 21  # samples of all channels that are kept: 16 MiB
UNKNOWN_FRAMES = 1 << 36  # and more: what FLAC cannot even say


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


class Reader:
    """A recording that is opened once and read in parts; those read last are kept.

    Parameters
    ----------
    info : FileInfo
        The recording, from `inspect`.
    kept : int, >= 0
        Samples of all channels together that are kept at most. A part that has more is not.

    Raises
    ------
    AudioError
        If the file cannot be decoded.
    FileError
        If it is gone.
    """

    def __init__(self, info: FileInfo, *, kept: int = KEPT) -> None:
        self.info = info
        self._most = kept // (info.channels * GRID)
        # Parts of GRID samples by their number, the one used last being the last.
        self._parts: OrderedDict[int, NDArray[np.float64]] = OrderedDict()
        self._seekable = True
        self._place = 0  # of the decoder
        self._open()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read a part.

        Parameters
        ----------
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
        """
        if not 0 <= start <= stop <= self.info.length:
            raise ParameterError(
                f"samples {start} to {stop} are not in {self.info.path}, which has "
                f"{self.info.length}."
            )
        numbers = range(start // GRID, -(-stop // GRID))
        if len(numbers) > self._most:
            return self._load(start, stop)
        self._fetch([number for number in numbers if number not in self._parts])
        x = np.empty((self.info.channels, stop - start))
        for number in numbers:
            self._parts.move_to_end(number)
            part, offset = self._parts[number], number * GRID
            first, last = max(start, offset), min(stop, offset + GRID)
            x[:, first - start : last - start] = part[:, first - offset : last - offset]
        while len(self._parts) > self._most:
            self._parts.popitem(last=False)
        return x

    def _fetch(self, numbers: list[int]) -> None:
        """Load parts and keep them, such as follow each other at once."""
        breaks = [i for i in range(1, len(numbers)) if numbers[i] > numbers[i - 1] + 1]
        for a, b in pairwise([0, *breaks, len(numbers)]):
            if a == b:
                continue
            end = min((numbers[b - 1] + 1) * GRID, self.info.length)
            for start, stop in pieces(numbers[a] * GRID, end):
                x = self._load(start, stop)
                for first in range(start, stop, GRID):
                    self._parts[first // GRID] = x[:, first - start : first - start + GRID].copy()

    def _load(self, start: int, stop: int) -> NDArray[np.float64]:
        """Decode a part [shape=(channels, stop - start)]."""
        layout = self.info.layout
        if layout is None:
            with decoding(self.info.path):
                x = self._decode(start, stop)
        else:
            self._stream.seek(layout.offset + start * layout.frame)
            raw = self._stream.read((stop - start) * layout.frame)
            raw = raw[: len(raw) - len(raw) % layout.frame]
            x = decode(raw, layout.subtype, layout.big_endian).reshape(-1, layout.channels)
        if len(x) != stop - start:
            raise AudioError(
                f"{self.info.path}: ends before sample {stop}: it is damaged, or was changed."
            )
        return np.ascontiguousarray(x.T)

    def _decode(self, start: int, stop: int) -> NDArray[np.float64]:
        """Decode a part with libsndfile, (n, channels), in passing or after a jump."""
        # What a decoder gives right after a jump is not always what it gives in passing; and the
        # end of an Opus file must not be a short piece.
        preroll = min(start, PREROLL) if self.info.lossy else 0
        place = self._place if start - preroll <= self._place <= start else start - preroll
        if stop > self.info.length - BLOCK // 2 and stop - place < BLOCK // 2:
            place = start - preroll
        self._go_to(place)
        self._place = -1  # nobody knows where, if decoding fails
        x = decoded(self._stream, stop - place)
        self._place = place + len(x)
        return x[start - place :]

    def _go_to(self, place: int) -> None:
        """Go to a sample; what can be read only from the beginning on is decoded up to there."""
        if place == self._place or (self._seekable and go_to(self._stream, place)):
            self._place = place
            return
        if self._seekable or not 0 <= self._place <= place:  # after a failure it is anywhere
            self._seekable = False
            self._stream.close()
            self._open()
        skip(self._stream, place - self._place)
        self._place = place

    def _open(self) -> None:
        """Open the file at its first sample."""
        check_input(self.info.path)
        self._place = 0
        if self.info.layout is not None:
            self._stream: Any = self.info.path.open("rb")
            return
        with decoding(self.info.path):
            self._stream = open_stream(self.info.path)
        if self._stream.channels != self.info.channels:
            raise AudioError(
                f"{self.info.path}: was changed: it has {self._stream.channels} channels."
            )


def read_part(info: FileInfo, start: int, stop: int) -> NDArray[np.float64]:
    """Read a part of a recording, and nothing else of it, as `Reader.read` does."""
    with Reader(info, kept=0) as reader:
        return reader.read(start, stop)


def pieces(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Divide a part into pieces of about `BLOCK` samples, the last one not much shorter."""
    # libsndfile decodes the end of an Opus file wrongly in short pieces.
    return pairwise([start, *range(start + BLOCK, stop - BLOCK // 2, BLOCK), stop])


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
        go_from_start(stream, frames - 1)
        return len(decoded(stream, 1)) == 1
    except soundfile.SoundFileError:
        return False


def _count(source: Path, promised: int) -> int:
    """Count the samples that can be decoded; what fails takes the rest of its piece with it."""
    import soundfile

    there = 0
    for step in (BLOCK, 64):
        with opened(source) as stream:
            go_from_start(stream, there)
            try:
                while n := len(decoded(stream, min(step, promised - there))):
                    there += n
            except soundfile.SoundFileError:
                continue
    return there
