"""Repair of files: as of arrays; excerpts and progress; nothing is done for a bad target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectramend import STFT, Mask, OutputOptions, Region, repair, repair_file
from spectramend.errors import FileError, ParameterError
from spectramend.restoration import recording_files
from spectramend.restoration.recording_files import detect_file

SR = 8000
RNG = np.random.default_rng(0)
X = np.stack([np.sin(0.3 * np.arange(4000)), np.sin(0.2 * np.arange(4000))])
X += 0.01 * RNG.standard_normal(X.shape)
X[:, 1600:1700] = 0
X /= 2
GAP, EVENT = Region(0.2, 0.2125), Region(0.3, 0.35, 500, 1500, channel=2)
STFT_ = STFT(n_fft=256, hop_length=64)
OBSERVED = np.ones((129, STFT_.n_frames(4000)), bool)
OBSERVED[:60, [20, 21, 50]] = False
MASK = Mask(OBSERVED, stft=STFT_, sr=SR)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "x.wav", X.T, SR, subtype="DOUBLE")
    return tmp_path / "x.wav"


@pytest.mark.parametrize("damaged", [MASK, [EVENT, GAP]])
def test_a_file_gets_the_samples_of_the_array(source: Path, damaged: Mask | list[Region]) -> None:
    target = source.with_name("y.wav")
    done = repair_file(source, target, damaged, rng=3)
    expected = repair(X, SR, damaged, rng=3)
    np.testing.assert_array_equal(soundfile.read(target)[0].T, expected.samples)
    assert done.jobs == expected.jobs
    assert done.excerpts == ()
    assert done.seconds > 0


def test_excerpts_are_the_first_repairs_with_their_context(source: Path) -> None:
    target = source.with_name("y.wav")
    done = repair_file(source, target, [EVENT, GAP], n_excerpts=2, context_s=0.1)
    y = soundfile.read(target)[0].T
    starts = [excerpt.jobs[0].start for excerpt in done.excerpts]
    assert starts == sorted(starts)
    for excerpt in done.excerpts:
        job = excerpt.jobs[0]
        part = slice(job.start - 800, job.stop + 800)
        assert excerpt.start == part.start
        np.testing.assert_array_equal(excerpt.before, X[:, part])
        np.testing.assert_array_equal(excerpt.after, y[:, part])


def test_channels_that_share_a_repair_share_an_excerpt(source: Path) -> None:
    for channel, shared in ((None, [0, 1]), (2, [1])):
        target = source.with_name("y.wav")
        gap = Region(0.3, 0.31, channel=channel)
        overwrite = OutputOptions(overwrite=True)
        done = repair_file(
            source, target, gap, n_excerpts=2, damage="missing", output=overwrite, rng=0
        )
        assert [[job.channel for job in e.jobs] for e in done.excerpts] == [shared]


def test_a_long_excerpt_is_cut_and_holds_the_beginning_of_the_repair(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_files, "LONGEST_EXCERPT_S", 0.1)
    done = repair_file(source, source.with_name("y.wav"), GAP, n_excerpts=1, context_s=0.2, rng=0)
    (excerpt,) = done.excerpts
    assert excerpt.before.shape[1] <= 800
    assert excerpt.start <= excerpt.jobs[0].start < excerpt.start + excerpt.before.shape[1]


def test_an_excerpt_of_hidden_cells_is_the_beginning(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_files, "LONGEST_EXCERPT_S", 0.25)
    done = repair_file(source, source.with_name("y.wav"), MASK, n_excerpts=9, rng=0)
    (excerpt,) = done.excerpts
    assert excerpt.start == 0
    assert excerpt.jobs == done.jobs
    np.testing.assert_array_equal(excerpt.before, X[:, :2000])
    assert (excerpt.after != X[:, :2000]).any()


def test_progress_counts_regions_and_names_them(source: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    regions = [GAP, Region(0.3, 0.35, 500, 1500)]
    repair_file(
        source, source.with_name("y.wav"), regions, rng=0, progress=lambda *step: seen.append(step)
    )
    assert [done for _, done, _ in seen] == [1, 2, 2, 2]
    assert {total for *_, total in seen} == {2}
    assert seen[0][0] == f"repaired {GAP}"


def test_nothing_is_repaired_for_a_target_that_is_refused(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_files, "run_jobs", lambda *_, **__: pytest.fail("repaired"))
    with pytest.raises(FileError, match="exists; choose another name"):
        repair_file(source, source, GAP)
    with pytest.raises(FileError, match=r"y\.xyz"):
        repair_file(source, source.with_name("y.xyz"), GAP)
    with pytest.raises(ParameterError, match="PCM_99"):
        repair_file(source, source.with_name("y.wav"), GAP, output=OutputOptions("PCM_99"))


def test_a_mask_does_not_repair_nan(source: Path) -> None:
    x = X.copy()
    x[0, 5] = np.nan
    soundfile.write(source, x.T, SR, subtype="DOUBLE")
    with pytest.raises(ParameterError, match=r"x\.wav: has NaN or infinite samples, which hidden"):
        repair_file(source, source.with_name("y.wav"), MASK)


def test_detection_reads_a_file_in_two_passes(source: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    info, regions = detect_file(source, kinds=["dropout"], progress=lambda *step: seen.append(step))
    assert info.length == 4000
    assert [(region.label, region.channel) for region in regions] == [("dropout", None)]
    assert seen[-1] == ("looking for damage", 1, 1)
