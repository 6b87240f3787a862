"""Damaged files: every one is read, or refused with one line."""

from __future__ import annotations

import faulthandler
import resource
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectramend.audio import Patch, inspect, read_part, write_patched
from spectramend.errors import SpectramendError

N = 400
MEGABYTES = 200  # that may be taken on top of what the interpreter has

# Container, coding, byte order.
FILES = [
    *(("WAV", subtype, "FILE") for subtype in ("PCM_U8", "PCM_16", "PCM_24", "ULAW")),
    *(("WAV", subtype, "FILE") for subtype in ("IMA_ADPCM", "MS_ADPCM", "GSM610")),
    *(("WAV", "PCM_16", "BIG"), ("WAVEX", "FLOAT", "FILE"), ("RF64", "PCM_24", "FILE")),
    *(("W64", "DOUBLE", "FILE"), ("AU", "PCM_16", "FILE"), ("AU", "FLOAT", "LITTLE")),
    *(("AIFF", "PCM_16", "FILE"), ("AIFF", "PCM_24", "LITTLE"), ("AIFF", "FLOAT", "FILE")),
    *(("CAF", "PCM_24", "FILE"), ("CAF", "FLOAT", "LITTLE"), ("CAF", "ALAC_16", "FILE")),
    *(("FLAC", "PCM_16", "FILE"), ("FLAC", "PCM_24", "FILE")),
    *(("OGG", "VORBIS", "FILE"), ("OGG", "OPUS", "FILE"), ("MP3", "MPEG_LAYER_III", "FILE")),
    *(("VOC", "PCM_16", "FILE"), ("NIST", "PCM_16", "FILE"), ("MAT5", "DOUBLE", "FILE")),
]
IDS = [b"RIFF", b"RF64", b"riff", b"FORM", b"caff", b".snd", b"fLaC", b"OggS", b"data", b"fmt "]
IDS += [b"SSND", b"COMM", b"desc", b"LIST", b"ds64", b"ID3\x03", b"\xff\xfb\x90\x00", b"WAVE"]
NUMBERS = [0, 1, 2, 3, 7, 0x7F, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10**9]


@pytest.fixture
def no_hang() -> Iterator[None]:
    """End the process with a traceback after two minutes."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def whole_files(folder: Path) -> list[bytes]:
    """Make a small file of every kind."""
    rng = np.random.default_rng(0)
    files = []
    for container, subtype, endian in FILES:
        file = folder / "whole"
        channels = 1 if subtype == "GSM610" else 2
        x = rng.uniform(-0.5, 0.5, (N, channels))
        sr = 48000 if subtype == "OPUS" else 16000
        soundfile.write(file, x, sr, subtype=subtype, endian=endian, format=container)
        files.append(file.read_bytes())
    return files


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """Change a few bytes of a file, mostly of its header."""
    content = bytearray(whole)
    for _ in range(rng.integers(1, 4) if rng.random() < 0.3 else 1):
        head = min(len(content), int(rng.choice([16, 48, 200, 1 << 20])))
        place = int(rng.integers(max(1, head - 4)))
        kind = rng.integers(6)
        if kind == 0:
            content[place : place + 1] = rng.bytes(1)
        elif kind == 1:
            number = int(rng.choice(NUMBERS)).to_bytes(4, rng.choice(["big", "little"]))
            content[place : place + 4] = number
        elif kind == 2:
            content[place : place + 4] = IDS[rng.integers(len(IDS))]
        elif kind == 3:
            content[place // 4 * 4 : place // 4 * 4 + 4] = rng.bytes(4)
        elif kind == 4:
            content = content[: int(rng.integers(1, len(content) + 1))]
        else:
            content[place:place] = rng.bytes(int(rng.integers(1, 9)))
    return bytes(content)


def one_line(error: SpectramendError) -> None:
    message = str(error)
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 400


def survives(file: Path, target: Path, salvage: bool) -> str:
    """Inspect, read and repair a file; say how far it came."""
    try:
        info = inspect(file, salvage=salvage)
    except SpectramendError as error:
        one_line(error)
        return "refused"
    assert info.length > 0
    assert info.channels > 0
    assert info.sr > 0
    stop = min(info.length, 1000)
    try:
        assert read_part(info, 0, stop).shape == (info.channels, stop)
        last = read_part(info, info.length - 1, info.length)
    except SpectramendError as error:
        one_line(error)
        return "not read"
    patch = Patch(info.channels - 1, info.length - 1, np.array([0.25]))
    ending = ".wav" if info.lossy else {"FLAC": ".flac", "AIFF": ".aiff"}.get(info.container, "")
    target = target.with_suffix(ending or file.suffix)
    try:
        write_patched(info, target, [patch])
    except SpectramendError as error:
        one_line(error)
        return "not written"
    again = inspect(target)
    assert (again.length, again.channels) == (info.length, info.channels)
    new = read_part(again, again.length - 1, again.length)
    np.testing.assert_allclose(new[-1], 0.25, atol=0.02)
    if not info.lossy:
        np.testing.assert_array_equal(new[:-1], last[:-1])
    return "repaired"


@pytest.mark.usefixtures("no_hang")
@pytest.mark.parametrize("inputs", [660, pytest.param(9240, marks=pytest.mark.slow)])
def test_a_damaged_file_is_repaired_or_refused_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: int
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)  # thousands of them take minutes
    wholes = whole_files(tmp_path)
    rng = np.random.default_rng(0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts: dict[str, int] = {}
    file, target = tmp_path / "damaged.x", tmp_path / "target.x"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for trial in range(inputs):
            for path in tmp_path.iterdir():
                path.unlink()  # some file systems wait for the disk where a file is replaced
            file.write_bytes(damaged(wholes[trial % len(wholes)], rng))
            outcome = survives(file, target, salvage=trial % 3 == 0)
            counts[outcome] = counts.get(outcome, 0) + 1
    assert counts["refused"] > inputs // 10
    assert counts["repaired"] > inputs // 3
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) / 1024 < MEGABYTES
    assert {path.suffix for path in tmp_path.iterdir() if path.name[0] == "."} == set()
