"""Marker lists of Adobe Audition and Premiere Pro, and regions of REAPER, as tables of text.

Audition exports ``Name, Start, Duration, Time Format, Type, Description``, separated by tabs;
Premiere ``Marker Name, Description, In, Out, Duration, Marker Type``, by tabs or commas, with times
in frames of the picture; REAPER ``#, Name, Start, End, Length``, by commas.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from spectramend.core.regions import Region
from spectramend.labels import base

# Hours, minutes, seconds, frames; a semicolon before the frames, or before each, drops frames.
_TIMECODE = re.compile(r"(\d+)[:;](\d\d)[:;](\d\d)([:;.])(\d\d)", re.ASCII)
_MILLISECONDS = re.compile(r"(\d+:\d\d:\d\d):(\d{3})", re.ASCII)  # as Premiere shows them
_RATE = re.compile(r"(\d+(?:[.,]\d+)?) *(fps|hz)\b.*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class _Program:
    """The columns of a program's list, by lower-case names."""

    name: str
    label: str
    start: str
    end: str  # empty where a duration stands in its place
    others: tuple[str, ...]  # by which it is recognised, besides these
    export: str  # how the list is saved with times that can be read


_PROGRAMS = (
    _Program(
        "Audition", "name", "start", "", ("duration", "time format"),
        "show times as Decimal in Audition and export the markers again",
    ),
    _Program(
        "Premiere", "marker name", "in", "out", ("marker type",),
        "show times as milliseconds in Premiere and export the markers again",
    ),
    _Program(
        "REAPER", "name", "start", "end", ("#", "length"),
        "show times as seconds or minutes in REAPER and export the regions again",
    ),
)  # fmt: skip


def _is_list(text: str) -> bool:
    """Recognise the columns of one of the programs."""
    return _program(text) is not None


def _parse_list(text: str, recording: base.Recording) -> Iterator[Region]:
    """Read one marker a row; those without a length are points."""
    program, delimiter = _program(text) or (_PROGRAMS[0], "\t")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = (row for row in reader if any(cell.strip() for cell in row))
    columns = _cells(next(rows))
    for row in rows:
        cells = dict(zip(columns, row, strict=False))
        times = _Times(program, cells.get("time format", ""), recording, reader.line_num)
        start = times.read(cells, program.start)
        if program.end and cells.get(program.end, "").strip():
            end = times.read(cells, program.end)
        elif program.end:
            end = start  # a marker of REAPER
        else:
            end = start + times.read(cells, "duration")
        label = cells.get(program.label, "").strip()
        yield base.region_at(reader.line_num, start, end, label=label)


LIST = base.Parser(_is_list, _parse_list)


def _program(text: str) -> tuple[_Program, str] | None:
    """Find the program whose columns a text has, and the delimiter."""
    line = base.first_line(text)
    for delimiter in "\t,;":
        columns = {*_cells(line.split(delimiter))}
        for program in _PROGRAMS:
            if columns >= {program.label, program.start, *program.others}:
                return program, delimiter
    return None


def _cells(row: list[str]) -> list[str]:
    """Give the names of columns."""
    return [cell.strip(' "').lower() for cell in row]


class _Times:
    """Reads the times of a row."""

    def __init__(self, program: _Program, form: str, recording: base.Recording, line: int) -> None:
        self._program, self._line = program, line
        self._form = form.strip()  # Audition's time format: decimal, samples, Hz or fps
        rate = _RATE.fullmatch(self._form)
        self._unit = rate[2].lower() if rate else self._form.lower()
        self._rate = float(rate[1].replace(",", ".")) if rate else None  # of frames or samples
        if rate is None:
            self._rate = recording.sr if self._unit == "samples" else recording.frame_rate

    def read(self, cells: dict[str, str], column: str) -> float:
        """Read the time of a column in seconds."""
        name = f"{self._program.name}'s {column}"
        text = cells.get(column, "").strip()
        if self._unit in ("samples", "hz"):
            if self._rate is None:
                raise base.MalformedError(f"{name} counts samples: give sr.", self._line)
            return base.read_number(text, self._line, name) / self._rate
        code = _TIMECODE.fullmatch(text)
        if code is not None and (code[4] != "." or self._unit == "fps"):
            return self._timecode(text, code, name)
        text = _MILLISECONDS.sub(r"\1.\2", text)
        if not base.is_time(text):
            what = f"{base.quoted(text)}" if text else "missing"
            form = f" in the time format {base.quoted(self._form)}" if self._form else ""
            raise base.MalformedError(
                f"{name} is {what}{form}: {self._program.export}.", self._line
            )
        return base.read_time(text, self._line, name)

    def _timecode(self, text: str, code: re.Match[str], name: str) -> float:
        """Convert frames to seconds; drop-frame timecode skips numbers, but not frames."""
        hours, minutes, seconds, frames = (int(code[i]) for i in (1, 2, 3, 5))
        total_s = 3600 * hours + 60 * minutes + seconds
        if self._rate is None:
            if total_s == frames == 0:
                return 0.0
            raise base.MalformedError(
                f"{name} {base.quoted(text)} ends in a number of frames: give the frame rate of "
                f"the sequence (--frame-rate 25, frame_rate=25), or {self._program.export}.",
                self._line,
            )
        nominal = round(self._rate)
        if frames >= nominal:
            raise base.MalformedError(
                f"{name} {base.quoted(text)} has frame {frames} of {nominal}: give another frame "
                f"rate.",
                self._line,
            )
        count = total_s * nominal + frames
        if ";" in text:  # SMPTE 12M: two numbers of 30 in each minute but the tenth ones
            all_minutes = 60 * hours + minutes
            count -= nominal // 15 * (all_minutes - all_minutes // 10)
        return count / self._rate
