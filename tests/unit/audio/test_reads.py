"""How much of a recording is read, and how often it is opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_files import ReadLog, log_reads
from spectramend import OutputOptions, Region, repair, repair_file
from spectramend.audio import Reader
from spectramend.audio.reader import CACHE_BLOCK
from spectramend.restoration.recording_files import detect_file

SR = 8000


def noise(n: int, channels: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (channels, n))


# How much is read


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> ReadLog:
    return log_reads(monkeypatch)


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
def test_stereo_reads_twice_what_mono_reads(tmp_path: Path, log: ReadLog, ending: str) -> None:
    read = {}
    for channels in (1, 2):
        log.samples = log.opened = 0
        source, target = with_gaps(tmp_path, channels, ending), tmp_path / f"y{channels}.wav"
        repair_file(source, target, gaps(), rng=0)
        written = 0 if ending == "wav" else 10 * SR * channels  # coded again, from a new start
        read[channels] = (log.samples - written) / SR
        assert log.opened == (1 if ending == "wav" else 2)
    assert read[2] <= 2 * read[1]
    assert read[2] <= 20  # channel-seconds: the recording, once


def test_far_gaps_read_their_context_once(
    tmp_path: Path, log: ReadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where next to nothing is cached from one gap to the next."""
    read = {}
    for channels in (1, 2):
        log.samples = 0
        small = {"cache_size": 24 * CACHE_BLOCK * channels}
        monkeypatch.setattr(Reader.__init__, "__kwdefaults__", small)
        source = with_gaps(tmp_path, channels, seconds=100)
        repair_file(source, tmp_path / f"y{channels}.wav", gaps(100), context_s=2.0, rng=0)
        read[channels] = log.samples / SR
    # More is read at both ends, and of the region when its damage is classified.
    blocks = 3 * CACHE_BLOCK / SR
    assert read[1] <= 10 * (4.02 + blocks)
    assert read[2] <= 2 * read[1]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_gap_reads_its_context_once(tmp_path: Path, log: ReadLog, labelled: bool) -> None:
    source = with_gaps(tmp_path, 1)
    region = Region(4.05, 4.07, label="dropout" if labelled else "")
    repair_file(source, tmp_path / "y.wav", region, context_s=1.0)
    read = np.zeros(10 * SR, int)
    for start, stop in log.parts:
        read[start:stop] += 1
    assert read.max() == 1
    inside = np.flatnonzero(read)
    assert inside[0] > 3.05 * SR - CACHE_BLOCK
    assert inside[-1] < 5.07 * SR + CACHE_BLOCK
    assert log.opened == 1


def test_detection_reads_the_recording_twice(tmp_path: Path, log: ReadLog) -> None:
    source = with_gaps(tmp_path, 2, seconds=100)
    assert len(detect_file(source)[1]) == 10
    assert log.samples <= 2 * 2 * 100 * SR
    assert log.opened == 1


def test_repairs_of_files_and_arrays_are_equal_and_so_are_excerpts(tmp_path: Path) -> None:
    source, target = with_gaps(tmp_path, 2), tmp_path / "y.wav"
    regions = [*gaps(), Region(3.3, 3.5, 500, 1500, channel=2), Region(7.0, 7.1, channel=1)]
    done = repair_file(source, target, regions, n_excerpts=99, rng=3)
    x, y = (soundfile.read(file, always_2d=True)[0].T for file in (source, target))
    fixed = repair(x, SR, regions, rng=3)
    np.testing.assert_allclose(y, fixed.samples, rtol=0, atol=2**-15)
    assert done.jobs == fixed.jobs
    assert [job.channel for job in done.jobs] == sorted(job.channel for job in done.jobs)
    assert sum(len(excerpt.jobs) for excerpt in done.excerpts) == len(done.jobs)
    for excerpt in done.excerpts:
        part = slice(excerpt.start, excerpt.start + excerpt.before.shape[1])
        np.testing.assert_array_equal(excerpt.before, x[:, part])
        # Other repairs may lie in the context, and the array has not been rounded to 16 bits.
        np.testing.assert_array_equal(excerpt.after, fixed.samples[:, part])


def test_a_recording_may_be_repaired_in_its_own_place_from_any_coding(tmp_path: Path) -> None:
    for ending in ("wav", "flac"):
        source, other = with_gaps(tmp_path, 2, ending), tmp_path / f"other.{ending}"
        repair_file(source, other, gaps(), rng=0)
        repair_file(source, source, gaps(), output=OutputOptions(overwrite=True), rng=0)
        assert source.read_bytes() == other.read_bytes()
