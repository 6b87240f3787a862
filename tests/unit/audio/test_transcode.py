"""A recording that is coded again: every sample but those of the patches comes back."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_files import SR, N, libsndfile, make, names
from spectramend.audio import Patch, inspect, write_patched
from spectramend.audio.decoder import PIECE
from spectramend.errors import AudioError, FileError, ParameterError

CODED = [
    *(("FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    *(("VOC", "PCM_16"), ("NIST", "PCM_24")),
    *(("MAT5", "DOUBLE"), ("IRCAM", "ULAW"), ("AVR", "PCM_S8"), ("PVF", "PCM_32")),
]


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("container", "subtype"), CODED)
def test_a_losslessly_compressed_file_keeps_every_other_sample(
    tmp_path: Path, container: str, subtype: str, channels: int
) -> None:
    if container in ("VOC", "AVR"):
        channels = min(channels, 2)
    # Several pieces, and patches over the edge of one.
    n = 3 * PIECE + 5
    file = make(tmp_path, container, subtype, n, channels=channels)
    whole, info, target = libsndfile(file), inspect(file), file.with_stem("y")
    channel = channels - 1
    patches = [
        Patch(channel, PIECE - 30, np.full(60, 0.5)),
        Patch(channel, PIECE, np.zeros(10)),
        Patch(0, n - 1, np.zeros(1)),
    ]
    report = write_patched(info, target, patches)
    assert (report.container, report.subtype, report.clipped) == (container, subtype, 0)
    expected = whole.copy()
    expected[channel, PIECE - 30 : PIECE + 30] = 0.5
    expected[channel, PIECE : PIECE + 10] = 0
    expected[0, n - 1] = 0
    near = 0.02 if subtype == "ULAW" else 0
    after = libsndfile(target)
    same = expected == whole
    np.testing.assert_array_equal(after[same], whole[same])
    np.testing.assert_allclose(after, expected, rtol=0, atol=near)
    assert soundfile.info(target).samplerate == SR
    assert names(tmp_path) == sorted([file.name, target.name])


def test_text_tags_go_along_and_those_without_a_place_are_named(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "x.flac", "w", SR, 1, "PCM_16") as stream:
        stream.title = "Title"
        stream.write(np.zeros(99))
    info = inspect(tmp_path / "x.flac")
    report = write_patched(info, tmp_path / "y.wav", [])
    with soundfile.SoundFile(tmp_path / "y.wav") as stream:
        assert stream.title == "Title"
    assert report.notes == (
        "Of what is not sound, only text tags such as title and artist are kept.",
    )
    notes = write_patched(info, tmp_path / "y.w64", []).notes
    assert "W64 has no place for these tags: title." in notes


def test_damage_that_is_left_in_floats_stays_and_fits_no_integer(tmp_path: Path) -> None:
    x = np.array([0.5, np.nan, np.inf, -np.inf, 3.0])
    soundfile.write(tmp_path / "x.wav", x, SR, "FLOAT")
    info = inspect(tmp_path / "x.wav")
    write_patched(info, tmp_path / "y.caf", [Patch(0, 0, np.zeros(1))])
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.caf"), [[0, *x[1:]]])
    with pytest.raises(ParameterError, match=r"y\.flac: PCM_24 cannot hold the NaN samples"):
        write_patched(info, tmp_path / "y.flac", [])
    report = write_patched(info, tmp_path / "y.flac", [Patch(0, 1, np.zeros(1))])
    assert report.clipped == 3
    top = 1 - 2.0**-23
    assert libsndfile(tmp_path / "y.flac").tolist() == [[0.5, 0, top, -1, top]]


def test_a_coder_that_cannot_is_refused_with_one_line(tmp_path: Path) -> None:
    file = make(tmp_path, "WAV", "PCM_16", channels=9)
    with pytest.raises(AudioError, match=r"y\.flac: cannot be written: [^\n]+\.$"):
        write_patched(inspect(file), tmp_path / "y.flac", [])
    assert names(tmp_path) == ["x.wav"]


@pytest.mark.parametrize("name", ["y.flac", "y.wav"])
def test_what_is_coded_again_is_held_in_pieces(tmp_path: Path, name: str) -> None:
    file = make(tmp_path, "FLAC", "PCM_16", 2_000_000)
    info = inspect(file)
    tracemalloc.start()
    write_patched(info, tmp_path / name, [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * PIECE * 8 < 2_000_000 * 8


def test_what_is_not_all_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path, "FLAC", "PCM_16")
    real: Callable[..., Any] = soundfile.SoundFile.write

    def half(self: Any, data: NDArray[Any]) -> None:
        real(self, np.ascontiguousarray(data[: len(data) // 2]))

    monkeypatch.setattr(soundfile.SoundFile, "write", half)
    with pytest.raises(FileError, match=rf"only {N // 2} of {N} samples come back"):
        write_patched(inspect(file), tmp_path / "y.wav", [])
    assert names(tmp_path) == ["x.flac"]
