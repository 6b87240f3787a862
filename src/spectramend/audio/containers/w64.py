"""Headers of Wave64 files: chunks that are named by GUIDs, with lengths of 64 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from spectramend.audio.containers.base import Layout, SizeField, chunks
from spectramend.audio.containers.wav import parse_format

CHUNK_GUID_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # after the four letters of a chunk


def read_header(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of a Wave64 file of `size` bytes."""
    stream.seek(24)
    if stream.read(16) != b"wave" + CHUNK_GUID_TAIL:
        return None
    layout = None
    for guid, start, length in chunks(stream, 40, size, "<16sQ", align=8, counts_head=True):
        if length < 0:
            return None
        if guid == b"fmt " + CHUNK_GUID_TAIL:
            layout = parse_format(stream.read(min(length, 40)), "<", "W64")
        elif guid == b"data" + CHUNK_GUID_TAIL and layout is not None:
            sizes = (SizeField(16, "<Q", "file"), SizeField(start - 8, "<Q", "data", start - 24))
            layout = replace(layout, offset=start, sizes=sizes)
            return layout.with_data(length if length < 1 << 63 else None, size)
    return None
