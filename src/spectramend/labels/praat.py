"""TextGrids of Praat, which hold times and labels, but no frequencies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from spectramend.core.regions import Region
from spectramend.errors import ParameterError
from spectramend.labels import base

_HEADER = re.compile(r'\s*(?:File type\s*=\s*)?"(?:ooTextFile|Praat chronological)')
_WORD = re.compile(r'\s*("|![^\n]*|[^\s"]+)')  # an opening quote, a comment, or any other word
_CHRONOLOGICAL = "Praat chronological TextGrid text file"
_REMEDY = "save it again with Praat"
_UNNAMED = "region"  # a label in place of none, since intervals without text are not regions


class _Interval(NamedTuple):
    """An interval of a tier, or a point; times in seconds."""

    start: float
    end: float
    text: str


def _is_text_grid(text: str) -> bool:
    """Recognise the header of a text file of Praat."""
    return _HEADER.match(text) is not None


def _parse_text_grid(text: str, _recording: base.Recording) -> Iterator[Region]:
    """Read the intervals that have text, and the points, in the order of the file."""
    tokens = _Tokens(text)
    kind = tokens.string("the file type")
    if kind == _CHRONOLOGICAL:
        yield from _chronological(tokens)
        return
    content = tokens.string("the object class")
    if kind not in ("ooTextFile", "ooTextFile short") or content != "TextGrid":
        raise tokens.error("not a TextGrid in text form: select one in Praat and save it as text.")
    tokens.number("the start")
    tokens.number("the end")
    for _ in range(tokens.count("the number of tiers")):
        yield from _tier(tokens)
    if tokens.take():
        raise tokens.error(f"more follows than the sizes say: {_REMEDY}.")


def _format_text_grid(regions: Sequence[Region], _sr: float | None, length_s: float | None) -> str:
    """Write the long form, with as many tiers as overlapping regions need."""
    marks = sorted(_interval(region, length_s) for region in regions)
    intervals = _interval_tiers([mark for mark in marks if mark.start < mark.end])
    points = _point_tiers([mark for mark in marks if mark.start == mark.end])
    start = min(0.0, marks[0].start)
    end = max(float(length_s or 0), *(mark.end for mark in marks))
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += [f"xmin = {start!r}", f"xmax = {end!r}", "tiers? <exists>"]
    lines += [f"size = {len(intervals) + len(points)}", "item []:"]
    tiers = [("IntervalTier", _without_holes(tier, start, end)) for tier in intervals]
    tiers += [("TextTier", tier) for tier in points]
    for i, (kind, content) in enumerate(tiers, 1):
        lines += [f"    item [{i}]:", f'        class = "{kind}"', f'        name = "regions {i}"']
        lines += [f"        xmin = {start!r}", f"        xmax = {end!r}"]
        lines += _tier_lines(kind, content)
    return "\n".join(lines) + "\n"


TEXT_GRID = base.Format(
    (".textgrid",), _is_text_grid, _parse_text_grid, _format_text_grid, may_be_empty=False
)


class _Tokens:
    """The strings and numbers of a Praat file.

    Other words, such as ``xmin =``, do not count: without them the long form of a file is the short
    one.
    """

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._position = 0
        self._line_position = 0
        self.line = 1

    def take(self) -> str:
        """Take the next number, or string after a quote; give an empty text at the end."""
        while word := _WORD.match(self._text, self._position):
            self._position = word.end()
            # Lines are counted from word to word, not from the top each time.
            self.line += self._text.count("\n", self._line_position, word.start(1))
            self._line_position = word.start(1)
            if word[1] == '"':
                return '"' + self._quoted()
            if base.is_number_like(word[1]):
                return word[1]
        return ""

    def string(self, name: str) -> str:
        """Take a string."""
        token = self._expect(name)
        if not token.startswith('"'):
            raise self.error(f"{name} is {base.quoted(token)}, not in quotes: {_REMEDY}.")
        return token[1:]

    def number(self, name: str) -> float:
        """Take a number."""
        token = self._expect(name)
        if token.startswith('"'):
            raise self.error(f"{name} is the text {base.quoted(token[1:])}: {_REMEDY}.")
        return base.read_number(token, self.line, name)

    def count(self, name: str) -> int:
        """Take a size: an integer of at least 0."""
        value = self.number(name)
        if value < 0 or not value.is_integer():
            raise self.error(f"{name} is {value:g}: {_REMEDY}.")
        return int(value)

    def error(self, what: str) -> base.MalformedError:
        """Make an error that names the line of the last token."""
        return base.MalformedError(what, self.line)

    def _expect(self, name: str) -> str:
        """Take a token; refuse a file that ends before it."""
        token = self.take()
        if not token:
            raise self.error(f"ends before {name}: {_REMEDY}.")
        return token

    def _quoted(self) -> str:
        """Take the rest of a string, in which two quotes mean one."""
        start = end = self._position
        while True:
            end = self._text.find('"', end)
            if end < 0:
                raise self.error("a quote is not closed: close it.")
            if not self._text.startswith('""', end):
                break
            end += 2
        self._position = end + 1
        return self._text[start:end].replace('""', '"')


def _tier(tokens: _Tokens) -> Iterator[Region]:
    """Read a tier."""
    kind = _tier_head(tokens)
    for _ in range(tokens.count("the size of a tier")):
        yield from _mark(tokens, kind)


def _chronological(tokens: _Tokens) -> Iterator[Region]:
    """Read the form in which the tiers come first, and then all marks in the order of time."""
    tokens.number("the start")
    tokens.number("the end")
    count = tokens.count("the number of tiers")
    kinds = {f"{i}": _tier_head(tokens) for i in range(1, count + 1)}
    while token := tokens.take():
        kind = kinds.get(token)
        if kind is None:
            given = base.quoted(token.removeprefix('"'))
            raise tokens.error(f"{given} is no tier of 1 to {len(kinds)}: {_REMEDY}.")
        yield from _mark(tokens, kind)


def _tier_head(tokens: _Tokens) -> str:
    """Read class, name, start and end of a tier; give its class."""
    kind = tokens.string("the class of a tier")
    if kind not in ("IntervalTier", "TextTier"):
        classes = "IntervalTier or TextTier"
        raise tokens.error(f"a tier is {base.quoted(kind)}, not {classes}: {_REMEDY}.")
    tokens.string("the name of a tier")
    tokens.number("the start of a tier")
    tokens.number("the end of a tier")
    return kind


def _mark(tokens: _Tokens, kind: str) -> Iterator[Region]:
    """Read an interval, none if it has no text, or a point."""
    start = end = tokens.number("a time")
    line = tokens.line
    if kind == "IntervalTier":
        end = tokens.number("the end of an interval")
    label = tokens.string("the text")
    if kind == "TextTier" or label.strip():
        yield base.region_at(line, start, end, label=label)


def _interval(region: Region, length_s: float | None) -> _Interval:
    """Close a region in time; refuse one with a band, which a TextGrid cannot hold."""
    if region.f_low_hz is not None or region.f_high_hz is not None:
        raise ParameterError(
            f"region {region}: has a band, which a TextGrid cannot hold: write Audacity labels, or "
            f"leave the frequencies out."
        )
    return _Interval(*base.closed_times(region, length_s), region.label)


def _interval_tiers(intervals: list[_Interval]) -> list[list[_Interval]]:
    """Put each interval on the tier that is free first, or on a new one if none is."""
    tiers: list[list[_Interval]] = []
    ends: list[tuple[float, int]] = []  # a heap: the end of the last interval of each tier
    for interval in intervals:
        if ends and ends[0][0] <= interval.start:
            _, tier = heappop(ends)
        else:
            tier = len(tiers)
            tiers.append([])
        tiers[tier].append(interval)
        heappush(ends, (interval.end, tier))
    return tiers


def _point_tiers(points: list[_Interval]) -> list[list[_Interval]]:
    """Put points at the same time on different tiers."""
    tiers: list[list[_Interval]] = []
    seen = Counter[float]()
    for point in points:
        if seen[point.start] == len(tiers):
            tiers.append([])
        tiers[seen[point.start]].append(point)
        seen[point.start] += 1
    return tiers


def _without_holes(tier: list[_Interval], start: float, end: float) -> list[_Interval]:
    """Fill the time between the intervals of a tier with empty ones, and give each a name."""
    filled = []
    for interval in tier:
        if start < interval.start:
            filled.append(_Interval(start, interval.start, ""))
        filled.append(interval if interval.text.strip() else interval._replace(text=_UNNAMED))
        start = interval.end
    return filled if start >= end else [*filled, _Interval(start, end, "")]


def _tier_lines(kind: str, content: list[_Interval]) -> list[str]:
    """Write the content of a tier."""
    intervals = kind == "IntervalTier"
    name, text = ("intervals", "text") if intervals else ("points", "mark")
    lines = [f"        {name}: size = {len(content)}"]
    for i, (start, end, label) in enumerate(content, 1):
        times = [f"xmin = {start!r}", f"xmax = {end!r}"] if intervals else [f"number = {start!r}"]
        escaped = base.replace_unwritable(label).replace('"', '""')
        lines.append(f"        {name} [{i}]:")
        lines += [f"            {entry}" for entry in [*times, f'{text} = "{escaped}"']]
    return lines
