"""Parts of recordings: those of the whole, in any order, cached."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_files import SR, UNCOMPRESSED, N, libsndfile, log_reads, noise, sparse_rf64, write_noise
from spectramend.audio import (
    Reader,
    inspect,
    read_part,
    write_patched,
)
from spectramend.audio.reader import CACHE_BLOCK
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
def test_a_part_of_a_losslessly_compressed_file_is_exact(
    tmp_path: Path, container: str, subtype: str
) -> None:
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
def test_a_part_of_a_lossy_file_is_that_of_the_whole(
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


def test_nan_and_infinite_samples_of_a_float_file_are_kept(tmp_path: Path) -> None:
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


# Parts of files

ANY_ORDER = [
    ("wav", "PCM_16", "WAV"), ("flac", "PCM_16", "FLAC"), ("ogg", "VORBIS", "OGG"),
    ("opus", "OPUS", "OGG"), ("mp3", "MPEG_LAYER_III", "MP3"), ("voc", "PCM_16", "VOC"),
    ("paf", "PCM_16", "PAF"), ("wav", "IMA_ADPCM", "WAV"), ("wav", "GSM610", "WAV"),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "subtype", "container"), ANY_ORDER)
@pytest.mark.parametrize("cache_size", [0, 1 << 17])
def test_parts_are_those_of_the_whole_in_any_order(
    tmp_path: Path, ending: str, subtype: str, container: str, cache_size: int
) -> None:
    sr, channels = (48000, 2) if subtype != "GSM610" else (8000, 1)
    file, n = tmp_path / f"x.{ending}", 700_000 if subtype != "GSM610" else 100_000
    with soundfile.SoundFile(file, "w", sr, channels, subtype, format=container) as stream:
        for start in range(0, n, 50_000):
            stream.write(np.random.default_rng(start).uniform(-0.5, 0.5, (50_000, channels)))
    info, whole = inspect(file), soundfile.read(file, always_2d=True)[0].T
    rng = np.random.default_rng(1)
    with Reader(info, cache_size=cache_size) as reader:
        for _ in range(12):
            start = int(rng.integers(0, info.length - 3000))
            for stop in (start, start + 1, start + 3000, min(start + 90_000, info.length)):
                np.testing.assert_array_equal(reader.read(start, stop), whole[:, start:stop])
        for size in (40, 5000):
            first = info.length - size
            np.testing.assert_array_equal(reader.read(first, info.length), whole[:, first:])
        np.testing.assert_array_equal(reader.read(0, 500), whole[:, :500])


def test_what_was_read_is_cached_until_it_is_what_was_read_longest_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_reads(monkeypatch)
    x = noise(20 * CACHE_BLOCK).T
    soundfile.write(tmp_path / "x.wav", x.T, SR, subtype="DOUBLE")
    with Reader(inspect(tmp_path / "x.wav"), cache_size=4 * 2 * CACHE_BLOCK) as reader:

        def read(start: int, stop: int) -> list[tuple[int, int]]:
            log.parts = []
            np.testing.assert_array_equal(reader.read(start, stop), x[:, start:stop])
            return [(a // CACHE_BLOCK, -(-b // CACHE_BLOCK)) for a, b in log.parts]

        assert read(10, CACHE_BLOCK + 10) == [(0, 2)]
        assert read(5, 2 * CACHE_BLOCK) == []
        assert read(CACHE_BLOCK, 4 * CACHE_BLOCK) == [(2, 4)]
        assert read(0, 1) == []  # the last one read
        assert read(5 * CACHE_BLOCK, 6 * CACHE_BLOCK) == [(5, 6)]
        assert read(0, 2 * CACHE_BLOCK) == [(1, 2)]
        assert read(3 * CACHE_BLOCK, 6 * CACHE_BLOCK) == [(4, 5)]
        assert read(0, 5 * CACHE_BLOCK) == [(0, 5)]  # more than the cache holds
        assert read(3 * CACHE_BLOCK, 6 * CACHE_BLOCK) == []
        found = reader.read(0, 10)
        found[:] = 0  # is the caller's
        assert read(0, 10) == []
    assert log.opened == 1


def test_the_last_part_may_be_short(tmp_path: Path) -> None:
    x = noise(CACHE_BLOCK + 3).T
    soundfile.write(tmp_path / "x.wav", x.T, SR, subtype="DOUBLE")
    with Reader(inspect(tmp_path / "x.wav")) as reader:
        for start in (CACHE_BLOCK - 1, CACHE_BLOCK, 0, CACHE_BLOCK + 3):
            np.testing.assert_array_equal(reader.read(start, CACHE_BLOCK + 3), x[:, start:])
        with pytest.raises(ParameterError, match=r"0 to 4100 are not in .*, which has 4099"):
            reader.read(0, CACHE_BLOCK + 4)


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(
    tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"x.{ending}"
    soundfile.write(file, noise(200_000), SR)
    with Reader(inspect(file)) as reader:
        reader.read(0, 100)
        with file.open("r+b") as stream:
            stream.truncate(file.stat().st_size // 2)
        with pytest.raises(AudioError, match=r"x\.\w+: (ends before sample|cannot be read)"):
            reader.read(199_000, 199_900)


def test_a_file_that_is_replaced_while_it_is_read_is_that_which_was_opened(tmp_path: Path) -> None:
    x = noise(100_000).T
    soundfile.write(tmp_path / "x.wav", x.T, SR, subtype="DOUBLE")
    soundfile.write(tmp_path / "y.wav", -x.T, SR, subtype="DOUBLE")
    with Reader(inspect(tmp_path / "x.wav")) as reader:
        (tmp_path / "y.wav").replace(tmp_path / "x.wav")
        np.testing.assert_array_equal(reader.read(50_000, 60_000), x[:, 50_000:60_000])
