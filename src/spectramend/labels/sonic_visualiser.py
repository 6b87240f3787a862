"""Boxes and regions of Sonic Visualiser, as CSV and as annotation layers in XML (SVL)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from itertools import chain
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from spectramend.core.regions import Region
from spectramend.errors import ParameterError
from spectramend.labels import base

_SECONDS = ("START", "END")
_FRAMES = ("STARTFRAME", "ENDFRAME")
_BAND = ("EXTENT START", "EXTENT END")
_SPANS = (("TIME", "DURATION"), ("START", "DURATION"), ("FRAME", "DURATION"))  # of regions
_LABEL = "LABEL"
_REGION = ("TIME", "VALUE", "DURATION", _LABEL)
_LEVEL = "LEVEL"  # a column of notes
_FIRST_COLUMNS = {"START", "STARTFRAME", "TIME", "FRAME"}  # of layers of any kind
# Length of the pieces of XML that are parsed, in characters. Engineering choice: expat scans an
# unfinished token anew for each piece, so that pieces are large.
_PIECE = 1 << 22
# Levels of nested elements at most; SVL has four. Engineering choice: each level takes memory.
_DEPTH = 20
_ROOT = "sv"
_DOCTYPE = "sonic-visualiser"
_REMEDY = "export a layer of boxes or regions from Sonic Visualiser"
_EXPORTS = {"ANNOTATION_DOCUMENT": "export the tiers from ELAN as a Praat TextGrid"}  # by root


# CSV


def _is_csv(text: str) -> bool:
    """Recognise the header of a layer of any kind, or rows of numbers without a header."""
    line = base.first_line(text)
    names = _names(line.split(_delimiter(line)))
    numbers = "\t" not in line and len(names) > 2 and all(map(base.is_number_like, names[:3]))
    is_labels = names[1:2] == ["END"] and _BAND[0] not in names  # start, end and label of others
    return (names[0] in _FIRST_COLUMNS and not is_labels) or numbers


def _parse_csv(text: str, recording: base.Recording) -> Iterator[Region]:
    """Read one box or region a row."""
    delimiter = _delimiter(base.first_line(text))
    # Strict: otherwise a quote that is not closed hides the rows after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows: Iterator[list[str]] = (row for row in reader if any(cell.strip() for cell in row))
        first = next(rows)
        columns = _names(first)
        if _is_region(columns):
            columns, rows = list(_REGION), chain([first], rows)
        sides, rate = _sides(columns, recording.sr, reader.line_num)
        for row in rows:
            cells, line = dict(zip(columns, row, strict=False)), reader.line_num
            start, end, *band = (base.read_number(cells.get(s, ""), line, s) for s in sides)
            end += start if sides[1] == "DURATION" else 0
            low, high = band or (None, None)
            label = cells.get(_LABEL, "")
            yield base.region_at(line, start / rate, end / rate, (low, high), label=label)
    except csv.Error as error:
        raise base.MalformedError(f"{error}: {_REMEDY}.", reader.line_num) from error


def _format_csv(regions: Sequence[Region], sr: float | None, length_s: float | None) -> str:
    """Write boxes in seconds."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow([*_SECONDS, *_BAND, _LABEL])
    for region in regions:
        sides = base.closed_box(region, sr, length_s, "Sonic Visualiser's CSV").texts()
        table.writerow([*sides, base.replace_unwritable(region.label)])
    return stream.getvalue()


CSV = base.Format((".csv",), _is_csv, _parse_csv, _format_csv)


def _delimiter(line: str) -> str:
    """Give the delimiter: tabs in a text file, semicolons or commas in a CSV."""
    return next((delimiter for delimiter in "\t;" if delimiter in line), ",")


def _names(cells: Sequence[str]) -> list[str]:
    """Give the names of columns."""
    return [cell.strip(' "').upper() for cell in cells]


def _is_region(cells: list[str]) -> bool:
    """Whether a row without a header is a region: no other layer has three numbers and a text."""
    is_number = [base.is_number_like(cell) for cell in cells]
    return is_number == [True, True, True, False]


