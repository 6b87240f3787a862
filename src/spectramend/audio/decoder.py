"""Decoding with libsndfile: errors of one line, jumps, and no messages on the terminal."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio.containers import FlacOfLength, FlacSpan
from spectramend.audio.media import MAGIC_BYTES, NAMES, MediaStream, container_of_media
from spectramend.errors import AudioError

PIECE = 1 << 16  # samples of each channel decoded at once; engineering choice: bounds memory
UNSEEKABLE = {"PAF", "SDS"}  # libsndfile does not say so
# Formats that mpg123, the decoder that writes to the terminal, does not decode: names and magics.
SILENT = {"FLAC", "OGG", "AIFF", "CAF", b"fLaC", b"OggS", b"FORM", b"caff", *NAMES}

_stderr = threading.Lock()


@contextmanager
def libsndfile_errors(path: Path) -> Iterator[None]:
    """Turn errors of libsndfile into an `AudioError` of one line."""
    import soundfile

    try:
        yield
    except (soundfile.SoundFileError, TypeError, ValueError, MemoryError, AssertionError) as error:
        raise AudioError(f"{path}: cannot be read as audio: {reason(error)}.") from None


class _SpanStream:
    """A `soundfile.SoundFile` of FLAC whose samples are counted from the first of its frames."""

    def __init__(self, path: Path, span: FlacSpan) -> None:
        import soundfile

        self._file = FlacOfLength(path, span)
        self._stream = soundfile.SoundFile(self._file)
        self._first = span.first
        self.seek(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> _SpanStream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def seek(self, sample: int) -> None:
        """Go to a sample."""
        self._stream.seek(sample + self._first)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._file.close()


def open_stream(path: Path, span: FlacSpan | None = None) -> Any:
    """Open a recording as a `soundfile.SoundFile` or what reads like one.

    It is within `libsndfile_errors`. `span` says where a FLAC stream is whose header does not.
    """
    import soundfile

    if span is not None:
        return _SpanStream(path, span)
    with path.open("rb") as file:
        magic = file.read(MAGIC_BYTES)
    if media := container_of_media(magic):
        return MediaStream(path, media)
    with _suppressed_stderr(magic[:4] not in SILENT):
        return soundfile.SoundFile(path)


@contextmanager
def opened(path: Path, span: FlacSpan | None = None) -> Iterator[Any]:
    """Open a recording in a context, in which errors of libsndfile become one line."""
    with libsndfile_errors(path), open_stream(path, span) as stream:
        yield stream


def try_seek(stream: Any, sample: int) -> bool:
    """Jump to a sample; return False where a coding can only be decoded from the beginning."""
    import soundfile

    if stream.format in UNSEEKABLE:
        return False
    try:
        with _suppressed_stderr(stream.format not in SILENT):
            stream.seek(sample)
    except soundfile.SoundFileError:
        return False
    return True


def seek_from_start(stream: Any, sample: int) -> None:
    """Go to a sample of a stream that was just opened: jump, or decode what is before it."""
    if sample and not try_seek(stream, sample):
        skip(stream, sample)


def skip(stream: Any, n: int) -> None:
    """Decode the next n samples and drop them."""
    while n > 0:
        count = len(read_samples(stream, min(n, PIECE)))
        n = n - count if count else 0


def read_samples(stream: Any, n: int) -> NDArray[np.float64]:
    """Decode the next n samples, or as many as there are [shape=(n, channels)]."""
    with _suppressed_stderr(stream.format not in SILENT):
        x: NDArray[np.float64] = stream.read(n, dtype="float64", always_2d=True)
    return x


def pieces(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Divide a part into pieces of about `PIECE` samples, the last one at least half as long."""
    # libsndfile decodes the end of an Opus file wrongly in short pieces.
    return pairwise([start, *range(start + PIECE, stop - PIECE // 2, PIECE), stop])


def reason(error: Exception) -> str:
    """Give the message of libsndfile without the name of the file and the full stop."""
    return " ".join(str(error).rsplit(": ", 1)[-1].split()).rstrip(".") or type(error).__name__


@contextmanager
def _suppressed_stderr(is_suppressed: bool) -> Iterator[None]:
    """Discard what a decoder writes to the standard error, which mpg123 has no option for."""
    if not is_suppressed:
        yield
        return
    with _stderr, open(os.devnull, "wb") as nowhere:
        try:
            saved = os.dup(2)
        except OSError:  # the process has no standard error
            yield
            return
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
