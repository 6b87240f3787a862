"""A recording with patches: opened once, its parts kept, patches laid over in one place."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from spectramend import OutputOptions, Region, repair, repair_file
from spectramend.audio import (
    Patch,
    PatchedSource,
    Reader,
    inspect,
    overlay,
    read_part,
    write_patched,
)
from spectramend.audio.reader import GRID, pieces
from spectramend.errors import AudioError, FileError, ParameterError
from spectramend.restoration.recording_files import detect_file

SR = 8000


def noise(n: int, channels: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (channels, n))


class Watch:
    """What is read of files, and how often they are opened."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, int]] = []
        self.samples = 0  # of all channels
        self.opened = 0


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    seen = Watch()
    load, opening = Reader._load, Reader._open

    def noted_load(self: Reader, start: int, stop: int) -> NDArray[np.float64]:
        seen.parts.append((start, stop))
        seen.samples += (stop - start) * self.info.channels
        return load(self, start, stop)

    def noted_open(self: Reader) -> None:
        seen.opened += 1
        opening(self)

    monkeypatch.setattr(Reader, "_load", noted_load)
    monkeypatch.setattr(Reader, "_open", noted_open)
    return seen


# Patches


def test_a_later_patch_covers_an_earlier_one() -> None:
    x = noise(100)
    source = PatchedSource(lambda a, b: x[:, a:b], length=100, channels=2)
    expected = x.copy()
    for channel, start, stop, value in (
        (1, 10, 60, -1.0), (1, 5, 20, -2.0), (1, 90, 100, -3.0), (0, 12, 13, -5.0),
        (1, 15, 17, -4.0),
    ):  # fmt: skip
        source.add(Patch(channel, start, np.full(stop - start, value)))
        expected[channel, start:stop] = value
        for a, b in ((0, 100), (30, 40), (16, 95), (0, 5), (60, 90), (50, 50)):
            np.testing.assert_array_equal(source.read(a, b), expected[:, a:b])
            for number in range(2):
                found = source.read_channel(number, a, b)
                np.testing.assert_array_equal(found, expected[number, a:b])
    np.testing.assert_array_equal(x, noise(100))


def test_overlay_takes_the_order_of_patches() -> None:
    patches = [Patch(0, 3, np.full(4, 1.0)), Patch(0, 0, np.full(5, 2.0))]
    for order, expected in ((patches, [2.0, 2, 2, 1, 1, 0]), (patches[::-1], [2.0, 1, 1, 1, 1, 0])):
        x = np.zeros(6)
        overlay(x, 2, order)
        assert x.tolist() == expected


def test_patches_given_are_those_added() -> None:
    x, patches = noise(50), [Patch(0, 3, np.ones(4)), Patch(1, 40, np.zeros(10))]
    given = PatchedSource(lambda a, b: x[:, a:b], length=50, channels=2, patches=patches)
    added = PatchedSource(lambda a, b: x[:, a:b], length=50, channels=2)
    for patch in patches:
        added.add(patch)
    np.testing.assert_array_equal(given.read(0, 50), added.read(0, 50))


# Parts of files

CODINGS = [
    ("wav", "PCM_16", "WAV"), ("flac", "PCM_16", "FLAC"), ("ogg", "VORBIS", "OGG"),
    ("opus", "OPUS", "OGG"), ("mp3", "MPEG_LAYER_III", "MP3"), ("voc", "PCM_16", "VOC"),
    ("paf", "PCM_16", "PAF"), ("wav", "IMA_ADPCM", "WAV"), ("wav", "GSM610", "WAV"),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "subtype", "container"), CODINGS)
@pytest.mark.parametrize("kept", [0, 1 << 17])
def test_parts_are_those_of_the_whole_in_any_order(
    tmp_path: Path, ending: str, subtype: str, container: str, kept: int
) -> None:
    sr, channels = (48000, 2) if subtype != "GSM610" else (8000, 1)
    file, n = tmp_path / f"x.{ending}", 700_000 if subtype != "GSM610" else 100_000
    with soundfile.SoundFile(file, "w", sr, channels, subtype, format=container) as stream:
        for start in range(0, n, 50_000):
            stream.write(np.random.default_rng(start).uniform(-0.5, 0.5, (50_000, channels)))
    info, whole = inspect(file), soundfile.read(file, always_2d=True)[0].T
    rng = np.random.default_rng(1)
    with Reader(info, kept=kept) as reader:
        for _ in range(12):
            start = int(rng.integers(0, info.length - 3000))
            for stop in (start, start + 1, start + 3000, min(start + 90_000, info.length)):
                np.testing.assert_array_equal(reader.read(start, stop), whole[:, start:stop])
        for size in (40, 5000):
            first = info.length - size
            np.testing.assert_array_equal(reader.read(first, info.length), whole[:, first:])
        np.testing.assert_array_equal(reader.read(0, 500), whole[:, :500])


