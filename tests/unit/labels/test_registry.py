"""Label files of any format: recognised by content, chosen by name, and what is refused."""

from __future__ import annotations

import codecs
import os
from contextlib import suppress
from pathlib import Path

import pytest

from label_files import CSV, GRID, GRID_REGIONS, RAVEN, SHORT_GRID, error_of, parse
from spectramend.core.regions import Region
from spectramend.errors import FileError, ParameterError
from spectramend.labels import FORMATS, read_regions, registry, write_regions

# Any content


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b" \r\n\t\n", "holds no regions."),
        (codecs.BOM_UTF8, "holds no regions."),
        (b"", "holds no regions."),
        (b"RIFF\x24\0\0\0WAVEfmt ", "is not text: give a label file, or save it as UTF-8."),
        (b"1\t2\ta\0b", "is not text"),
        (codecs.BOM_UTF16_LE + b"1\0\t", "is not text"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "is not text"),
        (b"1\t2\t\x81\n", "is not text"),
        (bytes(range(1, 256)), "is not text"),
        (b"BZh91AY&SY", "is a compressed session, not a layer: export the boxes as an annotation"),
        (b"ooBinaryFile\x08TextGrid", "is a binary Praat file: save it as a text file."),
        (b"1.5 label\n", "is in no known label format: give Audacity labels"),
        (b"Dear all,\n", "is in no known label format"),
        (b"{}", "is in no known label format"),
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
        stream.truncate(registry.MAX_LABEL_BYTES + 1)  # sparse: no disk is used
    with pytest.raises(FileError, match=r"recording\.wav: is larger than 32 MiB: give a label"):
        read_regions(tmp_path / "recording.wav")
    monkeypatch.setattr(registry, "MAX_LABEL_BYTES", 2**20)
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


def test_nothing_is_written_where_it_cannot_be(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    for ending in ("svl", "TextGrid"):
        with pytest.raises(ParameterError, match=r"no regions: .* cannot be empty"):
            write_regions(tmp_path / f"a.{ending}", [])
    with pytest.raises(ParameterError, match="format='praat': give one of audacity, raven, "):
        write_regions(file, [Region(0, 1)], format="praat")
    with pytest.raises(ParameterError, match=r"a\.xyz: no format has this ending: name it with"):
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
