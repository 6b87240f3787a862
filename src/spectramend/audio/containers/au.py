"""Headers of AU files (Sun audio, ``.snd``): six numbers, of either byte order."""

from __future__ import annotations

from typing import BinaryIO

from spectramend.audio.containers.base import Layout, SizeField, unpack

# By the number of the encoding.
CODINGS = {
    1: "ULAW",
    2: "PCM_S8",
    3: "PCM_16",
    4: "PCM_24",
    5: "PCM_32",
    6: "FLOAT",
    7: "DOUBLE",
    27: "ALAW",
}


def read_header(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of an AU file of `size` bytes."""
    order = ">" if stream.read(4) == b".snd" else "<"
    offset, length, coding, sr, channels = unpack(order + "IIIII", stream)
    subtype = CODINGS.get(coding, "")
    sizes = (SizeField(8, order + "I", "data", offset),)
    layout = Layout("AU", subtype, sr, channels, order == ">", offset, sizes=sizes)
    return layout.with_data(None if length == 0xFFFFFFFF else length, size)
