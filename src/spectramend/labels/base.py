"""What the formats of region files share: decoding, numbers, and regions made fit to be written."""

from __future__ import annotations

import codecs
import io
import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from spectramend.core.regions import Region
from spectramend.errors import ParameterError

MAX_REGIONS = 500_000  # some 200 MB of memory; no recording has as many

# What others save under the same names and in no form that is read here.
_BINARY = {
    b"BZh": "is a compressed session, not a layer: export the boxes as an annotation layer (.svl)",
    b"ooBinaryFile": "is a binary Praat file: save it as a text file",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_NUMBER_LIKE = re.compile(r"[+-]?(?:[\d.,][\d.,eE+-]*|nan|inf|infinity)", re.ASCII | re.IGNORECASE)
# Not allowed in XML, or what UTF-8 cannot write; tab and line ends are.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SEPARATORS = re.compile(r"[\t\r\n]")


Thing = TypeVar("Thing")


class MalformedError(Exception):
    """A region file is not what it should be: what is wrong and how to mend it, and the line."""

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what if line is None else f"line {line}: {what}")


# Reading


def decode(data: bytes) -> str:
    """Decode UTF-8, with or without a mark, UTF-16 with one, or the older Windows encoding."""
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise MalformedError(f"{what}.")
    # Raven on Windows and old versions of Praat write no UTF-8. Numbers are the same in all of
    # them, so that at worst a label looks odd.
    encodings = ["utf-16"] if data.startswith(_UTF16) else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise MalformedError("is not text: give a region file, or save it as UTF-8.")


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that are not blank, with their numbers from 1."""
    for line, content in enumerate(io.StringIO(text, newline=None), 1):
        if not content.isspace():
            yield line, content.rstrip("\n")


def first_line(text: str) -> str:
    """Give the first line that is not blank."""
    return next(numbered_lines(text), (0, ""))[1]


def is_number_like(text: str) -> bool:
    """Tell whether somebody meant a number, be it one that is refused."""
    return _NUMBER_LIKE.fullmatch(text.strip()) is not None


def number(text: str, line: int, name: str) -> float:
    """Read a number; Python's own form allows more, such as ``1_000`` and ``nan``."""
    text = text.strip()
    if _DECIMAL_COMMA.fullmatch(text):
        raise MalformedError(
            f"{name} {shown(text)} has a decimal comma: write it with a point.", line
        )
    if not _NUMBER.fullmatch(text):
        found = shown(text) if text else "missing"
        raise MalformedError(f"{name} is {found}: give a number such as 1.25.", line)
    value = float(text)
    if not math.isfinite(value):
        raise MalformedError(f"{name} {shown(text)} is too large: give a smaller number.", line)
    return value


def shown(text: str) -> str:
    """Quote a piece of a file in one line of a message."""
    return repr(text if len(text) <= 40 else text[:40] + "…")


def region_at(
    line: int,
    start_s: float,
    end_s: float,
    band: tuple[float | None, float | None] = (None, None),
    *,
    channel: int | None = None,
    label: str = "",
) -> Region:
    """Make a region, and name the line where its sides do not fit."""
    try:
        return Region(start_s, end_s, *band, channel=channel, label=label)
    except ParameterError as error:
        raise MalformedError(str(error), line) from error


def bounded(things: Iterable[Thing]) -> Iterator[Thing]:
    """Pass on what is read, and stop where it would fill the memory."""
    for count, thing in enumerate(things):
        if count == MAX_REGIONS:
            raise MalformedError(f"holds more than {MAX_REGIONS} regions: split it.")
        yield thing


# Writing


class Box(NamedTuple):
    """A region closed on all sides, rounded to what is written."""

    start_s: float
    end_s: float
    f_low_hz: float
    f_high_hz: float


def times(region: Region, length_s: float | None) -> tuple[float, float]:
    """Close a region in time: no format has open times."""
    start = 0.0 if region.start_s is None else region.start_s
    end = length_s if region.end_s is None else region.end_s
    if end is None:
        raise ParameterError(
            f"region {region}: is open at its end, which region files cannot say: give length_s."
        )
    Region(start, end)  # refuses the end of a recording before the start
    return start, end


def box(region: Region, sr: float | None, length_s: float | None, format_name: str) -> Box:
    """Close a region on all sides: 0 Hz and the Nyquist frequency where the band is open."""
    start, end = times(region, length_s)
    low, high = region.f_low_hz or 0.0, region.f_high_hz
    if high is None:
        if sr is None:
            raise ParameterError(
                f"region {region}: is open to high frequencies, which {format_name} cannot say: "
                f"give sr."
            )
        high = sr / 2
    closed = Box(round(start, 9), round(end, 9), round(low, 6), round(high, 6))
    Region(*closed)  # refuses what could not be read again, such as a band too narrow for this
    return closed


def writable(label: str) -> str:
    """Put spaces for characters that no text file or XML may have."""
    return _UNWRITABLE.sub(" ", label)


def one_line(label: str) -> str:
    """Put spaces for tabs and line ends too, where they separate."""
    return _SEPARATORS.sub(" ", writable(label))
