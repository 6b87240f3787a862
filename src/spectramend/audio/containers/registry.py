"""Containers by their first four bytes, and the functions that read their headers."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias

from spectramend.audio.containers import aiff, au, caf, w64, wav
from spectramend.audio.containers.base import Layout

# Reads the header of a file that is open at its beginning; the size of the file is in bytes.
HeaderReader: TypeAlias = Callable[[BinaryIO, int], Layout | None]

HEADER_READERS: dict[bytes, HeaderReader] = {
    b"RIFF": wav.read_header,
    b"RIFX": wav.read_header,
    b"RF64": wav.read_header,
    b"BW64": wav.read_header,
    b"riff": w64.read_header,
    b"FORM": aiff.read_header,
    b"caff": caf.read_header,
    b".snd": au.read_header,
    b"dns.": au.read_header,
}


def find_layout(path: Path) -> Layout | None:
    """Find the layout of the samples of a file; None for other containers and invalid headers."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        read_header = HEADER_READERS.get(stream.read(4))
        if read_header is None:
            return None
        stream.seek(0)
        try:
            return read_header(stream, size)
        except (struct.error, OverflowError, ValueError):
            return None  # a header that ends too early, or numbers that are not finite
