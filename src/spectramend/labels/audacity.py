"""Audacity's exported labels, with the bands of spectral selections.

Also read are decimal commas, as Audacity writes them in some languages, times as ``h:mm:ss.fff``,
labels that are separated by spaces, and a line of names above them, all as scripts write them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from spectramend.core.regions import Region
from spectramend.labels import base

_OPEN = -1.0  # Audacity's undefined frequency
_CONTINUED = "\\"  # begins a line that older versions skip
# Names above the columns in files of scripts, without units.
_STARTS = {"start", "begin", "from", "onset", "start time", "begin time", "start_time"}
_ENDS = {"end", "stop", "to", "offset", "end time", "stop time", "end_time"}
# Whole numbers above this are no seconds, a day. Engineering choice: HTK counts 100 ns, TIMIT
# samples, both between spaces.
_MAX_SPACED_S = 86_400

Line = tuple[int, str]  # its number, counted from 1, and its text
Split: TypeAlias = Callable[[str], list[str]]  # into start, end and label


def _is_labels(text: str) -> bool:
    """Recognise a first line of fields that begins with a time, or with the names of times."""
    line = base.first_line(text)
    fields = _fields(line)
    if "\t" in line and fields and base.is_time_like(fields[0]):
        return True
    spaced = line.split()
    return _names(line) is not None or (len(spaced) > 1 and all(map(base.is_time_like, spaced[:2])))


def _parse_labels(text: str, _recording: base.Recording) -> Iterator[Region]:
    """Read a label from each line, and its band from the continued line after it."""
    lines = base.numbered_lines(text)
    split = _splitter(text)
    label, band = next(lines), None
    if _names(label[1]) is not None:
        if more := split(label[1])[3:]:
            raise base.MalformedError(
                f"the column {base.quoted(more[0])} is not known: give start, end and label.",
                label[0],
            )
        label = next(lines, (0, ""))
        if not label[1]:
            return
    for line in lines:
        if line[1].startswith(_CONTINUED):
            band = band or line  # the format reserves further ones for later versions
        else:
            yield _region(label, band, split)
            label, band = line, None
    yield _region(label, band, split)


def _format_labels(regions: Sequence[Region], _sr: float | None, length_s: float | None) -> str:
    """Write labels with six decimals, as Audacity does."""
    lines = []
    for region in regions:
        start, end = (round(time, 6) for time in base.closed_times(region, length_s))
        low, high = (f if f is None else round(f, 6) for f in (region.f_low_hz, region.f_high_hz))
        Region(start, end, low, high)  # refuses a band too narrow for six decimals
        lines.append(f"{start:.6f}\t{end:.6f}\t{base.replace_separators(region.label)}\n")
        if low is not None or high is not None:
            band = "\t".join(f"{_OPEN if f is None else f:.6f}" for f in (low, high))
            lines.append(f"{_CONTINUED}\t{band}\n")
    return "".join(lines)


LABELS = base.Format((".txt",), _is_labels, _parse_labels, _format_labels)


def _region(label: Line, band: Line | None, split: Split) -> Region:
    """Read a label and its band."""
    line, content = label
    start, *rest = split(content)
    start_s = end_s = base.read_time(start, line, "the start")
    # Old point labels have no end.
    if split is _spaced or len(rest) > 1 or (rest and base.is_time_like(rest[0])):
        end_s = base.read_time(rest.pop(0) if rest else "", line, "the end")
    if split is _spaced and end_s > _MAX_SPACED_S and end_s.is_integer():
        raise base.MalformedError(
            f"the end {end_s:.0f} is no time in seconds: HTK counts units of 100 ns, and TIMIT "
            f"samples; give seconds.",
            line,
        )
    return base.region_at(line, start_s, end_s, _band(band), label="\t".join(rest))


def _fields(content: str) -> list[str]:
    """Split a line; like Audacity, take several tabs for one."""
    return [field for field in content.split("\t") if field]


def _spaced(content: str) -> list[str]:
    """Split a line at its first two spaces."""
    return content.split(None, 2)


def _splitter(text: str) -> Split:
    """Choose how lines are split, from the first of them."""
    line = base.first_line(text)
    named = _names(line)
    if named is not None and named != " ":
        return lambda content: next(csv.reader([content], delimiter=named))
    return _fields if "\t" in line else _spaced


def _names(line: str) -> str | None:
    """Give the separator of a line of names that begins with start and end; None for others."""
    for separator in ("\t", ";", ",", " "):
        names = line.split() if separator == " " else line.split(separator)
        cells = [name.strip(' "').lower() for name in names]
        bare = [name.removesuffix("(s)").removesuffix("_s").strip() for name in cells]
        is_box = "extent start" in bare  # of Sonic Visualiser
        if len(bare) > 1 and bare[0] in _STARTS and bare[1] in _ENDS and not is_box:
            return separator
    return None


def _band(continued: Line | None) -> tuple[float | None, float | None]:
    """Read the sides of a band in Hz, either of which may be open."""
    if continued is None:
        return None, None
    line, content = continued
    fields = [*content.split()[1:], "", ""]
    low, high = (base.read_number(field, line, "the frequency") for field in fields[:2])
    return None if low == _OPEN else low, None if high == _OPEN else high
