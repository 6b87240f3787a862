"""The experiment on voices: its protocol, its table, and known figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import DATA, VOICES
from spectramend import audio
from spectramend.errors import AudioError, FileError, ParameterError
from spectramend.experiments import voices, voices_output
from spectramend.experiments.conditions import Condition
from spectramend.stft import STFT

SR = voices.SR
FIELDS = ["condition", "si_sdr_db", "estoi", "pesq_wb", "lsd_hidden_db", "seconds"]


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
def result(folder: Path) -> voices.Result:
    return voices.run(voices.load(folder), seed=1)


@pytest.fixture(scope="module")
def dev_result() -> voices.Result:
    """The rows of the development voices that do not depend on a model."""
    folder = DATA / "dev" / "speech"
    if not folder.is_dir():
        pytest.skip("the development voices are absent: set SPECTRAMEND_DATA to their folder")
    names = ("mix", "ibm_only", "wiener_oracle", "ceiling_magnitude")
    return voices.run(voices.load(folder), conditions=names)


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["condition"]: row for row in rows}


# The protocol


def test_voices_are_sorted_and_small_folders_skipped_by_name(folder: Path) -> None:
    said: list[str] = []
    assert [voice.name for voice in voices.load(folder, say=said.append)] == ["a_other", "b_voice"]
    assert said == ["few: skipped: 3 recordings, 4 are needed."]


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
        scene = voices.mix_voices(target, interferer)
        assert np.sum(scene.interferer**2) == pytest.approx(np.sum(target**2))
        gain = scene.interferer[0] / interferer[0]
        np.testing.assert_allclose(
            scene.interferer, gain * np.concatenate([interferer] * 4)[:1000], rtol=1e-12
        )
        np.testing.assert_array_equal(scene.mix, target + scene.interferer)
        np.testing.assert_array_equal(scene.target, target)


def test_each_voice_is_covered_by_the_next_and_the_last_by_the_first(
    result: voices.Result, folder: Path
) -> None:
    assert [(p.target, p.interferer) for p in result.pairs] == [
        ("a_other", "b_voice"), ("b_voice", "a_other"),
    ]  # fmt: skip
    for pair in result.pairs:
        first = audio.read(folder / pair.target / "01.wav").samples
        np.testing.assert_array_equal(pair.scene.target, first)
        cells = pair.conditions[0].cells
        assert cells.stft == STFT(1024, 256, "hann")
        N = np.abs(cells.stft.forward(pair.scene.interferer))
        T = np.abs(cells.T)
        np.testing.assert_array_equal(cells.mask.observed, (T > N) & (T.max() / 1000 < T))


# Its table


def test_rows_are_means_over_pairs(result: voices.Result) -> None:
    assert [row["condition"] for row in result.rows] == list(voices.CONDITIONS)
    for i, row in enumerate(result.rows):
        assert list(row) == FIELDS
        for key in FIELDS[1:]:
            assert row[key] == pytest.approx(np.mean([pair.rows[i][key] for pair in result.pairs]))


def test_values_that_a_pair_does_not_have_do_not_count(result: voices.Result) -> None:
    one = result.pairs[0].conditions[0]
    pairs = [
        voices.Pair("a", "b", result.pairs[0].scene, tuple(
            Condition(name, one.samples, one.cells, {**one.row, "condition": name,
                                                            "estoi": value, "pesq_wb": None})
            for name in voices.CONDITIONS
        ))
        for value in (0.5, None, float("nan"))
    ]  # fmt: skip
    for row in voices.Result(tuple(pairs)).rows:
        assert row["estoi"] == 0.5
        assert row["pesq_wb"] is None


def test_bounds_and_baselines_stand_in_their_order(result: voices.Result) -> None:
    rows = by_name(result.rows)
    assert rows["mix"]["si_sdr_db"] == pytest.approx(0, abs=1)
    for worse, better in (
        ("notebook_masked", "ibm_only"),
        ("ibm_only", "wiener_oracle"),
        ("wiener_oracle", "ceiling_magnitude"),
        ("mix", "estimated_mask_only"),
        ("estimated_mask_only", "spectramend"),
    ):
        assert rows[worse]["estoi"] < rows[better]["estoi"]


def test_the_seed_fixes_the_result(folder: Path, result: voices.Result) -> None:
    again = voices.run(voices.load(folder), seed=1)
    other = voices.run(voices.load(folder), seed=2)
    for ours, theirs, others in zip(result.pairs, again.pairs, other.pairs, strict=True):
        for one, same, different in zip(
            ours.conditions, theirs.conditions, others.conditions, strict=True
        ):
            np.testing.assert_array_equal(one.samples, same.samples)
            random = {"notebook_masked", "spectramend", *list(voices.CONDITIONS)[-2:]}
            assert np.array_equal(one.samples, different.samples) == (one.name not in random)


def test_reliable_cells_are_kept_on_demand(folder: Path, result: voices.Result) -> None:
    kept = voices.run(voices.load(folder), conditions=["spectramend"], keep_reliable=True, seed=1)
    for pair, other in zip(result.pairs, kept.pairs, strict=True):
        corrected = next(c for c in pair.conditions if c.name == "spectramend")
        assert not np.array_equal(corrected.samples, other.conditions[0].samples)


def test_progress_counts_every_step(folder: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    voices.run(voices.load(folder), conditions=("mix",), progress=lambda *step: steps.append(step))
    assert [done for _, done, _ in steps] == [0, 1, 2, 3, 4]
    assert {total for _, _, total in steps} == {4}
    assert steps[3][0] == "b_voice under a_other: mix"


def test_known_figures_of_the_development_voices(dev_result: voices.Result) -> None:
    assert len(dev_result.pairs) == 6
    rows = by_name(dev_result.rows)
    for name, si_sdr_db, estoi, pesq_wb in (
        ("mix", 0.02, 0.550, 1.15),
        ("ibm_only", 15.95, 0.906, 2.60),
        ("wiener_oracle", 15.98, 0.932, 3.37),
        ("ceiling_magnitude", 16.28, 0.975, 3.86),
    ):
        assert rows[name]["si_sdr_db"] == pytest.approx(si_sdr_db, abs=0.1)
        assert rows[name]["estoi"] == pytest.approx(estoi, abs=0.005)
        assert rows[name]["pesq_wb"] == pytest.approx(pesq_wb, abs=0.03)


# What it writes and refuses


def test_output_folder_holds_tables_and_a_figure_of_every_pair(
    result: voices.Result, tmp_path: Path
) -> None:
    voices_output.write(tmp_path, result)
    stored = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert stored == voices_output.as_json(result)
    assert list(stored) == ["experiment", "rows", "pairs"]
    assert [list(pair) for pair in stored["pairs"]] == [["target", "interferer", "rows"]] * 2
    with (tmp_path / "metrics.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert [row["condition"] for row in table] == list(voices.CONDITIONS)
    assert list(table[0]) == FIELDS
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
