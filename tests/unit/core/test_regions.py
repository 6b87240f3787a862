"""Regions: their text form, their samples and bands, and what is refused."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spectramend.core.regions import Region, of_channel
from spectramend.errors import ParameterError

laws = settings(derandomize=True, max_examples=300, deadline=None)
sides = st.none() | st.floats(0, 1e12) | st.sampled_from([0.0, -0.0, 1e-9, 5e-324, 1e308])


@st.composite
def regions(draw: st.DrawFn) -> Region:
    start, end, low, high = draw(st.tuples(sides, sides, sides, sides))
    if start is not None and end is not None:
        start, end = sorted((start, end))
    if low is not None and high is not None:
        low, high = sorted((low, high))
    if high is not None and high <= (low or 0.0):
        high = None
    return Region(start, end, low, high)


# As text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2-1.45@800-3000", Region(1.2, 1.45, 800, 3000)),
        ("1.2-", Region(1.2)),
        ("-0.5", Region(None, 0.5)),
        ("1-2@-4000", Region(1, 2, None, 4000)),
        ("@300-400", Region(None, None, 300, 400)),
        ("@.3k-4.5k", Region(None, None, 300, 4500)),
        ("1:02-1:03.5", Region(62, 63.5)),
        ("1:00:00-1:00:01@1k-", Region(3600, 3601, 1000)),
        (" .5-1. ", Region(0.5, 1)),
        ("2-2", Region(2, 2)),
        ("-", Region()),
    ],
)
def test_text_is_read(text: str, expected: Region) -> None:
    assert Region.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1@300-400", "@", "1-2@", "1-2@300", "1-2-3", "a-b", "1-2@1-2k@", "1e3-2e3",
        "nan-1", "1:2:3:4-", "1,5-2", "1-2 @3-4", "--1", "1--2",
    ],
)  # fmt: skip
def test_other_text_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ParameterError, match=r"such as 1\.2-1\.45@800-3k\.$"):
        Region.parse(text)


@laws
@given(regions())
def test_text_of_a_region_reads_back(region: Region) -> None:
    assert Region.parse(str(region)) == region


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_s": math.nan}, "start_s=nan: give a finite number, or None for open."),
        ({"end_s": math.inf}, "end_s=inf: give a finite number, or None for open."),
        ({"f_low_hz": math.nan}, "f_low_hz=nan: give a finite number, or None for open."),
        ({"f_high_hz": math.inf}, "f_high_hz=inf: give a finite number, or None for open."),
        ({"start_s": 2, "end_s": 1}, "region 2-1: ends before it starts: give the earlier"),
        ({"f_low_hz": -1}, "f_low_hz=-1.0: give at least 0 Hz."),
        ({"f_high_hz": -1}, "f_high_hz=-1.0: give at least 0 Hz."),
        ({"f_low_hz": 5, "f_high_hz": 5}, "region @5-5: its highest frequency is not above"),
        ({"f_high_hz": 0}, "region @-0: its highest frequency is not above its lowest"),
        ({"channel": 0}, "channel=0: channels count from 1."),
        ({"channel": 1.5}, "channel=1.5: channels count from 1."),
        ({"channel": math.nan}, "channel=nan: channels count from 1."),
    ],
)
def test_impossible_regions_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match="^" + re.escape(message)):
        Region(**arguments)


def test_a_point_has_no_length() -> None:
    assert Region(2, 2).is_point
    assert not Region(2, 2.5).is_point
    assert not Region(f_low_hz=3).is_point


# Samples


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(), (0, 1000)),
        (Region(0.1, 0.2), (100, 200)),
        (Region(0.1004, 0.2006), (100, 201)),
        (Region(0.1005, 0.2005), (101, 201)),  # halves go up
        (Region(0.3), (300, 1000)),
        (Region(None, 0.3), (0, 300)),
        (Region(-0.0004, 0.3), (0, 300)),
        (Region(0.9, 1.001), (900, 1000)),  # as far as a label of three decimals
    ],
)
def test_times_are_rounded_to_samples(region: Region, expected: tuple[int, int]) -> None:
    assert region.samples(length=1000, sr=1000) == expected


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (Region(1.0, 2.0), "lies outside the recording, which has 1.000 s"),
        (Region(0.5, 1.1), "lies outside the recording"),
        (Region(-0.1, 0.5), "lies outside the recording"),
        (Region(-1e308, 0.5), "lies outside the recording"),
        (Region(1e308), "lies outside the recording"),
        (Region(0, 1e308), "lies outside the recording"),
        (Region(0.5, 0.5), "holds no sample"),
        (Region(0.5001, 0.5002), "holds no sample"),
        (Region(None, -1), "holds no sample"),
    ],
)
def test_regions_without_samples_are_refused(region: Region, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        region.samples(length=1000, sr=1000)


@laws
@given(
    st.floats(0, 0.999), st.floats(0, 0.999), st.integers(1, 10**6), st.sampled_from([8000, 44100])
)
def test_samples_are_the_nearest(a: float, b: float, length: int, sr: int) -> None:
    first, last = sorted(x * length / sr for x in (a, b))
    assume((last - first) * sr > 1 and first * sr < length - 0.5)
    start, stop = Region(first, last).samples(length=length, sr=sr)
    assert 0 <= start < stop <= length
    for sample, time in ((start, first), (stop, last)):
        assert abs(sample - time * sr) <= 0.5 + 1e-9 * length


# Bands


@pytest.mark.parametrize(
    ("region", "band", "exceeds", "full"),
    [
        (Region(), (0, 500), False, True),
        (Region(f_low_hz=0, f_high_hz=500), (0, 500), False, True),
        (Region(f_high_hz=500.5), (0, 500), True, True),
        (Region(f_low_hz=100), (100, 500), False, False),
        (Region(f_high_hz=400), (0, 400), False, False),
    ],
)
def test_bands_end_at_the_nyquist_frequency(
    region: Region, band: tuple[float, float], exceeds: bool, full: bool
) -> None:
    assert region.band(sr=1000) == band
    assert region.exceeds_nyquist(1000) == exceeds
    assert region.is_full_band(1000) == full


@pytest.mark.parametrize("low", [500, 600])
def test_a_band_above_the_nyquist_frequency_is_refused(low: float) -> None:
    with pytest.raises(ParameterError, match=rf"region @{low}-: lies above 500 Hz"):
        Region(f_low_hz=low).band(sr=1000)


# Several


def test_regions_of_a_channel_are_those_that_name_it_or_none() -> None:
    first, second, every = Region(channel=1), Region(channel=2), Region()
    assert of_channel([first, second, every], 1) == [second, every]
