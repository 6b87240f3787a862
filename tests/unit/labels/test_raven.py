"""Selection tables of Raven as the program writes them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_files import RAVEN, REGIONS, error_of, parse, written
from spectramend.core.regions import Region
from spectramend.labels import read_regions


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
        (RAVEN.replace("\t", ","), "holds no regions: mark some and save it again."),
        ("Selection\tBegin Time (s)\n1\t2", "line 1: no column 'End Time (s)': add it"),
        (f"{RAVEN}\n1\tS\t0\t1\t2\t3\t4", "line 2: Channel is 0: channels count from 1."),
        (f"{RAVEN}\n1\tS\t1.5\t1\t2\t3\t4", "line 2: Channel is 1.5: channels count from 1."),
        (f"{RAVEN}\n1\tS\tleft\t1\t2\t3\t4", "line 2: Channel is 'left': give a number"),
        (f"{RAVEN}\n1\tS\t1", "line 2: Begin Time (s) is missing: give a number"),
        (f"{RAVEN}\n1\tS\t1\t1", "line 2: End Time (s) is missing: give a number"),
        (f"{RAVEN}\n1\tS\t1\t1\t2\t9\t3", "line 2: region 1-2@9-3: its highest frequency"),
        (
            f"{RAVEN}\tBegin File\n1\tS\t1\t1\t2\t3\t9\ta.wav\n2\tS\t1\t1\t2\t3\t9\tb.wav",
            "selections of 'a.wav' and 'b.wav': keep those of one recording, or say which",
        ),
    ],
)
def test_raven_tables_that_are_wrong_are_refused(text: str, message: str) -> None:
    assert error_of(text).startswith(message)


COMBINED = "\n".join(
    [
        f"{RAVEN}\tCommon Name\tBegin Path\tFile Offset (s)",
        "1\tSpectrogram 1\t1\t601.0\t601.25\t800\t3000\tRobin\tA/one.wav\t1.0",
        "2\tSpectrogram 1\t1\t902.0\t902.5\t800\t3000\tWren\tA\\two.wav\t2.0",
        "3\tSpectrogram 1\t1\t905.0\t906\t800\t3000\tOwl\tC:\\B\\Two.WAV\t3.5",
    ]
)


def test_of_a_table_of_several_recordings_those_of_one_are_read_where_they_are_in_its_file() -> (
    None
):
    one = [Region(1, 1.25, 800, 3000, channel=1, label="Robin")]
    two = [Region(2, 2.5, 800, 3000, channel=1, label="Wren")]
    owl = Region(3.5, 4.5, 800, 3000, channel=1, label="Owl")
    text = COMBINED.rsplit("\n", 1)[0]
    for column in ("Begin Path", "Begin File"):
        table = text.replace("Begin Path", column)
        assert parse(table, recording="elsewhere/two.wav") == two
        assert parse(table, recording="ONE.wav") == one
        assert parse(table, recording="one.flac") == one
        assert error_of(table).startswith("selections of 'A/one.wav' and 'A\\\\two.wav': keep")
    message = (
        "its selections are of 'one.wav', 'two.wav', none of three.wav: give the table of this"
    )
    assert error_of(text, recording="three.wav").startswith(message)
    assert parse(COMBINED.replace("A\\two", "B\\Two"), recording="one.wav") == one
    assert "selections of" in error_of(COMBINED, recording="two.wav")
    same = COMBINED.replace("A\\two.wav", "C:\\B\\Two.WAV")
    assert parse(same, recording="two.wav") == [*two, owl]


def test_the_table_of_another_recording_is_refused_and_one_without_names_is_not() -> None:
    row = "1\tSpectrogram 1\t1\t1\t2\t3\t9"
    table = f"{RAVEN}\tBegin File\n{row}\ta.wav\n{row}\n"
    assert error_of(table, recording="b.wav").startswith("its selections are of 'a.wav', none of")
    assert parse(table) == parse(table, recording="a.wav") == parse(f"{RAVEN}\n{row}")
    assert parse(f"{RAVEN}\n{row}", recording="b.wav") == parse(f"{RAVEN}\n{row}")


@pytest.mark.parametrize(
    "text",
    [
        f"{RAVEN}\tAnnotation\tFile Offset (s)\n1\tS\t1\t1,0\t1,25\tNA\tNaN\tNA\tNA\n",
        '"Selection"\t"Channel"\t"Begin Time (s)"\t"End Time (s)"\n1\t1\t1\t1.25\n',
        # write.table of R, with names of rows and of columns as it changes them
        '"Selection"\t"Channel"\t"Begin.Time..s."\t"End.Time..s."\n"1"\t1\t1\t1\t1.25\n',
        '"","Selection","Channel","Begin Time (s)","End Time (s)"\n"1",1,1,"1,0",1.25\n',
        "Selection;Channel;Begin Time (s);End Time (s)\n1;1;1,0;1,25\n",
        "selection\tchannel\tbegin_time_s\tend_time_s\n1\t1\t1\t1.25\n",
    ],
)
def test_tables_that_r_and_pandas_write_are_read(text: str) -> None:
    assert parse(text) == [Region(1, 1.25, channel=1)]


def test_quotes_stay_where_raven_wrote_them() -> None:
    row = '1\tS\t1\t1\t2\t3\t9\ta "b"'
    assert parse(f"{RAVEN}\tAnnotation\n{row}")[0].label == 'a "b"'
    quoted = '"Begin Time (s)"\t"End Time (s)"\t"Notes"\n1\t2\t"a ""b"""\n'
    assert parse(quoted)[0].label == 'a "b"'


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
