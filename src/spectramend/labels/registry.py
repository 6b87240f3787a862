"""Label files, read and written in the formats of the programs in which recordings are marked.

====================== ===================== ========================== ===========================
format                 ending                what it holds              what it does not
====================== ===================== ========================== ===========================
`audacity`             .txt                  time, band, label          channel
`raven`                .selections.txt, .tsv time, band, channel, label open bands
`sonic-visualiser-csv` .csv                  time, band, label          channel, open bands
`svl`                  .svl                  frames, band, label        channel, open bands
`textgrid`             .TextGrid             time, label                channel, band, empty labels
====================== ===================== ========================== ===========================

No format has open times. A channel that a format has no place for is written into the label. Lists
of Audition, Premiere and REAPER (`markers`) and regions of Sonic Visualiser are read only.

To add a format, write a module that defines a `Format` (`audacity` is the shortest example, `base`
has the shared helpers), and add it to `FORMATS` and to the table above. The tests in
``tests/unit/labels/test_registry.py`` then run on it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spectramend.core.files import atomic_file, check_input
from spectramend.core.regions import Region
from spectramend.errors import FileError, ParameterError
from spectramend.labels import audacity, markers, praat, raven, sonic_visualiser
from spectramend.labels.base import Format, MalformedError, Parser, Recording, decode, limit_regions

# The first that recognises a text reads it, and the first that has the ending of a name writes it:
# ".selections.txt" goes before ".txt".
FORMATS: dict[str, Format] = {
    "svl": sonic_visualiser.SVL,
    "textgrid": praat.TEXT_GRID,
    "raven": raven.TABLE,
    "sonic-visualiser-csv": sonic_visualiser.CSV,
    "audacity": audacity.LABELS,
}
_PARSERS: tuple[Parser | Format, ...] = (markers.LIST, *FORMATS.values())
# Bytes of a file at most. Engineering choice: MAX_REGIONS of more than 60 bytes each.
MAX_LABEL_BYTES = 32 * 2**20

_CHANNEL_IN_LABEL = re.compile(r"(?P<label>.*?)\s*\[channel (?P<channel>[1-9]\d{0,3})\]", re.DOTALL)
_KNOWN = (
    "Audacity labels, a Raven selection table, boxes or regions of Sonic Visualiser, a TextGrid of "
    "Praat, markers of Audition or Premiere, or regions of REAPER"
)


def read_regions(
    path: str | os.PathLike[str],
    *,
    sr: float | None = None,
    recording: str | os.PathLike[str] | None = None,
    frame_rate: float | None = None,
) -> list[Region]:
    """Read a label file, whose format is recognised by its content.

    Parameters
    ----------
    path : path-like
        Audacity labels, a Raven selection table, boxes or regions of Sonic Visualiser (CSV or
        SVL), a Praat TextGrid in text form, markers of Audition or Premiere, or regions of REAPER;
        at most 32 MiB.
    sr : float, > 0, optional
        Sample rate of the recording in Hz, which times that count samples need.
    recording : path-like, optional
        The recording, by whose name a Raven table of several is read.
    frame_rate : float, > 0, optional
        Frames of the picture in a second, which timecode of Premiere needs.

    Returns
    -------
    list of Region
        At least one, in the order of the file. Points end at their start. Raven's selections are
        read once, not for each view; intervals of a TextGrid without text are left out.

    Raises
    ------
    FileError
        If the file cannot be read or holds no regions, or none of `recording`; the message names
        the line that is wrong.
    ParameterError
        If `sr` or `frame_rate` is not positive.
    """
    _check_positive("sr", sr)
    _check_positive("frame_rate", frame_rate)
    source = check_input(path)
    try:
        with source.open("rb") as stream:
            # Not all of it: it may be a recording of many gigabytes.
            data = stream.read(MAX_LABEL_BYTES + 1)
    except OSError as error:
        raise FileError(f"{source}: cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_LABEL_BYTES:
        raise FileError(
            f"{source}: is larger than {MAX_LABEL_BYTES >> 20} MiB: "
            f"give a label file, not a recording."
        )
    name = str(source)
    return parse_regions(data, name=name, sr=sr, recording=recording, frame_rate=frame_rate)


def parse_regions(
    data: bytes,
    *,
    name: str,
    sr: float | None = None,
    recording: str | os.PathLike[str] | None = None,
    frame_rate: float | None = None,
) -> list[Region]:
    """Read the content of a label file, see `read_regions`; errors call the file `name`."""
    belongs = Recording(sr, None if recording is None else Path(recording), frame_rate)
    try:
        text = decode(data)
        if text.isspace() or not text:
            raise MalformedError("holds no regions.")
        known = next((known for known in _PARSERS if known.recognise(text)), None)
        if known is None:
            raise MalformedError(f"is in no known label format: give {_KNOWN}.")
        regions = [_with_channel_of_label(r) for r in limit_regions(known.parse(text, belongs))]
        if not regions:
            raise MalformedError("holds no regions: mark some and save it again.")
    except MalformedError as error:
        raise FileError(f"{name}: {error}") from error
    return regions


def write_regions(
    path: str | os.PathLike[str],
    regions: Sequence[Region],
    *,
    sr: float | None = None,
    length_s: float | None = None,
    format: str | None = None,  # noqa: A002
    overwrite: bool = False,
) -> None:
    r"""Write a label file.

    Parameters
    ----------
    path : path-like
        The file to be written.
    regions : sequence of Region
        There may be none, except in SVL and a TextGrid. A channel that the format cannot hold is
        written into the label, as "[channel 2]", from which `read_regions` reads it. Tabs and line
        ends in labels become spaces if they separate fields in the format.
    sr : float, > 0, optional
        Sample rate in Hz. SVL, which counts frames, needs it, and so do all formats but Audacity's
        for regions without a highest frequency.
    length_s : float, > 0, optional
        Length of the recording in seconds: the end of regions with an open end and of a TextGrid.
    format : {"audacity", "raven", "sonic-visualiser-csv", "svl", "textgrid"}, optional
        By default that of the ending: ``.txt``, ``.selections.txt`` or ``.tsv``, ``.csv``,
        ``.svl``, ``.TextGrid``.
    overwrite : bool
        Whether it may replace an existing file.

    Raises
    ------
    ParameterError
        If the format is unknown or cannot hold the regions, or `sr` or `length_s` is missing or
        not positive.
    FileError
        If the file may not or cannot be written; nothing is left behind.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "hum.txt"
    ...     write_regions(file, [Region(0, 2.5, f_high_hz=60, label="hum")])
    ...     print(file.read_text().expandtabs(1))
    ...     read_regions(file)[0].label
    0.000000 2.500000 hum
    \ -1.000000 60.000000
    'hum'
    """
    _check_positive("sr", sr)
    _check_positive("length_s", length_s)
    name = format_of(path, format)
    known = FORMATS[name]
    if not known.holds_channels:
        regions = [_with_channel_in_label(region) for region in regions]
    if not regions and not known.may_be_empty:
        raise ParameterError(f"no regions: {name} cannot be empty; write Audacity labels, .txt.")
    text = known.format(regions, sr, length_s)
    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(text.encode())


def format_of(path: str | os.PathLike[str], name: str | None = None) -> str:
    """Choose a format by its name or the ending of the file; ParameterError if there is none."""
    if name in FORMATS:
        return name
    if name is not None:
        raise ParameterError(f"format={name!r}: give one of {', '.join(sorted(FORMATS))}.")
    for known, entry in FORMATS.items():
        if Path(path).name.lower().endswith(entry.endings):
            return known
    endings = ", ".join(sorted(ending for entry in FORMATS.values() for ending in entry.endings))
    raise ParameterError(
        f"{path}: no format has this ending: name it with one of {endings}, or give a format."
    )


def _with_channel_in_label(region: Region) -> Region:
    """Move the channel into the label."""
    if region.channel is None:
        return region
    return replace(region, channel=None, label=f"{region.label} [channel {region.channel}]".strip())


def _with_channel_of_label(region: Region) -> Region:
    """Move the channel out of a label that ends in one, unless the region has one already."""
    match = _CHANNEL_IN_LABEL.fullmatch(region.label)
    if match is None or region.channel is not None:
        return region
    return replace(region, channel=int(match["channel"]), label=match["label"])


def _check_positive(name: str, value: float | None) -> None:
    """Refuse a rate or length that is not positive and finite."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise ParameterError(f"{name}={value}: give a positive number.")
