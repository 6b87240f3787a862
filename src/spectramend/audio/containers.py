"""Where a file keeps its samples: the headers of WAV, RF64, W64, AIFF, CAF and AU.

libsndfile reads all of these, but says neither where the samples lie nor whether they are all
there, and a file that it changes in place loses what it does not know (``iXML``, ``cue``, bytes
after the last chunk) or gets it back in its own words (``bext``, ``LIST``). Facts from EBU Tech
3285 and 3306, the Wave64, AIFF-C, CAF and Sun audio descriptions.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

# Bytes of a sample, by libsndfile's name of its coding.
WIDTHS = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "ULAW": 1,
    "ALAW": 1,
}
SIGNED = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
UNSIGNED = {**SIGNED, 1: "PCM_U8"}
FLOATS = {4: "FLOAT", 8: "DOUBLE"}
MAX_CHANNELS = 1024  # libsndfile's own limit
MAX_SR = 10**7  # in Hz; more is a header that lies
MAX_CHUNKS = 10_000  # a file of zeros would have more than anybody waits for

# Writers to a pipe leave one of these as the length of the data, or what is left of it after
# whole samples: nothing, the largest number, or that with a sign, less the room for a header.
PIPE_LENGTHS = ((0x7FFFF000, 0x80000000), (0xFFFFF000, 0xFFFFFFFF))

WAVE_GUID = bytes.fromhex("000000001000800000aa00389b71")  # after the two bytes of the coding
W64_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # after the four letters of a chunk
AIFC_CODINGS = {
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
AU_CODINGS = {
    1: "ULAW",
    2: "PCM_S8",
    3: "PCM_16",
    4: "PCM_24",
    5: "PCM_32",
    6: "FLOAT",
    7: "DOUBLE",
    27: "ALAW",
}


class SizeField(NamedTuple):
    """A number in a header that says how long something is.

    Parameters
    ----------
    place : int
        Where in the file it is.
    code : str
        Its form, in the words of `struct`.
    what : {"file", "data", "frames"}
        What it says: up to where the file or the samples go, or how many there are of each channel.
    before : int
        Bytes that are not counted.
    """

    place: int
    code: str
    what: Literal["file", "data", "frames"]
    before: int = 0


@dataclass(frozen=True)
class Layout:
    """Where samples lie in a file, and how they are coded.

    Parameters
    ----------
    container, subtype : str
        Names of libsndfile; the subtype is empty where samples cannot be told apart.
    sr, channels : int
        Sample rate in Hz, number of channels.
    big_endian : bool
        Whether the first byte of a sample is the highest.
    offset, length : int
        Where the samples begin, and how many bytes of them are there, of whole frames.
    truncated : bool
        Whether the header promises more.
    sizes : tuple of SizeField
        What would have to be corrected then.
    """

    container: str
    subtype: str
    sr: int
    channels: int
    big_endian: bool
    offset: int = 0
    length: int = 0
    truncated: bool = False
    sizes: tuple[SizeField, ...] = ()

    @property
    def width(self) -> int:
        """Size of a sample in bytes."""
        return WIDTHS[self.subtype]

    @property
    def frame(self) -> int:
        """Size of a sample of every channel in bytes."""
        return self.width * self.channels

    @property
    def frames(self) -> int:
        """Number of samples of each channel."""
        return self.length // self.frame


def find_layout(path: Path) -> Layout | None:
    """Find where a file keeps its samples.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Layout or None
        None for other containers, and for headers that make no sense; the subtype is empty for
        samples that are compressed.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        magic = stream.read(4)
        try:
            if magic in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
                return _riff(stream, magic, size)
            if magic == b"riff":
                return _w64(stream, size)
            if magic == b"FORM":
                return _aiff(stream, size)
            if magic == b"caff":
                return _caf(stream, size)
            if magic in (b".snd", b"dns."):
                return _au(stream, magic, size)
        except (struct.error, OverflowError, ValueError):
            return None  # a header that ends too early, or numbers that are none
    return None


def _unpack(code: str, stream: BinaryIO) -> tuple[int, ...]:
    """Read numbers."""
    return struct.unpack(code, stream.read(struct.calcsize(code)))


