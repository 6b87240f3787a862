"""Results of an experiment: rows of means, the items that they average, figures, and sounds.

Every experiment prints and writes the same JSON, ``{"experiment", "settings", "rows", "items"}``.
An item is the outcome of one condition on one signal; a row is the mean of the items of a
condition in a group. Both are flat and begin with ``condition`` and ``group``. Conditions whose
names begin with ``published`` hold what other authors have published for the same recordings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.reports.listening_page import Sound
from spectramend.reports.panels import Panel
from spectramend.reports.results_table import Column

Row: TypeAlias = dict[str, Any]
Group: TypeAlias = str | int  # "all", a kind of recordings, or a length of gaps
# Called with what is being done, the number of steps done, and that of all steps.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Layout:
    """Layout of the printed table: one for each group, or with a unit a column for each length.

    With `conditions` it is one table of their rows in all groups. With `levels` it is a table for
    each kind, with a column for each level; a row has both.
    """

    columns: tuple[Column, ...]
    unit: str | None = None  # of the lengths of gaps that are groups, or of the levels
    conditions: tuple[str, ...] = ()
    levels: bool = False
    measure: str = "snr_db"  # in the columns of lengths or levels


@dataclass(frozen=True)
class Drawing:
    """A figure of spectrograms, one above the other; they are computed when it is drawn."""

    file: str  # PNG
    caption: str
    panels: Callable[[], Sequence[Panel]]  # from the top


@dataclass(frozen=True)
class Page:
    """A listening page."""

    title: str
    lead: str
    sounds: tuple[Sound, ...]  # that are compared
    other_sounds: Mapping[str, NDArray[Any]]  # [shape=(n,)] further sounds to write, by file
    commands: tuple[str, ...]  # that make one of the sounds from the others


@dataclass(frozen=True)
class Result:
    """Results of an experiment."""

    experiment: str
    settings: dict[str, Any]  # what determines the run, apart from the recordings
    rows: tuple[Row, ...]
    items: tuple[Row, ...]
    layout: Layout
    drawings: tuple[Drawing, ...] = ()
    page: Page | None = None

    @property
    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints; infinity and NaN, which JSON does not have, are None."""
        return {
            "experiment": self.experiment,
            "settings": self.settings,
            "rows": [_finite(row) for row in self.rows],
            "items": [_finite(item) for item in self.items],
        }


def _finite(row: Row) -> Row:
    """Replace infinity and NaN by None."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


def mean_rows(items: Sequence[Row], measures: Sequence[str], group: Group = "all") -> list[Row]:
    """Average measures of the items of a group, a row for each condition; leave out None and NaN.

    Examples
    --------
    >>> mean_rows([{"condition": "mix", "a": 1.0}, {"condition": "mix", "a": None}], ["a"])
    [{'condition': 'mix', 'group': 'all', 'a': 1.0}]
    """

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None and not math.isnan(value)]
        return float(np.mean(known)) if known else None

    return [
        {
            "condition": name,
            "group": group,
            **{key: mean([i[key] for i in items if i["condition"] == name]) for key in measures},
        }
        for name in dict.fromkeys(item["condition"] for item in items)
    ]


def gap_result(
    experiment: str, settings: dict[str, Any], items: Sequence[Row], unit: str
) -> Result:
    """Average items ``condition, group, signal, positions, snr_db, seconds`` by length of gaps."""
    rows = []
    for length in sorted({item["group"] for item in items}):
        own = [item for item in items if item["group"] == length]
        for row in mean_rows(own, ("snr_db", "seconds"), length):
            signals = {item["signal"] for item in own if item["condition"] == row["condition"]}
            rows.append({**row, "signals": len(signals), "seconds": row.pop("seconds")})
    columns = (Column("signals", "Signals"), Column("seconds", "Time (s)"))
    return Result(experiment, settings, tuple(rows), tuple(items), Layout(columns, unit))
