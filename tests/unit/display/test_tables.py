"""Tables of results: columns, digits, alignment, escaped text."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from spectramend.display import tables


def cells(text: str) -> list[list[str]]:
    """Read the cells of a table, row by row, without tags."""
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", text)
    ]


def test_table_has_the_columns_of_all_rows() -> None:
    rows: list[dict[str, object]] = [{"name": "mix", "dB": -2.104}, {"name": "ours", "n": 12}]
    assert cells(tables.table_html(rows)) == [
        ["name", "dB", "n"],
        ["mix", "−2.10", "–"],
        ["ours", "–", "12"],
    ]


def test_headings_choose_and_order_columns() -> None:
    rows = [{"a": 1, "b": 2, "c": 3}]
    headings = {"c": "Third", "a": "First", "gone": "Nothing"}
    assert cells(tables.table_html(rows, headings=headings)) == [
        ["Third", "First", "Nothing"],
        ["3", "1", "–"],
    ]


def test_table_is_escaped() -> None:
    text = tables.table_html([{"<a>": "<b>&"}], headings={"<a>": "<i>"})
    assert "<a>" not in text
    assert "<b>" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "&lt;i&gt;" in text


def test_strong_cells_and_only_they_are_strong() -> None:
    text = tables.table_html([{"a": 1}, {"a": 2}], strong={(1, "a")})
    assert re.findall("<strong>(.*?)</strong>", text) == ["2"]


def test_numbers_are_aligned_right_and_text_left() -> None:
    text = tables.table_html([{"name": "mix", "dB": 1.5}])
    assert re.findall('text-align:(left|right)"[^>]*>(?:mix|1.50)', text) == ["left", "right"]


def test_empty_table() -> None:
    assert cells(tables.table_html([], headings={"a": "A"})) == [["A"]]
    assert "<td" not in tables.table_html([])


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.743, 0.98], ["0.743", "0.980"]),
        ([1.5, -11.25], ["1.50", "−11.25"]),
        ([123.456, 1.0], ["123.5", "1.0"]),
        ([54321.6], ["54322"]),
        ([math.inf, -math.inf, math.nan, 3.0], ["∞", "−∞", "nan", "3.00"]),
        ([1.2e-5, 0.0, -0.0], ["1.2e−05", "0.000", "0.000"]),
        ([np.float32(0.5), np.int64(-3), np.bool_(True), False], ["0.50", "−3", "yes", "no"]),
        (["a-b", None], ["a-b", "–"]),
    ],
)
def test_digits_suit_the_column(values: list[object], texts: list[str]) -> None:
    assert tables.column_texts(values) == texts
