"""The experiment on voices: its protocol, its table, and known figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import DATA, VOICES
from spectramend import audio
from spectramend.errors import AudioError, FileError, ParameterError
from spectramend.experiments import voices
from spectramend.experiments._common.output import write
from spectramend.experiments._common.results import Result, Row

SR = voices.SR
FIELDS = ["condition", "group", "si_sdr_db", "estoi", "pesq_wb", "lsd_hidden_db", "seconds"]


def excerpts(stems: list[str], seconds: float = 1.5) -> list[NDArray[Any]]:
    """Cut recordings into pieces."""
    speech = np.concatenate([audio.read(VOICES / f"{stem}.flac").samples for stem in stems])
    size = int(seconds * SR)
    return [speech[i : i + size] for i in range(0, speech.size - size, size)]


def write_voice(folder: Path, pieces: list[NDArray[Any]], sr: int = SR) -> None:
    folder.mkdir(parents=True)
    for number, piece in enumerate(pieces, 1):
        audio.write(folder / f"{number:02d}.wav", piece, sr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices of four recordings, and one of three."""
    home = tmp_path_factory.mktemp("voices")
    spoken = excerpts(["item_01_MA", "item_02_MA", "item_03_MA", "item_04_MA"])
    write_voice(home / "b_voice", spoken[1:5])
    write_voice(home / "a_other", excerpts(["item_01_ML"], 0.8)[:4])
    write_voice(home / "few", spoken[:3])
    (home / "few" / "04.txt").write_text("no recording")
    (home / "notes.txt").write_text("no voice")
    return home


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    return voices.run(voices.load(folder), seed=1)


@pytest.fixture(scope="module")
def dev_result() -> Result:
    """The rows of the development voices that do not depend on a model."""
    folder = DATA / "dev" / "speech"
    if not folder.is_dir():
        pytest.skip("the development voices are absent: set SPECTRAMEND_DATA to their folder")
    names = ("mix", "ibm_only", "wiener_oracle", "ceiling_magnitude")
    return voices.run(voices.load(folder), conditions=names)


def by_name(result: Result) -> dict[str, Row]:
    return {row["condition"]: row for row in result.rows}


def timeless(result: Result) -> list[Row]:
    """Leave times out, and the last digits, in which pystoi may differ from run to run."""
    return [
        {
            key: float(f"{value:.9g}") if isinstance(value, float) else value
            for key, value in item.items()
            if key != "seconds"
        }
        for item in result.items
    ]


def test_voices_are_sorted_and_small_folders_skipped_by_name(folder: Path) -> None:
    lines: list[str] = []
    assert [voice.name for voice in voices.load(folder, say=lines.append)] == ["a_other", "b_voice"]
    assert lines == ["few: skipped: 3 recordings, 4 are needed."]


def test_the_first_recording_is_mixed_and_the_others_train(folder: Path) -> None:
    voice = voices.load(folder)[1]
    recordings = [audio.read(path).samples for path in sorted((folder / "b_voice").iterdir())]
    np.testing.assert_array_equal(voice.utterance, recordings[0])
    assert len(voice.training) == 3
    for used, recording in zip(voice.training, recordings[1:], strict=True):
        np.testing.assert_array_equal(used, recording)


def test_training_ends_after_30_seconds_or_less_than_a_frame_before(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(32 * SR) / 9
    for name, first in (("a", 20 * SR), ("b", 30 * SR - 1000)):
        write_voice(tmp_path / name, [noise[:SR], noise[:first], noise, noise])
    sizes = [[x.size for x in voice.training] for voice in voices.load(tmp_path)]
    assert sizes == [[20 * SR, 10 * SR], [30 * SR - 1000]]


def test_other_rates_and_channels_become_one_at_16_khz(tmp_path: Path) -> None:
    t = np.arange(48000) / 48000
    tone = 0.5 * np.sin(2 * np.pi * 440 * t)
    write_voice(tmp_path / "a", [np.stack([tone, np.zeros_like(tone)])] * 4, 48000)
    write_voice(tmp_path / "b", [tone] * 4, 48000)
    stereo, mono = voices.load(tmp_path)
    assert stereo.utterance.shape == (SR,)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SR) / SR)
    middle = slice(1000, -1000)
    np.testing.assert_allclose(mono.utterance[middle], expected[middle], atol=1e-3)
    np.testing.assert_allclose(stereo.utterance, mono.utterance / 2, atol=1e-7)


def test_voices_are_mixed_at_0_db_with_the_interferer_repeated_or_cut() -> None:
    rng = np.random.default_rng(0)
    for length in (300, 3000):
        target, interferer = rng.standard_normal(1000), 7 * rng.standard_normal(length)
        mixture = voices.mix_voices(target, interferer)
        assert np.sum(mixture.interferer**2) == pytest.approx(np.sum(target**2))
        gain = mixture.interferer[0] / interferer[0]
        np.testing.assert_allclose(
            mixture.interferer, gain * np.concatenate([interferer] * 4)[:1000], rtol=1e-12
        )
        np.testing.assert_array_equal(mixture.mix, target + mixture.interferer)
        np.testing.assert_array_equal(mixture.target, target)


