"""What all experiments have in common: one shape of rows, items and files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.experiments import columns, gaps, occlusion, voices
from spectramend.experiments._common.output import tables, write
from spectramend.experiments._common.results import Result, mean_rows
from spectramend.experiments._common.scenes import Recording

NAMES = ("thiemann2015", "voices", "occlusion", "gaps", "columns")
SR = 16000


def tones(seconds: float, base_hz: float = 220.0, sr: int = SR) -> NDArray[Any]:
    n = np.arange(round(seconds * sr))
    parts = [np.sin(2 * np.pi * base_hz * k / sr * n + k) / k for k in range(1, 6)]
    return 0.2 * np.sum(parts, axis=0) + 1e-3 * np.random.default_rng(0).standard_normal(n.size)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """Small runs of all experiments but that of 2015."""
    pair = [voices.Voice(name, tones(1, hz), ()) for name, hz in (("a", 220.0), ("b", 310.0))]
    scene = occlusion.Material(
        [Recording("one", tones(3.5, sr=8000), 8000, "music")],
        [Recording("hiss", np.random.default_rng(1).standard_normal(2000), 8000, "event")],
    )
    recording = [Recording("example3", tones(5), SR)]
    violin = [Recording("a08_violin", tones(4), SR), Recording("b", tones(4, 330), SR)]
    return {
        "voices": voices.run(pair, conditions=["mix", "ibm_only"]),
        "occlusion": occlusion.run(scene),
        "gaps": gaps.run(violin, gap_ms=[30, 20], methods=["zero", "spectramend"]),
        "columns": columns.run(recording, columns=[2, 4]),
    }


@pytest.fixture
def result(request: pytest.FixtureRequest, results: dict[str, Result]) -> Result:
    """The result of an experiment."""
    found = results.get(request.param) or request.getfixturevalue("bundled_result")
    assert isinstance(found, Result)
    return found


@pytest.mark.parametrize("result", NAMES, indirect=True)
def test_json_has_one_shape(result: Result) -> None:
    printed = json.loads(json.dumps(result.as_json, allow_nan=False))
    assert list(printed) == ["experiment", "settings", "rows", "items"]
    assert printed["experiment"] in NAMES
    assert isinstance(printed["settings"]["seed"], int)
    for part in ("rows", "items"):
        assert len({tuple(entry) for entry in printed[part]}) == 1
        for entry in printed[part]:
            assert list(entry)[:2] == ["condition", "group"]
            assert not any(isinstance(value, dict) for value in entry.values())
    assert set(printed["rows"][0]) - {"signals"} <= set(printed["items"][0])
    names = [(row["condition"], row["group"]) for row in printed["rows"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("result", NAMES, indirect=True)
def test_rows_are_means_of_items(result: Result) -> None:
    for row in result.rows:
        items = [
            item
            for item in result.items
            if item["condition"] == row["condition"] and row["group"] in ("all", item["group"])
        ]
        assert items
        for key, value in row.items():
            if isinstance(value, float):
                assert value == pytest.approx(np.mean([item[key] for item in items]))


@pytest.mark.parametrize("result", NAMES, indirect=True)
def test_files_hold_what_is_printed(result: Result, tmp_path: Path) -> None:
    write(tmp_path, result)
    assert json.loads((tmp_path / "metrics.json").read_text("utf-8")) == result.as_json
    with (tmp_path / "metrics.csv").open(encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert [(row["condition"], row["group"]) for row in table] == [
        (row["condition"], str(row["group"])) for row in result.rows
    ]
    for drawing in result.drawings:
        assert (tmp_path / drawing.file).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "index.html").exists() == (result.page is not None)
    for shown in tables(result):
        assert all({column.key for column in shown.columns} <= set(row) for row in shown.rows)


def test_published_results_are_items_and_rows_that_are_called_so(
    results: dict[str, Result],
) -> None:
    for name, signal in (("gaps", "a08_violin"), ("columns", "example3")):
        published = [i for i in results[name].items if i["condition"].startswith("published ")]
        assert {item["signal"] for item in published} == {signal}
        assert {item["seconds"] for item in published} == {None}
        assert any(r["condition"] == published[0]["condition"] for r in results[name].rows)


def test_lengths_stand_beside_each_other(results: dict[str, Result]) -> None:
    (table,) = tables(results["gaps"])
    assert [column.heading for column in table.columns] == [
        "Condition", "20 ms (dB)", "30 ms (dB)", "Mean (dB)", "Signals", "Time (s)",
    ]  # fmt: skip
    row = next(row for row in table.rows if row["condition"] == "zero")
    assert (row["20"], row["30"], row["mean"], row["signals"]) == (0.0, 0.0, 0.0, 2)


def test_groups_have_tables_of_their_own(results: dict[str, Result]) -> None:
    assert [table.heading for table in tables(results["occlusion"])] == ["all", "music"]
    assert [table.heading for table in tables(results["voices"])] == [None]


def test_what_an_item_does_not_have_does_not_count() -> None:
    items = [{"condition": "mix", "a": value, "b": None} for value in (0.5, None, float("nan"))]
    assert mean_rows(items, ["a", "b"], 20) == [
        {"condition": "mix", "group": 20, "a": 0.5, "b": None}
    ]
    assert mean_rows([], ["a"]) == []


def test_infinity_is_null_in_json_only(results: dict[str, Result]) -> None:
    row = {"condition": "zero", "group": 20, "snr_db": float("inf")}
    found = replace(results["gaps"], rows=(row,))
    assert found.as_json["rows"] == [{**row, "snr_db": None}]
