"""Where a FLAC stream begins and ends, from the headers of its first and its last frame.

A stream that was written to a pipe says 0, "unknown", in place of its number of samples, one that
was cut says too many, and one of several segments counts from the beginning of the first. The
decoder of libsndfile (1.2) loses the end of the first two and cannot read the third at all; it
reads all of them once it is told the number at which the stream really ends.

After RFC 9639: metadata in section 8, frame headers in section 9.1.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from spectramend.audio.containers.flac import read_blocks, skip_id3

TOTAL_PLACE = (
    21  # byte of the file from which the low 36 bits of 5 bytes count samples, section 8.2
)
HEADER_BYTES = 16  # of a frame at most, section 9.1: 4, number 7, block size 2, rate 2, CRC 1
TAIL_BYTES = 1 << 16  # at the end, searched first for a frame; engineering choice: some frames
MAX_TAIL_BYTES = 1 << 24  # searched at most; engineering choice: 65 535 samples of 8 channels fit


@dataclass(frozen=True)
class FrameHeader:
    """What the header of a frame says: its first sample, and the number of its samples."""

    first: int
    size: int


@dataclass(frozen=True)
class FlacSpan:
    """The samples of a stream, counted as its frames do, and where they are in the file."""

    first: int  # 0, but in later segments of a stream
    stop: int  # after the last sample of the last frame
    last_frame: int  # its first sample
    declared: int  # number of samples in the header of the file, 0 if unknown
    offset: int  # bytes before the stream: those of a tag
    last_place: int  # where the last frame begins, in bytes
    end: int  # where the file is read to, in bytes

    def without_last_frame(self) -> FlacSpan:
        """Give the span of a stream whose last frame is cut off."""
        return replace(self, stop=self.last_frame, end=self.last_place)


def find_span(path: Path) -> FlacSpan | None:
    """Find where the stream of a file begins and ends; None if it is not FLAC or has no frame."""
    with path.open("rb") as stream:
        offset = skip_id3(stream)
        stream.seek(0)
        blocks = read_blocks(stream)
        if not blocks or len(blocks[0][1]) < 18:
            return None
        info = StreamInfo(blocks[0][1])
        start = stream.tell()
        first = info.frame_header(stream.read(HEADER_BYTES))
        if first is None:
            return None
        last, place = _last_header(stream, start, info, first)
        end = stream.seek(0, os.SEEK_END)
    stop = last.first + last.size
    return FlacSpan(first.first, stop, last.first, info.total, offset, place, end)


class StreamInfo:
    """What the metadata block of the stream says, and frame headers read by its help."""

    def __init__(self, content: bytes) -> None:
        numbers = int.from_bytes(content[10:18], "big")  # rate 20 bits, channels 3, bits 5, total
        self.block_size = int.from_bytes(content[2:4], "big")
        self.channels = (numbers >> 41 & 7) + 1
        self.total = numbers & ((1 << 36) - 1)

    def frame_header(self, data: bytes) -> FrameHeader | None:
        """Read a frame header; None where there is none."""
        if len(data) < 6 or data[0] != 0xFF or data[1] & 0xFE != 0xF8 or data[3] & 1:
            return None
        coded, assignment = data[2] >> 4, data[3] >> 4
        channels = assignment + 1 if assignment < 8 else 2
        number, at = _coded_number(data)
        if coded == 0 or assignment > 10 or channels != self.channels or number is None:
            return None
        if coded in (6, 7):
            size = int.from_bytes(data[at : at + coded - 5], "big") + 1
            at += coded - 5
        else:
            size = {1: 192}.get(coded, 144 << coded if coded < 6 else 1 << coded)
        at += {12: 1, 13: 2, 14: 2}.get(data[2] & 15, 0)  # bytes of the sample rate
        if len(data) <= at or _crc8(data[:at]) != data[at]:
            return None
        is_variable = data[1] & 1  # then samples are counted, else frames
        return FrameHeader(number if is_variable else number * self.block_size, size)


def _last_header(
    stream: BinaryIO, start: int, info: StreamInfo, first: FrameHeader
) -> tuple[FrameHeader, int]:
    """Search the last frame, from the end of the file back to the first: its header and place."""
    end = stream.seek(0, os.SEEK_END)
    tail = TAIL_BYTES
    while True:
        begin = max(start, end - tail)
        stream.seek(begin)
        data = stream.read(end - begin)
        at = len(data)
        while (at := data.rfind(b"\xff", 0, at)) >= 0:
            header = info.frame_header(data[at : at + HEADER_BYTES])
            if header is not None and header.first >= first.first:
                return header, begin + at
        if begin == start or tail >= MAX_TAIL_BYTES:
            return first, start
        tail *= 4


def _coded_number(data: bytes) -> tuple[int | None, int]:
    """Read the number that begins at byte 4, coded as UTF-8 is; and give the byte after it."""
    lead = data[4]
    ones = 8 - (lead ^ 0xFF).bit_length()  # leading ones: bytes of the number, 0 for one byte
    if ones in (1, 8) or len(data) < 4 + max(ones, 1):
        return None, 5
    number = lead & (0x7F >> ones)
    for byte in data[5 : 4 + ones]:
        if byte & 0xC0 != 0x80:
            return None, 5
        number = number << 6 | byte & 0x3F
    return number, 4 + max(ones, 1)


def _crc8(data: bytes) -> int:
    """Compute the CRC of a frame header: polynomial x^8 + x^2 + x + 1, section 9.1.8."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc


class FlacOfLength(io.RawIOBase):
    """A FLAC file that is read with the number of samples of a span in its header."""

    def __init__(self, path: Path, span: FlacSpan) -> None:
        self._file = path.open("rb")
        self._place, self._end = span.offset + TOTAL_PLACE, span.end
        self._file.seek(self._place)
        upper = self._file.read(1)[0] & 0xF0  # four bits that are not of the number
        total = span.stop
        self._total = bytes([upper | total >> 32]) + (total & 0xFFFFFFFF).to_bytes(4, "big")
        self._file.seek(0)

    def readinto(self, buffer: Any) -> int:
        """Read bytes up to the end of the span, those of the number replaced."""
        at = self._file.tell()
        view = memoryview(buffer)[: max(0, self._end - at)]
        n = self._file.readinto(view)
        first, last = max(at, self._place), min(at + n, self._place + len(self._total))
        if first < last:
            view[first - at : last - at] = self._total[first - self._place : last - self._place]
        return n

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte."""
        if whence == os.SEEK_END:
            offset, whence = self._end + offset, os.SEEK_SET
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Give the byte that is read next."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
