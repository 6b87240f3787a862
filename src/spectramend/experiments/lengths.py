"""What the experiments on gaps and on columns share: outcomes by length, and published ones."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What a method made of the gaps of one recording.

    Parameters
    ----------
    condition : str
        Name of the method.
    signal : str
        Name of the recording.
    length : int
        Length of the gaps, in the unit of the experiment.
    positions : tuple of int
        Where they begin.
    snr_db : float
        Signal-to-noise ratio in dB.
    seconds : float
        How long it took.
    """

    condition: str
    signal: str
    length: int
    positions: tuple[int, ...]
    snr_db: float
    seconds: float


@dataclass(frozen=True)
class Published:
    """What authors measured on a recording.

    Parameters
    ----------
    method : str
        Their name for the method.
    signal : str
        Name of the recording.
    length : int
        Length of the gaps.
    snr_db : float
        Signal-to-noise ratio in dB.
    """

    method: str
    signal: str
    length: int
    snr_db: float


@dataclass(frozen=True)
class Result:
    """All outcomes, and what was published of the same recordings.

    Parameters
    ----------
    experiment : {"gaps", "columns"}
        Name of the experiment.
    unit : {"gap_ms", "columns"}
        What lengths count.
    outcomes : tuple of Outcome
        The outcomes.
    published : tuple of Published
        What was published.
    """

    experiment: Literal["gaps", "columns"]
    unit: Literal["gap_ms", "columns"]
    outcomes: tuple[Outcome, ...]
    published: tuple[Published, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each method: ``condition, snr_db`` by length, ``signals, seconds``."""
        measured = [(o.condition, o.signal, o.length, o.snr_db, o.seconds) for o in self.outcomes]
        others = [
            (f"published {p.method}", p.signal, p.length, p.snr_db, None) for p in self.published
        ]
        return rows_by_length([*measured, *others])


def rows_by_length(
    results: Sequence[tuple[str, str, int, float, float | None]],
) -> list[dict[str, Any]]:
    """Average results over signals.

    Parameters
    ----------
    results : sequence of (str, str, int, float, float or None)
        Condition, signal, length of the gaps, SNR in dB, and seconds if they are known, of each.

    Returns
    -------
    list of dict
        A dict for each condition: ``condition, snr_db`` by length, ``signals, seconds``.

    Examples
    --------
    >>> rows_by_length([("zero", "a", 20, 0.0, 1.0), ("zero", "b", 20, 2.0, 3.0)])
    [{'condition': 'zero', 'snr_db': {'20': 1.0}, 'signals': 2, 'seconds': 2.0}]
    """
    rows = []
    for name in dict.fromkeys(condition for condition, *_ in results):
        own = [result for result in results if result[0] == name]
        by_length: dict[str, list[float]] = {}
        for _, _, length, snr_db, _ in own:
            by_length.setdefault(str(length), []).append(snr_db)
        times = [seconds for *_, seconds in own if seconds is not None]
        rows.append(
            {
                "condition": name,
                "snr_db": {length: float(np.mean(found)) for length, found in by_length.items()},
                "signals": len({signal for _, signal, *_ in own}),
                "seconds": float(np.mean(times)) if times else None,
            }
        )
    return rows


def read_published(file: str) -> list[Published]:
    """Read what was published, from a table of this package.

    Parameters
    ----------
    file : str
        Its name: ``method, signal``, a length and ``snr_db`` in each line.

    Returns
    -------
    list of Published
        Its lines.

    Examples
    --------
    >>> read_published("time_gaps.csv")[0]
    Published(method='EMtf', signal='a08_violin', length=20, snr_db=7.6374)
    """
    table = resources.files("spectramend.experiments").joinpath("published", file)
    lines = csv.reader(table.read_text(encoding="utf-8").splitlines()[1:])
    return [
        Published(method, signal, int(length), float(snr_db))
        for method, signal, length, snr_db in lines
    ]
