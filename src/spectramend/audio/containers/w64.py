"""Headers of Wave64 files: chunks that are named by GUIDs, with lengths of 64 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from spectramend.audio.containers.base import MAX_CHUNKS, Layout, SizeField, unpack
from spectramend.audio.containers.wav import parse_format

GUID_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # after the four letters of a chunk
CHUNK_HEAD = 24  # bytes: a GUID, and the length of the chunk with this head


def read_header(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of a Wave64 file of `size` bytes."""
    stream.seek(24)
    if stream.read(16) != b"wave" + GUID_TAIL:
        return None
    place, layout = 40, None
    for _ in range(MAX_CHUNKS):
        if place >= size:
            return None
        stream.seek(place)
        guid = stream.read(16)
        (length,) = unpack("<Q", stream)
        if length < CHUNK_HEAD:
            return None
        if guid == b"fmt " + GUID_TAIL:
            layout = parse_format(stream.read(min(length - CHUNK_HEAD, 40)), "<", "W64")
        elif guid == b"data" + GUID_TAIL and layout is not None:
            sizes = (SizeField(16, "<Q", "file"), SizeField(place + 16, "<Q", "data", place))
            layout = replace(layout, offset=place + CHUNK_HEAD, sizes=sizes)
            return layout.with_data(length - CHUNK_HEAD if length < 1 << 63 else None, size)
        place += length + -length % 8
    return None
