"""What a file holds, and parts of it: the same as libsndfile's, without reading the rest."""

from __future__ import annotations

import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_files import SR, UNCOMPRESSED, N, libsndfile, sparse_rf64, write_noise
from spectramend.audio import Patch, inspect, read, read_part, write_patched
from spectramend.audio.containers import find_layout
from spectramend.audio.decoder import BLOCK
from spectramend.errors import AudioError, FileError, ParameterError

# What libsndfile reads


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("container", "subtype", "endian"), UNCOMPRESSED)
def test_a_part_is_what_libsndfile_reads(
    tmp_path: Path, container: str, subtype: str, endian: str, channels: int
) -> None:
    file = write_noise(tmp_path / "x", container, subtype, channels=channels, endian=endian)
    whole = libsndfile(file)
    info = inspect(file)
    assert info.layout is not None
    assert (info.sr, info.channels, info.length) == (SR, channels, whole.shape[1])
    assert (info.container, info.subtype) == (container, subtype)
    assert not info.lossy
    assert not info.truncated
    part = read_part(info, 300, 777)
    np.testing.assert_array_equal(part, whole[:, 300:777], strict=True)
    assert part.flags.c_contiguous
    np.testing.assert_array_equal(read_part(info, 0, info.length), whole)
    assert read_part(info, 5, 5).shape == (channels, 0)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        *(("FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
        *(("CAF", f"ALAC_{bits}") for bits in (16, 20, 24, 32)),
        *(("VOC", "PCM_16"), ("NIST", "PCM_32"), ("MAT5", "DOUBLE"), ("IRCAM", "FLOAT")),
    ],
)
def test_a_part_of_what_is_packed_is_exact(tmp_path: Path, container: str, subtype: str) -> None:
    file = write_noise(tmp_path / "x", container, subtype)
    info = inspect(file)
    assert not info.lossy
    assert (info.container, info.subtype, info.layout) == (container, subtype, None)
    np.testing.assert_array_equal(read_part(info, 300, 777), libsndfile(file)[:, 300:777])


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
        *(("WAV", "IMA_ADPCM"), ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("AU", "G721_32")),
    ],
)
@pytest.mark.parametrize("start", [0, 1, 500, 29_000, 89_000, 89_990])
def test_a_part_of_what_is_lossy_is_that_of_the_whole(
    tmp_path: Path, container: str, subtype: str, start: int
) -> None:
    channels = 1 if subtype in ("GSM610", "G721_32") else 2
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (90_000, channels))
    with soundfile.SoundFile(
        tmp_path / "x", "w", 48000, channels, subtype=subtype, format=container
    ) as stream:
        for i in range(0, 90_000, 10_000):
            stream.write(x[i : i + 10_000])
    info = inspect(tmp_path / "x")
    assert info.lossy
    assert info.length >= 90_000
    assert info.seconds == info.length / 48000
    part = read_part(info, start, start + 10)
    # mpg123 decodes no file twice the same, to the last bit.
    near = 1e-6 if container == "MP3" else 0
    whole = libsndfile(tmp_path / "x")
    np.testing.assert_allclose(part, whole[:, start : start + 10], rtol=0, atol=near)


@pytest.mark.parametrize("sr", [8000, 11025, 44100, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 16])
@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "CAF", "AU"])
def test_rates_and_channels(tmp_path: Path, container: str, sr: int, channels: int) -> None:
    soundfile.write(tmp_path / "x", np.zeros((9, channels)), sr, "PCM_24", format=container)
    info = inspect(tmp_path / "x")
    assert (info.sr, info.channels, info.length) == (sr, channels, 9)


