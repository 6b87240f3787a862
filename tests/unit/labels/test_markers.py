"""Marker lists of Audition and Premiere and regions of REAPER, and what is refused."""

from __future__ import annotations

import codecs

import pytest

from label_files import error_of, parse
from spectramend.core.regions import Region

AUDITION = "Name\tStart\tDuration\tTime Format\tType\tDescription\n"
PREMIERE = "Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type\n"
REAPER = "#,Name,Start,End,Length,Color\n"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("Marker 01\t0:01.000\t0:00.250\tdecimal\tCue\t", Region(1, 1.25, label="Marker 01")),
        ("a, b\t1:00:01.5\t0:00.000\tdecimal\tCue\t", Region(3601.5, 3601.5, label="a, b")),
        ("a\t0:01,000\t0:00,250\tdecimal\tSubclip\tx", Region(1, 1.25, label="a")),
        ("a\t48000\t12000\t48000 Hz\tCue\t", Region(1, 1.25, label="a")),
        ("a\t16000\t4000\tSamples\tCue\t", Region(1, 1.25, label="a")),
        ("a\t0:00:01:05\t0:00:00:05\t20 fps\tCue\t", Region(1.25, 1.5, label="a")),
        ("a\t00:00:01.15\t00:00:00.15\t75 fps (CDDA)\tCue", Region(1.2, 1.4, label="a")),
    ],
)
def test_markers_of_audition_are_read_in_their_time_format(row: str, expected: Region) -> None:
    (found,) = parse(AUDITION + row + "\n", sr=16000)
    assert found == expected


def test_markers_of_audition_may_be_separated_by_commas() -> None:
    text = AUDITION.replace("\t", ",") + '"a, b",0:01.0,0:00.5,decimal,Cue,\n\n'
    assert parse(text) == [Region(1, 1.5, label="a, b")]


@pytest.mark.parametrize("separator", ["\t", ","])
def test_markers_of_premiere_are_read_at_the_frame_rate(separator: str) -> None:
    rows = "cough\t\t00:00:01:00\t00:00:01:05\t00:00:00:05\tComment\n"
    rows += "pop\t\t00:00:02:10\t00:00:02:10\t00:00:00:00\tChapter\n"
    text = (PREMIERE + rows).replace("\t", separator)
    expected = [Region(1, 1.25, label="cough"), Region(2.5, 2.5, label="pop")]
    for data in (text.encode(), codecs.BOM_UTF16_LE + text.encode("utf-16-le")):
        assert parse(data, frame_rate=20) == expected
    assert error_of(text) == (
        "line 2: Premiere's in '00:00:01:00' ends in a number of frames: give the frame rate of "
        "the sequence (--frame-rate 25, frame_rate=25), or show times as milliseconds in Premiere "
        "and export the markers again."
    )


def test_drop_frame_timecode_keeps_pace_with_the_clock() -> None:
    rate = 30000 / 1001
    row = "a\t\t{}\t{}\t\tComment\n"
    (region,) = parse(PREMIERE + row.format("00;10;00;00", "01:00:00;00"), frame_rate=rate)
    assert region.start_s == pytest.approx(600, abs=1e-3)
    assert region.end_s == pytest.approx(3600, abs=5e-3)
    (region,) = parse(PREMIERE + row.format("00;10;00;00", "01;00;00;00"), frame_rate=2 * rate)
    assert (region.start_s, region.end_s) == pytest.approx((600, 3600), abs=5e-3)
    (region,) = parse(PREMIERE + row.format("00:10:00:00", "01:00:00:00"), frame_rate=rate)
    assert (region.start_s, region.end_s) == pytest.approx((600.6, 3603.6))


def test_milliseconds_of_premiere_need_no_frame_rate() -> None:
    row = "a\t\t00:00:01:000\t00:00:01:250\t00:00:00:250\tComment\n"
    assert parse(PREMIERE + row) == [Region(1, 1.25, label="a")]


def test_regions_and_markers_of_reaper_are_read() -> None:
    rows = 'R1,"a, b",0:01.000,0:01.250,0:00.250,\nM1,pop,0:02.000,,,FF0000\n'
    assert parse(REAPER + rows) == [Region(1, 1.25, label="a, b"), Region(2, 2, label="pop")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (AUDITION, "holds no regions: mark some and save it again."),
        (AUDITION + "a\t1\t2\tSamples\tCue\t", "line 2: Audition's start counts samples: give sr."),
        (
            AUDITION + "a\tx\t2\tdecimal\tCue\t",
            "line 2: Audition's start is 'x' in the time format",
        ),
        (AUDITION + "a\t1:1:1:1\t2\tbars\tCue\t", "line 2: Audition's start is '1:1:1:1' in the"),
        (AUDITION + "a\t1\t\tdecimal\tCue\t", "line 2: Audition's duration is missing in the time"),
        (
            AUDITION + "a\t0:00:01:25\t0:00:00:05\t25 fps\tCue\t",
            "line 2: Audition's start '0:00:01:25' has frame 25 of 25: give another frame rate.",
        ),
        (AUDITION + "a\t0:70.0\t0:01.0\tdecimal\tCue\t", "line 2: Audition's start is '0:70.0': m"),
        (REAPER + "R1,a,1.1.00,2.1.00,1.0.00,\n", "line 2: REAPER's start is '1.1.00': show times"),
        (REAPER + "R1,a,2,1,1,\n", "line 2: region 2-1: ends before it starts"),
    ],
)
def test_lists_that_are_wrong_are_refused_in_their_own_terms(text: str, message: str) -> None:
    assert error_of(text).startswith(message)
