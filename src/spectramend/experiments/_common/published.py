"""Results that other authors have published, from tables of this package."""

from __future__ import annotations

import csv
from collections.abc import Collection
from importlib import resources

from spectramend.experiments._common.results import Row


def read_published(
    file: str, signals: Collection[str] | None = None, lengths: Collection[int] | None = None
) -> list[Row]:
    """Read items of a table: signal-to-noise ratios of some signals and lengths, or of all.

    Examples
    --------
    >>> item = read_published("time_gaps.csv")[0]
    >>> item["condition"], item["group"], item["signal"], item["snr_db"]
    ('published EMtf', 20, 'a08_violin', 7.6374)
    """
    table = resources.files("spectramend.experiments").joinpath("published", file)
    lines = csv.reader(table.read_text(encoding="utf-8").splitlines()[1:])
    return [
        {
            "condition": f"published {method}",
            "group": int(length),
            "signal": signal,
            "positions": None,
            "snr_db": float(snr_db),
            "seconds": None,
        }
        for method, signal, length, snr_db in lines
        if (signals is None or signal in signals) and (lengths is None or int(length) in lengths)
    ]
