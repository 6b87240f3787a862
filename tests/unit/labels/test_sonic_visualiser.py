"""Boxes of Sonic Visualiser as the program writes them, as CSV and SVL, and what is refused."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from label_files import CSV, REGIONS, error_of, parse, written
from spectramend.core.regions import Region
from spectramend.errors import ParameterError
from spectramend.labels import sonic_visualiser, write_regions

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


# CSV


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
        (CSV.replace(",", ";") + "\n1,5;2;3;4;a,b\n", Region(1.5, 2, 3, 4, label="a,b")),
        # Regions
        ("TIME,VALUE,DURATION,LABEL\n1.0,3,0.25,a\n", Region(1, 1.25, label="a")),
        ("START,VALUE,DURATION,LABEL\n1.0,3,0.25,a\n", Region(1, 1.25, label="a")),
        ("TIME,VALUE,DURATION\n1.0,3,0\n", Region(1, 1)),
        ("1.0,3,0.25,a\n", Region(1, 1.25, label="a")),
        ("1.0,3,0.25,\n", Region(1, 1.25)),
    ],
)
def test_boxes_in_seconds_are_read(text: str, expected: Region | None) -> None:
    if expected is None:
        assert error_of(text).startswith("is in no known label format: give Audacity labels")
    else:
        assert parse(text) == [expected]


def test_boxes_in_frames_need_the_sample_rate() -> None:
    text = "STARTFRAME,ENDFRAME,EXTENT START,EXTENT END,LABEL\n8000,24000,3,4,a\n"
    assert parse(text, sr=16000) == [Region(0.5, 1.5, 3, 4, label="a")]
    assert error_of(text) == ("line 1: times are in frames: give sr, or export them in seconds.")
    text = "FRAME,VALUE,DURATION,LABEL\n8000,3,16000,a\n"
    assert parse(text, sr=16000) == [Region(0.5, 1.5, label="a")]
    assert error_of(text) == ("line 1: times are in frames: give sr, or export them in seconds.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{CSV}\n", "holds no regions: mark some and save it again."),
        (
            "1.5,2.0,300.0,400.0,a\n",
            "line 1: no names of columns, so that it may be a layer of any",
        ),
        ("1.5,2.0,300.0\n", "line 1: no names of columns, so that it may be a layer of any"),
        ("TIME,VALUE,LABEL\n1,2,a\n", "line 1: no column START or DURATION, so neither boxes nor"),
        ("TIME,VALUE,DURATION,LEVEL,LABEL\n1,60,3,1,a\n", "line 1: a layer of notes, not of boxes"),
        (f"{CSV}\n1,2,3\n", "line 2: EXTENT END is missing: give a number such as 1.25."),
        (f"{CSV}\n1,2,4,3,a\n", "line 2: region 1-2@4-3: its highest frequency is not above"),
        (f'{CSV}\n1,2,3,4,"a\n1,2,3,4,b\n', "line 3: unexpected end of data: export a layer of"),
        (f'{CSV}\n1,2,3,4,"a"b\n', "line 2: ',' expected after '\"': export a layer of boxes or"),
        (f"{CSV}\n1,2,3,4,{'a' * 200_000}\n", "line 2: field larger than field limit (131072)"),
    ],
)
def test_boxes_that_are_wrong_are_refused(text: str, message: str) -> None:
    assert error_of(text).startswith(message)


def test_boxes_are_written_as_csv(tmp_path: Path) -> None:
    assert written(tmp_path, "a.csv", REGIONS, length_s=10, sr=16000) == (
        f"{CSV}\n"
        '0.500000000,1.250000000,800.000000,3000.000000,"a ""b"", <c> & d"\n'
        '2.000000000,2.500000000,0.000000,60.000000,"tab\there\nand\r\nthere"\n'
        "0.000000000,10.000000000,6000.000000,8000.000000,ŋ\n"
    )


# SVL


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
        ('subtype="box"', 'subtype="note"', "holds 'note, wavefile', but no boxes or regions: exp"),
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
        ('dataset id="3"', 'dataset id="4"', "holds no regions: mark some and save it again."),
        ("</sv>", "", "line 17: broken XML (no element found): export a layer of boxes or"),
        ("&amp;", "&more;", "line 8: broken XML (undefined entity): export a layer of boxes or"),
        ("sonic-visualiser>", "html>", "line 2: a document type that SVL does not have"),
        ("sonic-visualiser>", 'sonic-visualiser SYSTEM "file:///etc/passwd">', "line 2: a docu"),
        ("sonic-visualiser>", "sonic-visualiser []>", "line 2: a document type that SVL does"),
    ],
)
def test_svl_that_is_wrong_is_refused(old: str, new: str, message: str) -> None:
    assert old in SVL
    assert error_of(SVL.replace(old, new, 1)).startswith(message)


REGION_LAYER = """<sv><data>
<model id="3" sampleRate="16000" type="sparse" dimensions="3" dataset="2" subtype="region"/>
<dataset id="2" dimensions="2">
<point frame="16000" value="1" duration="4000" label="cough"/>
</dataset></data></sv>
"""


def test_svl_regions_have_no_band() -> None:
    assert parse(REGION_LAYER) == [Region(1, 1.25, label="cough")]
    boxes = SVL.split("<data>")[1].split("</data>")[0].replace("\n", "")
    assert parse(REGION_LAYER.replace("<data>", f"<data>{boxes}")) == [
        *SVL_REGIONS,
        Region(1, 1.25, label="cough"),
    ]


def test_other_xml_is_refused() -> None:
    message = "holds 'no layer', but no boxes or regions: export a layer of boxes or regions from"
    for content in ("<sv/>", f"<sv>{'<a/>' * 50}</sv>", "<sv>" * 20 + "</sv>" * 20):
        assert error_of(content).startswith(message)
    assert error_of("<sv>" * 21).startswith("line 1: elements nested deeper than those of SVL")
    assert error_of("<xmp/>").startswith("line 1: XML of 'xmp', which is no layer: export a layer")
    assert error_of("<ANNOTATION_DOCUMENT/>") == (
        "line 1: XML of 'ANNOTATION_DOCUMENT', which is no layer: export the tiers from ELAN as a "
        "Praat TextGrid."
    )


def test_entities_are_never_expanded() -> None:
    entities = ['<!ENTITY a0 "lol">']
    entities += [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 20)]
    bomb = f"<!DOCTYPE sonic-visualiser [{''.join(entities)}]><sv>&a19;</sv>"
    assert error_of(bomb).startswith("line 1: a document type that SVL does not have")


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


def test_what_svl_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="is too late for SVL"):
        write_regions(tmp_path / "a.svl", [Region(1, 1e308)], sr=8000)
    with pytest.raises(ParameterError, match="SVL counts time in frames: give sr"):
        write_regions(tmp_path / "a.svl", [Region(1, 2, 3, 4)])
