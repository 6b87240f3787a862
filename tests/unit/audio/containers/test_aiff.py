"""Headers of AIFF and AIFF-C files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from audio_files import aiff_with_chunks, chunk, make
from spectramend.audio import inspect
from spectramend.audio.containers import Layout, SizeField, find_layout


def test_samples_may_come_before_the_format_and_after_a_gap(tmp_path: Path) -> None:
    content = aiff_with_chunks()
    (tmp_path / "x").write_bytes(content)
    sound, common = content.index(b"SSND") + 8, content.index(b"COMM") + 8
    sizes = (
        SizeField(4, ">I", "file", 8),
        SizeField(common + 2, ">I", "frames"),
        SizeField(sound - 4, ">I", "data", sound),
    )
    expected = Layout("AIFF", "PCM_16", 16000, 2, True, sound + 14, 100, False, sizes)
    assert find_layout(tmp_path / "x") == expected


@pytest.mark.parametrize("declared", [0, 0xFFFFFFFF])
def test_a_file_from_a_pipe_goes_on_until_its_end(tmp_path: Path, declared: int) -> None:
    file = make(tmp_path, "AIFF", "PCM_16")
    content = bytearray(file.read_bytes())
    struct.pack_into(">I", content, content.index(b"SSND") + 4, declared)
    file.write_bytes(content)
    assert inspect(file).length == 1001


@pytest.mark.parametrize(
    ("compression", "bits", "subtype", "big_endian"),
    [
        (b"NONE", 16, "PCM_16", True),
        (b"sowt", 16, "PCM_16", False),
        (b"23ni", 24, "PCM_24", False),
        (b"fl32", 32, "FLOAT", True),
        (b"FL64", 64, "DOUBLE", True),
        (b"raw ", 8, "PCM_U8", True),
        (b"ulaw", 16, "ULAW", True),
        (b"ima4", 16, "", True),
    ],
)
def test_compression_types_name_coding_and_byte_order(
    tmp_path: Path, compression: bytes, bits: int, subtype: str, big_endian: bool
) -> None:
    rate = struct.pack(">HQ", 16383 + 15, 48000 << 48)
    common = chunk(b"COMM", struct.pack(">HIH", 1, 2, bits) + rate + compression, ">")
    body = b"AIFC" + common + chunk(b"SSND", bytes(8) + bytes(16), ">")
    (tmp_path / "x").write_bytes(b"FORM" + struct.pack(">I", len(body)) + body)
    layout = find_layout(tmp_path / "x")
    assert layout is not None
    assert (layout.subtype, layout.big_endian, layout.sr) == (subtype, big_endian, 48000)


def test_a_chunk_of_odd_length_may_lack_its_byte_of_padding(tmp_path: Path) -> None:
    content = aiff_with_chunks()
    name = chunk(b"NAME", b"odd", ">")
    assert name in content
    (tmp_path / "x").write_bytes(content.replace(name, name[:-1]))
    assert inspect(tmp_path / "x").length == 25