def test_what_was_read_is_kept_and_what_was_read_longest_ago_is_not(
    tmp_path: Path, watch: Watch
) -> None:
    x = noise(20 * GRID)
    soundfile.write(tmp_path / "x.wav", x.T, SR, subtype="DOUBLE")
    with Reader(inspect(tmp_path / "x.wav"), kept=8 * GRID) as reader:  # 4 parts of 2 channels

        def read(start: int, stop: int) -> list[tuple[int, int]]:
            watch.parts = []
            np.testing.assert_array_equal(reader.read(start, stop), x[:, start:stop])
            return [(a // GRID, -(-b // GRID)) for a, b in watch.parts]

        assert read(10, GRID + 10) == [(0, 2)]
        assert read(5, 2 * GRID) == []
        assert read(GRID, 4 * GRID) == [(2, 4)]
        assert read(0, 1) == []  # the one used last
        assert read(5 * GRID, 6 * GRID) == [(5, 6)]
        assert read(0, 2 * GRID) == [(1, 2)]
        assert read(3 * GRID, 6 * GRID) == [(4, 5)]
        assert read(0, 5 * GRID) == [(0, 5)]  # too much to keep
        assert read(3 * GRID, 6 * GRID) == []
        found = reader.read(0, 10)
        found[:] = 0  # is the caller's
        assert read(0, 10) == []
    assert watch.opened == 1


def test_the_last_part_may_be_short(tmp_path: Path) -> None:
    x = noise(GRID + 3)
    soundfile.write(tmp_path / "x.wav", x.T, SR, subtype="DOUBLE")
    with Reader(inspect(tmp_path / "x.wav")) as reader:
        for start, stop in ((GRID - 1, GRID + 3), (GRID, GRID + 3), (0, GRID + 3), (7, 7)):
            np.testing.assert_array_equal(reader.read(start, stop), x[:, start:stop])
        with pytest.raises(ParameterError, match=r"0 to 4100 are not in .*, which has 4099"):
            reader.read(0, GRID + 4)


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


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_file_that_becomes_shorter_while_it_is_read_is_refused(
    tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"x.{ending}"
    soundfile.write(file, noise(200_000).T, SR)
    with Reader(inspect(file)) as reader:
        reader.read(0, 100)
        with file.open("r+b") as stream:
            stream.truncate(file.stat().st_size // 2)
        with pytest.raises(AudioError, match=r"x\.\w+: (ends before sample|cannot be read)"):
            reader.read(199_000, 199_900)


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", noise(100).T, SR)
    info = inspect(tmp_path / "x.wav")
    info.path.unlink()
    with pytest.raises(FileError, match="no such file"):
        read_part(info, 0, 1)


def test_a_file_that_is_replaced_while_it_is_read_is_that_which_was_opened(tmp_path: Path) -> None:
    x = noise(100_000)
    soundfile.write(tmp_path / "x.wav", x.T, SR, subtype="DOUBLE")
    soundfile.write(tmp_path / "y.wav", -x.T, SR, subtype="DOUBLE")
    with Reader(inspect(tmp_path / "x.wav")) as reader:
        (tmp_path / "y.wav").replace(tmp_path / "x.wav")
        np.testing.assert_array_equal(reader.read(50_000, 60_000), x[:, 50_000:60_000])


# How much is read


def with_gaps(folder: Path, channels: int, ending: str = "wav", seconds: int = 10) -> Path:
    """Write noise with ten gaps of 20 ms."""
    t = np.arange(seconds * SR)
    x = 0.1 * np.sin(0.3 * t) + 0.02 * noise(t.size, channels)
    for i in range(10):
        x[:, seconds * SR // 10 * i + 400 :][:, :160] = 0
    file = folder / f"{channels}.{ending}"
    soundfile.write(file, x.T, SR)
    return file


def gaps(seconds: int = 10) -> list[Region]:
    starts = [seconds / 10 * i + 0.05 for i in range(10)]
    return [Region(start, start + 0.02) for start in starts]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_stereo_reads_twice_what_mono_reads(tmp_path: Path, watch: Watch, ending: str) -> None:
    read = {}
    for channels in (1, 2):
        watch.samples = watch.opened = 0
        source, target = with_gaps(tmp_path, channels, ending), tmp_path / f"y{channels}.wav"
        repair_file(source, target, gaps(), rng=0)
        written = 0 if ending == "wav" else 10 * SR * channels  # coded again, from a new start
        read[channels] = (watch.samples - written) / SR
        assert watch.opened == (1 if ending == "wav" else 2)
    assert read[2] <= 2 * read[1]
    assert read[2] <= 20  # channel-seconds: the recording, once


def test_far_gaps_read_their_context_once(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where next to nothing is kept from one gap to the next."""
    read = {}
    for channels in (1, 2):
        watch.samples = 0
        kept = {"kept": 24 * GRID * channels}
        monkeypatch.setattr(Reader.__init__, "__kwdefaults__", kept)
        source = with_gaps(tmp_path, channels, seconds=100)
        repair_file(source, tmp_path / f"y{channels}.wav", gaps(100), context_s=2.0, rng=0)
        read[channels] = watch.samples / SR
    parts = 3 * GRID / SR  # more is read at both ends, and of the region when it is judged
    assert read[1] <= 10 * (4.02 + parts)
    assert read[2] <= 2 * read[1]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_gap_reads_its_context_once(tmp_path: Path, watch: Watch, labelled: bool) -> None:
    source = with_gaps(tmp_path, 1)
    region = Region(4.05, 4.07, label="dropout" if labelled else "")
    repair_file(source, tmp_path / "y.wav", region, context_s=1.0)
    read = np.zeros(10 * SR, int)
    for start, stop in watch.parts:
        read[start:stop] += 1
    assert read.max() == 1
    inside = np.flatnonzero(read)
    assert inside[0] > 3.05 * SR - GRID
    assert inside[-1] < 5.07 * SR + GRID
    assert watch.opened == 1


def test_detection_reads_the_recording_twice(tmp_path: Path, watch: Watch) -> None:
    source = with_gaps(tmp_path, 2, seconds=100)
    assert len(detect_file(source)[1]) == 10
    assert watch.samples <= 2 * 2 * 100 * SR
    assert watch.opened == 1


def test_repairs_of_files_and_arrays_are_equal_and_so_are_excerpts(tmp_path: Path) -> None:
    source, target = with_gaps(tmp_path, 2), tmp_path / "y.wav"
    regions = [*gaps(), Region(3.3, 3.5, 500, 1500, channel=2), Region(7.0, 7.1, channel=1)]
    done = repair_file(source, target, regions, n_excerpts=99, rng=3)
    x, y = (soundfile.read(file, always_2d=True)[0].T for file in (source, target))
    fixed = repair(x, SR, regions, rng=3)
    np.testing.assert_allclose(y, fixed.samples, rtol=0, atol=2**-15)
    assert done.jobs == fixed.jobs
    assert [job.channel for job in done.jobs] == sorted(job.channel for job in done.jobs)
    assert len(done.excerpts) == len(done.jobs)
    for excerpt in done.excerpts:
        part = slice(excerpt.start, excerpt.start + excerpt.before.size)
        np.testing.assert_array_equal(excerpt.before, x[excerpt.job.channel, part])
        np.testing.assert_array_equal(excerpt.after, fixed.samples[excerpt.job.channel, part])


def test_a_recording_may_be_repaired_in_its_own_place_from_any_coding(tmp_path: Path) -> None:
    for ending in ("wav", "flac"):
        source, other = with_gaps(tmp_path, 2, ending), tmp_path / f"other.{ending}"
        repair_file(source, other, gaps(), rng=0)
        repair_file(source, source, gaps(), output=OutputOptions(overwrite=True), rng=0)
        assert source.read_bytes() == other.read_bytes()


def test_writing_lays_later_patches_over_earlier_ones(tmp_path: Path) -> None:
    x = noise(1000)
    patches = [Patch(0, 10, np.full(20, 0.25)), Patch(0, 5, np.full(10, -0.25))]
    expected = np.round(x * 2**15) / 2**15
    expected[0, 10:30], expected[0, 5:15] = 0.25, -0.25
    for ending in ("wav", "flac"):
        source = tmp_path / f"x.{ending}"
        soundfile.write(source, x.T, SR, subtype="PCM_16")
        write_patched(inspect(source), tmp_path / f"y.{ending}", patches)
        found = soundfile.read(tmp_path / f"y.{ending}", always_2d=True)[0].T
        np.testing.assert_allclose(found, expected, rtol=0, atol=2**-15)
        np.testing.assert_array_equal(found[0, 5:30], expected[0, 5:30])
