"""What experiments write: their table as JSON and CSV, and spectrogram figures."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectramend.experiments.conditions import Condition
from spectramend.figures import figure_png
from spectramend.report import Column, Panel, Picture, spectrogram_figure

COLUMNS = (
    Column("condition", "Condition"),
    Column("transform", "Transform"),
    Column("si_sdr_db", "SI-SDR (dB)", "higher"),
    Column("stoi", "STOI", "higher"),
    Column("estoi", "ESTOI", "higher"),
    Column("pesq_wb", "PESQ-wb", "higher"),
    Column("lsd_hidden_db", "LSD hidden (dB)", "lower"),
    Column("seconds", "Time (s)"),
)


def write_metrics(
    folder: Path, result: dict[str, Any], columns: Sequence[Column], rows: list[dict[str, Any]]
) -> None:
    """Write ``metrics.json`` and ``metrics.csv``.

    Parameters
    ----------
    folder : Path
        Where.
    result : dict
        What ``--json`` prints.
    columns : sequence of Column
        Columns of the table.
    rows : list of dict
        Its rows.
    """
    (folder / "metrics.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, [column.key for column in columns])
        table.writeheader()
        table.writerows(rows)


def write_figure(folder: Path, name: str, panels: Sequence[Panel], caption: str) -> Picture:
    """Draw spectrograms one above the other into a PNG file.

    Parameters
    ----------
    folder : Path
        Where.
    name : str
        Name of the file.
    panels : sequence of Panel
        What to draw, from the top.
    caption : str
        What they show together.

    Returns
    -------
    Picture
        The figure as a page shows it.
    """
    (folder / name).write_bytes(figure_png(spectrogram_figure(panels)))
    alt = "Spectrograms, one above the other: " + "; ".join(p.title for p in panels) + "."
    return Picture(name, alt, caption)


def outcome_panels(condition: Condition, sr: int) -> list[Panel]:
    """Show what a condition made of a mix: mix, mask, outcome, target.

    Parameters
    ----------
    condition : Condition
        The condition.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    list of Panel
        The panels.
    """
    cells = condition.cells
    outcome = np.abs(cells.stft.forward(condition.samples)) ** 2
    return [
        Panel("Mix, X", np.abs(cells.X) ** 2, sr, cells.stft),
        Panel("Ideal binary mask", cells.mask.observed, sr, cells.stft),
        Panel("Inpainted by default", outcome, sr, cells.stft),
        Panel("Target, T", np.abs(cells.T) ** 2, sr, cells.stft),
    ]
