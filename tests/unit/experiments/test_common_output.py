"""Output of all experiments: printed tables and the files of a folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from experiment_runs import NAMES, result_of, small_results
from spectramend.experiments._common.output import tables, write


@pytest.mark.parametrize("name", NAMES)
def test_files_hold_what_is_printed(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    result = result_of(name, request)
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


def test_a_table_has_a_column_for_each_length() -> None:
    (table,) = tables(small_results()["gaps"])
    assert [column.heading for column in table.columns] == [
        "Condition", "20 ms (dB)", "30 ms (dB)", "Mean (dB)", "Signals", "Time (s)",
    ]  # fmt: skip
    row = next(row for row in table.rows if row["condition"] == "zero")
    assert (row["20"], row["30"], row["mean"], row["signals"]) == (0.0, 0.0, 0.0, 2)


def test_each_group_has_a_table() -> None:
    assert [table.heading for table in tables(small_results()["occlusion"])] == ["all", "music"]
    assert [table.heading for table in tables(small_results()["voices"])] == [None]
