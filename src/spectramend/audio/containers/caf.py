"""Headers of CAF files (Core Audio Format): the chunks ``desc`` and ``data``.

After the Apple Core Audio Format specification 1.0.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import BinaryIO

from spectramend.audio.containers.base import FLOATS, SIGNED, Layout, SizeField, chunks

IS_FLOAT = 1  # flag of a ``desc`` chunk
IS_LITTLE_ENDIAN = 2  # flag of a ``desc`` chunk


def read_header(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of a CAF file of `size` bytes."""
    layout = None
    for name, start, length in chunks(stream, 8, size, ">4sq", align=1):
        if name == b"desc":
            layout = _parse_description(stream)
        elif name == b"data" and layout is not None:
            # Four bytes count the edits; -1 is the length of data that goes on until the end.
            sizes = (SizeField(start - 8, ">q", "data", start),)
            layout = replace(layout, offset=start + 4, sizes=sizes)
            return layout.with_data(None if length < 0 else max(length - 4, 0), size)
    return None


def _parse_description(stream: BinaryIO) -> Layout:
    """Read a ``desc`` chunk."""
    sr, coding, flags, packet, frames, channels, bits = struct.unpack(">d4sIIIII", stream.read(32))
    width = bits // 8
    codings = {
        b"lpcm": FLOATS if flags & IS_FLOAT else SIGNED,
        b"ulaw": {1: "ULAW"},
        b"alaw": {1: "ALAW"},
    }.get(coding, {})
    uncompressed = frames == 1 and packet == width * channels
    subtype = codings.get(width, "") if uncompressed else ""
    return Layout("CAF", subtype, round(sr), channels, not flags & IS_LITTLE_ENDIAN)
