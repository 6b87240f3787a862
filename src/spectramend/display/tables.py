"""Tables of results, with as many decimals as suit each column."""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TypeGuard

import numpy as np

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
INFINITY = "\N{INFINITY}"


def table_html(
    rows: Sequence[Mapping[str, object]],
    *,
    headings: Mapping[str, str] | None = None,
    strong: Collection[tuple[int, str]] = (),
) -> str:
    """Write rows, mappings from column to value, as an HTML table, escaped; None is an en dash.

    `headings` maps the columns to show, in order, to their headings; by default all, under their
    keys. The cells in `strong`, (row number, column), are emphasised.
    """
    if headings is None:
        headings = {key: key for row in rows for key in row}
    texts = {key: column_texts([row.get(key) for row in rows]) for key in headings}
    numeric = {key: any(_is_number(row.get(key)) for row in rows) for key in headings}

    def cell(tag: str, key: str, content: str) -> str:
        side = "right" if numeric[key] else "left"
        heading = html.escape(headings[key])
        style = f'style="text-align:{side}" data-heading="{heading}"'
        return f"<{tag} {style}>{content}</{tag.split()[0]}>"

    head = "".join(cell('th scope="col"', k, html.escape(h)) for k, h in headings.items())
    body = []
    for i in range(len(rows)):
        cells = []
        for column, key in enumerate(headings):
            text = html.escape(texts[key][i])
            text = f"<strong>{text}</strong>" if (i, key) in strong else text
            cells.append(cell("td" if column else 'th scope="row"', key, text))
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def column_texts(values: Sequence[object]) -> list[str]:
    """Write the values of a table column, with as many decimals as suit the largest."""
    sizes = [abs(v) for v in values if _is_number(v) and math.isfinite(v)]
    largest = max(sizes, default=0.0)
    decimals = 3 if largest <= 1 else 2 if largest < 100 else 1 if largest < 1000 else 0
    return [_value_text(value, decimals) for value in values]


def number_text(value: float, decimals: int) -> str:
    """Write a number with a true minus sign, and infinity as its symbol."""
    if math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    text = f"{value:.{decimals}f}"
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]  # a rounded zero has no sign
    return text.replace("-", MINUS)


def _is_number(value: object) -> TypeGuard[float]:
    """Tell numbers from text, booleans and None."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _value_text(value: object, decimals: int) -> str:
    """Write one value of a table."""
    if value is None:
        return DASH
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not _is_number(value):
        return str(value)
    if isinstance(value, int | np.integer):
        return number_text(value, 0)
    if math.isfinite(value) and 0 < abs(value) < 0.5 * 10**-decimals:
        return f"{value:.1e}".replace("-", MINUS)
    return number_text(value, decimals)