def test_damage_of_a_float_file_is_read_as_it_is(tmp_path: Path) -> None:
    x = np.array([0.5, np.nan, np.inf, -np.inf, 3.0])
    soundfile.write(tmp_path / "x.wav", x, SR, "FLOAT")
    np.testing.assert_array_equal(read_part(inspect(tmp_path / "x.wav"), 0, 5), x[None])


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (0, N + 1), (5, 4), (N + 1, N + 2)])
def test_a_part_that_is_not_there_is_refused(tmp_path: Path, start: int, stop: int) -> None:
    info = inspect(write_noise(tmp_path / "x.wav", "WAV", "PCM_16"))
    with pytest.raises(ParameterError, match=rf"samples {start} to {stop} are not in .* {N}\."):
        read_part(info, start, stop)


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_file_that_became_shorter_is_refused(tmp_path: Path, container: str) -> None:
    info = inspect(write_noise(tmp_path / "x", container, "PCM_16"))
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:1500])
    with pytest.raises(AudioError, match=r"x: (ends before sample 900|cannot be read)"):
        read_part(info, 600, 900)


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    info = inspect(write_noise(tmp_path / "x.wav", "WAV", "PCM_16"))
    (tmp_path / "x.wav").unlink()
    with pytest.raises(FileError, match=r"x\.wav: no such file"):
        read_part(info, 0, 1)
    with pytest.raises(FileError, match=r"x\.wav: no such file"):
        write_patched(info, tmp_path / "y.wav", [])


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"This is text.\n" * 99)
    with pytest.raises(AudioError, match="cannot be read as audio: Format not recognised"):
        inspect(tmp_path / "x.wav")
    with pytest.raises(FileError, match="no such file"):
        inspect(tmp_path / "absent.wav")
    with pytest.raises(FileError, match="is a device or a pipe"):
        inspect("/dev/null")


def test_a_part_after_which_libsndfile_jumps_wrongly_is_that_of_the_whole(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "x.ogg", "w", 48000, 2, "VORBIS") as stream:
        for i in range(30):
            stream.write(np.random.default_rng(i).uniform(-0.5, 0.5, (10_000, 2)))
    whole, info = libsndfile(tmp_path / "x.ogg"), inspect(tmp_path / "x.ogg")
    wrong = 0
    for start in range(298_000, 300_000, 40):
        part = read_part(info, start, start + 40)
        np.testing.assert_array_equal(part, whole[:, start : start + 40])
        with soundfile.SoundFile(tmp_path / "x.ogg") as stream:
            stream.seek(start)
            wrong += not np.array_equal(stream.read(40).T, part)
    assert wrong or soundfile.__libsndfile_version__ != "1.2.2"


def test_the_end_of_an_opus_file_is_that_of_the_whole(tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (BLOCK + 7, 2))
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


# Without reading the rest


def test_a_part_beyond_4_gib_takes_no_more_memory_than_itself(tmp_path: Path) -> None:
    frames = 750_000_000
    file = sparse_rf64(tmp_path / "x.wav", frames)
    assert file.stat().st_size > 1 << 32
    with file.open("r+b") as stream:
        stream.seek(80 + 6 * 740_000_000)
        stream.write(b"\x00\x00\x40\x00\x00\xc0")
    tracemalloc.start()
    info = inspect(file)
    x = read_part(info, 740_000_000 - 50_000, 740_000_000 + 50_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (info.container, info.length) == ("RF64", frames)
    assert np.flatnonzero(x.any(axis=0)).tolist() == [50_000]
    assert x[:, 50_000].tolist() == [0.5, -0.5]
    assert peak < 6 * x.nbytes


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
    with pytest.raises(AudioError, match=r"x\.wav: is truncated: its header promises more"):
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
def test_a_truncated_packed_file_is_refused_and_salvaged_on_demand(
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


def test_a_flac_file_that_does_not_say_its_length_is_salvaged_on_demand(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.flac", np.zeros(100_000), SR)
    content = bytearray((tmp_path / "x.flac").read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    (tmp_path / "x.flac").write_bytes(content)
    with pytest.raises(AudioError, match="does not say how long it is"):
        inspect(tmp_path / "x.flac")
    assert 99_900 < inspect(tmp_path / "x.flac", salvage=True).length <= 100_000
