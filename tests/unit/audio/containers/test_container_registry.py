"""Which header is read: by the first bytes of a file, and none that makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_files import aiff_with_chunks, au, caf_with_chunks, riff_with_chunks, w64_with_chunks
from spectramend.audio.containers import find_layout


@pytest.mark.parametrize(
    "content",
    [riff_with_chunks(), w64_with_chunks(), aiff_with_chunks(), caf_with_chunks(), au()],
    ids=["WAV", "W64", "AIFF", "CAF", "AU"],
)
def test_a_header_that_ends_too_early_is_none(tmp_path: Path, content: bytes) -> None:
    for length in range(1, content.index(b"\1" * 100) - 8):
        (tmp_path / "x").write_bytes(content[:length])
        assert find_layout(tmp_path / "x") is None
    (tmp_path / "x").write_bytes(content)
    assert find_layout(tmp_path / "x") is not None


@pytest.mark.parametrize("content", [b"", b"RIF", b"fLaC" + bytes(99), b"OggS" + bytes(99)])
def test_other_files_have_no_layout(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert find_layout(tmp_path / "x") is None


@pytest.mark.parametrize(
    "head", [b"RIFF\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"caff\0\1\0\0"], ids=["WAV", "AIFF", "CAF"]
)
def test_a_file_of_a_billion_empty_chunks_is_given_up(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "x").write_bytes(head)
    with (tmp_path / "x").open("r+b") as stream:
        stream.truncate(1 << 34)
    assert find_layout(tmp_path / "x") is None
