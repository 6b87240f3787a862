"""What the experiments on gaps and on columns write: their tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from spectramend.experiments.lengths import Result
from spectramend.experiments.output import write_metrics
from spectramend.report import Column


def as_json(result: Result) -> dict[str, Any]:
    """Put a result into the form that ``--json`` prints.

    Parameters
    ----------
    result : Result
        The experiment.

    Returns
    -------
    dict
        ``experiment, rows, outcomes``; each outcome has the places of its gaps.
    """
    outcomes = []
    for outcome in result.outcomes:
        fields = asdict(outcome)
        outcomes.append({result.unit if key == "length" else key: fields[key] for key in fields})
    return {"experiment": result.experiment, "rows": result.rows, "outcomes": outcomes}


def table(result: Result) -> tuple[list[Column], list[dict[str, Any]]]:
    """Lay out the rows with a column for each length, in milliseconds or columns of a spectrum.

    Parameters
    ----------
    result : Result
        The experiment.

    Returns
    -------
    headings : list of Column
        The columns.
    rows : list of dict
        The rows, the mean over the lengths last but two; what is not known is None.
    """
    lengths = sorted({ms for row in result.rows for ms in row["snr_db"]}, key=int)
    unit = "ms" if result.unit == "gap_ms" else "columns"
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


def write(folder: Path, result: Result) -> None:
    """Fill a folder with the tables.

    Parameters
    ----------
    folder : Path
        An empty folder.
    result : Result
        The experiment.
    """
    headings, rows = table(result)
    write_metrics(folder, as_json(result), headings, rows)
