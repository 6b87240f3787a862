"""Headers of Wave64 files."""

from __future__ import annotations

from pathlib import Path

from audio_files import w64_with_chunks
from spectramend.audio.containers import Layout, SizeField, find_layout


def test_chunks_before_the_samples_are_skipped(tmp_path: Path) -> None:
    content = w64_with_chunks()
    (tmp_path / "x").write_bytes(content)
    data = content.index(b"data")
    sizes = (SizeField(16, "<Q", "file"), SizeField(data + 16, "<Q", "data", data))
    expected = Layout("W64", "PCM_16", 16000, 2, False, data + 24, 100, False, sizes)
    assert find_layout(tmp_path / "x") == expected


def test_a_file_from_a_pipe_goes_on_until_its_end(tmp_path: Path) -> None:
    content = bytearray(w64_with_chunks())
    data = content.index(b"data")
    content[data + 16 : data + 24] = b"\xff" * 8
    (tmp_path / "x").write_bytes(content)
    layout = find_layout(tmp_path / "x")
    assert layout is not None
    assert not layout.truncated
    assert layout.length == (len(content) - data - 24) // 4 * 4


def test_a_chunk_that_is_shorter_than_its_head_ends_the_search(tmp_path: Path) -> None:
    content = bytearray(w64_with_chunks())
    place = content.index(b"bext") + 16
    content[place : place + 8] = (23).to_bytes(8, "little")
    (tmp_path / "x").write_bytes(content)
    assert find_layout(tmp_path / "x") is None
