"""Audio tracks of MP4, Windows Media, Matroska and AAC files, where ``av`` is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from commands import Runner
from media_files import SR, sound, write_media
from spectramend.audio import Patch, Reader, inspect, read, read_part, write, write_patched
from spectramend.audio.media import EXTENSIONS, container_of_media
from spectramend.errors import AudioError

MAGICS = [
    (b"\0\0\0\x1cftypM4A ", "MP4"),
    (b"\0\0\0\x08wide\0\0\1\0", "MP4"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa"), "ASF"),
    (bytes.fromhex("1a45dfa3a34286810142f781"), "Matroska"),
    (b"RIFF\0\1\0\0AVI ", "AVI"),
    (bytes.fromhex("fff15080"), "AAC"),
    (bytes.fromhex("fff94c80"), "AAC"),
]
FILES = [
    *(("x.m4a", "aac"), ("x.mp4", "aac"), ("x.m4a", "alac"), ("x.mov", "pcm_s16le")),
    *(("x.mov", "pcm_s24le"), ("x.mov", "pcm_f32le"), ("x.wma", "wmav2"), ("x.aac", "aac")),
    *(("x.webm", "libopus"), ("x.mkv", "flac"), ("x.avi", "pcm_s16le")),
]
LOSSLESS = {"alac": "PCM_32", "flac": "PCM_16", "pcm_f32le": "FLOAT"}


def likeness(x: NDArray[np.float32], y: NDArray[np.float64], shift: int) -> float:
    """Correlate the middle of two sounds, the second one `shift` samples later."""
    a, b = np.diff(x[0, 9000:19_000]), np.diff(y[0, 9000 + shift : 19_000 + shift])
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize(("magic", "container"), MAGICS)
def test_containers_are_told_by_their_first_bytes(magic: bytes, container: str) -> None:
    assert container_of_media(magic) == container


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC", "OGG"])
def test_what_libsndfile_writes_is_no_media(tmp_path: Path, container: str) -> None:
    soundfile.write(tmp_path / "x", np.zeros(99), SR, format=container)
    assert container_of_media((tmp_path / "x").read_bytes()[:12]) == ""


def test_mp3_and_text_are_no_aac() -> None:
    for start in ("fffb9064", "fff340c4", "ffe3", "fffe", "ff", ""):
        assert container_of_media(bytes.fromhex(start)) == ""


@pytest.mark.parametrize(("magic", "container"), MAGICS)
def test_without_av_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, magic: bytes, container: str
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "x").write_bytes(magic + bytes(99))
    message = rf'is of the kind {container}, .* pip install "spectramend\[media\]", or convert it'
    with pytest.raises(AudioError, match=message):
        inspect(tmp_path / "x")


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_media_are_no_target(tmp_path: Path, extension: str) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(99), SR)
    message = f"{extension} is read, but not written: name a .wav or .flac"
    with pytest.raises(AudioError, match=message):
        write_patched(inspect(tmp_path / "x.wav"), tmp_path / f"y{extension}", [])
    with pytest.raises(AudioError, match=message):
        write(tmp_path / f"y{extension}", np.zeros(99), SR)


@pytest.mark.parametrize(("name", "codec"), FILES)
def test_parts_are_those_of_the_whole_track(tmp_path: Path, name: str, codec: str) -> None:
    x = sound()
    file = write_media(tmp_path / name, codec, x)
    info = inspect(file)
    lossless = LOSSLESS.get(codec, f"PCM_{codec[5:7]}" if codec.startswith("pcm") else "")
    assert (info.sr, info.channels, info.truncated) == (SR, 2, False)
    assert info.subtype == (lossless or codec.upper().removeprefix("LIB"))
    assert info.lossy == (not lossless)
    assert abs(info.length - SR) <= (0 if lossless else 2048)
    whole = read_part(info, 0, info.length)
    if lossless:
        np.testing.assert_allclose(whole, x, rtol=0, atol=2**-15 if "16" in lossless else 2**-23)
    # FFmpeg leaves out the first frame of WMA, and the file does not say what AAC begins with.
    shift = {"x.wma": -2048, "x.aac": 1024}.get(name, 0)
    assert likeness(x, whole, shift) > 0.95
    with Reader(info, cache_size=0) as reader:
        for start in (40_000, 9000, 9001, info.length - 5, 0, 44_444):
            stop = min(info.length, start + 3000)
            np.testing.assert_array_equal(reader.read(start, stop), whole[:, start:stop])


def test_the_first_audio_track_of_a_film_is_repaired_into_a_wav_file(
    tmp_path: Path, run: Runner
) -> None:
    film = write_media(tmp_path / "x.mp4", "aac", sound(), picture=1, title="A talk")
    repair = ("repair", film, "--region", "0.5-0.51", "--damage", "missing", "-o")
    done = run(*repair, tmp_path / "y.wav")
    assert done.code == 0
    assert "The sound decoded from AAC is written as WAV FLOAT" in done.err
    before, after = read(film), read(tmp_path / "y.wav")
    assert after.subtype == "FLOAT"
    assert soundfile.SoundFile(tmp_path / "y.wav").title == "A talk"
    different = np.flatnonzero((before.samples != after.samples).any(axis=0))
    assert 0.5 * SR <= different[0] <= different[-1] < 0.51 * SR
    refused = run(*repair, tmp_path / "z.mp4")
    assert ".mp4 is read, but not written: name a .wav or .flac." in refused.err


def test_a_lossless_track_is_written_without_a_change(tmp_path: Path) -> None:
    file = write_media(tmp_path / "x.mov", "pcm_s16le", sound())
    whole = read(file).samples
    report = write_patched(inspect(file), tmp_path / "y.flac", [Patch(0, 99, np.zeros(9))])
    assert (report.container, report.subtype) == ("FLAC", "PCM_16")
    whole[0, 99:108] = 0
    np.testing.assert_array_equal(read(tmp_path / "y.flac").samples, whole)


def test_a_mono_track_is_mono(tmp_path: Path) -> None:
    file = write_media(tmp_path / "x.m4a", "alac", sound(5000, 1))
    assert read(file).samples.shape == (5000,)


@pytest.mark.parametrize(("name", "codec"), [("x.mkv", "flac"), ("x.wma", "wmav2")])
def test_a_truncated_track_is_refused_and_salvaged_on_demand(
    tmp_path: Path, name: str, codec: str
) -> None:
    file = write_media(tmp_path / name, codec, sound(4 * SR))
    whole, content = read(file).samples, file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match="is truncated: its sound ends early, or is damaged"):
        read(file)
    part = read(file, salvage=True).samples
    assert 1.8 * SR < part.shape[1] < 2.2 * SR
    np.testing.assert_array_equal(part[:, :-2048], whole[:, : part.shape[1] - 2048])


@pytest.mark.parametrize(("name", "codec"), [("x.mp4", "aac"), ("x.mkv", "flac")])
def test_a_track_shorter_than_the_picture_is_not_truncated(
    tmp_path: Path, name: str, codec: str
) -> None:
    film = write_media(tmp_path / name, codec, sound(SR // 2), picture=50)
    assert not inspect(film).truncated


def test_what_has_no_sound_or_no_index_is_refused(tmp_path: Path) -> None:
    file = write_media(tmp_path / "x.m4a", "aac", sound())
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])  # its index comes last
    with pytest.raises(AudioError, match=r"x\.m4a: cannot be read as MP4: invalid data"):
        inspect(file, salvage=True)
    silent = write_media(tmp_path / "silent.mp4", "", None, picture=1)
    with pytest.raises(AudioError, match="has no audio track"):
        inspect(silent)
