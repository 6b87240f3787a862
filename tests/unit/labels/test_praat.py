"""TextGrids as Praat writes them, in both forms, and what is refused."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from label_files import GRID, GRID_REGIONS, SHORT_GRID, error_of, parse, written
from spectramend.core.regions import Region
from spectramend.errors import ParameterError
from spectramend.labels import read_regions, write_regions


def test_text_grids_are_read_in_both_forms() -> None:
    assert parse(GRID) == GRID_REGIONS
    assert parse(SHORT_GRID) == [Region(0.5, 2.5, label="hum")]
    assert parse(f"File type = {SHORT_GRID}") == parse(SHORT_GRID)
    assert parse(SHORT_GRID.replace("ooTextFile", "ooTextFile short")) == parse(SHORT_GRID)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-16-be", codecs.BOM_UTF16_BE), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-8", b"")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_grids_are_read_in_all_encodings(encoding: str, mark: bytes, end: str) -> None:
    assert parse(mark + GRID.replace("\n", end).encode(encoding)) == GRID_REGIONS


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"TextGrid"', '"Pitch 1"', "line 2: not a TextGrid in text form: select one in Praat"),
        ("ooTextFile", "ooTextFile long", "line 2: not a TextGrid in text"),
        ("xmax = 1.25", "xmax = 0.1", "line 20: region 0.5-0.1: ends before it starts"),
        ("xmax = 1.25", "xmax = nan", "line 21: the end of an interval is 'nan': give a number"),
        ("xmax = 1.25", "", "line 22: the end of an interval is the text 'he said"),
        ('text = ""', "text = 5", "line 18: the text is '5', not in quotes: save it again"),
        ("size = 3", "size = 4", "line 48: ends before the class of a tier: save it again"),
        ("size = 3", "size = 2", "line 40: more follows than the sizes say: save it again"),
        ("size = 3", "size = -1", "line 7: the number of tiers is -1: save it again"),
        ("size = 3", "size = 0.5", "line 7: the number of tiers is 0.5: save it again"),
        ("intervals: size = 3", "size = 1e300", "line 28: a time is the text 'TextTier': save it"),
        ('"TextTier"', '"PointTier"', "line 28: a tier is 'PointTier', not IntervalTier or Text"),
        ('\n2"', "\n2", "line 48: a quote is not closed: close it."),
    ],
)
def test_text_grids_that_are_wrong_are_refused(old: str, new: str, message: str) -> None:
    assert old in GRID
    assert error_of(GRID.replace(old, new, 1)).startswith(message)


def test_a_text_grid_without_marks_holds_no_regions() -> None:
    assert error_of(SHORT_GRID.replace('"hum"', '""')).startswith("holds no regions")
    assert error_of(SHORT_GRID.replace("<exists>\n1", "<absent>").split('"Inter')[0]).startswith(
        "line 5: ends before the number of tiers"
    )


def test_text_grids_are_written_with_a_tier_for_each_overlap(tmp_path: Path) -> None:
    regions = [
        Region(1, 2, label='say "a"'),
        Region(1.5, 3, label="b"),
        Region(2, 3),
        Region(0.5, 0.5, label="p"),
        Region(0.5, 0.5, label="q"),
        Region(4, None, label="c"),
    ]
    text = written(tmp_path, "a.textgrid", regions, length_s=5)
    assert text.startswith(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0.0\nxmax = 5.0\n'
        "tiers? <exists>\nsize = 4\nitem []:\n    item [1]:\n"
        '        class = "IntervalTier"\n        name = "regions 1"\n'
        "        xmin = 0.0\n        xmax = 5.0\n        intervals: size = 5\n"
        "        intervals [1]:\n            xmin = 0.0\n            xmax = 1.0\n"
        '            text = ""\n'
        "        intervals [2]:\n            xmin = 1.0\n            xmax = 2.0\n"
        '            text = "say ""a"""\n'
    )
    assert text.count('"TextTier"') == 2
    assert read_regions(tmp_path / "a.textgrid") == [
        regions[0], Region(2, 3, label="region"), Region(4, 5, label="c"),
        regions[1], regions[3], regions[4],
    ]  # fmt: skip


def test_a_text_grid_begins_where_its_first_region_does(tmp_path: Path) -> None:
    text = written(tmp_path, "a.TextGrid", [Region(-1, 2, label="a")])
    assert text.count("xmin = -1.0\n") == 3
    assert text.count("xmax = 2.0\n") == 3


def test_bands_are_refused(tmp_path: Path) -> None:
    for band in (Region(1, 2, f_low_hz=5), Region(1, 2, f_high_hz=5)):
        with pytest.raises(ParameterError, match="has a band, which a TextGrid cannot hold"):
            write_regions(tmp_path / "a.TextGrid", [band])


CHRONOLOGICAL = """"Praat chronological TextGrid text file"
0 3   ! Time domain.
2   ! Number of tiers.
"IntervalTier" "bad" 0 3
"TextTier" "clicks" 0 3

1 0 1
""
2 0.5
"pop"
1 1 1.25
"cough"
1 1.25 3
""
"""


def test_a_chronological_text_grid_is_read_in_the_order_of_its_marks() -> None:
    assert parse(CHRONOLOGICAL) == [Region(0.5, 0.5, label="pop"), Region(1, 1.25, label="cough")]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n2 0.5", "\n3 0.5", "line 9: '3' is no tier of 1 to 2: save it again with Praat."),
        ("\n2 0.5", '\n"x" 0.5', "line 9: 'x' is no tier of 1 to 2: save it again with Praat."),
        ('"pop"', "7", "line 10: the text is '7', not in quotes: save it again with Praat."),
        (
            '"TextTier"',
            '"PointTier"',
            "line 5: a tier is 'PointTier', not IntervalTier or TextTier",
        ),
        ("2   !", "3   !", "line 7: the class of a tier is '1', not in quotes: save it again"),
        ("1.25 3", "1.25", "line 14: the end of an interval is the text '': save it again"),
        ("file", "file of another kind", "line 2: the object class is '0', not in quotes: save"),
    ],
)
def test_chronological_text_grids_that_are_wrong_are_refused(
    old: str, new: str, message: str
) -> None:
    assert old in CHRONOLOGICAL
    assert error_of(CHRONOLOGICAL.replace(old, new, 1)).startswith(message)