def test_each_voice_is_mixed_with_the_next_and_the_last_with_the_first(result: Result) -> None:
    pairs = dict.fromkeys((item["target"], item["interferer"]) for item in result.items)
    assert list(pairs) == [("a_other", "b_voice"), ("b_voice", "a_other")]
    assert len(result.items) == 2 * len(voices.CONDITIONS)


def test_rows_have_the_measures_of_the_experiment(result: Result) -> None:
    assert [row["condition"] for row in result.rows] == list(voices.CONDITIONS)
    assert all(list(row) == FIELDS for row in result.rows)


def test_our_default_lies_between_baselines_and_bounds(result: Result) -> None:
    rows = by_name(result)
    assert rows["mix"]["si_sdr_db"] == pytest.approx(0, abs=1)
    for worse, better in (
        ("notebook_masked", "ibm_only"),
        ("ibm_only", "wiener_oracle"),
        ("wiener_oracle", "ceiling_magnitude"),
        ("mix", "estimated_mask_only"),
        ("estimated_mask_only", "spectramend"),
    ):
        assert rows[worse]["estoi"] < rows[better]["estoi"]


@pytest.mark.slow
def test_the_seed_fixes_the_result(folder: Path, result: Result) -> None:
    again, other = (voices.run(voices.load(folder), seed=seed) for seed in (1, 2))
    assert timeless(again) == timeless(result)
    random = {"notebook_masked", "spectramend", *list(voices.CONDITIONS)[-2:]}
    for one, different in zip(timeless(result), timeless(other), strict=True):
        assert (one == different) == (one["condition"] not in random)


def test_reliable_cells_are_kept_on_demand(folder: Path, result: Result) -> None:
    kept = voices.run(voices.load(folder), conditions=["spectramend"], keep_reliable=True, seed=1)
    assert kept.settings["keep_reliable"] is True
    corrected = [item for item in timeless(result) if item["condition"] == "spectramend"]
    for one, other in zip(timeless(kept), corrected, strict=True):
        assert one != other


def test_progress_counts_every_step(folder: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    voices.run(voices.load(folder), conditions=("mix",), progress=lambda *step: steps.append(step))
    assert [done for _, done, _ in steps] == [0, 1, 2, 3, 4]
    assert {total for _, _, total in steps} == {4}
    assert steps[3][0] == "b_voice under a_other: mix"


@pytest.mark.slow
def test_known_figures_of_the_development_voices(dev_result: Result) -> None:
    assert len({item["target"] for item in dev_result.items}) == 6
    rows = by_name(dev_result)
    for name, si_sdr_db, estoi, pesq_wb in (
        ("mix", 0.02, 0.550, 1.15),
        ("ibm_only", 15.95, 0.906, 2.60),
        ("wiener_oracle", 15.98, 0.932, 3.37),
        ("ceiling_magnitude", 16.28, 0.975, 3.86),
    ):
        assert rows[name]["si_sdr_db"] == pytest.approx(si_sdr_db, abs=0.1)
        assert rows[name]["estoi"] == pytest.approx(estoi, abs=0.005)
        assert rows[name]["pesq_wb"] == pytest.approx(pesq_wb, abs=0.03)


def test_output_folder_holds_tables_and_a_figure_of_every_pair(
    result: Result, tmp_path: Path
) -> None:
    write(tmp_path, result)
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["a_other_under_b_voice.png", "b_voice_under_a_other.png"]
    assert (tmp_path / pictures[0]).read_bytes().startswith(b"\x89PNG")


def test_bad_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder of voices"):
        voices.load(tmp_path / "absent")
    with pytest.raises(FileError, match="has 0 voices; give at least 2 folders of 4 or more"):
        voices.load(folder / "few")


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(SR), "02.wav: is digital silence"),
        (np.ones(800), "02.wav: has 800 samples at 16000 Hz, fewer than a frame of 1024"),
    ],
)
def test_recordings_that_cannot_be_used_are_named(
    tmp_path: Path, samples: NDArray[Any], message: str
) -> None:
    noise = np.random.default_rng(0).standard_normal(SR) / 9
    write_voice(tmp_path / "a", [noise, samples, noise, noise])
    write_voice(tmp_path / "b", [noise] * 4)
    with pytest.raises(AudioError, match=message):
        voices.load(tmp_path)


def test_a_voice_with_too_little_to_train_on_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(3000) / 9
    for name in "ab":
        write_voice(tmp_path / name, [noise] * 4)
    with pytest.raises(ParameterError, match=r"^a: n_components=103: the recordings have"):
        voices.run(voices.load(tmp_path))


def test_unknown_conditions_are_refused(folder: Path) -> None:
    with pytest.raises(ParameterError, match="conditions has 'best': give some of mix, ibm_only"):
        voices.run(voices.load(folder), conditions=("mix", "best"))
