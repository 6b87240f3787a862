"""Label files that tests share, and how they are read and written."""

from __future__ import annotations

from pathlib import Path

import pytest

from spectramend.core.regions import Region
from spectramend.errors import FileError
from spectramend.labels import parse_regions, write_regions

NAME = "labels.any"
RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
CSV = "START,END,EXTENT START,EXTENT END,LABEL"
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words 7"
        xmin = 0
        xmax = 2.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "he said ""no"", 3 times"
        intervals [3]:
            xmin = 1.25
            xmax = 2.5
            text = " "
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2.5
        points: size = 2
        points [1]:
            number = 0.75
            mark = "pop"
        points [2]:
            number = 1e0
            mark = ""
    item [3]:
        class = "IntervalTier"
        name = "noise"
        xmin = 0
        xmax = 2.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.5
            text = "ŋ
2"
"""
GRID_REGIONS = [
    Region(0.5, 1.25, label='he said "no", 3 times'),
    Region(0.75, 0.75, label="pop"),
    Region(1, 1),
    Region(0, 2.5, label="ŋ\n2"),
]
SHORT_GRID = """"ooTextFile"
"TextGrid"
0
2.5
<exists>
1
"IntervalTier"
"words"
0
2.5
2
0
0.5
""
0.5
2.5
"hum" ! a comment with a "quote"
"""
REGIONS = [
    Region(0.5, 1.25, 800, 3000, label='a "b", <c> & d'),
    Region(2, 2.5, None, 60, label="tab\there\nand\r\nthere"),
    Region(None, None, 6000, label="ŋ"),
]


def parse(
    text: str | bytes,
    sr: float | None = None,
    recording: str | None = None,
    frame_rate: float | None = None,
) -> list[Region]:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_regions(data, name=NAME, sr=sr, recording=recording, frame_rate=frame_rate)


def error_of(text: str | bytes, recording: str | None = None) -> str:
    """Give the message of the error, which has to be one line."""
    with pytest.raises(FileError) as caught:
        parse(text, recording=recording)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{NAME}: ")
    return message.removeprefix(f"{NAME}: ")


def written(tmp_path: Path, name: str, regions: list[Region], **options: float | str) -> str:
    write_regions(tmp_path / name, regions, **options)  # type: ignore[arg-type]
    return (tmp_path / name).read_bytes().decode()
