"""Recordings and label files as other programs write them, through the command line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from commands import Runner
from label_files import RAVEN

SR = 8000
COMBINED = (
    f"{RAVEN}\tBegin Path\tFile Offset (s)\n"
    "1\tSpectrogram 1\t1\t0.1\t0.2\t\t\tA/one.wav\t0.1\n"
    "2\tSpectrogram 1\t1\t1.5\t1.6\t\t\tA/two.wav\t0.5\n"
)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Write noise of a second."""
    soundfile.write(tmp_path / "two.wav", np.random.default_rng(0).normal(0, 0.1, SR), SR)
    return tmp_path / "two.wav"


def changed_span(before: Path, after: Path) -> tuple[float, float]:
    """Find the first and the last sample that differ, in seconds."""
    different = np.flatnonzero(soundfile.read(before)[0] != soundfile.read(after)[0])
    return different[0] / SR, different[-1] / SR


def test_repair_takes_the_rows_of_its_recording_from_a_table_of_several(
    tmp_path: Path, two: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table.txt").write_text(COMBINED)
    repair = ("repair", "--labels", tmp_path / "table.txt", "--damage", "missing", "-o")
    assert run(*repair, tmp_path / "out.wav", two).code == 0
    start, end = changed_span(two, tmp_path / "out.wav")
    assert 0.5 <= start <= end < 0.6
    two.rename(tmp_path / "three.wav")
    failed = run(*repair, tmp_path / "no.wav", tmp_path / "three.wav")
    assert failed.code == 1
    assert "its selections are of 'one.wav', 'two.wav', none of three.wav" in failed.err
    content = (tmp_path / "three.wav").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert "keep those of one recording" in run(*repair, tmp_path / "no.wav", "-").err
    assert not (tmp_path / "no.wav").exists()


def test_repair_reads_timecode_at_the_frame_rate_that_it_is_given(
    tmp_path: Path, two: Path, run: Runner
) -> None:
    table = "Marker Name,In,Out,Marker Type\na,00:00:00:05,00:00:00:10,Comment\n"
    (tmp_path / "markers.csv").write_text(table)
    repair = ("repair", two, "--labels", tmp_path / "markers.csv", "--damage", "missing", "-o")
    assert "give the frame rate of the sequence" in run(*repair, tmp_path / "no.wav").err
    assert "--frame-rate goes with --labels" in (
        run("repair", two, "--region", "0.1-0.2", "--frame-rate", 20, "-o", tmp_path / "x.wav").err
    )
    assert run(*repair, tmp_path / "out.wav", "--frame-rate", 20).code == 0
    start, end = changed_span(two, tmp_path / "out.wav")
    assert 0.25 <= start <= end < 0.5


def test_detect_refuses_an_ending_of_no_label_format_before_it_reads_the_recording(
    tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "x.wav").write_bytes(b"no recording")
    failed = run("detect", tmp_path / "x.wav", "-o", tmp_path / "labels.xyz")
    assert failed.code == 1
    assert "no format has this ending: name it with one of .csv, .selections.txt" in failed.err
