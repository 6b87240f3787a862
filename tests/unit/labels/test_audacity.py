"""Audacity labels as the program writes them, with their quirks, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from label_files import REGIONS, error_of, parse, written
from spectramend.core.regions import Region


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
        # Languages with a decimal comma
        ("1,500000\t2,500000\ta, b\n\\\t300,5\t-1,0", Region(1.5, 2.5, 300.5, label="a, b")),
        ("1,5 2,5 a", Region(1.5, 2.5, label="a")),
        # Hours and minutes
        ("00:00:01.000\t00:00:01.250\ta", Region(1, 1.25, label="a")),
        ("1:02:03,5\t1:02:04\ta", Region(3723.5, 3724, label="a")),
        ("0:59.5 61:00 a", Region(59.5, 3660, label="a")),
        ("00:01.5\tclick", Region(1.5, 1.5, label="click")),
        # Spaces
        ("0.18 0.51 a door, shut", Region(0.18, 0.51, label="a door, shut")),
        ("  1   2\n", Region(1, 2)),
        ("1 2 a\n\\ 3 4", Region(1, 2, 3, 4, label="a")),
        # Names of columns
        ("Start\tEnd\tLabel\n1.0\t1.25\ta", Region(1, 1.25, label="a")),
        ("start time (s)\tend time (s)\n1.0\t1.25", Region(1, 1.25)),
        ('onset,offset,event\n1,2,"a, b"', Region(1, 2, label="a, b")),
        ('"start_s";"end_s";"label"\n1,5;2,5;"a"', Region(1.5, 2.5, label="a")),
        ("start end label\n1 2 a b", Region(1, 2, label="a b")),
    ],
)
def test_audacity_quirks(text: str, expected: Region) -> None:
    assert parse(text) == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
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
        ("1:75\t2:00", "line 1: the start is '1:75': minutes and seconds end at 59."),
        ("0:60:00\t2:00:00", "line 1: the start is '0:60:00': minutes and seconds end at 59."),
        ("1\t2\n3\t4:x:5\tb", "line 2: the end is '4:x:5': give seconds, or a time such as"),
        ("1.0 2.0 a\n3.0\n", "line 2: the end is missing: give a number such as 1.25."),
        ("1.0 2.0 a\n3.0 b\n", "line 2: the end is 'b': give a number such as 1.25."),
        ("0 2500000 sil\n", "line 1: the end 2500000 is no time in seconds: HTK counts units of"),
        ("start,end,label,low\n1,2,a,300", "line 1: the column 'low' is not known: give start,"),
        ("Start\tEnd\tLabel\n", "holds no regions: mark some and save it again."),
        ("Start\tEnd\tLabel\n1\t2\ta\nx\t2\n", "line 3: the start is 'x': give a number"),
        ("1\t" + "9" * 99 + "x\ta", "line 1: the end is '" + "9" * 40 + "…': give a number"),
    ],
)
def test_audacity_labels_that_are_wrong_are_refused(text: str, message: str) -> None:
    assert error_of(text).startswith(message)


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
