"""Praat's TextGrids, which hold times and labels, but no frequencies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from spectramend.core.regions import Region
from spectramend.errors import ParameterError
from spectramend.labels.base import (
    MalformedError,
    is_number_like,
    number,
    region_at,
    shown,
    times,
    writable,
)

_HEADER = re.compile(r'\s*(?:File type\s*=\s*)?"(?:ooTextFile|Praat chronological)')
_WORD = re.compile(r'\s*("|[^\s"]+)')
_NAME = "a TextGrid"
_REMEDY = "save it again with Praat"
_UNNAMED = "region"  # an interval without text would be none

Span = tuple[float, float, str]


def is_text_grid(text: str) -> bool:
    """Recognise the header of a text file of Praat."""
    return _HEADER.match(text) is not None


def parse_text_grid(text: str, _sr: float | None) -> Iterator[Region]:
    """Read the intervals that have text, and the points, tier by tier."""
    tokens = _Tokens(text)
    kind, content = tokens.string("the file type"), tokens.string("the object class")
    if kind not in ("ooTextFile", "ooTextFile short") or content != "TextGrid":
        raise tokens.error("not a TextGrid in text form: select one in Praat and save it as text.")
    tokens.number("the start")
    tokens.number("the end")
    for _ in range(tokens.count("the number of tiers")):
        yield from _tier(tokens)
    if tokens.take():
        raise tokens.error(f"more follows than the sizes say: {_REMEDY}.")


def format_text_grid(regions: Sequence[Region], _sr: float | None, length_s: float | None) -> str:
    """Write the long form: as many interval and point tiers as regions that overlap need."""
    spans = sorted(_span(region, length_s) for region in regions)
    intervals = _lanes([span for span in spans if span[0] < span[1]])
    points = _by_repetition([span for span in spans if span[0] == span[1]])
    start = min(0.0, spans[0][0])
    end = max(float(length_s or 0), *(span[1] for span in spans))
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += [f"xmin = {start!r}", f"xmax = {end!r}", "tiers? <exists>"]
    lines += [f"size = {len(intervals) + len(points)}", "item []:"]
    tiers = [("IntervalTier", _filled(lane, start, end)) for lane in intervals]
    tiers += [("TextTier", lane) for lane in points]
    for i, (kind, content) in enumerate(tiers, 1):
        lines += [f"    item [{i}]:", f'        class = "{kind}"', f'        name = "regions {i}"']
        lines += [f"        xmin = {start!r}", f"        xmax = {end!r}"]
        lines += _tier_lines(kind, content)
    return "\n".join(lines) + "\n"


class _Tokens:
    """Strings and numbers that stand free in a Praat file.

    All other words, such as ``xmin =``, are for human readers: without them the long form is the
    short one.
    """

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._position = 0
        self._line_position = 0
        self.line = 1

    def take(self) -> str:
        """Take the next number, or string with a quote before it; empty at the end."""
        while word := _WORD.match(self._text, self._position):
            self._position = word.end()
            # Lines are counted up to each word, not anew from the top.
            self.line += self._text.count("\n", self._line_position, word.start(1))
            self._line_position = word.start(1)
            if word[1] == '"':
                return '"' + self._quoted()
            if word[1].startswith("!"):
                self._position = self._find("\n", word.start(1))
            elif is_number_like(word[1]):
                return word[1]
        return ""

    def string(self, name: str) -> str:
        """Take a string."""
        token = self._expect(name)
        if not token.startswith('"'):
            raise self.error(f"{name} is {shown(token)}, not in quotes: {_REMEDY}.")
        return token[1:]

    def number(self, name: str) -> float:
        """Take a number."""
        token = self._expect(name)
        if token.startswith('"'):
            raise self.error(f"{name} is the text {shown(token[1:])}: {_REMEDY}.")
        return number(token, self.line, name)

    def count(self, name: str) -> int:
        """Take a number of things."""
        value = self.number(name)
        if value < 0 or not value.is_integer():
            raise self.error(f"{name} is {value:g}: {_REMEDY}.")
        return int(value)

    def error(self, what: str) -> MalformedError:
        """Make an error of the line of the last token."""
        return MalformedError(what, self.line)

    def _expect(self, name: str) -> str:
        """Take a token that has to be there."""
        token = self.take()
        if not token:
            raise self.error(f"ends before {name}: {_REMEDY}.")
        return token

    def _quoted(self) -> str:
        """Take the rest of a string, in which two quotes stand for one."""
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

    def _find(self, what: str, start: int) -> int:
        """Find a piece of text, or the end."""
        position = self._text.find(what, start)
        return len(self._text) if position < 0 else position


def _tier(tokens: _Tokens) -> Iterator[Region]:
    """Read a tier."""
    kind = tokens.string("the class of a tier")
    if kind not in ("IntervalTier", "TextTier"):
        raise tokens.error(f"a tier is {shown(kind)}, not IntervalTier or TextTier: {_REMEDY}.")
    tokens.string("the name of a tier")
    tokens.number("the start of a tier")
    tokens.number("the end of a tier")
    for _ in range(tokens.count("the size of a tier")):
        start = end = tokens.number("a time")
        line = tokens.line
        if kind == "IntervalTier":
            end = tokens.number("the end of an interval")
        label = tokens.string("the text")
        if kind == "TextTier" or label.strip():
            yield region_at(line, start, end, label=label)


def _span(region: Region, length_s: float | None) -> Span:
    """Take what a TextGrid holds of a region, and refuse to lose the rest."""
    if region.f_low_hz is not None or region.f_high_hz is not None:
        raise ParameterError(
            f"region {region}: has a band, which {_NAME} cannot hold: write Audacity labels, or "
            f"leave the frequencies out."
        )
    return (*times(region, length_s), region.label)


def _lanes(spans: list[Span]) -> list[list[Span]]:
    """Put each interval on the first tier to be free, a further one if there is none."""
    lanes: list[list[Span]] = []
    ends: list[tuple[float, int]] = []  # a heap: where each tier ends
    for span in spans:
        if ends and ends[0][0] <= span[0]:
            _, lane = heappop(ends)
        else:
            lane = len(lanes)
            lanes.append([])
        lanes[lane].append(span)
        heappush(ends, (span[1], lane))
    return lanes


def _by_repetition(points: list[Span]) -> list[list[Span]]:
    """Put points at the same time on different tiers."""
    lanes: list[list[Span]] = []
    seen = Counter[float]()
    for point in points:
        lane = seen[point[0]]
        seen[point[0]] += 1
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append(point)
    return lanes


def _filled(lane: list[Span], start: float, end: float) -> list[Span]:
    """Name the intervals of a tier, and fill what lies between with empty ones."""
    filled = []
    for span in lane:
        if start < span[0]:
            filled.append((start, span[0], ""))
        filled.append((*span[:2], span[2] if span[2].strip() else _UNNAMED))
        start = span[1]
    return filled if start >= end else [*filled, (start, end, "")]


def _tier_lines(kind: str, content: list[Span]) -> list[str]:
    """Write the content of a tier."""
    intervals = kind == "IntervalTier"
    name, text = ("intervals", "text") if intervals else ("points", "mark")
    lines = [f"        {name}: size = {len(content)}"]
    for i, (start, end, label) in enumerate(content, 1):
        times = [f"xmin = {start!r}", f"xmax = {end!r}"] if intervals else [f"number = {start!r}"]
        quoted = writable(label).replace('"', '""')
        lines.append(f"        {name} [{i}]:")
        lines += [f"            {entry}" for entry in [*times, f'{text} = "{quoted}"']]
    return lines
