"""What is written reads back, up to the rounding of each format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from spectramend.core.regions import Region
from spectramend.labels import FORMATS, parse_regions

laws = settings(derandomize=True, max_examples=150, deadline=None)
SR = 48000.0
LENGTH_S = 7200.0

times = st.floats(0, 3600, allow_subnormal=False) | st.sampled_from([0.0, 0.1, 1e-7, 1 / 3])
low_sides = st.none() | st.floats(0, 10_000)
# Control characters and what XML cannot hold become spaces; the rest is anything.
characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
labels = st.text(characters, max_size=12) | st.sampled_from(
    ['"', '""', "a,b", "<&>'", "\\", "!", ""]
)


@st.composite
def regions(draw: st.DrawFn, *, bands: bool = True, channels: bool = False) -> Region:
    start = draw(times)
    end = start + draw(st.just(0.0) | st.floats(1e-3, 100))
    low = draw(low_sides) if bands else None
    high = (low or 0.0) + draw(st.floats(0.01, 10_000)) if bands and draw(st.booleans()) else None
    channel = draw(st.none() | st.integers(1, 64)) if channels else None
    open_start, open_end = draw(st.sampled_from([(False, False), (True, False), (False, True)]))
    return Region(
        None if open_start else start, None if open_end else end, low, high, channel, draw(labels)
    )


def several(**options: bool) -> st.SearchStrategy[list[Region]]:
    return st.lists(regions(**options), min_size=1, max_size=6)


def closed(region: Region, *, band: bool) -> Region:
    """Close the sides that no file can leave open."""
    start = 0.0 if region.start_s is None else region.start_s
    end = LENGTH_S if region.end_s is None else region.end_s
    low, high = region.f_low_hz, region.f_high_hz
    if band:
        low, high = low or 0.0, SR / 2 if high is None else high
    return replace(region, start_s=start, end_s=end, f_low_hz=low, f_high_hz=high)


def again(name: str, written: list[Region]) -> list[Region]:
    text = FORMATS[name].format(written, SR, LENGTH_S)
    return parse_regions(text.encode(), name="file", sr=SR)


def assert_close(read: list[Region], expected: list[Region], time_s: float, hz: float) -> None:
    assert len(read) == len(expected)
    for one, other in zip(read, expected, strict=True):
        assert (one.channel, one.label) == (other.channel, other.label)
        for name, tolerance in (
            ("start_s", time_s), ("end_s", time_s), ("f_low_hz", hz), ("f_high_hz", hz),
        ):  # fmt: skip
            a, b = getattr(one, name), getattr(other, name)
            if a is None or b is None:
                assert a is b
            else:
                assert abs(a - b) <= tolerance


@laws
@example([Region(0, 1, f_low_hz=0, label="low side at 0 Hz, not open")])
@given(several())
def test_audacity_labels_read_back_to_half_a_microsecond(written: list[Region]) -> None:
    expected = [closed(region, band=False) for region in written]
    assert_close(again("audacity", written), expected, 0.51e-6, 0.51e-6)


@laws
@given(several(channels=True))
def test_raven_tables_read_back_to_a_nanosecond(written: list[Region]) -> None:
    expected = [closed(region, band=True) for region in written]
    assert_close(again("raven", written), expected, 0.51e-9, 0.51e-6)


@laws
@given(several())
def test_boxes_in_csv_read_back_to_a_nanosecond(written: list[Region]) -> None:
    expected = [closed(region, band=True) for region in written]
    assert_close(again("sonic-visualiser-csv", written), expected, 0.51e-9, 0.51e-6)


@laws
@given(several())
def test_boxes_in_svl_read_back_to_half_a_sample(written: list[Region]) -> None:
    expected = [closed(region, band=True) for region in written]
    assert_close(again("svl", written), expected, 0.501 / SR, 0.52e-6)


@laws
@example([Region(0, 1, label="a"), Region(0, 1, label="a"), Region(1, 1), Region(1, 1)])
@given(several(bands=False))
def test_text_grids_read_back_exactly_in_another_order(written: list[Region]) -> None:
    expected = [closed(region, band=False) for region in written]
    expected = [
        r if r.is_point or r.label.strip() else replace(r, label="region") for r in expected
    ]
    order: Callable[[Region], str] = repr
    assert sorted(again("textgrid", written), key=order) == sorted(expected, key=order)


@laws
@given(several(bands=False), st.sampled_from([n for n in FORMATS if n != "textgrid"]))
def test_writing_what_was_read_changes_nothing_more(written: list[Region], name: str) -> None:
    once = again(name, written)
    assert again(name, once) == once
