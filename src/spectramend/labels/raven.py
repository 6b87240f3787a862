"""Raven's selection tables, the only label files that hold channels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath

from spectramend.core.regions import Region
from spectramend.labels import base

_BEGIN = "Begin Time (s)"
_END = "End Time (s)"
_DELTA = "Delta Time (s)"
_LOW = "Low Freq (Hz)"
_HIGH = "High Freq (Hz)"
_SELECTION = "Selection"
_VIEW = "View"
_CHANNEL = "Channel"
_FILES = ("Begin Path", "Begin File")  # the recording in which a selection begins
_OFFSET = "File Offset (s)"  # where in that recording; the times are those of a sound of several
_ABSENT = ("NA", "NaN")  # a cell without a value, as R and pandas write it
# Raven has no standard column for labels; each project names one. The first with text is read.
_LABELS = ("Annotation", "Label", "Species", "Common Name", "Class", "Call Type", "Type", "Notes")
_SEPARATOR = re.compile(r"[\t,;]")
_PUNCTUATION = re.compile(r"[^0-9a-z]+")

Row = dict[str, str]  # by the name of the column, see `_key`
Key = tuple[str | int, int | None, float | None, float | None]  # of a selection


def _is_table(text: str) -> bool:
    """Recognise the header by the column that every table has."""
    return _key(_BEGIN) in map(_key, _SEPARATOR.split(base.first_line(text)))


def _parse_table(text: str, recording: base.Recording) -> Iterator[Region]:
    """Read a table, in which each view lists all selections: each once, from a spectrogram."""
    found: dict[Key, tuple[bool, Region]] = {}
    rows = _of_recording(text, recording.path)
    for key, in_spectrogram, region in base.limit_regions(map(_selection, rows)):
        if key not in found or in_spectrogram > found[key][0]:
            found[key] = in_spectrogram, region
    for _, region in found.values():
        yield region


def _format_table(regions: Sequence[Region], sr: float | None, length_s: float | None) -> str:
    """Write a table of one view, with a column of channels if any region has one."""
    channels = any(region.channel is not None for region in regions)
    columns = [_SELECTION, _VIEW, *[_CHANNEL] * channels, _BEGIN, _END, _LOW, _HIGH, _LABELS[0]]
    lines = ["\t".join(columns)]
    for i, region in enumerate(regions, 1):
        sides = base.closed_box(region, sr, length_s, "a Raven selection table").texts()
        channel = ["" if region.channel is None else f"{region.channel}"] * channels
        label = base.replace_separators(region.label)
        lines.append("\t".join([f"{i}", "Spectrogram 1", *channel, *sides, label]))
    return "\n".join(lines) + "\n"


TABLE = base.Format(
    (".selections.txt", ".tsv"), _is_table, _parse_table, _format_table, holds_channels=True
)


def _of_recording(text: str, path: Path | None) -> Iterator[tuple[int, Row]]:
    """Give the rows of a recording, or of the only one if it is not known which is meant."""
    chosen = {_file(row) for _, row in _rows(text)} - {""}
    if chosen and path is not None:
        chosen = _matching(chosen, path)
    if len(chosen) > 1:
        both = " and ".join(map(base.quoted, sorted(chosen)[:2]))
        raise base.MalformedError(
            f"selections of {both}: keep those of one recording, or say which (recording=...)."
        )
    yield from ((line, row) for line, row in _rows(text) if _file(row) in {*chosen, ""})


def _matching(files: set[str], path: Path) -> set[str]:
    """Choose the files that have the name of a recording, or else its name but for the ending."""
    for part in ("name", "stem"):
        own = getattr(path, part).lower()
        # A table may come from Windows.
        same = {file for file in files if getattr(PureWindowsPath(file), part).lower() == own}
        if same:
            return same
    others = ", ".join(base.quoted(PureWindowsPath(file).name) for file in sorted(files)[:3])
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    raise base.MalformedError(
        f"its selections are of {others}{more}, none of {path.name}: give the table of this "
        "recording, or correct its name in the column if it was renamed."
    )


def _rows(text: str) -> Iterator[tuple[int, Row]]:
    """Give the line and the cells of each row."""
    lines = base.numbered_lines(text)
    line, header = next(lines)
    # Raven writes tabs and no quotes around cells, other programs commas or quotes.
    separator = next((separator for separator in "\t;" if separator in header), ",")
    is_quoted = separator != "\t" or header.lstrip().startswith('"')
    columns = _columns(line, header.split(separator))
    for line, content in lines:
        if is_quoted:
            cells = next(csv.reader([content], delimiter=separator))
        else:
            cells = content.split(separator)
        if is_quoted and len(cells) == len(columns) + 1:
            cells = cells[1:]  # the names of rows, over which R writes none
        cells = ["" if cell.strip() in _ABSENT else cell for cell in cells]
        yield line, dict(zip(columns, cells, strict=False))


def _selection(numbered: tuple[int, Row]) -> tuple[Key, bool, Region]:
    """Read a row: the key of its selection, whether a spectrogram lists it, and its region."""
    line, row = numbered
    region = _region(row, line)
    # Concatenated tables count from 1 again, so the number alone is no key.
    selection = _cell(row, _SELECTION).strip() or line
    key = (selection, region.channel, region.start_s, region.end_s)
    return key, _cell(row, _VIEW).lower().startswith("spectrogram"), region


def _file(row: Row) -> str:
    """Name the recording of a row, empty if it does not."""
    return next(filter(None, (_cell(row, name).strip() for name in _FILES)), "")


def _columns(line: int, names: list[str]) -> list[str]:
    """Read the names of the columns; refuse a table without ends."""
    columns = [_key(name) for name in names]
    if _key(_END) not in columns and _key(_DELTA) not in columns:
        raise base.MalformedError(f"no column {_END!r}: add it to the table.", line)
    return columns


def _region(row: Row, line: int) -> Region:
    """Read the region of a row."""
    start = base.read_number(_cell(row, _BEGIN), line, _BEGIN)
    if _cell(row, _DELTA).strip() and not _cell(row, _END).strip():
        end = start + base.read_number(_cell(row, _DELTA), line, _DELTA)
    else:
        end = base.read_number(_cell(row, _END), line, _END)
    offset = _optional(row, _OFFSET, line)
    if offset is not None:
        start, end = offset, offset + (end - start)
    band = _optional(row, _LOW, line), _optional(row, _HIGH, line)
    label = next(filter(None, (_cell(row, name) for name in _LABELS)), "")
    return base.region_at(line, start, end, band, channel=_channel(row, line), label=label)


def _channel(row: Row, line: int) -> int | None:
    """Read the channel, counted from 1."""
    channel = _optional(row, _CHANNEL, line)
    if channel is None:
        return None
    if channel < 1 or not channel.is_integer():
        raise base.MalformedError(f"{_CHANNEL} is {channel:g}: channels count from 1.", line)
    return int(channel)


def _optional(row: Row, name: str, line: int) -> float | None:
    """Read a number, or None where there is none."""
    return base.read_number(_cell(row, name), line, name) if _cell(row, name).strip() else None


def _cell(row: Row, name: str) -> str:
    """Give a cell, empty in short rows and missing columns."""
    return row.get(_key(name), "")


def _key(name: str) -> str:
    """Give the name of a column without what R changes in it: case and punctuation."""
    return _PUNCTUATION.sub(" ", name.lower()).strip()
