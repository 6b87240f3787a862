"""Samples of a recording, read in parts: opened once, the parts read last in a cache."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio.decoder import (
    PIECE,
    libsndfile_errors,
    open_stream,
    pieces,
    read_samples,
    skip,
    try_seek,
)
from spectramend.audio.file_info import FileInfo
from spectramend.audio.pcm import decode
from spectramend.core.files import check_input
from spectramend.core.intervals import join
from spectramend.errors import AudioError, ParameterError

PREROLL = 1 << 18  # samples decoded before a part of a lossy recording; engineering choice: ample
CACHE_BLOCK = 1 << 12  # samples of each channel in a block of the cache; engineering choice
CACHE_SIZE = 1 << 21  # samples of all channels in the cache, 16 MiB; engineering choice


class Reader:
    """A recording that is opened once and read in parts.

    The cache holds at most `cache_size` samples of all channels together, in blocks of
    `CACHE_BLOCK` samples of each channel; a longer part is not cached. Raises AudioError if the
    file cannot be decoded, FileError if it does not exist any more.
    """

    def __init__(self, info: FileInfo, *, cache_size: int = CACHE_SIZE) -> None:
        self.info = info
        self._max_blocks = cache_size // (info.channels * CACHE_BLOCK)
        self._cache: OrderedDict[int, NDArray[np.float64]] = OrderedDict()  # the last read at last
        self._seekable = True
        self._position = 0  # of the decoder, in samples
        self._open()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read a part [shape=(channels, stop - start)], full scale at ±1.

        NaN and infinite samples of a float file are kept. Raises ParameterError if the part is not
        in the recording, AudioError if it cannot be decoded or the file has become shorter.
        """
        if not 0 <= start <= stop <= self.info.length:
            raise ParameterError(
                f"samples {start} to {stop} are not in {self.info.path}, which has "
                f"{self.info.length}."
            )
        numbers = range(start // CACHE_BLOCK, -(-stop // CACHE_BLOCK))
        if len(numbers) > self._max_blocks:
            return self._load(start, stop)
        self._load_blocks([number for number in numbers if number not in self._cache])
        x = np.empty((self.info.channels, stop - start))
        for number in numbers:
            self._cache.move_to_end(number)
            block, offset = self._cache[number], number * CACHE_BLOCK
            first, last = max(start, offset), min(stop, offset + CACHE_BLOCK)
            x[:, first - start : last - start] = block[:, first - offset : last - offset]
        while len(self._cache) > self._max_blocks:
            self._cache.popitem(last=False)
        return x

    def _load_blocks(self, numbers: list[int]) -> None:
        """Load blocks into the cache, neighbours together."""
        for first, last in join((number, number + 1) for number in numbers):
            end = min(last * CACHE_BLOCK, self.info.length)
            for start, stop in pieces(first * CACHE_BLOCK, end):
                x = self._load(start, stop)
                for at in range(0, stop - start, CACHE_BLOCK):
                    block = x[:, at : at + CACHE_BLOCK].copy()
                    self._cache[(start + at) // CACHE_BLOCK] = block

    def _load(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read a part from the file [shape=(channels, stop - start)]."""
        layout = self.info.layout
        if layout is None:
            with libsndfile_errors(self.info.path):
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
        """Decode a part with libsndfile [shape=(stop - start, channels)].

        Right after a jump a lossy decoder may give other samples than in passing, so that it starts
        earlier; and the end of an Opus file must not be decoded in a short piece.
        """
        earliest = max(0, start - PREROLL) if self.info.lossy else start
        first = self._position if earliest <= self._position <= start else earliest
        if stop > self.info.length - PIECE // 2 and stop - first < PIECE // 2:
            first = earliest
        self._seek(first)
        self._position = -1  # unknown if decoding fails
        x = read_samples(self._stream, stop - first)
        self._position = first + len(x)
        return x[start - first :]

    def _seek(self, sample: int) -> None:
        """Go to a sample; what cannot jump is decoded from the beginning."""
        if sample == self._position or (self._seekable and try_seek(self._stream, sample)):
            self._position = sample
            return
        if self._seekable or not 0 <= self._position <= sample:  # after a failure it is unknown
            self._seekable = False
            self._stream.close()
            self._open()
        skip(self._stream, sample - self._position)
        self._position = sample

    def _open(self) -> None:
        """Open the file at its first sample."""
        path = check_input(self.info.path)
        self._position = 0
        if self.info.layout is not None:
            self._stream: Any = path.open("rb")
            return
        with libsndfile_errors(path):
            self._stream = open_stream(path, self.info.span)
        if self._stream.channels != self.info.channels:
            raise AudioError(f"{path}: was changed: it has {self._stream.channels} channels.")


def read_part(info: FileInfo, start: int, stop: int) -> NDArray[np.float64]:
    """Read one part of a recording.

    Parameters
    ----------
    info : FileInfo
        The recording, from `inspect`.
    start, stop : int
        First sample of the part, and the one after its last.

    Returns
    -------
    ndarray [shape=(channels, stop - start), float64]
        Samples, full scale at ±1; NaN and infinite ones of a float file are kept.

    Raises
    ------
    ParameterError
        If the part is not in the recording.
    AudioError
        If it cannot be decoded, or the file has become shorter.
    FileError
        If the file does not exist any more.
    """
    with Reader(info, cache_size=0) as reader:
        return reader.read(start, stop)
