"""Headers of WAV, RF64 and BW64 files: the chunks ``fmt``, ``ds64`` and ``data``.

After EBU Tech 3285 (Broadcast WAV) and 3306 (RF64).
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import BinaryIO

from spectramend.audio.containers.base import FLOATS, UNSIGNED, Layout, SizeField, chunks, unpack

PCM = 1  # format tag, as in mmreg.h
IEEE_FLOAT = 3  # format tag, as in mmreg.h
G711 = {6: "ALAW", 7: "ULAW"}  # by format tag, as in mmreg.h
EXTENSIBLE = 0xFFFE  # format tag, as in mmreg.h: another one begins the GUID at byte 24
SUBFORMAT_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # after the format tag

# Bytes of data that files from a pipe declare: SoX writes the lower end of the first range, FFmpeg
# the upper end of the second; others take the header off, or round down to whole frames.
PIPE_LENGTHS = ((0x7FFFF000, 0x80000000), (0xFFFFF000, 0xFFFFFFFF))


def read_header(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of a WAV, RF64 or BW64 file of `size` bytes."""
    magic = stream.read(4)
    order = ">" if magic == b"RIFX" else "<"
    is_rf64 = magic in (b"RF64", b"BW64")
    stream.seek(8)
    if stream.read(4) != b"WAVE":
        return None
    layout: Layout | None = None
    ds64: tuple[int, int] | None = None  # where its lengths begin, and that of the data
    for name, start, length in chunks(stream, 12, size, order + "4sI"):
        if name == b"ds64" and is_rf64:
            ds64 = start, unpack("<QQ", stream)[1]
        elif name == b"fmt ":
            layout = parse_format(stream.read(min(length, 40)), order, "RF64" if is_rf64 else "WAV")
        elif name == b"data" and layout is not None:
            layout = replace(layout, offset=start)
            if ds64 is not None and length == 0xFFFFFFFF:
                return _with_long_data(layout, *ds64, size)
            sizes = (
                SizeField(4, order + "I", "file", 8),
                SizeField(start - 4, order + "I", "data", start),
            )
            declared = _declared_length(stream, order, layout, length, size)
            return replace(layout, sizes=sizes).with_data(declared, size)
    return None


def parse_format(content: bytes, order: str, container: str) -> Layout:
    """Read a ``fmt`` chunk, which WAV and W64 share."""
    tag, channels, sr, _, align, bits = struct.unpack(order + "HHIIHH", content[:16])
    if tag == EXTENSIBLE and len(content) >= 40:
        container = "WAVEX" if container == "WAV" else container
        (tag,) = struct.unpack(order + "H", content[24:26])
        # In RIFX files the first numbers of a GUID are big-endian as well; few such files exist.
        if content[26:40] != SUBFORMAT_GUID_TAIL:
            tag = 0
    width = (bits + 7) // 8
    subtype = _coding(tag, width) if align == width * channels > 0 else ""
    return Layout(container, subtype, sr, channels, order == ">")


def _coding(tag: int, width: int) -> str:
    """Name the coding of a format tag, empty if it is compressed or unknown."""
    if tag == PCM:
        return UNSIGNED.get(width, "")
    if tag == IEEE_FLOAT:
        return FLOATS.get(width, "")
    return G711.get(tag, "") if width == 1 else ""


def _with_long_data(layout: Layout, ds64: int, length: int, size: int) -> Layout | None:
    """Add the data of a file whose lengths of 64 bits are in the chunk that begins at `ds64`."""
    sizes = (
        SizeField(ds64, "<Q", "file", 8),
        SizeField(ds64 + 8, "<Q", "data", layout.offset),
        SizeField(ds64 + 16, "<Q", "frames"),
    )
    # A writer to a pipe leaves nothing, or the largest number.
    return replace(layout, sizes=sizes).with_data(length if 0 < length < 1 << 63 else None, size)


def _declared_length(
    stream: BinaryIO, order: str, layout: Layout, length: int, size: int
) -> int | None:
    """Give the length of a ``data`` chunk, or None where a writer to a pipe did not know it."""
    start = layout.offset
    if length == 0:
        # A file of no samples, unless something follows that is no chunk.
        following = list(chunks(stream, start, size, order + "4sI"))
        names = b"".join(name for name, _, _ in following)
        ends = following[-1][1] + following[-1][2] if following else start
        return 0 if names.decode("latin-1").isprintable() and ends <= size else None
    frame = layout.frame if layout.subtype else 1
    pipe = any(low // frame * frame <= length <= high for low, high in PIPE_LENGTHS)
    return None if pipe and start + length > size else length
