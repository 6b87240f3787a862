"""Headers of AIFF and AIFF-C files: the chunks ``COMM`` and ``SSND``, in any order.

After the AIFF 1.3 and AIFF-C descriptions by Apple.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import BinaryIO

from spectramend.audio.containers.base import FLOATS, SIGNED, Layout, SizeField, chunks, unpack

# Codings by bytes of a sample, and whether they are big-endian, by the compression type of AIFF-C.
COMPRESSION_TYPES = {
    b"NONE": (SIGNED, True),
    b"twos": (SIGNED, True),
    b"sowt": (SIGNED, False),
    b"in24": (SIGNED, True),
    b"in32": (SIGNED, True),
    b"42n1": (SIGNED, False),
    b"42ni": (SIGNED, False),
    b"23ni": (SIGNED, False),
    b"fl32": (FLOATS, True),
    b"FL32": (FLOATS, True),
    b"fl64": (FLOATS, True),
    b"FL64": (FLOATS, True),
    b"raw ": ({1: "PCM_U8"}, True),
    b"ulaw": ({1: "ULAW"}, True),
    b"ULAW": ({1: "ULAW"}, True),
    b"alaw": ({1: "ALAW"}, True),
    b"ALAW": ({1: "ALAW"}, True),
}


def read_header(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of an AIFF or AIFF-C file of `size` bytes."""
    stream.seek(8)
    form = stream.read(4)
    if form not in (b"AIFF", b"AIFC"):
        return None
    common: tuple[Layout, int] | None = None  # what it says, and where it begins
    sound: tuple[int, int, int] | None = None  # where it begins, bytes to skip, length
    for name, start, length in chunks(stream, 12, size, ">4sI"):
        if name == b"COMM":
            common = _parse_common(stream.read(min(length, 22)), form), start
        elif name == b"SSND":
            skip, _ = unpack(">II", stream)
            sound = start, skip, length
        if common is not None and sound is not None:
            return _with_sound(*common, *sound, size)
    return None


def _with_sound(
    layout: Layout, common: int, start: int, skip: int, length: int, size: int
) -> Layout | None:
    """Add the data of an ``SSND`` chunk at `start` to what the ``COMM`` chunk at `common` says."""
    sizes = (
        SizeField(4, ">I", "file", 8),
        SizeField(common + 2, ">I", "frames"),
        SizeField(start - 4, ">I", "data", start),
    )
    layout = replace(layout, offset=start + 8 + skip, sizes=sizes)
    if length in (0, 0xFFFFFFFF):  # a pipe
        return layout.with_data(None, size)
    # libsndfile counts the byte of padding as a sample, and others leave it out.
    padding = layout.frame % 2 if layout.subtype and start + length == size + 1 else 0
    return layout.with_data(max(length - 8 - skip - padding, 0), size)


def _parse_common(content: bytes, form: bytes) -> Layout:
    """Read a ``COMM`` chunk."""
    channels, _, bits = struct.unpack(">HIH", content[:8])
    compression = content[18:22] if form == b"AIFC" else b"NONE"
    codings, big_endian = COMPRESSION_TYPES.get(compression, ({}, True))
    width = 1 if compression.lower() in (b"ulaw", b"alaw") else (bits + 7) // 8
    sr = int(_extended(content[8:18]))
    return Layout("AIFF", codings.get(width, ""), sr, channels, big_endian)


def _extended(content: bytes) -> float:
    """Read a floating-point number of 80 bits, as magnitude."""
    exponent, mantissa = struct.unpack(">HQ", content)
    return float(mantissa * 2.0 ** ((exponent & 0x7FFF) - 16383 - 63))
