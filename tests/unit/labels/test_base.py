"""Decoding, numbers and limits that all label formats share."""

from __future__ import annotations

import codecs

import pytest

from label_files import error_of, parse
from spectramend.core.regions import Region
from spectramend.labels import base


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
    ("text", "expected"),
    [("1.25", 1.25), ("1,5", 1.5), (" -1 ", -1.0), (".5", 0.5), ("2.", 2.0), ("+1e-3", 1e-3)],
)
def test_decimal_numbers_are_read(text: str, expected: float) -> None:
    assert base.is_number_like(text)
    assert base.read_number(text, 1, "it") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 7: it is missing: give a number such as 1.25."),
        ("nan", "line 7: it is 'nan': give"),
        ("1_0", "line 7: it is '1_0': give"),
        ("1,250.5", "line 7: it is '1,250.5': give"),
        ("1e999", "line 7: it '1e999' is too large"),
    ],
)
def test_other_numbers_are_refused(text: str, message: str) -> None:
    with pytest.raises(base.MalformedError) as caught:
        base.read_number(text, 7, "it")
    assert str(caught.value).startswith(message)


def test_blank_lines_are_left_out_and_counted() -> None:
    assert list(base.numbered_lines("\na\r\n \t\nb\rc")) == [(2, "a"), (4, "b"), (5, "c")]
    assert (base.first_line("\n\n x \n"), base.first_line("\n")) == (" x ", "")


def test_open_sides_are_closed_and_rounded() -> None:
    region = Region(None, None, None, None, label="a")
    assert base.closed_times(region, 2.5) == (0.0, 2.5)
    assert base.closed_box(region, 8000, 2.5, "it") == (0.0, 2.5, 0.0, 4000.0)
    fine = base.closed_box(Region(1 / 3, 1, 1 / 3, 9), None, None, "it")
    assert fine == (0.333333333, 1.0, 0.333333, 9.0)


def test_separators_and_unwritable_characters_become_spaces() -> None:
    assert base.replace_unwritable("a\tb\0c\ufffe") == "a\tb c "
    assert base.replace_separators("a\tb\nc\rd") == "a b c d"


def test_the_number_of_regions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_REGIONS", 2)
    assert len(parse("1\t2\n" * 2)) == 2
    for text in ("1\t2\n" * 3, "Begin Time (s)\tEnd Time (s)\n" + "1\t2\n" * 3):
        assert error_of(text) == "holds more than 2 regions: split it."
