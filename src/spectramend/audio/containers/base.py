"""Layout of the samples in a file, and the chunks of RIFF and AIFF files.

libsndfile reads all of these containers, but gives neither the place of the samples nor whether
they are complete; and a file that it changes in place loses the chunks that it does not know.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal, NamedTuple

from spectramend.audio.codings import CODINGS

SIGNED = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}  # by bytes of a sample
UNSIGNED = {**SIGNED, 1: "PCM_U8"}
FLOATS = {4: "FLOAT", 8: "DOUBLE"}  # by bytes of a sample

MAX_CHANNELS = 1024  # libsndfile's own limit, SF_MAX_CHANNELS
MAX_SR = 10**7  # Hz; engineering choice: a header that names more is damaged
MAX_CHUNKS = 10_000  # engineering choice: a sparse file of zeros has millions of empty chunks


class SizeField(NamedTuple):
    """A number in a header that counts bytes up to the end of file or data, or frames."""

    place: int  # its offset in the file, in bytes
    code: str  # its format, for `struct`
    what: Literal["file", "data", "frames"]
    before: int = 0  # bytes that are not counted


@dataclass(frozen=True)
class Layout:
    """Where the samples are in a file, and how they are coded, by the names in libsndfile."""

    container: str
    subtype: str  # empty where samples are compressed or unknown
    sr: int  # Hz
    channels: int
    big_endian: bool
    offset: int = 0  # bytes before the samples
    length: int = 0  # bytes of samples in the file, whole frames only
    truncated: bool = False  # whether the header declares more
    sizes: tuple[SizeField, ...] = ()  # fields of the header to correct then

    @property
    def width(self) -> int:
        """Size of a sample in bytes."""
        return CODINGS[self.subtype].width

    @property
    def frame(self) -> int:
        """Size of a frame, one sample of every channel, in bytes."""
        return self.width * self.channels

    @property
    def frames(self) -> int:
        """Number of samples of each channel."""
        return self.length // self.frame

    def with_data(self, declared: int | None, size: int) -> Layout | None:
        """Add the number of bytes of samples; return None if the header is invalid.

        `declared` is their number in the header, None if it has none, `size` that of the file.
        """
        if not (0 < self.channels <= MAX_CHANNELS and 0 < self.sr <= MAX_SR):
            return None
        available = size - self.offset
        if available < 0:
            return None
        length = available if declared is None else min(declared, available)
        if self.subtype:
            length -= length % self.frame
        return replace(self, length=length, truncated=declared is not None and declared > available)


def unpack(code: str, stream: BinaryIO) -> tuple[int, ...]:
    """Read numbers in a format of `struct`."""
    return struct.unpack(code, stream.read(struct.calcsize(code)))


def chunks(
    stream: BinaryIO, start: int, size: int, head: str, *, align: int = 2, counts_head: bool = False
) -> Iterator[tuple[bytes, int, int]]:
    """Give name, start and declared length of the chunks from `start` on, until one is negative.

    `size` is that of the file in bytes, `head` the `struct` format of name and length, which
    `counts_head` or not. Chunks are padded to a multiple of `align` bytes, but for those of writers
    that forget the byte after an odd length.
    """
    head_bytes, length = struct.calcsize(head), 0
    for _ in range(MAX_CHUNKS):
        if length < 0 or start + head_bytes > size:
            return
        stream.seek(start)
        name, length = struct.unpack(head, stream.read(head_bytes))
        start += head_bytes
        length -= head_bytes if counts_head else 0
        yield name, start, length
        start += length
        padding = -length % align
        start += 0 if padding == 1 and _is_unpadded(stream, start, size, head) else padding


def _is_unpadded(stream: BinaryIO, start: int, size: int, head: str) -> bool:
    """Whether a chunk begins at `start` already, and not after a byte of padding, which is 0."""
    stream.seek(start)
    content = stream.read(struct.calcsize(head) + 1)
    if len(content) <= struct.calcsize(head) or not _is_name(content[:4]):
        return False
    _, length = struct.unpack(head, content[:-1])
    return stream.tell() - 1 + length <= size or not _is_name(content[1:5])


def _is_name(name: bytes) -> bool:
    """Whether four bytes can be the name of a chunk: printable ASCII that begins with no space."""
    return name.isascii() and name.decode("ascii").isprintable() and name[:1] != b" "