def _chunks(stream: BinaryIO, order: str, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Give name, start and promised length of the chunks of a RIFF or AIFF file."""
    place = start
    for _ in range(MAX_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return
        (length,) = struct.unpack(order + "I", head[4:])
        yield head[:4], place + 8, length
        place += 8 + length + length % 2


def _with_data(layout: Layout, promised: int | None, size: int) -> Layout | None:
    """Add how much data there is; `promised` is None where the header does not say."""
    if not (0 < layout.channels <= MAX_CHANNELS and 0 < layout.sr <= MAX_SR):
        return None
    if layout.offset > size:
        return None
    there = size - layout.offset
    truncated = promised is not None and promised > there
    length = there if promised is None else min(promised, there)
    if layout.subtype:
        length -= length % layout.frame
    return replace(layout, length=length, truncated=truncated)


def _format(tag: int, width: int) -> str:
    """Name the coding of a WAV file."""
    if tag == 1:
        return UNSIGNED.get(width, "")
    if tag == 3:
        return FLOATS.get(width, "")
    return {6: "ALAW", 7: "ULAW"}.get(tag, "") if width == 1 else ""


def _wave_format(content: bytes, order: str, container: str) -> Layout:
    """Read what a ``fmt`` chunk says."""
    tag, channels, sr, _, align, bits = struct.unpack(order + "HHIIHH", content[:16])
    if tag == 0xFFFE and len(content) >= 40:
        container = "WAVEX" if container == "WAV" else container
        (tag,) = struct.unpack(order + "H", content[24:26])
        # RIFX turns the first numbers of a GUID around as well; few such files exist.
        if content[26:40] != WAVE_GUID:
            tag = 0
    width = (bits + 7) // 8
    subtype = _format(tag, width) if align == width * channels > 0 else ""
    return Layout(container, subtype, sr, channels, order == ">")


def _riff(stream: BinaryIO, magic: bytes, size: int) -> Layout | None:
    """Read the header of a WAV or RF64 file."""
    order = ">" if magic == b"RIFX" else "<"
    wide = magic in (b"RF64", b"BW64")
    stream.seek(8)
    if stream.read(4) != b"WAVE":
        return None
    layout: Layout | None = None
    long: tuple[int, int] | None = None  # where the long lengths are, and that of the data
    for name, start, length in _chunks(stream, order, 12):
        if name == b"ds64" and wide:
            long = start, _unpack("<QQ", stream)[1]
        elif name == b"fmt ":
            layout = _wave_format(stream.read(min(length, 40)), order, "RF64" if wide else "WAV")
        elif name == b"data" and layout is not None:
            layout = replace(layout, offset=start)
            if long is not None and length == 0xFFFFFFFF:
                sizes = _rf64_sizes(long[0], start)
                promised = long[1] if 0 < long[1] < 1 << 63 else None
                return _with_data(replace(layout, sizes=sizes), promised, size)
            sizes = (
                SizeField(4, order + "I", "file", 8),
                SizeField(start - 4, order + "I", "data", start),
            )
            promised = _promise(stream, order, layout, length, size)
            return _with_data(replace(layout, sizes=sizes), promised, size)
    return None


def _rf64_sizes(start: int, data: int) -> tuple[SizeField, ...]:
    """Say where an RF64 file keeps its lengths: in ``ds64``."""
    return (
        SizeField(start, "<Q", "file", 8),
        SizeField(start + 8, "<Q", "data", data),
        SizeField(start + 16, "<Q", "frames"),
    )


def _promise(stream: BinaryIO, order: str, layout: Layout, length: int, size: int) -> int | None:
    """Give the length of a ``data`` chunk, or None where a pipe left it open."""
    start = layout.offset
    if length == 0:
        # A file of no samples, unless something follows that is no chunk.
        chunks = list(_chunks(stream, order, start))
        names = b"".join(name for name, _, _ in chunks)
        ends = chunks[-1][1] + chunks[-1][2] if chunks else start
        return 0 if names.decode("latin-1").isprintable() and ends <= size else None
    frame = layout.frame if layout.subtype else 1
    pipe = any(low // frame * frame <= length <= high for low, high in PIPE_LENGTHS)
    return None if pipe and start + length > size else length


def _w64(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of a Wave64 file."""
    stream.seek(24)
    if stream.read(16) != b"wave" + W64_GUID:
        return None
    place, layout = 40, None
    for _ in range(MAX_CHUNKS):
        if place >= size:
            return None
        stream.seek(place)
        guid = stream.read(16)
        (length,) = _unpack("<Q", stream)
        if length < 24:
            return None
        if guid == b"fmt " + W64_GUID:
            layout = _wave_format(stream.read(min(length - 24, 40)), "<", "W64")
        elif guid == b"data" + W64_GUID and layout is not None:
            start = place + 24
            sizes = (SizeField(16, "<Q", "file"), SizeField(place + 16, "<Q", "data", place))
            known = length < 1 << 63
            layout = replace(layout, offset=start, sizes=sizes)
            return _with_data(layout, length - 24 if known else None, size)
        place += length + -length % 8
    return None


def _extended(content: bytes) -> float:
    """Read a number of 80 bits."""
    exponent, mantissa = struct.unpack(">HQ", content)
    return float(mantissa * 2.0 ** ((exponent & 0x7FFF) - 16383 - 63))


def _aiff(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of an AIFF or AIFF-C file."""
    stream.seek(8)
    kind = stream.read(4)
    if kind not in (b"AIFF", b"AIFC"):
        return None
    common: tuple[Layout, int] | None = None
    data: tuple[int, int, int] | None = None
    for name, start, length in _chunks(stream, ">", 12):
        if name == b"COMM":
            common = _aiff_common(stream.read(min(length, 22)), kind), start
        elif name == b"SSND":
            skip, _ = _unpack(">II", stream)
            data = start, skip, length
        if common is not None and data is not None:
            break
    else:
        return None
    layout, where = common
    start, skip, length = data
    sizes = (
        SizeField(4, ">I", "file", 8),
        SizeField(where + 2, ">I", "frames"),
        SizeField(start - 4, ">I", "data", start),
    )
    layout = replace(layout, offset=start + 8 + skip, sizes=sizes)
    if length in (0, 0xFFFFFFFF):
        return _with_data(layout, None, size)
    # libsndfile counts the byte of padding as a sample, and others leave it out.
    padding = layout.frame % 2 if layout.subtype and start + length == size + 1 else 0
    return _with_data(layout, max(length - 8 - skip - padding, 0), size)


def _aiff_common(content: bytes, kind: bytes) -> Layout:
    """Read what a ``COMM`` chunk says."""
    channels, _, bits = struct.unpack(">HIH", content[:8])
    sr = int(_extended(content[8:18]))
    coding = content[18:22] if kind == b"AIFC" else b"NONE"
    names, big_endian = AIFC_CODINGS.get(coding, ({}, True))
    width = 1 if coding.lower() in (b"ulaw", b"alaw") else (bits + 7) // 8
    return Layout("AIFF", names.get(width, ""), sr, channels, big_endian)


def _caf(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of a CAF file."""
    place, layout = 8, None
    for _ in range(MAX_CHUNKS):
        if place >= size:
            return None
        stream.seek(place)
        name = stream.read(4)
        (length,) = _unpack(">q", stream)
        place += 12
        if name == b"desc":
            layout = _caf_description(stream)
        elif name == b"data" and layout is not None:
            sizes = (SizeField(place - 8, ">q", "data", place),)
            layout = replace(layout, offset=place + 4, sizes=sizes)
            return _with_data(layout, None if length < 0 else max(length - 4, 0), size)
        if length < 0:
            return None
        place += length
    return None


def _caf_description(stream: BinaryIO) -> Layout:
    """Read what a ``desc`` chunk says."""
    sr, coding, flags, packet, frames, channels, bits = struct.unpack(">d4sIIIII", stream.read(32))
    width = bits // 8
    names = {
        b"lpcm": FLOATS if flags & 1 else SIGNED,
        b"ulaw": {1: "ULAW"},
        b"alaw": {1: "ALAW"},
    }.get(coding, {})
    whole = frames == 1 and packet == width * channels
    subtype = names.get(width, "") if whole else ""
    return Layout("CAF", subtype, round(sr), channels, not flags & 2)


def _au(stream: BinaryIO, magic: bytes, size: int) -> Layout | None:
    """Read the header of an AU file."""
    order = ">" if magic == b".snd" else "<"
    offset, length, coding, sr, channels = _unpack(order + "IIIII", stream)
    subtype = AU_CODINGS.get(coding, "")
    sizes = (SizeField(8, order + "I", "data", offset),)
    layout = Layout("AU", subtype, sr, channels, order == ">", offset, sizes=sizes)
    return _with_data(layout, None if length == 0xFFFFFFFF else length, size)
