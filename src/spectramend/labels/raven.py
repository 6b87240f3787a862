"""Raven's selection tables: the only region files that hold channels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spectramend.core.regions import Region
from spectramend.labels.base import (
    MalformedError,
    bounded,
    box,
    first_line,
    number,
    numbered_lines,
    one_line,
    region_at,
    shown,
)

_BEGIN, _END, _DELTA = "Begin Time (s)", "End Time (s)", "Delta Time (s)"
_LOW, _HIGH = "Low Freq (Hz)", "High Freq (Hz)"
_SELECTION, _VIEW, _CHANNEL, _FILE = "Selection", "View", "Channel", "Begin File"
# Raven has no column of its own for labels; each project names one. The first that says something
# is taken.
_LABELS = ("Annotation", "Label", "Species", "Common Name", "Class", "Call Type", "Type", "Notes")
_NAME = "a Raven selection table"

_WRITTEN_VIEW = "Spectrogram 1"

_SEPARATOR = re.compile(r"[\t,;]")  # tabs in what Raven writes; the others get a message

Row = dict[str, str]  # by lower-case name of the column
Key = tuple[str | int, int | None, float | None, float | None]


def is_table(text: str) -> bool:
    """Recognise the header by the column that every table has."""
    return _BEGIN.lower() in map(str.strip, _SEPARATOR.split(first_line(text).lower()))


def parse_table(text: str, _sr: float | None) -> Iterator[Region]:
    """Read a table; a selection that several views list is taken once, from a spectrogram."""
    found: dict[Key, tuple[bool, Region]] = {}
    for key, in_spectrogram, region in bounded(_rows(text)):
        if key not in found or in_spectrogram > found[key][0]:
            found[key] = in_spectrogram, region
    for _, region in found.values():
        yield region


def format_table(regions: Sequence[Region], sr: float | None, length_s: float | None) -> str:
    """Write a table of one view, with a channel where a region names one."""
    channels = any(region.channel is not None for region in regions)
    columns = [_SELECTION, _VIEW, *[_CHANNEL] * channels, _BEGIN, _END, _LOW, _HIGH, _LABELS[0]]
    lines = ["\t".join(columns)]
    for i, region in enumerate(regions, 1):
        start, end, low, high = box(region, sr, length_s, _NAME)
        sides = [f"{start:.9f}", f"{end:.9f}", f"{low:.6f}", f"{high:.6f}"]
        channel = ["" if region.channel is None else f"{region.channel}"] * channels
        lines.append("\t".join([f"{i}", _WRITTEN_VIEW, *channel, *sides, one_line(region.label)]))
    return "\n".join(lines) + "\n"


def _rows(text: str) -> Iterator[tuple[Key, bool, Region]]:
    """Read each row: which selection it is, whether a spectrogram's, and its region."""
    lines = numbered_lines(text)
    columns = _columns(*next(lines))
    recording = ""
    for line, content in lines:
        row = dict(zip(columns, content.split("\t"), strict=False))
        recording = _same_recording(row, recording, line)
        region = _region(row, line)
        # Tables that were joined count from 1 again, so the number alone says too little.
        selection = _cell(row, _SELECTION).strip() or line
        key = (selection, region.channel, region.start_s, region.end_s)
        yield key, _cell(row, _VIEW).lower().startswith("spectrogram"), region


def _columns(line: int, header: str) -> list[str]:
    """Read the names of the columns and see that regions can be made of them."""
    columns = [name.strip().lower() for name in header.split("\t")]
    if _BEGIN.lower() not in columns:
        raise MalformedError("the columns are not separated by tabs: save it with tabs.", line)
    if _END.lower() not in columns and _DELTA.lower() not in columns:
        raise MalformedError(f"no column {_END!r}: add it to the table.", line)
    return columns


def _same_recording(row: Row, recording: str, line: int) -> str:
    """Refuse a table of several recordings, whose times would be taken for those of one."""
    name = _cell(row, _FILE).strip()
    if name and recording and name != recording:
        raise MalformedError(
            f"selections of {shown(recording)} and {shown(name)}: keep those of one recording.",
            line,
        )
    return name or recording


def _region(row: Row, line: int) -> Region:
    """Read the region of a row."""
    start = number(_cell(row, _BEGIN), line, _BEGIN)
    if _cell(row, _END).strip():
        end = number(_cell(row, _END), line, _END)
    elif _cell(row, _DELTA).strip():
        end = start + number(_cell(row, _DELTA), line, _DELTA)
    else:
        end = number("", line, _END)
    band = _optional(row, _LOW, line), _optional(row, _HIGH, line)
    label = next(filter(None, (_cell(row, name) for name in _LABELS)), "")
    return region_at(line, start, end, band, channel=_channel(row, line), label=label)


def _channel(row: Row, line: int) -> int | None:
    """Read the channel, the first being 1."""
    channel = _optional(row, _CHANNEL, line)
    if channel is None:
        return None
    if channel < 1 or not channel.is_integer():
        raise MalformedError(f"{_CHANNEL} is {channel:g}: channels count from 1.", line)
    return int(channel)


def _optional(row: Row, name: str, line: int) -> float | None:
    """Read a number that may be left out."""
    return number(_cell(row, name), line, name) if _cell(row, name).strip() else None


def _cell(row: Row, name: str) -> str:
    """Give a cell; short rows and missing columns have empty ones."""
    return row.get(name.lower(), "")
