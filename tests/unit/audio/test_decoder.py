"""Decoding with libsndfile: pieces, and no messages on the terminal."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_files import libsndfile
from spectramend.audio import (
    inspect,
    read_part,
    write_patched,
)
from spectramend.audio.decoder import PIECE, pieces


def test_no_piece_at_the_end_is_short() -> None:
    for start, stop in (
        (0, 10),
        (0, 200_000),
        (5, 65_541),
        (5, 65_542),
        (0, 98_304),
        (7, 1_000_000),
    ):
        found = list(pieces(start, stop))
        assert [found[0][0], found[-1][1]] == [start, stop]
        assert all(a[1] == b[0] for a, b in pairwise(found))
        assert len(found) == 1 or found[-1][1] - found[-1][0] >= 1 << 15


def test_the_end_of_an_opus_file_is_that_of_the_whole(tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (PIECE + 7, 2))
    with soundfile.SoundFile(tmp_path / "x.opus", "w", 48000, 2, "OPUS", format="OGG") as stream:
        stream.write(x)
    write_patched(inspect(tmp_path / "x.opus"), tmp_path / "y.wav", [])
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.wav"), libsndfile(tmp_path / "x.opus"))


def test_a_decoder_writes_nothing_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "x.mp3", np.random.default_rng(0).uniform(-1, 1, 200_000), 44100)
    content = bytearray((tmp_path / "x.mp3").read_bytes())
    content[10_000:10_100] = content[60_000:60_100] = b"\x55" * 100
    (tmp_path / "x.mp3").write_bytes(content[: len(content) * 3 // 4])
    info = inspect(tmp_path / "x.mp3", salvage=True)
    read_part(info, 0, info.length)
    read_part(info, info.length - 1, info.length)
    write_patched(info, tmp_path / "y.wav", [])
    assert capfd.readouterr().err == ""


def test_soundfile_is_loaded_only_when_it_is_needed() -> None:
    program = "import sys, spectramend.audio; print('soundfile' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "False\n"
