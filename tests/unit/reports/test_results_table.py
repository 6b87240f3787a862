"""Tables: which values are the best."""

from __future__ import annotations

import math
import re

from spectramend.reports.results_table import Column, Table


def test_best_values_are_bold_and_references_never() -> None:
    rows = [
        {"name": "clean", "sdr": math.inf, "pesq": 4.64, "lsd": 0.0},
        {"name": "mix", "sdr": -0.2, "pesq": None, "lsd": 9.3},
        {"name": "ours", "sdr": 11.2, "pesq": 3.001, "lsd": 4.0},
        {"name": "other", "sdr": 5.0, "pesq": 3.002, "lsd": math.nan},
    ]
    columns = [
        Column("name", "Condition"),
        Column("sdr", "SI-SDR", "higher"),
        Column("pesq", "PESQ", "higher"),
        Column("lsd", "LSD", "lower"),
    ]
    text = Table("T", columns, rows).html({"clean"})
    # 3.001 and 3.002 read the same, so neither is better.
    assert re.findall(r"<strong>([^<]*)</strong>", text) == ["11.20", "4.00"]
    rows[3]["pesq"] = 3.2
    text = Table("T", columns, rows).html({"clean"})
    assert re.findall(r"<strong>([^<]*)</strong>", text) == ["11.20", "4.00", "3.20"]
    assert "PESQ\N{NO-BREAK SPACE}↑" in text
    assert "LSD\N{NO-BREAK SPACE}↓" in text
    assert "–" in re.findall(r"<td[^>]*>(.*?)</td>", text)


def test_ties_are_all_bold() -> None:
    rows = [{"x": 0.9001}, {"x": 0.9002}, {"x": 0.5}]
    text = Table(None, [Column("x", "X", "higher")], rows).html()
    assert re.findall(r"<strong>([^<]*)</strong>", text) == ["0.900", "0.900"]


def test_columns_without_direction_have_no_best() -> None:
    text = Table(None, [Column("x", "X")], [{"x": 1.0}, {"x": 2.0}]).html()
    assert "<strong>" not in text
    assert "bold" not in text


def test_a_table_without_rows_or_columns_is_nothing() -> None:
    assert Table("T", [], [{"x": 1.0}]).html() == ""
    assert Table("T", [Column("x", "X")], []).html() == ""


def test_a_table_of_text_becomes_lists_on_a_narrow_page() -> None:
    columns = [Column("name", "Condition"), Column("sdr", "SI-SDR", "higher")]
    text = Table(None, columns, [{"name": "mix", "sdr": 1.0}], stacks=True).html()
    assert 'class="scroll stacks"' in text
    assert re.findall('data-heading="([^"]*)">mix', text) == ["Condition"]
