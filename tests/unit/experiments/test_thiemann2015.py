"""The 2015 experiment: its table, and the sounds that the notebook published."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import VOICES
from spectramend import audio
from spectramend.errors import FileError, ParameterError
from spectramend.evaluation.metrics import snr
from spectramend.experiments import thiemann2015
from spectramend.experiments._common.results import Result

FIELDS = [
    "condition", "group", "transform", "si_sdr_db", "stoi", "estoi", "pesq_wb", "lsd_hidden_db",
    "seconds",
]  # fmt: skip


def sounds(result: Result) -> dict[str, NDArray[Any]]:
    assert result.page is not None
    return {sound.name: sound.samples for sound in result.page.sounds}


def rows_by_name(result: Result) -> dict[str, dict[str, Any]]:
    return {row["condition"]: row for row in result.rows}


def test_every_condition_has_a_row_with_every_field(bundled_result: Result) -> None:
    assert [row["condition"] for row in bundled_result.rows] == list(thiemann2015.CONDITIONS)
    assert all(list(row) == FIELDS for row in bundled_result.rows)
    transforms = {name: row["transform"] for name, row in rows_by_name(bundled_result).items()}
    assert transforms.pop("spectramend") == transforms.pop("ceiling_magnitude") == "hann 1024/256"
    assert set(transforms.values()) == {"sine 1024/512"}


def test_ours_beats_the_bare_mask_where_the_notebook_does_not(
    bundled_result: Result,
) -> None:
    rows = rows_by_name(bundled_result)
    for metric in ("pesq_wb", "estoi"):
        assert rows["spectramend"][metric] > rows["ibm_only"][metric]
        assert rows["notebook_published"][metric] < rows["ibm_only"][metric]
        assert rows["ceiling_magnitude"][metric] > rows["spectramend"][metric]


@pytest.mark.slow
def test_the_seed_fixes_the_result(bundled_result: Result) -> None:
    again = thiemann2015.run(thiemann2015.load(VOICES), mask="exact")
    for name, samples in sounds(again).items():
        np.testing.assert_array_equal(samples, sounds(bundled_result)[name])


@pytest.mark.slow
def test_published_sound_of_the_mask_is_reproduced(
    thiemann_folder: Path, thiemann_result: Result
) -> None:
    published = audio.read(thiemann_folder / "published_ibm_only.wav").samples
    ours = sounds(thiemann_result)["ibm_only"]
    published = published[: ours.size]
    assert snr(published / np.abs(published).max(), ours / np.abs(ours).max()) >= 40


@pytest.mark.slow
def test_published_mix_is_reproduced(thiemann_folder: Path, thiemann_result: Result) -> None:
    published = audio.read(thiemann_folder / "published_mix.wav").samples
    ours = sounds(thiemann_result)["mix"]
    assert published.size == ours.size
    assert snr(published / np.abs(published).max(), ours / np.abs(ours).max()) >= 40


@pytest.mark.slow
def test_known_figures_of_the_2015_recordings(thiemann_result: Result) -> None:
    rows = rows_by_name(thiemann_result)
    assert rows["mix"]["si_sdr_db"] == pytest.approx(-0.21, abs=0.02)
    assert rows["ibm_only"]["si_sdr_db"] == pytest.approx(9.56, abs=0.1)
    assert rows["ibm_only"]["pesq_wb"] == pytest.approx(1.82, abs=0.06)
    assert rows["ibm_only"]["estoi"] == pytest.approx(0.861, abs=0.003)
    assert rows["notebook_published"]["si_sdr_db"] == pytest.approx(-1.1, abs=0.6)
    assert rows["notebook_published"]["pesq_wb"] == pytest.approx(1.16, abs=0.05)
    assert rows["notebook_published"]["estoi"] == pytest.approx(0.415, abs=0.02)


@pytest.mark.slow
def test_ceiling_with_the_mask_that_knows_the_mix(thiemann_folder: Path) -> None:
    result = thiemann2015.run(thiemann2015.load(thiemann_folder), mask="exact")
    ceiling = rows_by_name(result)["ceiling_magnitude"]
    assert ceiling["si_sdr_db"] == pytest.approx(12.5, abs=0.1)
    assert ceiling["estoi"] == pytest.approx(0.945, abs=0.005)
    assert ceiling["pesq_wb"] == pytest.approx(3.63, abs=0.05)


def test_output_folder_holds_table_sounds_figures_and_page(
    bundled_result: Result, bundled_output: Path
) -> None:
    stored = json.loads((bundled_output / "metrics.json").read_text("utf-8"))
    assert stored == bundled_result.as_json
    with (bundled_output / "metrics.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert [row["condition"] for row in table] == list(thiemann2015.CONDITIONS)
    page = (bundled_output / "index.html").read_text("utf-8")
    names = list(sounds(bundled_result))
    assert names[:3] == ["mix", "spectramend", "target"]  # damaged, repaired, clean
    assert sorted(names) == sorted(["target", *thiemann2015.CONDITIONS])
    assert all(text in page for text in thiemann2015.CONDITIONS.values())
    assert "A ceiling is told the truth" in page
    for name, samples in sounds(bundled_result).items():
        written = audio.read(bundled_output / f"{name}.wav")
        np.testing.assert_array_equal(written.samples, samples)
        assert f"{name}.wav" in page
    for name in ("mix_target_mask", "training_model", "target_inpainted", "spectramend"):
        assert (bundled_output / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"{name}.png" in page


def test_bad_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder of recordings"):
        thiemann2015.load(tmp_path / "absent")
    with pytest.raises(FileError, match=r"has no item_01_MA.wav or item_01_MA.flac"):
        thiemann2015.load(tmp_path)
    with pytest.raises(ParameterError, match="mask='soft': give 'notebook' or 'exact'"):
        thiemann2015.run(thiemann2015.load(VOICES), mask="soft")  # type: ignore[arg-type]
