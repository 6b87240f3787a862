"""Audio files for tests: noise in every container, files made by hand, what libsndfile reads."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from spectramend.audio import Reader
from spectramend.audio.codings import EXACT

SR = 16000
N = 1001

# Container, coding and byte order of all files whose samples lie open.
UNCOMPRESSED = [
    (container, subtype, endian)
    for container in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU")
    for subtype in sorted(EXACT)
    for endian in ("FILE", "LITTLE", "BIG")
    if soundfile.check_format(container, subtype, endian)
    # libsndfile writes these as if they were of the other order, or not at all.
    and not (container == "RF64" and endian == "BIG")
]
EXTENSIONS = {"WAVEX": "wav", "AIFF": "aif", "OGG": "ogg"}


def noise(n: int = N, channels: int = 2) -> NDArray[np.float64]:
    """Draw noise, (n, channels), that reaches full scale."""
    x = np.random.default_rng(0).uniform(-1, 1, (n, channels))
    x[:2] = [[-1.0], [1.0]]
    return x


def write_noise(
    file: Path, container: str, subtype: str, n: int = N, *, channels: int = 2, **options: Any
) -> Path:
    """Write noise to a file of any name."""
    soundfile.write(file, noise(n, channels), SR, subtype, format=container, **options)
    return file


def make(folder: Path, container: str, subtype: str, n: int = N, **options: Any) -> Path:
    """Write noise to ``x``, with the extension of the container."""
    file = folder / f"x.{EXTENSIONS.get(container, container.lower())}"
    return write_noise(file, container, subtype, n, **options)


def libsndfile(file: Path) -> NDArray[np.float64]:
    """Read a whole file, (channels, n), with libsndfile alone."""
    x: NDArray[np.float64] = soundfile.read(file, always_2d=True)[0].T
    return x


class ReadLog:
    """What `Reader` loads from files, and how often it opens one."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, int]] = []
        self.samples = 0  # of all channels
        self.opened = 0


def log_reads(monkeypatch: pytest.MonkeyPatch) -> ReadLog:
    """Log what is read until the end of the test."""
    log = ReadLog()
    load, opening = Reader._load, Reader._open

    def logged_load(self: Reader, start: int, stop: int) -> NDArray[np.float64]:
        log.parts.append((start, stop))
        log.samples += (stop - start) * self.info.channels
        return load(self, start, stop)

    def logged_open(self: Reader) -> None:
        log.opened += 1
        opening(self)

    monkeypatch.setattr(Reader, "_load", logged_load)
    monkeypatch.setattr(Reader, "_open", logged_open)
    return log


def changed(old: bytes, new: bytes) -> NDArray[np.intp]:
    """Find the bytes that differ."""
    assert len(old) == len(new)
    return np.flatnonzero(np.frombuffer(old, np.uint8) != np.frombuffer(new, np.uint8))


def names(folder: Path) -> list[str]:
    """List the files of a folder."""
    return sorted(path.name for path in folder.iterdir())


def chunk(name: bytes, content: bytes, order: str = "<") -> bytes:
    """Make a chunk of a WAV or AIFF file, padded to an even length."""
    return name + struct.pack(order + "I", len(content)) + content + bytes(len(content) % 2)


def wav(
    *,
    before: bytes = b"",
    after: bytes = b"",
    declared: int | None = None,
    riff: int | None = None,
    align: int = 2,
    n: int = 120,
) -> bytes:
    """Make a WAV file of the samples 1, 2, ..., n in 16 bits, in frames of `align` bytes.

    The lengths `declared` for the data and `riff` for the file stand in place of the right ones.
    """
    data = chunk(b"data", np.arange(1, n + 1, dtype="<i2").tobytes())
    if declared is not None:
        data = data[:4] + struct.pack("<I", declared) + data[8:]
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, align // 2, SR, align * SR, align, 16))
    body = b"WAVE" + form + before + data + after
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def sparse_rf64(file: Path, frames: int) -> Path:
    """Make an RF64 file of stereo 24-bit silence that takes no room on the disk."""
    length = 6 * frames
    ds64 = struct.pack("<QQQI", length + 80 - 8, length, frames, 0)
    form = struct.pack("<HHIIHH", 1, 2, 48000, 6 * 48000, 6, 24)
    head = b"RF64" + b"\xff" * 4 + b"WAVE" + chunk(b"ds64", ds64) + chunk(b"fmt ", form)
    file.write_bytes(head + b"data" + b"\xff" * 4)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size + length)
    return file


