"""What libsndfile decodes, silently, and with errors of one line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.errors import AudioError

BLOCK = 1 << 16  # samples of each channel that are decoded at once
UNSEEKABLE = {"PAF", "SDS"}  # libsndfile does not say so
# What mpg123 has no part in, the decoder that writes to the terminal: names, and how files begin.
SILENT = {"FLAC", "OGG", "AIFF", "CAF", b"fLaC", b"OggS", b"FORM", b"caff"}

_stderr = threading.Lock()


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn errors of libsndfile into an `AudioError` of one line."""
    import soundfile

    try:
        yield
    except (soundfile.SoundFileError, TypeError, ValueError, MemoryError, AssertionError) as error:
        raise AudioError(f"{path}: cannot be read as audio: {reason(error)}.") from None


def open_stream(path: Path) -> Any:
    """Open a recording as a `soundfile.SoundFile`, within `decoding`."""
    import soundfile

    with _quiet(_magic(path) not in SILENT):
        return soundfile.SoundFile(path)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a recording for as long as it takes; errors of libsndfile become one line."""
    with decoding(path), open_stream(path) as stream:
        yield stream


def go_to(stream: Any, place: int) -> bool:
    """Go to a sample; False where a coding can be read only from the beginning on."""
    import soundfile

    if stream.format in UNSEEKABLE:
        return False
    try:
        with _quiet(stream.format not in SILENT):
            stream.seek(place)
    except soundfile.SoundFileError:
        return False
    return True


def go_from_start(stream: Any, place: int) -> None:
    """Go to a sample of a stream that was just opened, by decoding if there is no other way."""
    if place and not go_to(stream, place):
        skip(stream, place)


def skip(stream: Any, n: int) -> None:
    """Decode the next samples, and drop them."""
    while n > 0:
        read = len(decoded(stream, min(n, BLOCK)))
        n = n - read if read else 0


def decoded(stream: Any, n: int) -> NDArray[np.float64]:
    """Decode the next samples, (n, channels), or as many as there are."""
    with _quiet(stream.format not in SILENT):
        x: NDArray[np.float64] = stream.read(n, dtype="float64", always_2d=True)
    return x


def reason(error: Exception) -> str:
    """Give what libsndfile says, without the name of the file and a full stop."""
    return " ".join(str(error).rsplit(": ", 1)[-1].split()).rstrip(".") or type(error).__name__


def _magic(path: Path) -> bytes:
    """Read how a file begins."""
    with path.open("rb") as stream:
        return stream.read(4)


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
