"""Tables of results: columns, and which values are the best of their column."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from spectramend.display.tables import column_texts, table_html

LEGEND = "\N{UPWARDS ARROW} higher is better, \N{DOWNWARDS ARROW} lower is better."


class Column(NamedTuple):
    """A column of a table: its key in the rows, its heading, and which end is better."""

    key: str
    heading: str
    better: Literal["higher", "lower"] | None = None

    @property
    def title(self) -> str:
        """The heading, with an arrow towards the better end."""
        space = "\N{NO-BREAK SPACE}"
        up, down = space + "\N{UPWARDS ARROW}", space + "\N{DOWNWARDS ARROW}"
        arrows = {"higher": up, "lower": down, None: ""}
        return self.heading + arrows[self.better]


@dataclass(frozen=True)
class Table:
    """A table; on a listening page, a row that belongs to a sound has its name under "name"."""

    heading: str | None
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, object]]
    stacks: bool = False  # whether text wraps, and rows become lists on a narrow page

    def html(self, references: Collection[str] = ()) -> str:
        """Write the table, the best values bold; names of `references` are never the best."""
        if not self.rows or not self.columns:
            return ""
        headings = {c.key: c.title for c in self.columns}
        ranked = [i for i, row in enumerate(self.rows) if row.get("name") not in references]
        best = {(i, c.key) for c in self.columns if c.better for i in self._best(ranked, c)}
        table = table_html(self.rows, headings=headings, strong=best)
        key = f"<p>{LEGEND.removesuffix('.')}; the best result is bold.</p>" if best else ""
        name = "scroll stacks" if self.stacks else "scroll"
        opening = f'<div class="{name}" tabindex="0" role="region" aria-label="Table">'
        return f"{opening}{table}</div>{key}"

    def _best(self, ranked: Sequence[int], column: Column) -> list[int]:
        """Find the rows whose value reads as the best of a column, unless all read the same."""
        values = [self.rows[i].get(column.key) for i in ranked]
        finite = [
            (float(value), text, i)
            for value, text, i in zip(values, column_texts(values), ranked, strict=True)
            if isinstance(value, int | float | np.floating) and not math.isnan(value)
        ]
        if len({text for _, text, _ in finite}) < 2:
            return []
        pick = max if column.better == "higher" else min
        best_text = pick(finite)[1]
        return [i for _, text, i in finite if text == best_text]
