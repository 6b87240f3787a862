"""What the experiments on gaps and on columns write: their tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from spectramend.experiments import columns, gaps
from spectramend.experiments.output import write_metrics
from spectramend.report import Column

AnyResult: TypeAlias = gaps.Result | columns.Result


def as_json(result: AnyResult) -> dict[str, Any]:
    """Put a result into the form that ``--json`` prints.

    Parameters
    ----------
    result : gaps.Result or columns.Result
        The experiment.

    Returns
    -------
    dict
        ``experiment, rows, outcomes``; each outcome has the places of its gaps.
    """
    name = "gaps" if isinstance(result, gaps.Result) else "columns"
    outcomes = [asdict(outcome) for outcome in result.outcomes]
    return {"experiment": name, "rows": result.rows, "outcomes": outcomes}


def table(result: AnyResult) -> tuple[list[Column], list[dict[str, Any]]]:
    """Lay out the rows with a column for each length, in milliseconds or columns of a spectrum.

    Parameters
    ----------
    result : gaps.Result or columns.Result
        The experiment.

    Returns
    -------
    headings : list of Column
        The columns.
    rows : list of dict
        The rows, the mean over the lengths last but two; what is not known is None.
    """
    lengths = sorted({ms for row in result.rows for ms in row["snr_db"]}, key=int)
    unit = "ms" if isinstance(result, gaps.Result) else "columns"
    headings = [
        Column("condition", "Condition"),
        *(Column(ms, f"{ms} {unit} (dB)", "higher") for ms in lengths),
        Column("mean", "Mean (dB)", "higher"),
        Column("signals", "Signals"),
        Column("seconds", "Time (s)"),
    ]
    rows = []
    for row in result.rows:
        by_length = {ms: row["snr_db"].get(ms) for ms in lengths}
        known = [value for value in by_length.values() if value is not None]
        others = {key: row[key] for key in ("condition", "signals", "seconds")}
        rows.append({**others, **by_length, "mean": sum(known) / len(known)})
    return headings, rows


def write(folder: Path, result: AnyResult) -> None:
    """Fill a folder with the tables.

    Parameters
    ----------
    folder : Path
        An empty folder.
    result : gaps.Result or columns.Result
        The experiment.
    """
    headings, rows = table(result)
    write_metrics(folder, as_json(result), headings, rows)
