"""What a recording holds, found without reading it; truncated files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_files import libsndfile, write_noise
from spectramend.audio import (
    Patch,
    inspect,
    read,
    read_part,
    write_patched,
)
from spectramend.audio.containers import find_layout
from spectramend.errors import AudioError, FileError


@pytest.mark.parametrize("sr", [8000, 11025, 44100, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 16])
@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "CAF", "AU"])
def test_rates_and_channels(tmp_path: Path, container: str, sr: int, channels: int) -> None:
    soundfile.write(tmp_path / "x", np.zeros((9, channels)), sr, "PCM_24", format=container)
    info = inspect(tmp_path / "x")
    assert (info.sr, info.channels, info.length) == (sr, channels, 9)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"This is text.\n" * 99)
    with pytest.raises(AudioError, match="cannot be read as audio: Format not recognised"):
        inspect(tmp_path / "x.wav")
    with pytest.raises(FileError, match="no such file"):
        inspect(tmp_path / "absent.wav")
    with pytest.raises(FileError, match="is a device or a pipe"):
        inspect("/dev/null")


# Files that are shorter than they say


TRUNCATED = [
    *(("WAV", "PCM_24"), ("WAVEX", "FLOAT"), ("RF64", "PCM_16"), ("W64", "DOUBLE")),
    *(("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("CAF", "PCM_24"), ("AU", "PCM_16"), ("AU", "ULAW")),
]


@pytest.mark.parametrize("lost", [1, 7, 1500])
@pytest.mark.parametrize(("container", "subtype"), TRUNCATED)
def test_a_truncated_file_is_refused_and_salvaged_on_demand(
    tmp_path: Path, container: str, subtype: str, lost: int
) -> None:
    file = write_noise(tmp_path / "x.wav", container, subtype)
    whole, content = libsndfile(file), file.read_bytes()
    layout = find_layout(file)
    assert layout is not None
    end = layout.offset + layout.length
    file.write_bytes(content[: end - lost])
    with pytest.raises(AudioError, match=r"x\.wav: is truncated: its header declares more"):
        inspect(file)
    with pytest.raises(AudioError, match="is truncated"):
        read(file)
    info = inspect(file, salvage=True)
    there = (layout.length - lost) // layout.frame
    assert (info.truncated, info.length) == (True, there)
    np.testing.assert_array_equal(read_part(info, 0, there), whole[:, :there])
    # What is written from it says how much it holds.
    ending = {"AIFF": ".aiff", "CAF": ".caf", "AU": ".au", "W64": ".w64"}.get(container, ".wav")
    target = tmp_path / f"y{ending}"
    report = write_patched(info, target, [Patch(1, there - 2, np.array([0.25]))])
    assert report.notes == ("The header now says how many samples there are.",)
    again = inspect(target)
    assert (again.truncated, again.length) == (False, there)
    expected = whole[:, :there].copy()
    expected[1, -2] = 0.25
    near = 0.01 if subtype == "ULAW" else 0
    np.testing.assert_allclose(libsndfile(target), expected, rtol=0, atol=near)
    made = target.read_bytes()
    assert len(made) - layout.offset - there * layout.frame in (0, 1)
    size, common = len(made), made.find(b"COMM") + 10
    for place, code, number in {
        "WAV": [(4, "<I", size - 8)],
        "WAVEX": [(4, "<I", size - 8)],
        "RF64": [(20, "<Q", size - 8), (36, "<Q", there)],
        "W64": [(16, "<Q", size)],
        "AIFF": [(4, ">I", size - 8), (common, ">I", there)],
    }.get(container, []):
        assert struct.unpack_from(code, made, place) == (number,)


@pytest.mark.parametrize(("container", "subtype"), [("FLAC", "PCM_24"), ("MP3", "MPEG_LAYER_III")])
def test_a_truncated_compressed_file_is_refused_and_salvaged_on_demand(
    tmp_path: Path, container: str, subtype: str
) -> None:
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (100_000, 2))
    file = tmp_path / "x"
    soundfile.write(file, x, 44100, subtype, format=container)
    whole, content = libsndfile(file), file.read_bytes()
    file.write_bytes(content[: int(0.7 * len(content))])
    with pytest.raises(AudioError, match="is truncated"):
        inspect(file)
    info = inspect(file, salvage=True)
    assert info.truncated
    assert 65_000 < info.length < 71_000
    near = 1e-6 if container == "MP3" else 0
    part = read_part(info, info.length - 500, info.length - 100)
    expected = whole[:, info.length - 500 : info.length - 100]
    np.testing.assert_allclose(part, expected, rtol=0, atol=near)
    write_patched(info, tmp_path / "y.flac", [])
    assert inspect(tmp_path / "y.flac").length == info.length