def _sides(columns: list[str], sr: float | None, line: int) -> tuple[list[str], float]:
    """Choose the columns of the sides of a box or region, and the units of its times in a second.

    A region has a value, but no band.
    """
    if base.is_number_like(columns[0]):
        raise base.MalformedError(
            f"no names of columns, so that it may be a layer of any kind: write "
            f"{','.join([*_SECONDS, *_BAND, _LABEL])} above it if these are boxes, "
            f"{','.join(_REGION)} if regions.",
            line,
        )
    times = _FRAMES if _FRAMES[0] in columns else _SECONDS
    sides = [*times, *_BAND]
    span = next((span for span in _SPANS if {*columns} >= {*span}), None)
    if missing := [name for name in sides if name not in columns]:
        if _LEVEL in columns:
            raise base.MalformedError(
                f"a layer of notes, not of boxes or regions: {_REMEDY}.", line
            )
        if span is None:
            raise base.MalformedError(
                f"no column {missing[0]} or DURATION, so neither boxes nor regions: {_REMEDY}.",
                line,
            )
        sides = list(span)
    if sides[0] not in (*_FRAMES, "FRAME"):
        return sides, 1.0
    if sr is None:
        raise base.MalformedError("times are in frames: give sr, or export them in seconds.", line)
    return sides, sr


# SVL


def _is_svl(text: str) -> bool:
    """Recognise XML."""
    return text.lstrip().startswith("<")


def _parse_svl(text: str, _recording: base.Recording) -> Iterator[Region]:
    """Read the points of all models of boxes and of regions."""
    reader = _LayerReader()
    yield from reader.read(text)
    if not reader.rates:
        others = ", ".join(sorted(reader.others)) or "no layer"
        raise base.MalformedError(
            f"holds {base.quoted(others)}, but no boxes or regions: {_REMEDY}."
        )


def _format_svl(regions: Sequence[Region], sr: float | None, length_s: float | None) -> str:
    """Write a layer of boxes, times rounded to frames."""
    if sr is None:
        raise ParameterError("SVL counts time in frames: give sr.")
    boxes = [_framed(region, sr, length_s) for region in regions]
    model = {
        "id": 1, "name": "", "sampleRate": int(sr) if float(sr).is_integer() else sr,
        "start": min(b["frame"] for b in boxes),
        "end": max(b["frame"] + b["duration"] for b in boxes),
        "type": "sparse", "dimensions": 2, "resolution": 1, "notifyOnAdd": "true", "dataset": 0,
        "subtype": "box", "minimum": min(b["value"] for b in boxes),
        "maximum": max(b["value"] + b["extent"] for b in boxes), "units": "Hz",
    }  # fmt: skip
    layer = {"id": 2, "type": "boxes", "name": "Boxes", "model": 1, "verticalScale": 0}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<!DOCTYPE {_DOCTYPE}>", "<sv>", "  <data>"]
    lines += [f"    {_element('model', model)}", '    <dataset id="0" dimensions="2">']
    for b, region in zip(boxes, regions, strict=True):
        label = base.replace_unwritable(region.label)
        lines.append(f"      {_element('point', {**b, 'label': label})}")
    lines += ["    </dataset>", "  </data>", "  <display>", f"    {_element('layer', layer)}"]
    return "\n".join([*lines, "  </display>", "</sv>"]) + "\n"


SVL = base.Format((".svl",), _is_svl, _parse_svl, _format_svl, may_be_empty=False)


