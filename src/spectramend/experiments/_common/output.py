"""Output of an experiment: tables, and a folder with JSON, CSV, figures and a listening page."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from spectramend import audio
from spectramend.display import figure_png
from spectramend.evaluation import missing_metrics
from spectramend.experiments._common.results import Group, Layout, Page, Result, Row
from spectramend.reports.listening_page import Picture, listening_page
from spectramend.reports.panels import spectrogram_figure
from spectramend.reports.results_table import Column, Table


def tables(result: Result) -> list[Table]:
    """Make the printed tables: with lengths or conditions one, otherwise one a group or kind."""
    if result.layout.unit is not None and not result.layout.levels:
        return [_by_length(None, result.rows, result.layout)]
    if result.layout.conditions:
        shown = [row for row in result.rows if row["condition"] in result.layout.conditions]
        return [Table(None, result.layout.columns, shown)]
    key = "kind" if result.layout.levels else "group"
    groups = dict.fromkeys(row[key] for row in result.rows)
    made = []
    for group in groups:
        heading = str(group) if len(groups) > 1 else None
        rows = [row for row in result.rows if row[key] == group]
        if result.layout.levels:
            made.append(_by_length(heading, rows, result.layout))
        else:
            made.append(Table(heading, result.layout.columns, rows))
    return made


def write(folder: Path, result: Result, commands: Sequence[str] = ()) -> None:
    """Write all files of an experiment; the listening page shows `commands` that do so again."""
    (folder / "metrics.json").write_text(json.dumps(result.as_json, indent=2) + "\n", "utf-8")
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(result.rows[0]))
        table.writeheader()
        table.writerows(result.rows)
    pictures = []
    for drawing in result.drawings:
        panels = drawing.panels()
        (folder / drawing.file).write_bytes(figure_png(spectrogram_figure(panels)))
        alt = "Spectrograms, one above the other: " + "; ".join(p.title for p in panels) + "."
        pictures.append(Picture(drawing.file, alt, drawing.caption))
    if result.page is not None:
        _write_page(folder, result, result.page, pictures, commands)


def unavailable_metrics(result: Result) -> list[str]:
    """Name the metrics of a result whose packages are not installed, a line each."""
    return missing_metrics() if any("pesq_wb" in row for row in result.rows) else []


def _by_length(heading: str | None, rows: Sequence[Row], layout: Layout) -> Table:
    """Make a table with a column for each length or level, and means over these."""
    key = "level" if layout.levels else "group"
    lengths: list[Group] = sorted({row[key] for row in rows})
    columns = [
        Column("condition", "Condition"),
        *(Column(str(k), f"{k} {layout.unit} (dB)", "higher") for k in lengths),
        Column("mean", "Mean (dB)", "higher"),
        *layout.columns,
    ]
    table = []
    for name in dict.fromkeys(row["condition"] for row in rows):
        own = {row[key]: row for row in rows if row["condition"] == name}
        table.append(
            {
                "condition": name,
                **{str(k): own[k][layout.measure] if k in own else None for k in lengths},
                "mean": _mean(row[layout.measure] for row in own.values()),
                **{c.key: _mean(row[c.key] for row in own.values()) for c in layout.columns},
                "signals": max(row["signals"] for row in own.values()),
            }
        )
    return Table(heading, columns, table)


def _mean(values: Iterable[float | None]) -> float | None:
    """Average what is known, if anything is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _write_page(
    folder: Path,
    result: Result,
    page: Page,
    pictures: Sequence[Picture],
    commands: Sequence[str],
) -> None:
    """Write the sounds and the page that plays them; its table says what each row is."""
    sr = round(page.sounds[0].sr)
    for sound in page.sounds:
        audio.write(folder / sound.file, sound.samples, sr)
    for file, samples in page.other_sounds.items():
        audio.write(folder / file, samples, sr)
    measured = {row["condition"]: row for row in result.rows}
    rows = [
        {**measured[s.name], "name": s.name, "condition": s.title, "about": s.description}
        for s in page.sounds
        if s.name in measured
    ]
    first, *others = result.layout.columns
    columns = (first, Column("about", "What it is"), *others)
    text = listening_page(
        title=page.title,
        lead=page.lead,
        sounds=page.sounds,
        table=Table(None, columns, rows, stacks=True),
        figures=pictures,
        commands=[*commands, *page.commands],
        notes=unavailable_metrics(result),
    )
    (folder / "index.html").write_text(text, "utf-8")
