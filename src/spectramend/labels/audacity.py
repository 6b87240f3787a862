"""Audacity's exported labels, with the bands of spectral selections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spectramend.core.regions import Region
from spectramend.labels import base

_OPEN = -1.0  # Audacity's undefined frequency
_CONTINUED = "\\"  # begins a line that older versions skip

Line = tuple[int, str]  # its number, counted from 1, and its text


def _is_labels(text: str) -> bool:
    """Recognise a first line of tab-separated fields that begins with a number."""
    line = base.first_line(text)
    return "\t" in line and base.is_number_like(_fields(line)[0])


def _parse_labels(text: str, _sr: float | None) -> Iterator[Region]:
    """Read a label from each line, and its band from the continued line after it."""
    lines = base.numbered_lines(text)
    label, band = next(lines), None
    for line in lines:
        if line[1].startswith(_CONTINUED):
            band = band or line  # the format reserves further ones for later versions
        else:
            yield _region(label, band)
            label, band = line, None
    yield _region(label, band)


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


def _region(label: Line, band: Line | None) -> Region:
    """Read a label and its band."""
    line, content = label
    start, *rest = _fields(content)
    start_s = end_s = base.read_number(start, line, "the start")
    # Old point labels have no end.
    if len(rest) > 1 or (rest and base.is_number_like(rest[0])):
        end_s = base.read_number(rest.pop(0), line, "the end")
    return base.region_at(line, start_s, end_s, _band(band), label="\t".join(rest))


def _fields(content: str) -> list[str]:
    """Split a line; like Audacity, take several tabs for one."""
    return [field for field in content.split("\t") if field]


def _band(continued: Line | None) -> tuple[float | None, float | None]:
    """Read the sides of a band in Hz, either of which may be open."""
    if continued is None:
        return None, None
    line, content = continued
    fields = [*_fields(content)[1:], "", ""]
    low, high = (base.read_number(field, line, "the frequency") for field in fields[:2])
    return None if low == _OPEN else low, None if high == _OPEN else high
