"""Shared by all label formats: the record of a format, decoding, numbers, regions to write."""

from __future__ import annotations

import codecs
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

from spectramend.core.regions import Region
from spectramend.errors import ParameterError

# Regions in a file at most. Engineering choice: some 200 MB of memory.
MAX_REGIONS = 500_000

# First bytes of files that the same programs write in forms that are not read here.
_BINARY = {
    b"BZh": "is a compressed session, not a layer: export the boxes as an annotation layer (.svl)",
    b"ooBinaryFile": "is a binary Praat file: save it as a text file",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d*)?)", re.ASCII)  # h:mm:ss.fff
_NUMBER_LIKE = re.compile(r"[+-]?(?:[\d.,][\d.,eE+-]*|nan|inf|infinity)", re.ASCII | re.IGNORECASE)
# Characters that XML does not allow or UTF-8 cannot encode; tabs and line ends are allowed.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SEPARATORS = re.compile(r"[\t\r\n]")

T = TypeVar("T")


@dataclass(frozen=True)
class Recording:
    """What is known of the recording to which a label file belongs."""

    sr: float | None = None  # sample rate in Hz
    path: Path | None = None
    frame_rate: float | None = None  # frames of its picture in a second


Recognise: TypeAlias = Callable[[str], bool]  # whether a text has a format
Parse: TypeAlias = Callable[[str, Recording], Iterator[Region]]  # raises MalformedError


class Parser(NamedTuple):
    """A label format that is read only."""

    recognise: Recognise
    parse: Parse


@dataclass(frozen=True)
class Format:
    """A label format: how its files are recognised, parsed and written.

    The sample rate is in Hz, the length of the recording in seconds; each may be None.
    """

    endings: tuple[str, ...]  # lower-case ends of the names of its files
    recognise: Recognise
    parse: Parse
    format: Callable[[Sequence[Region], float | None, float | None], str]  # (regions, rate, length)
    holds_channels: bool = False  # otherwise they are written into the labels
    may_be_empty: bool = True  # whether a file without regions is valid


class MalformedError(Exception):
    """A label file cannot be read: the number of the line, what is wrong, and the remedy."""

    def __init__(self, what: str, line: int | None = None) -> None:
        super().__init__(what if line is None else f"line {line}: {what}")


# Reading


def decode(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with a byte order mark, or the Windows encoding cp1252."""
    for magic, what in _BINARY.items():
        if data.startswith(magic):
            raise MalformedError(f"{what}.")
    # Raven on Windows and old versions of Praat do not write UTF-8. Numbers are the same in all
    # encodings, so that at worst a label looks wrong.
    encodings = ["utf-16"] if data.startswith(_UTF16) else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise MalformedError("is not text: give a label file, or save it as UTF-8.")


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that are not blank, with their numbers from 1."""
    for line, content in enumerate(io.StringIO(text, newline=None), 1):
        if not content.isspace():
            yield line, content.rstrip("\n")


def first_line(text: str) -> str:
    """Give the first line that is not blank."""
    return next(numbered_lines(text), (0, ""))[1]


def is_number_like(text: str) -> bool:
    """Whether a text is meant as a number, even one that `read_number` refuses."""
    return _NUMBER_LIKE.fullmatch(text.strip()) is not None


def read_number(text: str, line: int, name: str) -> float:
    """Read a decimal number, also with a comma; unlike `float`, refuse ``1_000`` and ``nan``."""
    text = text.strip()
    found = quoted(text) if text else "missing"
    if not _is_number(text):
        raise MalformedError(f"{name} is {found}: give a number such as 1.25.", line)
    value = float(text.replace(",", "."))
    if not math.isfinite(value):
        raise MalformedError(f"{name} {found} is too large: give a smaller number.", line)
    return value


def is_time(text: str) -> bool:
    """Whether `read_time` reads a text, unless the time is impossible."""
    return _is_number(text.strip()) or _CLOCK.fullmatch(text.strip()) is not None


def is_time_like(text: str) -> bool:
    """Whether a text is meant as a time in seconds or as ``h:mm:ss.fff``."""
    return is_number_like(text) or _CLOCK.fullmatch(text.strip()) is not None


def read_time(text: str, line: int, name: str) -> float:
    """Read a time: seconds, ``m:ss.fff`` or ``h:mm:ss.fff``."""
    clock = _CLOCK.fullmatch(text.strip())
    if clock is None:
        if ":" in text:
            raise MalformedError(
                f"{name} is {quoted(text)}: give seconds, or a time such as 0:01:02.5.", line
            )
        return read_number(text, line, name)
    hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in clock.groups())
    if seconds >= 60 or (clock[1] is not None and minutes >= 60):
        raise MalformedError(f"{name} is {quoted(text)}: minutes and seconds end at 59.", line)
    return 3600 * hours + 60 * minutes + seconds


def _is_number(text: str) -> bool:
    """Whether a text is a decimal number, with a point or a comma."""
    return (_NUMBER.fullmatch(text) or _DECIMAL_COMMA.fullmatch(text)) is not None


def quoted(text: str) -> str:
    """Quote a piece of a file, shortened, for a message of one line."""
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
    """Make a region; if it is impossible, name the line."""
    try:
        return Region(start_s, end_s, *band, channel=channel, label=label)
    except ParameterError as error:
        raise MalformedError(str(error), line) from error


def limit_regions(regions: Iterable[T]) -> Iterator[T]:
    """Pass on at most `MAX_REGIONS` regions; refuse a file with more."""
    for count, region in enumerate(regions):
        if count == MAX_REGIONS:
            raise MalformedError(f"holds more than {MAX_REGIONS} regions: split it.")
        yield region


# Writing


class Box(NamedTuple):
    """A region closed on all sides, rounded as it is written."""

    start_s: float
    end_s: float
    f_low_hz: float
    f_high_hz: float

    def texts(self) -> list[str]:
        """Write times with nine decimals and frequencies with six."""
        return [f"{side:.{n}f}" for side, n in zip(self, (9, 9, 6, 6), strict=True)]


def closed_times(region: Region, length_s: float | None) -> tuple[float, float]:
    """Close a region in time, in seconds: no format has open times."""
    start = 0.0 if region.start_s is None else region.start_s
    end = length_s if region.end_s is None else region.end_s
    if end is None:
        raise ParameterError(
            f"region {region}: is open at its end, which label files cannot say: give length_s."
        )
    Region(start, end)  # refuses a start after the end of the recording
    return start, end


def closed_box(region: Region, sr: float | None, length_s: float | None, format_name: str) -> Box:
    """Close a region on all sides: 0 Hz and the Nyquist frequency where the band is open."""
    start, end = closed_times(region, length_s)
    low, high = region.f_low_hz or 0.0, region.f_high_hz
    if high is None:
        if sr is None:
            raise ParameterError(
                f"region {region}: is open to high frequencies, which {format_name} cannot say: "
                f"give sr."
            )
        high = sr / 2
    closed = Box(round(start, 9), round(end, 9), round(low, 6), round(high, 6))
    Region(*closed)  # refuses what cannot be read again, such as a band that rounds to nothing
    return closed


def replace_unwritable(label: str) -> str:
    """Replace characters that a text file or XML cannot hold by spaces."""
    return _UNWRITABLE.sub(" ", label)


def replace_separators(label: str) -> str:
    """Replace tabs and line ends, too, where they separate fields."""
    return _SEPARATORS.sub(" ", replace_unwritable(label))
