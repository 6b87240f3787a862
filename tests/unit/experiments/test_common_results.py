"""Results of all experiments: one shape of JSON, and rows that are means of items."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from experiment_runs import NAMES, result_of, small_results
from spectramend.experiments._common.results import mean_rows


@pytest.mark.parametrize("name", NAMES)
def test_json_has_one_shape(name: str, request: pytest.FixtureRequest) -> None:
    result = result_of(name, request)
    printed = json.loads(json.dumps(result.as_json, allow_nan=False))
    assert list(printed) == ["experiment", "settings", "rows", "items"]
    assert printed["experiment"] in NAMES
    assert isinstance(printed["settings"].get("seed", 0), int)  # none where nothing is drawn
    for part in ("rows", "items"):
        assert len({tuple(entry) for entry in printed[part]}) == 1
        for entry in printed[part]:
            assert list(entry)[:2] == ["condition", "group"]
            assert not any(isinstance(value, dict) for value in entry.values())
    assert set(printed["rows"][0]) - {"signals"} <= set(printed["items"][0])
    names = [(row["condition"], row["group"]) for row in printed["rows"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_means_of_items(name: str, request: pytest.FixtureRequest) -> None:
    result = result_of(name, request)
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


def test_published_results_are_items_and_rows_whose_conditions_say_so() -> None:
    for name, signal in (("gaps", "a08_violin"), ("columns", "example3")):
        result = small_results()[name]
        published = [i for i in result.items if i["condition"].startswith("published ")]
        assert {item["signal"] for item in published} == {signal}
        assert {item["seconds"] for item in published} == {None}
        assert any(r["condition"] == published[0]["condition"] for r in result.rows)


def test_means_leave_absent_values_out() -> None:
    items = [{"condition": "mix", "a": value, "b": None} for value in (0.5, None, float("nan"))]
    assert mean_rows(items, ["a", "b"], 20) == [
        {"condition": "mix", "group": 20, "a": 0.5, "b": None}
    ]
    assert mean_rows([], ["a"]) == []


def test_infinity_is_null_in_json_only() -> None:
    row = {"condition": "zero", "group": 20, "snr_db": float("inf")}
    found = replace(small_results()["gaps"], rows=(row,))
    assert found.as_json["rows"] == [{**row, "snr_db": None}]