# Files of 25 frames of stereo in 16 bits, bytes of 1, with chunks that nobody knows


SAMPLES = b"\1" * 100


def riff_with_chunks(order: str = "<") -> bytes:
    """Make a WAV file with all kinds of chunks."""
    before = [
        chunk(b"bext", bytes(range(256)) * 2 + bytes(91), order),
        chunk(b"JUNK", b"odd", order),
        chunk(b"fmt ", struct.pack(order + "HHIIHH", 1, 2, SR, 4 * SR, 4, 16), order),
        chunk(b"iXML", b"<BWFXML>\n</BWFXML>", order),
    ]
    after = [
        chunk(b"cue ", struct.pack(order + "I", 1) + bytes(24), order),
        chunk(b"LIST", b"INFO" + chunk(b"INAM", b"title", order), order),
        chunk(b"id3 ", b"ID3\x03" + bytes(17), order),
        chunk(b"\x01\xff\x00!", b"nobody knows", order),
        chunk(b"note", b"odd", order)[:-1] + b"\x07",
    ]
    body = b"WAVE" + b"".join([*before, chunk(b"data", SAMPLES, order), *after])
    magic = b"RIFF" if order == "<" else b"RIFX"
    return magic + struct.pack(order + "I", len(body)) + body + b"bytes after the end"


def w64_with_chunks() -> bytes:
    """Make a Wave64 file with a chunk before the samples and one after."""
    guid = bytes.fromhex("f3acd3118cd100c04f8edb8a")

    def part(name: bytes, content: bytes) -> bytes:
        size = struct.pack("<Q", len(content) + 24)
        return name + guid + size + content + bytes(-len(content) % 8)

    body = b"wave" + guid
    body += part(b"fmt ", struct.pack("<HHIIHH", 1, 2, SR, 4 * SR, 4, 16))
    body += part(b"bext", b"odd") + part(b"data", SAMPLES) + part(b"mark", b"more")
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    return head + struct.pack("<Q", len(body) + 24) + body


def aiff_with_chunks() -> bytes:
    """Make an AIFF file whose ``COMM`` comes last, with a gap before the samples."""
    rate = struct.pack(">HQ", 16383 + 13, SR << 50)
    common = chunk(b"COMM", struct.pack(">HIH", 2, 25, 16) + rate, ">")
    sound = chunk(b"SSND", struct.pack(">II", 6, 0) + b"skip!!" + SAMPLES, ">")
    body = b"AIFF" + chunk(b"NAME", b"odd", ">") + sound + chunk(b"MARK", b"\0\0", ">") + common
    return b"FORM" + struct.pack(">I", len(body)) + body


def caf_with_chunks() -> bytes:
    """Make a CAF file with chunks before and after the samples."""

    def part(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">q", len(content)) + content

    form = struct.pack(">d4sIIIII", SR, b"lpcm", 0, 4, 1, 2, 16)
    return (
        b"caff\0\1\0\0"
        + part(b"desc", form)
        + part(b"uuid", b"odd")
        + part(b"data", b"edit" + SAMPLES)
        + part(b"info", b"more")
    )


def au(order: str = ">", *, declared: int = 100) -> bytes:
    """Make an AU file with a comment before the samples."""
    magic = b".snd" if order == ">" else b"dns."
    return magic + struct.pack(order + "IIIII", 32, declared, 3, SR, 2) + b"comment\0" + SAMPLES
