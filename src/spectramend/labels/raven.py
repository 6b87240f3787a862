"""Raven's selection tables, the only label files that hold channels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

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
_FILE = "Begin File"
# Raven has no standard column for labels; each project names one. The first with text is read.
_LABELS = ("Annotation", "Label", "Species", "Common Name", "Class", "Call Type", "Type", "Notes")
_SEPARATOR = re.compile(r"[\t,;]")  # Raven writes tabs; the others are refused with a message

Row = dict[str, str]  # by lower-case name of the column
Key = tuple[str | int, int | None, float | None, float | None]  # of a selection


def _is_table(text: str) -> bool:
    """Recognise the header by the column that every table has."""
    return _BEGIN.lower() in map(str.strip, _SEPARATOR.split(base.first_line(text).lower()))


def _parse_table(text: str, _sr: float | None) -> Iterator[Region]:
    """Read a table, in which each view lists all selections: each once, from a spectrogram."""
    found: dict[Key, tuple[bool, Region]] = {}
    for key, in_spectrogram, region in base.limit_regions(_rows(text)):
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


def _rows(text: str) -> Iterator[tuple[Key, bool, Region]]:
    """Read each row: the key of its selection, whether a spectrogram lists it, and its region."""
    lines = base.numbered_lines(text)
    columns = _columns(*next(lines))
    first = ""
    for line, content in lines:
        row = dict(zip(columns, content.split("\t"), strict=False))
        recording = _cell(row, _FILE).strip()
        first = first or recording
        if recording not in ("", first):
            both = f"{base.quoted(first)} and {base.quoted(recording)}"
            raise base.MalformedError(f"selections of {both}: keep those of one recording.", line)
        region = _region(row, line)
        # Concatenated tables count from 1 again, so the number alone is no key.
        selection = _cell(row, _SELECTION).strip() or line
        key = (selection, region.channel, region.start_s, region.end_s)
        yield key, _cell(row, _VIEW).lower().startswith("spectrogram"), region


def _columns(line: int, header: str) -> list[str]:
    """Read the names of the columns; refuse a table without times."""
    columns = [name.strip().lower() for name in header.split("\t")]
    if _BEGIN.lower() not in columns:
        raise base.MalformedError("the columns are not separated by tabs: save it with tabs.", line)
    if _END.lower() not in columns and _DELTA.lower() not in columns:
        raise base.MalformedError(f"no column {_END!r}: add it to the table.", line)
    return columns


def _region(row: Row, line: int) -> Region:
    """Read the region of a row."""
    start = base.read_number(_cell(row, _BEGIN), line, _BEGIN)
    if _cell(row, _DELTA).strip() and not _cell(row, _END).strip():
        end = start + base.read_number(_cell(row, _DELTA), line, _DELTA)
    else:
        end = base.read_number(_cell(row, _END), line, _END)
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
    return row.get(name.lower(), "")
