"""What the experiment on voices writes: tables, and a figure of every pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectramend.experiments import output
from spectramend.experiments.output import outcome_panels, write_figure, write_metrics
from spectramend.experiments.voices import MEASURES, Result

COLUMNS = tuple(c for c in output.COLUMNS if c.key in ("condition", *MEASURES))


def as_json(result: Result) -> dict[str, Any]:
    """Put a result into the form that ``--json`` prints.

    Parameters
    ----------
    result : Result
        The experiment.

    Returns
    -------
    dict
        ``experiment, rows, pairs``; each pair has ``target, interferer, rows``.
    """
    return {
        "experiment": "voices",
        "rows": result.rows,
        "pairs": [
            {"target": pair.target, "interferer": pair.interferer, "rows": pair.rows}
            for pair in result.pairs
        ],
    }


def write(folder: Path, result: Result) -> None:
    """Fill a folder with the tables and the figures.

    Parameters
    ----------
    folder : Path
        An empty folder.
    result : Result
        The experiment.
    """
    write_metrics(folder, as_json(result), COLUMNS, result.rows)
    for pair in result.pairs:
        ours = next(c for c in pair.conditions if c.name == "spectramend")
        name = f"{pair.target}_under_{pair.interferer}.png"
        caption = f"{pair.target} under {pair.interferer}: mix, mask, our default, and the target."
        write_figure(folder, name, outcome_panels(ours, pair.scene.sr), caption)
