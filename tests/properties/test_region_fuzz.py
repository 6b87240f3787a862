"""Damaged label files are refused in one line or read as regions; nothing else ever happens."""

from __future__ import annotations

import codecs
import math
import random
from collections.abc import Callable

import pytest

from spectramend.core.regions import Region
from spectramend.errors import FileError
from spectramend.labels import FORMATS, parse_regions
from spectramend.labels.registry import MAX_LABEL_BYTES

INPUTS_A_SEED = 500  # 13,000 in all
SR = 44100.0
REGIONS = [
    Region(0.25, 1.5, 300, 4000.5, label='say "a", <b> & c'),
    Region(2, 2, 0, 8000, label="ŋ"),
    Region(1.25, 3.5, 60, 9000),
]
IN_TIME = [Region(r.start_s, r.end_s, label=r.label) for r in REGIONS]

SHORT_GRID = """File type = "ooTextFile"
"TextGrid"
0
2.5
<exists>
2
"IntervalTier" "words" 0 2.5
2
0 0.5 "" 0.5 2.5 "hum ""x"" y"
"TextTier" "clicks" 0 2.5
1
0.5 "pop" ! comment
"""
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
    "\tSpecies\n"
    "1\tWaveform 1\t1\t0.5\t1.5\t0.0\t22050.0\tWren\n"
    "1\tSpectrogram 1\t1\t0.5\t1.5\t2000.0\t8000.0\tWren\n"
    "2\tSpectrogram 1\t2\t2.0\t3.0\t100.0\t200.5\t\n"
)
FRAMES = 'STARTFRAME,ENDFRAME,EXTENT START,EXTENT END,LABEL\n1,200,30,40.5,"a\n""b"""\n5,6,7,8,\n'
AUDACITY = "0.5\t1.25\ta\n\\\t-1.000000\t300.5\n\\\tfuture\n\n2\tpoint\n3.000000\t3.000000\t\n"

SEEDS = {
    **{
        name: FORMATS[name].format(IN_TIME if name == "textgrid" else REGIONS, SR, 4.0)
        for name in FORMATS
    },
    "short grid": SHORT_GRID,
    "views": RAVEN,
    "frames": FRAMES,
    "quirks": AUDACITY,
}
FILES = {name: text.encode() for name, text in SEEDS.items()}
FILES |= {f"{name} crlf": text.replace("\n", "\r\n").encode() for name, text in SEEDS.items()}
FILES |= {
    f"{name} utf-16": codecs.BOM_UTF16_LE + SEEDS[name].encode("utf-16-le")
    for name in SEEDS
    if name != "views"
}

NUMBERS = [
    b"1e400", b"-1e400", b"1e308", b"-1", b"nan", b"inf", b"-inf", b"1,5", b"0", b"-0.0", b"1e-400",
    b"9" * 400, b"0x10", b"1_0", b"", "٣".encode(), b"1e", b"--1", b".", b"1e99999999999",
]  # fmt: skip
PIECES = [
    b"\t", b"\n", b"\r", b"\0", b'"', b'""', b",", b"<", b">", b"&", b"&#0;", b"&a;", b"\\", b"!",
    b"\\\t", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<![CDATA[",
    b"<!--", b"</dataset>", b'<dataset id="0">', b"<exists>", b"<absent>", b'"IntervalTier"',
    b"\xe2\x80\xa8", b"\x85", b"\xed\xa0\x80", b"Begin Time (s)", b"START", b" ", b"\x0b", b"\x1c",
]  # fmt: skip
SEPARATORS = [b"\t", b",", b"\n", b" ", b'"', b"=", b".", b"\\", b";"]


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] = rng.randrange(256)


def insert(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data) + 1)
    data[place:place] = rng.choice(PIECES)


def delete(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    del data[place : place + rng.choice([1, 1, 2, 5, 30])]


def truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def duplicate(data: bytearray, rng: random.Random) -> None:
    first, last = sorted((rng.randrange(len(data)), rng.randrange(len(data))))
    place = rng.randrange(len(data))
    data[place:place] = data[first:last]


def renumber(data: bytearray, rng: random.Random) -> None:
    """Put something in place of a run of digits."""
    digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
    if digits:
        first = last = rng.choice(digits)
        while last < len(data) and chr(data[last]) in "0123456789.":
            last += 1
        data[first:last] = rng.choice(NUMBERS)


def reseparate(data: bytearray, rng: random.Random) -> None:
    """Put one separator in place of another, once or everywhere."""
    old, new = rng.sample(SEPARATORS, 2)
    data[:] = data.replace(old, new, rng.choice([1, 2, -1]))


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    flip, overwrite, insert, delete, truncate, duplicate, renumber, reseparate,
]  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        if changed:
            rng.choice(MUTATIONS)(changed, rng)
    return bytes(changed)


def check(data: bytes) -> bool:
    """Tell whether it is read; whatever it is, that or one line."""
    try:
        regions = parse_regions(data, name="labels.txt", sr=SR)
    except FileError as error:
        message = str(error)
        assert message.startswith("labels.txt: ")
        assert message.endswith(".")
        assert len(message.splitlines()) == 1
        assert len(message) < 1500  # regions of huge numbers are spelled out
        return False
    assert regions
    for region in regions:
        assert isinstance(region, Region)
        assert region.start_s is not None
        assert region.end_s is not None
        assert math.isfinite(region.start_s)
        assert region.start_s <= region.end_s < math.inf
        assert region.f_high_hz is None or 0 < region.f_high_hz < math.inf
        assert isinstance(region.label, str)
        assert "\0" not in region.label
    return True


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_refused_in_one_line_or_read(name: str) -> None:
    assert check(FILES[name])
    rng = random.Random(name)
    read = [check(mutated(FILES[name], rng)) for _ in range(INPUTS_A_SEED)]
    # Both happen, or the mutations would test one of them only.
    assert 10 < sum(read) < INPUTS_A_SEED - 10


def test_files_of_every_format_are_damaged_often_enough() -> None:
    assert INPUTS_A_SEED * len(FILES) >= 12_000
    for name in FORMATS:
        assert sum(other.startswith(name) for other in FILES) == 3


def test_every_truncation_is_refused_in_one_line_or_read() -> None:
    for data in FILES.values():
        for length in range(0, len(data), 3):
            check(data[:length])


def test_random_bytes_are_refused_in_one_line() -> None:
    rng = random.Random(0)
    for _ in range(300):
        assert not check(rng.randbytes(rng.randrange(1, 300)))
    assert not check(rng.randbytes(10 * 2**20))
    assert MAX_LABEL_BYTES > 10 * 2**20
