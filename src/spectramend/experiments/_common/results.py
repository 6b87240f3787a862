"""What an experiment finds: rows of means, the items behind them, and what can be seen and heard.

Every experiment prints and writes the same JSON, ``{"experiment", "settings", "rows", "items"}``.
Items are single outcomes, one for each condition of each scene; a row is the mean of the items of a
condition in a group. Both are flat and begin with ``condition`` and ``group``. What others have
published of the same recordings has conditions that begin with ``published``.
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
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Layout:
    """How rows are shown to people.

    Parameters
    ----------
    columns : tuple of Column
        Columns of the table.
    unit : str, optional
        If given, groups are lengths in this unit and stand beside each other: the SNR of each has a
        column. Otherwise each group has a table.
    """

    columns: tuple[Column, ...]
    unit: str | None = None


@dataclass(frozen=True)
class Drawing:
    """A figure of spectrograms, one above the other.

    Parameters
    ----------
    file : str
        Name of its PNG file.
    caption : str
        What they show together.
    panels : callable
        Returns what to draw, from the top.
    """

    file: str
    caption: str
    panels: Callable[[], Sequence[Panel]]


@dataclass(frozen=True)
class Page:
    """A listening page.

    Parameters
    ----------
    title, lead : str
        Heading, and a paragraph.
    sounds : tuple of Sound
        What is compared.
    others : mapping of str to ndarray
        Further sounds to write, by file.
    commands : tuple of str
        Commands that make one of the sounds from the others.
    """

    title: str
    lead: str
    sounds: tuple[Sound, ...]
    others: Mapping[str, NDArray[Any]]
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """What an experiment found.

    Parameters
    ----------
    experiment : str
        Name of the experiment.
    settings : dict
        What fixes the run, apart from the recordings.
    rows : tuple of dict
        ``condition, group`` and means.
    items : tuple of dict
        ``condition, group``, what tells a scene from others, and measures.
    layout : Layout
        How rows are shown.
    drawings : tuple of Drawing
        Figures.
    page : Page, optional
        A listening page.
    """

    experiment: str
    settings: dict[str, Any]
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
    """Average items.

    Parameters
    ----------
    items : sequence of dict
        Items of one group.
    measures : sequence of str
        Fields to average; what an item does not have, None or NaN, does not count.
    group : str or int
        Name of the group.

    Returns
    -------
    list of dict
        A row for each condition.

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


def length_result(
    experiment: str, settings: dict[str, Any], items: Sequence[Row], unit: str
) -> Result:
    """Sum up an experiment whose groups are lengths of gaps.

    Parameters
    ----------
    experiment : str
        Its name.
    settings : dict
        What fixes the run.
    items : sequence of dict
        ``condition, group, signal, positions, snr_db, seconds``.
    unit : str
        What lengths count.

    Returns
    -------
    Result
        Its rows have ``snr_db, signals, seconds``, the number of signals in the middle.
    """
    rows = []
    for length in sorted({item["group"] for item in items}):
        own = [item for item in items if item["group"] == length]
        for row in mean_rows(own, ("snr_db", "seconds"), length):
            signals = {item["signal"] for item in own if item["condition"] == row["condition"]}
            rows.append({**row, "signals": len(signals), "seconds": row.pop("seconds")})
    columns = (Column("signals", "Signals"), Column("seconds", "Time (s)"))
    return Result(experiment, settings, tuple(rows), tuple(items), Layout(columns, unit))
