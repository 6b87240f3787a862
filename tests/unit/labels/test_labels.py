"""Region files as the programs write them, with their quirks, and what is refused."""

from __future__ import annotations

import codecs
import os
from contextlib import suppress
from pathlib import Path

import pytest

from spectramend.core.regions import Region
from spectramend.errors import FileError, ParameterError
from spectramend.labels import (
    FORMATS,
    base,
    parse_regions,
    read_regions,
    registry,
    sonic_visualiser,
    write_regions,
)

NAME = "labels.any"
RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
CSV = "START,END,EXTENT START,EXTENT END,LABEL"
BOX = 'type="sparse" dimensions="2" resolution="1" dataset="3" subtype="box" units="Hz"'
SVL = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE sonic-visualiser>
<sv>
  <data>
    <model id="10" name="a.wav" sampleRate="44100" type="wavefile" mainModel="true"/>
    <model id="4" name="" sampleRate="48000" start="0" end="9" {BOX} minimum="0" maximum="5"/>
    <dataset id="3" dimensions="2">
      <point frame="48000" value="1000.5" duration="24000" extent="500"
        label="a &amp; &quot;b&quot;"/>
      <point frame="96000" value="0" duration="0" extent="24000" />
    </dataset>
  </data>
  <display>
    <layer id="5" type="timefrequencybox" name="Boxes" model="4" verticalScale="0"/>
  </display>
