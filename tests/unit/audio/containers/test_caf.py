"""Headers of CAF files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from audio_files import N, caf_with_chunks, write_noise
from spectramend.audio import inspect
from spectramend.audio.containers import Layout, SizeField, find_layout


def test_chunks_before_the_samples_are_skipped(tmp_path: Path) -> None:
    content = caf_with_chunks()
    (tmp_path / "x").write_bytes(content)
    data = content.index(b"data") + 12
    sizes = (SizeField(data - 8, ">q", "data", data),)
    expected = Layout("CAF", "PCM_16", 16000, 2, True, data + 4, 100, False, sizes)
    assert find_layout(tmp_path / "x") == expected


def test_a_file_from_a_pipe_goes_on_until_its_end(tmp_path: Path) -> None:
    content = bytearray(write_noise(tmp_path / "x", "CAF", "PCM_16").read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 8] = b"\xff" * 8
    (tmp_path / "x").write_bytes(content)
    assert inspect(tmp_path / "x").length == N


@pytest.mark.parametrize(
    ("coding", "flags", "packet", "bits", "subtype"),
    [
        (b"lpcm", 1, 8, 32, "FLOAT"),
        (b"lpcm", 2, 6, 24, "PCM_24"),
        (b"lpcm", 0, 5, 16, ""),
        (b"alaw", 0, 2, 8, "ALAW"),
        (b"alac", 0, 0, 0, ""),
    ],
)
def test_descriptions_name_coding_and_byte_order(
    tmp_path: Path, coding: bytes, flags: int, packet: int, bits: int, subtype: str
) -> None:
    content = bytearray(caf_with_chunks())
    place = content.index(b"desc") + 12
    struct.pack_into(">d4sIIIII", content, place, 48000.0, coding, flags, packet, 1, 2, bits)
    (tmp_path / "x").write_bytes(content)
    layout = find_layout(tmp_path / "x")
    assert layout is not None
    assert (layout.subtype, layout.sr, layout.big_endian) == (subtype, 48000, not flags & 2)
