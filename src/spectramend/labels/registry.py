"""Region files: read and written as the programs do in which people mark recordings.

=====================  ================  =========================  =============================
format                 ending            what it holds              what it does not
=====================  ================  =========================  =============================
`audacity`             .txt              time, band, label
`raven`                .selections.txt,  time, band, channel,       open bands
                       .tsv              label
`sonic-visualiser-csv` .csv              time, band, label          channel, open bands
`svl`                  .svl              frames, band, label        channel, open bands
`textgrid`             .TextGrid         time, label                channel, band, empty labels
=====================  ================  =========================  =============================

No format has open times.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from spectramend.core.files import check_input, whole_file
from spectramend.core.regions import Region
from spectramend.errors import FileError, ParameterError
from spectramend.labels import audacity, praat, raven, sonic_visualiser
from spectramend.labels.base import MalformedError, bounded, decode

__all__ = ["FORMATS", "MAX_BYTES", "Format", "parse_regions", "read_regions", "write_regions"]

MAX_BYTES = 32 * 2**20  # MAX_REGIONS of more than 60 bytes each
HOLD_CHANNELS = {"raven"}
NEVER_EMPTY = {"svl", "textgrid"}
_CHANNEL_IN_LABEL = re.compile(r"(?P<label>.*?)\s*\[channel (?P<channel>[1-9]\d{0,3})\]", re.DOTALL)
_KNOWN = "Audacity labels, a Raven selection table, Sonic Visualiser boxes or a TextGrid"


class Format(NamedTuple):
    """A format of region files.

    Parameters
    ----------
    endings : tuple of str
        Lower-case ends of the names of its files.
    recognise : callable
        Tells from the text of a file whether it has the format.
    parse : callable
        Gives the regions of a text, given the sample rate or None.
    format : callable
        Gives the text for regions, given the sample rate and the length in seconds, or None.
    """

    endings: tuple[str, ...]
    recognise: Callable[[str], bool]
    parse: Callable[[str, float | None], Iterator[Region]]
    format: Callable[[Sequence[Region], float | None, float | None], str]


# The first that recognises a text reads it, and the first that has the ending of a name writes it:
# ".selections.txt" goes before ".txt".
FORMATS = {
    "svl": Format(
        (".svl",),
        sonic_visualiser.is_svl,
        sonic_visualiser.parse_svl,
        sonic_visualiser.format_svl,
    ),
    "textgrid": Format(
        (".textgrid",), praat.is_text_grid, praat.parse_text_grid, praat.format_text_grid
    ),
    "raven": Format(
        (".selections.txt", ".tsv"), raven.is_table, raven.parse_table, raven.format_table
    ),
    "sonic-visualiser-csv": Format(
        (".csv",),
        sonic_visualiser.is_csv,
        sonic_visualiser.parse_csv,
        sonic_visualiser.format_csv,
    ),
    "audacity": Format(
        (".txt",), audacity.is_labels, audacity.parse_labels, audacity.format_labels
    ),
}


def read_regions(path: str | os.PathLike[str], *, sr: float | None = None) -> list[Region]:
    """Read a region file; its content says which format it has.

    Parameters
    ----------
    path : path-like
        Audacity labels, a Raven selection table, Sonic Visualiser boxes (CSV or SVL), or a Praat
        TextGrid in text form. At most 32 MiB.
    sr : float, > 0, optional
        Sample rate of the recording in Hz, which a CSV of Sonic Visualiser in frames needs.

    Returns
    -------
    list of Region
        At least one, in the order of the file. Points have their end at their start. A selection
        that Raven lists for several views is there once; a TextGrid's empty intervals are not.

    Raises
    ------
    FileError
        If the file cannot be read, is no region file, or holds no regions; with the number of the
        line where one is wrong.
    ParameterError
        If `sr` is not positive.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_regions(f"{folder}/labels.txt", [Region(1.2, 1.45, 800, 3000, label="cough")])
    ...     read_regions(f"{folder}/labels.txt")
    [Region(start_s=1.2, end_s=1.45, f_low_hz=800.0, f_high_hz=3000.0, channel=None,
            label='cough')]
    """
    _check_positive("sr", sr)
    source = check_input(path)
    try:
        with source.open("rb") as stream:
            # No more than this: it may be a recording of many gigabytes.
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileError(f"{source}: cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise FileError(
            f"{source}: is larger than {MAX_BYTES >> 20} MiB: give a region file, not a recording."
        )
    return parse_regions(data, name=str(source), sr=sr)


def parse_regions(data: bytes, *, name: str, sr: float | None = None) -> list[Region]:
    r"""Read the content of a region file.

    Parameters
    ----------
    data : bytes
        Content of a file.
    name : str
        What errors call it.
    sr : float, > 0, optional
        See `read_regions`.

    Returns
    -------
    list of Region
        See `read_regions`.

    Raises
    ------
    FileError
        If it is no region file, or holds no regions.

    Examples
    --------
    >>> parse_regions(b"0.5\t1.25\tcough\n", name="labels.txt")[0].label
    'cough'
    """
    try:
        text = decode(data)
        if text.isspace() or not text:
            raise MalformedError("holds no regions.")
        for known in FORMATS.values():
            if known.recognise(text):
                break
        else:
            raise MalformedError(f"is no region file that is known: give {_KNOWN}.")
        regions = [_channel_of_label(region) for region in bounded(known.parse(text, sr))]
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
    format: str | None = None,  # noqa: A002  # the word that everybody uses
    overwrite: bool = False,
) -> None:
    r"""Write a region file.

    Parameters
    ----------
    path : path-like
        The file to be written.
    regions : sequence of Region
        Regions; none gives a file that holds none, where the format can say so. A channel that the
        format cannot hold goes into the label, as "[channel 2]", and is found there when it is
        read. Tabs and line ends in labels become spaces where they would separate.
    sr : float, > 0, optional
        Sample rate of the recording in Hz: where formats other than Audacity's need a highest
        frequency and a region has none, and for SVL, which counts frames.
    length_s : float, > 0, optional
        Length of the recording in seconds, where regions with an open end end; also the end of a
        TextGrid.
    format : {"audacity", "raven", "sonic-visualiser-csv", "svl", "textgrid"}, optional
        By default, what the ending of the name says: ``.txt``, ``.selections.txt`` or ``.tsv``,
        ``.csv``, ``.svl``, ``.TextGrid``.
    overwrite : bool
        Whether it may replace an existing file.

    Raises
    ------
    ParameterError
        If the format is unknown or cannot hold what the regions say, or `sr` or `length_s` is
        needed or not positive.
    FileError
        If the file may not or cannot be written; nothing is left behind.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "hum.txt"
    ...     write_regions(file, [Region(0, 2.5, f_high_hz=60, label="hum")])
    ...     print(file.read_text().expandtabs(1))
    0.000000 2.500000 hum
    \ -1.000000 60.000000
    """
    _check_positive("sr", sr)
    _check_positive("length_s", length_s)
    name = _format_of(path, format)
    if name not in HOLD_CHANNELS:
        regions = [_channel_in_label(region) for region in regions]
    if not regions and name in NEVER_EMPTY:
        raise ParameterError(f"no regions: {name} cannot say so; write Audacity labels, .txt.")
    text = FORMATS[name].format(regions, sr, length_s)
    with whole_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(text.encode())


def _channel_in_label(region: Region) -> Region:
    """Say the channel in the label."""
    if region.channel is None:
        return region
    return replace(region, channel=None, label=f"{region.label} [channel {region.channel}]".strip())


def _channel_of_label(region: Region) -> Region:
    """Take the channel from a label that says one, unless the file itself does."""
    match = _CHANNEL_IN_LABEL.fullmatch(region.label)
    if match is None or region.channel is not None:
        return region
    return replace(region, channel=int(match["channel"]), label=match["label"])


def _check_positive(name: str, value: float | None) -> None:
    """Refuse what cannot be a rate or a length."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise ParameterError(f"{name}={value}: give a positive number.")


def _format_of(path: str | os.PathLike[str], name: str | None) -> str:
    """Choose a format by its name, or by that of the file."""
    if name is not None:
        if name not in FORMATS:
            raise ParameterError(f"format={name!r}: give one of {', '.join(sorted(FORMATS))}.")
        return name
    file = Path(path).name.lower()
    for known, entry in FORMATS.items():
        if file.endswith(entry.endings):
            return known
    endings = sorted(ending for entry in FORMATS.values() for ending in entry.endings)
    raise ParameterError(
        f"{path}: its ending says no format: name it with one of {', '.join(endings)}, or give a "
        f"format."
    )