</sv>
"""
SVL_REGIONS = [
    Region(1, 1.5, 1000.5, 1500.5, label='a & "b"'),
    Region(2, 2, 0, 24000),
]
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


def parse(text: str | bytes, sr: float | None = None) -> list[Region]:
    data = text if isinstance(text, bytes) else text.encode()
    return parse_regions(data, name=NAME, sr=sr)


def error_of(text: str | bytes) -> str:
    """Give the message of the error, which has to be one line."""
    with pytest.raises(FileError) as caught:
        parse(text)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{NAME}: ")
    return message.removeprefix(f"{NAME}: ")


# Audacity


def test_audacity_labels_with_and_without_bands_are_read() -> None:
    text = (
        "0.500000\t1.250000\tcough\n"
        "\\\t800.000000\t3000.500000\n"
        "2.000000\t3.000000\thum\n"
        "\\\t-1.000000\t60.000000\n"
        "4.000000\t5.000000\thiss\n"
        "\\\t6000.000000\t-1.000000\n"
        "6.000000\t6.000000\tclick\n"
    )
    assert parse(text) == [
        Region(0.5, 1.25, 800, 3000.5, label="cough"),
        Region(2, 3, None, 60, label="hum"),
        Region(4, 5, 6000, None, label="hiss"),
        Region(6, 6, label="click"),
    ]
    assert parse(text)[-1].is_point


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\t2\ta\n\\\t3\t4\n\\\tfuture\n\\9\n", Region(1, 2, 3, 4, label="a")),
        ("\r\n1\t2\ta\r\n\r\n\\\t3\t4\r\n", Region(1, 2, 3, 4, label="a")),
        ("1\t2\ta\r\\\t3\t4\r", Region(1, 2, 3, 4, label="a")),
        ("1.0\t2.0", Region(1, 2)),
        ("1.0\t2.0\t\n", Region(1, 2)),
        ("1.0\tbefore labels had ends", Region(1, 1, label="before labels had ends")),
        ("1.0\t", Region(1, 1)),
        ("1\t2\ta\tb", Region(1, 2, label="a\tb")),
        ('1\t2\t"quoted" é ‮ 🎤  ', Region(1, 2, label='"quoted" é ‮ 🎤  ')),
        ("1\t2\ta\u2028b\x85c", Region(1, 2, label="a\u2028b\x85c")),
        ("1\t2\t\\\t3", Region(1, 2, label="\\\t3")),
        (" 1 \t 2 \ta", Region(1, 2, label="a")),
        ("-0.0\t2\ta", Region(0, 2, label="a")),
        ("1e0\t.2E1\ta", Region(1, 2, label="a")),
    ],
)
def test_audacity_quirks(text: str, expected: Region) -> None:
    assert parse(text) == [expected]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("cp1252", b""),
    ],
)
def test_text_is_decoded(encoding: str, mark: bytes) -> None:
    assert parse(mark + "1\t2\tMüller\n".encode(encoding)) == [Region(1, 2, label="Müller")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,5\t2,5\ta", "line 1: the start '1,5' has a decimal comma: write it with a point."),
        ("1\t2\n3\t4,5\ta", "line 2: the end '4,5' has a decimal comma: write it with a point."),
        ("1\t2,5", "line 1: the end '2,5' has a decimal comma: write it with a point."),
        ("1\t2\n\\\t3,5\t4", "line 2: the frequency '3,5' has a decimal comma: write it"),
        ("3\t2\ta", "line 1: region 3-2: ends before it starts: give the earlier time first."),
        ("1\t2\n\n\\\t4\t3\n", "line 1: region 1-2@4-3: its highest frequency is not above"),
        ("1\t2\n\\\t-2\t3", "line 1: f_low_hz=-2.0: give at least 0 Hz."),
        ("1\t2\n\\\t5", "line 2: the frequency is missing: give a number such as 1.25."),
        ("1\t2\n\\\ta\tb", "line 2: the frequency is 'a': give a number such as 1.25."),
        ("nan\t2\ta", "line 1: the start is 'nan': give a number such as 1.25."),
        ("1\tinf", "line 1: the end is 'inf': give a number such as 1.25."),
        ("1\t1e400\ta", "line 1: the end '1e400' is too large: give a smaller number."),
        ("1\t1_0\ta", "line 1: the end is '1_0': give a number such as 1.25."),
        ("1\t١\ta", "line 1: the end is '١': give a number such as 1.25."),
        ("1\t2\ta\nb\tc\td", "line 2: the start is 'b': give a number such as 1.25."),
        ("1\t2\ta\n0.5 1.5 b", "line 2: the start is '0.5 1.5 b': give a number such as 1.25."),
        ("1\t" + "9" * 99 + "x\ta", "line 1: the end is '" + "9" * 40 + "…': give a number"),
    ],
)
def test_audacity_labels_that_are_wrong_are_refused(text: str, message: str) -> None:
    assert error_of(text).startswith(message)


# Raven


def test_a_raven_table_gives_each_selection_once() -> None:
    text = (
        f"{RAVEN}\tSpecies\n"
        "1\tWaveform 1\t1\t0.5\t1.5\t0.0\t24000.0\tWren\n"
        "1\tSpectrogram 1\t1\t0.5\t1.5\t2000.0\t8000.0\tWren\n"
        "2\tSpectrogram 1\t2\t2.0\t3.0\t100.0\t200.5\t\n"
        "2\tWaveform 1\t2\t2.0\t3.0\t0.0\t24000.0\t\n"
        "2\tSpectrogram 2\t2\t2.0\t3.0\t100.0\t200.5\tanother view\n"
        "3\tWaveform 1\t1\t4.0\t5.0\t0.0\t24000.0\tRobin\n"
    )
    assert parse(text) == [
        Region(0.5, 1.5, 2000, 8000, channel=1, label="Wren"),
        Region(2, 3, 100, 200.5, channel=2),
        Region(4, 5, 0, 24000, channel=1, label="Robin"),
    ]


def test_joined_raven_tables_keep_selections_of_the_same_number() -> None:
    rows = ["1\tSpectrogram 1\t1\t0\t1\t2\t3", "1\tSpectrogram 1\t1\t5\t6\t2\t3"]
    rows += ["1\tWaveform 1\t2\t0\t1\t2\t3"]
    assert len(parse("\n".join([RAVEN, *rows]))) == 3


def test_rows_without_a_selection_are_all_kept() -> None:
    assert parse("Begin Time (s)\tEnd Time (s)\n1\t2\n1\t2\n") == [Region(1, 2)] * 2


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("End Time (s)\tBegin Time (s)", "2\t1", Region(1, 2)),
        (" BEGIN TIME (S)\tend time (s) ", "1\t2", Region(1, 2)),
        ("Begin Time (s)\tDelta Time (s)", "1\t0.5", Region(1, 1.5)),
        ("Begin Time (s)\tEnd Time (s)\tHigh Freq (Hz)", "1\t2\t9", Region(1, 2, None, 9)),
        ("Begin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tChannel", "1\t2", Region(1, 2)),
        ("Begin Time (s)\tEnd Time (s)\tChannel", "1\t2\t3.0", Region(1, 2, channel=3)),
        ("Begin Time (s)\tEnd Time (s)\tChannel", "1\t2\t", Region(1, 2)),
        ("Begin Time (s)\tEnd Time (s)\tPeak Freq (Hz)", "1\t2\t440\t9", Region(1, 2)),
        ("Begin Time (s)\tEnd Time (s)\tAnnotation", "1\t2\tx y ", Region(1, 2, label="x y ")),
        ("Begin Time (s)\tEnd Time (s)\tNotes\tSpecies", "1\t2\tn\ts", Region(1, 2, label="s")),
        ("Begin Time (s)\tEnd Time (s)\tNotes\tSpecies", "1\t2\tn\t", Region(1, 2, label="n")),
        ("Begin Time (s)\tEnd Time (s)\tCommon Name", "1\t2\tWren", Region(1, 2, label="Wren")),
    ],
)
def test_raven_columns_are_found_by_name(header: str, row: str, expected: Region) -> None:
    assert parse(f"{header}\r\n{row}\r\n\r\n") == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{RAVEN}\n", "holds no regions: mark some and save it again."),
        (RAVEN.replace("\t", ","), "line 1: the columns are not separated by tabs: save it"),
        ("Selection\tBegin Time (s)\n1\t2", "line 1: no column 'End Time (s)': add it"),
        (f"{RAVEN}\n1\tS\t0\t1\t2\t3\t4", "line 2: Channel is 0: channels count from 1."),
        (f"{RAVEN}\n1\tS\t1.5\t1\t2\t3\t4", "line 2: Channel is 1.5: channels count from 1."),
        (f"{RAVEN}\n1\tS\tleft\t1\t2\t3\t4", "line 2: Channel is 'left': give a number"),
        (f"{RAVEN}\n1\tS\t1", "line 2: Begin Time (s) is missing: give a number"),
        (f"{RAVEN}\n1\tS\t1\t1", "line 2: End Time (s) is missing: give a number"),
        (f"{RAVEN}\n\n1\tS\t1\t0,5\t1\t2\t3", "line 3: Begin Time (s) '0,5' has a decimal comma"),
        (f"{RAVEN}\n1\tS\t1\t1\t2\t9\t3", "line 2: region 1-2@9-3: its highest frequency"),
        (
            f"{RAVEN}\tBegin File\n1\tS\t1\t1\t2\t3\t9\ta.wav\n2\tS\t1\t1\t2\t3\t9\tb.wav",
            "line 3: selections of 'a.wav' and 'b.wav': keep those of one recording.",
        ),
    ],
)
def test_raven_tables_that_are_wrong_are_refused(text: str, message: str) -> None:
    assert error_of(text).startswith(message)


# Sonic Visualiser, CSV


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{CSV}\n1.5,2,300,400.5,a\n", Region(1.5, 2, 300, 400.5, label="a")),
        (f"{CSV}\n1,2,3,4\n", Region(1, 2, 3, 4)),
        ("START,END,EXTENT START,EXTENT END\n1,2,3,4\n", Region(1, 2, 3, 4)),
        (f'{CSV}\r\n1,2,3,4,"a, ""b""\nc"\r\n\r\n', Region(1, 2, 3, 4, label='a, "b"\nc')),
        (f'{CSV}\n1,2,3,4,5" nail\n', Region(1, 2, 3, 4, label='5" nail')),
        (CSV.replace(",", "\t") + "\n1\t2\t3\t4\ta,b\n", Region(1, 2, 3, 4, label="a,b")),
        ("LABEL,END,START,EXTENT END,EXTENT START\na,2,1,4,3", None),
        ("Start,End,Extent Start,Extent End\n1,2,3,4\n", Region(1, 2, 3, 4)),
    ],
)
def test_boxes_in_seconds_are_read(text: str, expected: Region | None) -> None:
    if expected is None:
        assert error_of(text).startswith("is no region file that is known: give Audacity labels")
    else:
        assert parse(text) == [expected]


def test_boxes_in_frames_need_the_sample_rate() -> None:
    text = "STARTFRAME,ENDFRAME,EXTENT START,EXTENT END,LABEL\n8000,24000,3,4,a\n"
    assert parse(text, sr=16000) == [Region(0.5, 1.5, 3, 4, label="a")]
    assert error_of(text) == ("line 1: times are in frames: give sr, or export them in seconds.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{CSV}\n", "holds no regions: mark some and save it again."),
        (
            "1.5,2.0,300.0,400.0,a\n",
            "line 1: no names of columns, so that it may be a layer of any",
        ),
        ("TIME,VALUE,LABEL\n1,2,a\n", "line 1: no column START, so not boxes: export a layer of"),
        ("START,VALUE,DURATION,LABEL\n1,2,3,a\n", "line 1: no column END, so not boxes: export"),
        (f"{CSV}\n1,2,3\n", "line 2: EXTENT END is missing: give a number such as 1.25."),
        (f"{CSV}\n1;2;3;4\n", "line 2: START is '1;2;3;4': give a number such as 1.25."),
        (f"{CSV}\n1,2,4,3,a\n", "line 2: region 1-2@4-3: its highest frequency is not above"),
        (f'{CSV}\n1,2,3,4,"a\n1,2,3,4,b\n', "line 3: unexpected end of data: export a layer of"),
        (f'{CSV}\n1,2,3,4,"a"b\n', "line 2: ',' expected after '\"': export a layer of boxes"),
        (f"{CSV}\n1,2,3,4,{'a' * 200_000}\n", "line 2: field larger than field limit (131072)"),
    ],
)
def test_boxes_that_are_wrong_are_refused(text: str, message: str) -> None:
    assert error_of(text).startswith(message)


# Sonic Visualiser, SVL


def test_svl_boxes_are_read_at_the_rate_of_their_model() -> None:
    assert parse(SVL, sr=8000) == SVL_REGIONS
    assert parse(SVL.replace("<!DOCTYPE sonic-visualiser>\n", "")) == SVL_REGIONS
    assert parse(codecs.BOM_UTF16_BE + SVL.encode("utf-16-be")) == SVL_REGIONS


@pytest.mark.parametrize("piece", [1, 60, 700])
def test_svl_is_read_piece_by_piece(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sonic_visualiser, "_PIECE", piece)
    assert parse(SVL) == SVL_REGIONS


def test_svl_boxes_of_several_models_are_read() -> None:
    layer = SVL.split("</data>")[0].split('mainModel="true"/>')[1]
    other = layer.replace("48000", "24000").replace('set="3"', 'set="7"').replace('"3"', '"7"')
    values = '<model dataset="8" sampleRate="9" type="sparse" dimensions="2"/><dataset id="8">'
    values += '<point frame="1" value="2"/></dataset>'
    regions = parse(SVL.replace("  </data>", f"{values}{other}  </data>"))
    assert regions[:2] == SVL_REGIONS
    assert [region.end_s for region in regions[2:]] == [2, 4]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('subtype="box"', 'subtype="region"', "holds 'region, wavefile', but no boxes: export a"),
        ('units="Hz"', 'units="dB"', "line 6: boxes in 'dB', not Hz: draw them on a spectrogram."),
        ('units="Hz"', "", "line 6: boxes in '', not Hz"),
        ('sampleRate="48000"', "", "line 6: sampleRate is missing: give a number"),
        ('sampleRate="48000"', 'sampleRate="0"', "line 6: sampleRate is 0: export a layer"),
        ('frame="96000"', "", "line 10: frame is missing: give a number"),
        ('duration="0"', "", "line 10: duration is missing: give a number"),
        ('extent="24000"', "", "line 10: extent is missing: give a number"),
        ('extent="24000"', 'extent="0"', "line 10: region 2-2@0-0: its highest frequency"),
        ('extent="24000"', 'extent="-3"', "line 10: f_high_hz=-3.0: give at least 0 Hz."),
        ('duration="24000"', 'duration="-1"', "line 8: region 1-0.9"),
        ('value="0"', 'value="1e400"', "line 10: value '1e400' is too large"),
        ('value="0"', 'value="1,5"', "line 10: value '1,5' has a decimal comma"),
        ('dataset id="3"', 'dataset id="4"', "holds no regions: mark some and save it again."),
        ("</sv>", "", "line 17: broken XML (no element found): export a layer of boxes"),
        ("&amp;", "&more;", "line 8: broken XML (undefined entity): export a layer of boxes"),
        ("sonic-visualiser>", "html>", "line 2: a document type that SVL does not have"),
        ("sonic-visualiser>", 'sonic-visualiser SYSTEM "file:///etc/passwd">', "line 2: a docu"),
        ("sonic-visualiser>", "sonic-visualiser []>", "line 2: a document type that SVL does"),
    ],
)
def test_svl_that_is_wrong_is_refused(old: str, new: str, message: str) -> None:
    assert old in SVL
    assert error_of(SVL.replace(old, new, 1)).startswith(message)


def test_other_xml_is_refused() -> None:
    message = "holds 'no layer', but no boxes: export a layer of boxes from Sonic Visualiser."
    assert error_of("<a/>") == message
    assert error_of(f"<a>{'<a/>' * 50}</a>") == message
    assert error_of("<a>" * 20 + "</a>" * 20) == message
    assert error_of("<a>" * 21).startswith("line 1: elements nested deeper than those of SVL")


def test_entities_are_never_expanded() -> None:
    entities = ['<!ENTITY a0 "lol">']
    entities += [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 20)]
    bomb = f"<!DOCTYPE sonic-visualiser [{''.join(entities)}]><sv>&a19;</sv>"
    assert error_of(bomb).startswith("line 1: a document type that SVL does not have")


# Praat


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
        ("ooTextFile", "Praat chronological TextGrid text file", "line 2: not a TextGrid in text"),
        ("xmax = 0.5", "xmax = 0,5", "line 17: the end of an interval '0,5' has a decimal comma"),
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


# Any content


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b" \r\n\t\n", "holds no regions."),
        (codecs.BOM_UTF8, "holds no regions."),
        (b"", "holds no regions."),
        (b"RIFF\x24\0\0\0WAVEfmt ", "is not text: give a region file, or save it as UTF-8."),
        (b"1\t2\ta\0b", "is not text"),
        (codecs.BOM_UTF16_LE + b"1\0\t", "is not text"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "is not text"),
        (b"1\t2\t\x81\n", "is not text"),
        (bytes(range(1, 256)), "is not text"),
        (b"BZh91AY&SY", "is a compressed session, not a layer: export the boxes as an annotation"),
        (b"ooBinaryFile\x08TextGrid", "is a binary Praat file: save it as a text file."),
        (b"1.5 2.5 label\n", "is no region file that is known: give Audacity labels"),
        (b"Dear all,\n", "is no region file that is known"),
        (b"{}", "is no region file that is known"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str) -> None:
    assert error_of(data).startswith(message)


@pytest.mark.parametrize("piece", ["1", "\t", '"', "<", "\n", "1\t", ",", "a ", "\\", "1e"])
@pytest.mark.parametrize("start", ["", "1\t2\t", RAVEN + "\n", CSV + "\n", "<a b='", SHORT_GRID])
def test_much_junk_is_refused_or_read_soon(piece: str, start: str) -> None:
    data = (start + piece * (2**20 // len(piece))).encode()
    with suppress(FileError):
        assert parse(data)


def test_the_number_of_regions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_REGIONS", 2)
    assert len(parse("1\t2\n" * 2)) == 2
    for text in ("1\t2\n" * 3, "Begin Time (s)\tEnd Time (s)\n" + "1\t2\n" * 3):
        assert error_of(text) == "holds more than 2 regions: split it."


# Files


def test_the_content_says_the_format_and_not_the_name(tmp_path: Path) -> None:
    for name in ("a.wav", "b.svl", "c"):
        (tmp_path / name).write_text(GRID, "utf-8")
        assert read_regions(tmp_path / name) == GRID_REGIONS
        assert read_regions(str(tmp_path / name), sr=8000) == GRID_REGIONS


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "bad.txt").write_text("1\t2\nx\t2\n")
    for name, message in (
        ("", "is a directory; name a file."),
        ("absent.txt", "no such file."),
        ("empty.txt", "is empty."),
        ("bad.txt", "line 2: the start is 'x': give a number such as 1.25."),
    ):
        with pytest.raises(FileError) as caught:
            read_regions(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {message}"


def test_a_failing_disk_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(5, "Input/output error")

    file = tmp_path / "a.txt"
    file.write_text("1\t2\n")
    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(FileError, match=r"a\.txt: cannot be read: Input/output error\.$"):
        read_regions(file)


def test_large_files_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "recording.wav").open("wb") as stream:
        stream.truncate(registry.MAX_BYTES + 1)  # sparse: no disk is used
    with pytest.raises(FileError, match=r"recording\.wav: is larger than 32 MiB: give a region"):
        read_regions(tmp_path / "recording.wav")
    monkeypatch.setattr(registry, "MAX_BYTES", 2**20)
    with pytest.raises(FileError, match="/dev/zero: is larger than 1 MiB"):
        read_regions("/dev/zero")


@pytest.mark.parametrize("sr", [0, -1, float("nan"), float("inf")])
def test_impossible_rates_and_lengths_are_refused(tmp_path: Path, sr: float) -> None:
    with pytest.raises(ParameterError, match=f"sr={sr}: give a positive number"):
        read_regions(tmp_path / "a.txt", sr=sr)
    with pytest.raises(ParameterError, match=f"sr={sr}: give a positive number"):
        write_regions(tmp_path / "a.txt", [Region(0, 1)], sr=sr)
    with pytest.raises(ParameterError, match=f"length_s={sr}: give a positive number"):
        write_regions(tmp_path / "a.txt", [Region(0, 1)], length_s=sr)


# Writing

REGIONS = [
    Region(0.5, 1.25, 800, 3000, label='a "b", <c> & d'),
    Region(2, 2.5, None, 60, label="tab\there\nand\r\nthere"),
    Region(None, None, 6000, label="ŋ"),
]


def written(tmp_path: Path, name: str, regions: list[Region], **options: float | str) -> str:
    write_regions(tmp_path / name, regions, **options)  # type: ignore[arg-type]
    return (tmp_path / name).read_bytes().decode()


def test_audacity_labels_are_written_as_audacity_does(tmp_path: Path) -> None:
    assert written(tmp_path, "a.txt", REGIONS, length_s=10) == (
        '0.500000\t1.250000\ta "b", <c> & d\n'
        "\\\t800.000000\t3000.000000\n"
        "2.000000\t2.500000\ttab here and  there\n"
        "\\\t-1.000000\t60.000000\n"
        "0.000000\t10.000000\tŋ\n"
        "\\\t6000.000000\t-1.000000\n"
    )
    assert written(tmp_path, "b.txt", [Region(1, 1)]) == "1.000000\t1.000000\t\n"


@pytest.mark.parametrize("name", ["a.selections.txt", "a.Table.1.selections.txt", "a.TSV"])
def test_raven_tables_are_written(tmp_path: Path, name: str) -> None:
    lines = written(tmp_path, name, REGIONS, length_s=10, sr=16000).split("\n")
    assert lines == [
        RAVEN.replace("\tChannel", "") + "\tAnnotation",
        '1\tSpectrogram 1\t0.500000000\t1.250000000\t800.000000\t3000.000000\ta "b", <c> & d',
        "2\tSpectrogram 1\t2.000000000\t2.500000000\t0.000000\t60.000000\ttab here and  there",
        "3\tSpectrogram 1\t0.000000000\t10.000000000\t6000.000000\t8000.000000\tŋ",
        "",
    ]


def test_raven_tables_hold_channels(tmp_path: Path) -> None:
    regions = [Region(0, 1, 2, 3, channel=2, label="a"), Region(1, 2, 3, 4)]
    text = written(tmp_path, "a.tsv", regions)
    assert text.split("\n")[0] == f"{RAVEN}\tAnnotation"
    assert text.split("\n")[1].split("\t")[2] == "2"
    assert read_regions(tmp_path / "a.tsv") == regions


def test_boxes_are_written_as_csv(tmp_path: Path) -> None:
    assert written(tmp_path, "a.csv", REGIONS, length_s=10, sr=16000) == (
        f"{CSV}\n"
        '0.500000000,1.250000000,800.000000,3000.000000,"a ""b"", <c> & d"\n'
        '2.000000000,2.500000000,0.000000,60.000000,"tab\there\nand\r\nthere"\n'
        "0.000000000,10.000000000,6000.000000,8000.000000,ŋ\n"
    )


def test_boxes_are_written_as_svl(tmp_path: Path) -> None:
    text = written(tmp_path, "a.svl", REGIONS, length_s=10, sr=16000)
    for piece in (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sonic-visualiser>\n<sv>\n',
        'sampleRate="16000" start="0" end="160000" type="sparse" dimensions="2"',
        'subtype="box" minimum="0.0" maximum="8000.0" units="Hz"/>',
        '<point frame="8000" value="800.0" duration="12000" extent="2200.0" label=',
        "label='a \"b\", &lt;c&gt; &amp; d'/>",
        'label="tab&#9;here&#10;and&#13;&#10;there"/>',
        '<layer id="2" type="boxes" name="Boxes" model="1" verticalScale="0"/>',
    ):
        assert piece in text
    write_regions(tmp_path / "b.svl", REGIONS, length_s=10, sr=22050.5)
    assert 'sampleRate="22050.5"' in (tmp_path / "b.svl").read_text("utf-8")


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


def test_a_format_may_be_named(tmp_path: Path) -> None:
    for name, known in FORMATS.items():
        file = tmp_path / f"{name}.anything"
        write_regions(file, [Region(1, 2, label="a")], format=name, sr=8000)
        text = file.read_text("utf-8")
        assert [n for n, other in FORMATS.items() if other.recognise(text)] == [name]
        assert known.recognise(text)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_cannot_hold_is_not_lost_silently(tmp_path: Path, name: str) -> None:
    for open_end in (Region(1), Region()):
        with pytest.raises(ParameterError, match=r"is open at its end, which .*: give length_s"):
            write_regions(tmp_path / "a", [open_end], format=name, sr=8000)
    with pytest.raises(ParameterError, match="region 5-3: ends before it starts"):
        write_regions(tmp_path / "a", [Region(5)], format=name, sr=8000, length_s=3)
    if name not in ("audacity", "textgrid"):
        with pytest.raises(ParameterError, match=r"give sr\.$"):
            write_regions(tmp_path / "a", [Region(1, 2, 5)], format=name)
        with pytest.raises(ParameterError, match="region 1-2@5000-4000: its highest frequency"):
            write_regions(tmp_path / "a", [Region(1, 2, 5000)], format=name, sr=8000)
    if name != "textgrid":
        with pytest.raises(ParameterError, match="region 1-2@5-5: its highest frequency is not"):
            write_regions(tmp_path / "a", [Region(1, 2, 5, 5 + 1e-8)], format=name, sr=8000)
    assert list(tmp_path.iterdir()) == []


def test_bands_and_late_times_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for band in ({"f_low_hz": 5}, {"f_high_hz": 5}):
        with pytest.raises(ParameterError, match="has a band, which a TextGrid cannot hold"):
            write_regions(tmp_path / "a.TextGrid", [Region(1, 2, **band)])  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="is too late for SVL"):
        write_regions(tmp_path / "a.svl", [Region(1, 1e308)], sr=8000)
    with pytest.raises(ParameterError, match="SVL counts time in frames: give sr"):
        write_regions(tmp_path / "a.svl", [Region(1, 2, 3, 4)])


def test_nothing_is_written_where_it_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    for ending in ("svl", "TextGrid"):
        with pytest.raises(ParameterError, match=r"no regions: .* cannot say so"):
            write_regions(tmp_path / f"a.{ending}", [])
    with pytest.raises(ParameterError, match="format='praat': give one of audacity, raven, "):
        write_regions(file, [Region(0, 1)], format="praat")
    with pytest.raises(ParameterError, match=r"a\.xyz: its ending says no format: name it with"):
        write_regions(tmp_path / "a.xyz", [Region(0, 1)])
    assert os.listdir(tmp_path) == []
    file.write_text("old")
    with pytest.raises(FileError, match=r"a\.txt: exists"):
        write_regions(file, [Region(0, 1)])
    assert file.read_text() == "old"
    write_regions(file, [Region(0, 1)], overwrite=True)
    assert read_regions(file) == [Region(0, 1)]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("label", ["", "click", "a [channel 3] b", "two\nlines"])
def test_channels_survive_every_format(tmp_path: Path, name: str, label: str) -> None:
    write_regions(tmp_path / "a", [Region(1, 2, channel=12, label=label)], format=name, sr=8000)
    (region,) = read_regions(tmp_path / "a")
    assert region.channel == 12
    assert region.label.split() == label.split()
    write_regions(tmp_path / "b", [Region(1, 2, label="[channel 0]")], format=name, sr=8000)
    assert read_regions(tmp_path / "b")[0].channel is None


def test_a_file_may_hold_no_regions(tmp_path: Path) -> None:
    for name in ("audacity", "raven", "sonic-visualiser-csv"):
        write_regions(tmp_path / name, [], format=name)
        with pytest.raises(FileError, match=r"holds no regions|is empty"):
            read_regions(tmp_path / name)


@pytest.mark.parametrize("name", FORMATS)
def test_labels_of_any_characters_can_be_written(tmp_path: Path, name: str) -> None:
    label = "".join(map(chr, [*range(256), 0x2028, 0xD800, 0xFEFF, 0xFFFE, 0xFFFF, 0x1F3A4]))
    write_regions(tmp_path / "a", [Region(0, 1, label=label)], format=name, sr=8000)
    (region,) = read_regions(tmp_path / "a")
    assert label[32:127] in region.label
    assert label[160:256] + "\u2028" in region.label
    assert region.label.endswith("\ufeff  \U0001f3a4")