class _LayerReader:
    """Reads the XML of layers piece by piece; only the five entities of XML are expanded."""

    def __init__(self) -> None:
        self.rates: dict[str, float] = {}  # in Hz, by the name of a dataset
        self._boxes: set[str] = set()  # names of datasets of boxes; the others are of regions
        self.others: set[str] = set()  # kinds of other models
        self._depth = 0
        self._dataset = ""  # the one that is being read
        self._found: list[Region] = []
        self._parser = expat.ParserCreate("UTF-8")  # whatever the file declares: `decode` has run
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, text: str) -> Iterator[Region]:
        """Give the regions of all datasets of boxes."""
        try:
            for i in range(0, len(text), _PIECE):
                self._parser.Parse(text[i : i + _PIECE].encode(), False)
                yield from self._found
                self._found.clear()
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, "") or "not well formed"
            raise base.MalformedError(f"broken XML ({what}): {_REMEDY}.", error.lineno) from error

    def _doctype(self, name: str, *declared: object) -> None:
        """Refuse document types with a system, a public or an internal declaration of entities."""
        if name != _DOCTYPE or any(declared):
            raise self._error(f"a document type that SVL does not have: {_REMEDY}.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        """Read the attributes of an element."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise self._error(f"elements nested deeper than those of SVL: {_REMEDY}.")
        if self._depth == 1 and name != _ROOT:
            export = _EXPORTS.get(name, _REMEDY)
            raise self._error(f"XML of {base.quoted(name)}, which is no layer: {export}.")
        if name == "model":
            self._model(attributes)
        elif name == "dataset":
            self._dataset = attributes.get("id", "")
        elif name == "point" and self._dataset in self.rates:
            self._found.append(self._point(attributes, self.rates[self._dataset]))

    def _end(self, _name: str) -> None:
        """Leave an element."""
        self._depth -= 1

    def _model(self, attributes: dict[str, str]) -> None:
        """Read the rate of a model of boxes or regions; note the kind of another one."""
        kind = attributes.get("subtype") or attributes.get("type", "")
        if kind not in ("box", "region"):
            self.others.add(kind)
            return
        dataset, units = attributes.get("dataset", ""), attributes.get("units", "")
        if kind == "box":
            self._boxes.add(dataset)
        if kind == "box" and units.lower() != "hz":
            raise self._error(f"boxes in {base.quoted(units)}, not Hz: draw them on a spectrogram.")
        rate = self._number(attributes, "sampleRate")
        if rate <= 0:
            raise self._error(f"sampleRate is {rate:g}: {_REMEDY}.")
        self.rates[dataset] = rate

    def _point(self, attributes: dict[str, str], rate: float) -> Region:
        """Read a box, or a region, whose value is no frequency."""
        frame, duration = (self._number(attributes, name) for name in ("frame", "duration"))
        band: tuple[float | None, float | None] = None, None
        if self._dataset in self._boxes:
            low, extent = (self._number(attributes, name) for name in ("value", "extent"))
            band = low, low + extent
        line, end = self._parser.CurrentLineNumber, (frame + duration) / rate
        return base.region_at(line, frame / rate, end, band, label=attributes.get("label", ""))

    def _number(self, attributes: dict[str, str], name: str) -> float:
        """Read a number."""
        return base.read_number(attributes.get(name, ""), self._parser.CurrentLineNumber, name)

    def _error(self, what: str) -> base.MalformedError:
        """Make an error that names the line that is being read."""
        return base.MalformedError(what, self._parser.CurrentLineNumber)


def _framed(region: Region, sr: float, length_s: float | None) -> dict[str, float]:
    """Give the attributes of a box, times rounded to frames."""
    closed = base.closed_box(region, sr, length_s, "SVL")
    frames = [time * sr for time in (closed.start_s, closed.end_s)]
    if not all(map(math.isfinite, frames)):
        raise ParameterError(f"region {region}: is too late for SVL: give an earlier time.")
    start, end = (math.floor(frame + 0.5) for frame in frames)
    height = closed.f_high_hz - closed.f_low_hz
    return {"frame": start, "value": closed.f_low_hz, "duration": end - start, "extent": height}


def _element(name: str, attributes: dict[str, object]) -> str:
    """Write an XML element without content."""
    return f"<{name} {' '.join(f'{k}={quoteattr(str(v))}' for k, v in attributes.items())}/>"
