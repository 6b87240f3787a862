"""Raven's selection tables, the only label files that hold channels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spectramend.core.regions import Region
from spectramend.labels.base import (
    Format,
    MalformedError,
    closed_box,
    first_line,
    limit_regions,
    numbered_lines,
    quoted,
    read_number,
    region_at,
    replace_separators,
)

_BEGIN = "Begin Time (s)"
_END = "End Time (s)"
_DELTA = "Delta Time (s)"
_LOW = "Low Freq (Hz)"
_HIGH = "High Freq (Hz)"
_SELECTION = "Selection"
_VIEW = "View"
_CHANNEL = "Channel"
_FILE = "Begin File"
# Raven has no standard column for labels; each project names one. The first that is not empty is
# read.
_LABELS = ("Annotation", "Label", "Species", "Common Name", "Class", "Call Type", "Type", "Notes")
_NAME = "a Raven selection table"
_WRITTEN_VIEW = "Spectrogram 1"
_SEPARATOR = re.compile(r"[\t,;]")  # Raven writes tabs; the others are refused with a message

Row = dict[str, str]  # by lower-case name of the column
Key = tuple[str | int, int | None, float | None, float | None]  # of a selection


def _is_table(text: str) -> bool:
    """Recognise the header by the column that every table has."""
    return _BEGIN.lower() in map(str.strip, _SEPARATOR.split(first_line(text).lower()))


def _parse_table(text: str, _sr: float | None) -> Iterator[Region]:
    """Read a table, in which each view lists all selections: each once, from a spectrogram."""
    found: dict[Key, tuple[bool, Region]] = {}
    for key, in_spectrogram, region in limit_regions(_rows(text)):
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
        start, end, low, high = closed_box(region, sr, length_s, _NAME)
        sides = [f"{start:.9f}", f"{end:.9f}", f"{low:.6f}", f"{high:.6f}"]
        channel = ["" if region.channel is None else f"{region.channel}"] * channels
        label = replace_separators(region.label)
        lines.append("\t".join([f"{i}", _WRITTEN_VIEW, *channel, *sides, label]))
    return "\n".join(lines) + "\n"


TABLE = Format(
    (".selections.txt", ".tsv"), _is_table, _parse_table, _format_table, holds_channels=True
)


def _rows(text: str) -> Iterator[tuple[Key, bool, Region]]:
    """Read each row: the key of its selection, whether a spectrogram lists it, and its region."""
    lines = numbered_lines(text)
    columns = _columns(*next(lines))
    recording = ""
    for line, content in lines:
        row = dict(zip(columns, content.split("\t"), strict=False))
        recording = _same_recording(row, recording, line)
        region = _region(row, line)
        # Concatenated tables count from 1 again, so the number alone is no key.
        selection = _cell(row, _SELECTION).strip() or line
        key = (selection, region.channel, region.start_s, region.end_s)
        yield key, _cell(row, _VIEW).lower().startswith("spectrogram"), region


def _columns(line: int, header: str) -> list[str]:
    """Read the names of the columns; refuse a table without times."""
    columns = [name.strip().lower() for name in header.split("\t")]
    if _BEGIN.lower() not in columns:
        raise MalformedError("the columns are not separated by tabs: save it with tabs.", line)
    if _END.lower() not in columns and _DELTA.lower() not in columns:
        raise MalformedError(f"no column {_END!r}: add it to the table.", line)
    return columns


def _same_recording(row: Row, recording: str, line: int) -> str:
    """Refuse a table of several recordings."""
    name = _cell(row, _FILE).strip()
    if name and recording and name != recording:
        raise MalformedError(
            f"selections of {quoted(recording)} and {quoted(name)}: keep those of one recording.",
            line,
        )
    return name or recording


def _region(row: Row, line: int) -> Region:
    """Read the region of a row."""
    start = read_number(_cell(row, _BEGIN), line, _BEGIN)
    if _cell(row, _END).strip():
        end = read_number(_cell(row, _END), line, _END)
    elif _cell(row, _DELTA).strip():
        end = start + read_number(_cell(row, _DELTA), line, _DELTA)
    else:
        end = read_number("", line, _END)
    band = _optional(row, _LOW, line), _optional(row, _HIGH, line)
    label = next(filter(None, (_cell(row, name) for name in _LABELS)), "")
    return region_at(line, start, end, band, channel=_channel(row, line), label=label)


def _channel(row: Row, line: int) -> int | None:
    """Read the channel, counted from 1."""
    channel = _optional(row, _CHANNEL, line)
    if channel is None:
        return None
    if channel < 1 or not channel.is_integer():
        raise MalformedError(f"{_CHANNEL} is {channel:g}: channels count from 1.", line)
    return int(channel)


def _optional(row: Row, name: str, line: int) -> float | None:
    """Read a number, or None where there is none."""
    return read_number(_cell(row, name), line, name) if _cell(row, name).strip() else None


def _cell(row: Row, name: str) -> str:
    """Give a cell, empty in short rows and missing columns."""
    return row.get(name.lower(), "")
