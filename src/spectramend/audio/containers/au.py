"""Headers of AU files (Sun audio, ``.snd``): six numbers, of either byte order."""

from __future__ import annotations

from typing import BinaryIO

from spectramend.audio.containers.base import Layout, SizeField, unpack

AU_LINEAR = ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
# Codings by their numbers in the header, as in Sun's description of the format.
ENCODINGS = {1: "ULAW", **dict(enumerate(AU_LINEAR, 2)), 27: "ALAW"}


def read_header(stream: BinaryIO, size: int) -> Layout | None:
    """Read the header of an AU file of `size` bytes."""
    order = ">" if stream.read(4) == b".snd" else "<"
    offset, length, coding, sr, channels = unpack(order + "IIIII", stream)
    sizes = (SizeField(8, order + "I", "data", offset),)
    subtype = ENCODINGS.get(coding, "")
    layout = Layout("AU", subtype, sr, channels, order == ">", offset, sizes=sizes)
    return layout.with_data(None if length == 0xFFFFFFFF else length, size)
