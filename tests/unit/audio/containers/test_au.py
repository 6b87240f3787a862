"""Headers of AU files."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio_files import au
from spectramend.audio.containers import Layout, SizeField, find_layout


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(tmp_path: Path, order: str) -> None:
    (tmp_path / "x").write_bytes(au(order))
    sizes = (SizeField(8, order + "I", "data", 32),)
    expected = Layout("AU", "PCM_16", 16000, 2, order == ">", 32, 100, False, sizes)
    assert find_layout(tmp_path / "x") == expected


@pytest.mark.parametrize(
    ("declared", "length", "truncated"), [(0xFFFFFFFF, 100, False), (101, 100, True), (7, 4, False)]
)
def test_a_length_counts_unless_a_pipe_left_it_open(
    tmp_path: Path, declared: int, length: int, truncated: bool
) -> None:
    (tmp_path / "x").write_bytes(au(declared=declared))
    layout = find_layout(tmp_path / "x")
    assert layout is not None
    assert (layout.length, layout.truncated) == (length, truncated)
