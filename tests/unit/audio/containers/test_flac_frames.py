"""FLAC streams whose header does not say where they begin or end."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_files import SR, libsndfile
from commands import Runner
from spectramend.audio import Patch, Reader, inspect, read, read_part, write_patched
from spectramend.audio.containers import FlacOfLength, FlacSpan, find_span
from spectramend.audio.containers.flac import read_blocks
from spectramend.audio.containers.flac_frames import FrameHeader, StreamInfo
from spectramend.errors import AudioError

FRAME = 4096  # samples of a frame that libsndfile writes


def with_total(content: bytes, total: int) -> bytes:
    """Write another number of samples into the header of a FLAC file."""
    number = bytes([content[21] & 0xF0 | total >> 32]) + (total & 0xFFFFFFFF).to_bytes(4, "big")
    return content[:21] + number + content[26:]


def flac(n: int, channels: int = 2, subtype: str = "PCM_16", *, total: int = 0) -> bytes:
    """Make a FLAC file of noise that declares another number of samples."""
    stream = io.BytesIO()
    soundfile.write(
        stream,
        np.random.default_rng(0).uniform(-0.5, 0.5, (n, channels)),
        SR,
        subtype,
        format="FLAC",
    )
    return with_total(stream.getvalue(), total)


def frame_places(content: bytes) -> list[int]:
    """Find the frames of a FLAC file of constant frame size by their headers."""
    stream = io.BytesIO(content)
    read_blocks(stream)
    head = content[stream.tell() : stream.tell() + 4]
    return [i for i in range(len(content)) if content.startswith(head, i)]


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 255, 256, 4096, 4097, 32000, 70_001])
def test_a_stream_of_unknown_length_is_read_to_its_last_sample(
    tmp_path: Path, n: int, channels: int, subtype: str
) -> None:
    file = tmp_path / "x.flac"
    content = flac(n, channels, subtype)
    file.write_bytes(with_total(content, n))
    whole = libsndfile(file)
    assert inspect(file).span is None
    file.write_bytes(content)
    info = inspect(file)
    assert (info.length, info.truncated) == (n, False)
    assert info == inspect(file, salvage=True)
    np.testing.assert_array_equal(np.atleast_2d(read(file).samples), whole)
    with Reader(info) as reader:
        for start in (n - 1, n // 2, 0, max(0, n - 65)):
            np.testing.assert_array_equal(reader.read(start, n), whole[:, start:])


def test_only_the_patch_changes_and_the_file_that_is_written_says_its_length(
    tmp_path: Path,
) -> None:
    (tmp_path / "x.flac").write_bytes(flac(32000))
    info = inspect(tmp_path / "x.flac")
    expected = read_part(info, 0, 32000)
    expected[1, 31990:] = 0
    write_patched(info, tmp_path / "y.flac", [Patch(1, 31990, np.zeros(10))])
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.flac"), expected)


def test_a_segment_of_a_longer_stream_is_counted_from_its_own_first_frame(tmp_path: Path) -> None:
    content = flac(10 * FRAME + 17)
    (tmp_path / "x.flac").write_bytes(with_total(content, 10 * FRAME + 17))
    whole, places = libsndfile(tmp_path / "x.flac"), frame_places(content)
    for total in (0, 8 * FRAME + 17, 10 * FRAME + 17):
        segment = content[: places[0]] + content[places[2] :]
        (tmp_path / "y.flac").write_bytes(with_total(segment, total))
        info = inspect(tmp_path / "y.flac")
        assert (info.length, info.truncated) == (8 * FRAME + 17, False)
        with Reader(info, cache_size=0) as reader:
            for start, stop in ((0, 9), (9, 30_000), (5, 700), (0, info.length)):
                part = whole[:, 2 * FRAME + start : 2 * FRAME + stop]
                np.testing.assert_array_equal(reader.read(start, stop), part)


@pytest.mark.parametrize("total", [0, 10 * FRAME, 1 << 35])
def test_a_stream_whose_last_frame_is_cut_ends_after_the_one_before(
    tmp_path: Path, total: int
) -> None:
    content = flac(10 * FRAME)
    (tmp_path / "x.flac").write_bytes(with_total(content, 10 * FRAME))
    whole = libsndfile(tmp_path / "x.flac")
    (tmp_path / "y.flac").write_bytes(with_total(content[:-100], total))
    reason = "header declares more" if total else "last frame is cut"
    with pytest.raises(AudioError, match=f"is truncated: its {reason}.*--salvage, salvage=True"):
        inspect(tmp_path / "y.flac")
    sound = read(tmp_path / "y.flac", salvage=True)
    np.testing.assert_array_equal(sound.samples, whole[:, : 9 * FRAME])


def test_a_whole_frame_is_not_lost_where_the_header_declares_more(tmp_path: Path) -> None:
    (tmp_path / "x.flac").write_bytes(flac(5000, total=6000))
    info = inspect(tmp_path / "x.flac", salvage=True)
    assert (info.length, info.truncated) == (5000, True)
    assert read_part(info, 0, 5000).shape == (2, 5000)


def test_a_tag_after_the_last_frame_is_no_sound(tmp_path: Path) -> None:
    (tmp_path / "x.flac").write_bytes(flac(5000) + b"TAG" + bytes(125))
    assert inspect(tmp_path / "x.flac").length == 5000


def test_the_last_frame_is_found_behind_a_long_tag(tmp_path: Path) -> None:
    content = flac(5000)
    (tmp_path / "x.flac").write_bytes(content + b"\xff" * 200_000)
    place = frame_places(content)[0]
    span = find_span(tmp_path / "x.flac")
    assert span is not None
    assert place < span.last_place < len(content)
    expected = FlacSpan(0, 5000, FRAME, 0, 0, span.last_place, len(content) + 200_000)
    assert span == expected


def test_an_id3_tag_may_come_before_the_stream(tmp_path: Path) -> None:
    tag = b"ID3\4\0\0\0\0\1\2" + bytes(130)
    (tmp_path / "x.flac").write_bytes(tag + flac(5000, total=5000))
    whole = libsndfile(tmp_path / "x.flac")
    (tmp_path / "x.flac").write_bytes(tag + flac(5000))
    np.testing.assert_array_equal(read(tmp_path / "x.flac").samples, whole)


@pytest.mark.parametrize("keep", [0, 4, 20, 46, 88])
def test_what_holds_no_frame_has_no_span(tmp_path: Path, keep: int) -> None:
    (tmp_path / "x.flac").write_bytes(flac(5000)[:keep])
    assert find_span(tmp_path / "x.flac") is None


def crc8(data: bytes) -> int:
    """Divide by x^8 + x^2 + x + 1, bit by bit, as in RFC 9639, section 9.1.8."""
    number = int.from_bytes(data, "big") << 8
    for place in range(number.bit_length() - 1, 7, -1):
        if number >> place & 1:
            number ^= 0x107 << place - 8
    return number


# Frame headers of a mono stream of 4096 samples a frame: bytes without the check, after RFC 9639.
HEADERS = [
    ("fff8 c908 05", FrameHeader(5 * 4096, 4096)),  # 12: 2^12 samples
    ("fff9 c908 05", FrameHeader(5, 4096)),  # samples are counted, not frames
    ("fff8 1908 00", FrameHeader(0, 192)),
    ("fff8 2908 7f", FrameHeader(127 * 4096, 576)),
    ("fff8 5908 c280", FrameHeader(128 * 4096, 4608)),  # a number of two bytes
    ("fff9 8908 e28080", FrameHeader(0x2000, 256)),  # of three
    ("fff9 f908 febfbfbfbfbfbf", FrameHeader((1 << 36) - 1, 32768)),  # of seven
    ("fff8 6908 05 ff", FrameHeader(5 * 4096, 256)),  # one byte for the size
    ("fff8 7908 05 00ff", FrameHeader(5 * 4096, 256)),  # two
    ("fff8 6c08 05 0f 30", FrameHeader(5 * 4096, 16)),  # and one for the rate
    ("fff8 7d08 05 000f ac44", FrameHeader(5 * 4096, 16)),  # two
]
NO_HEADERS = ["fff0 c908 05", "fffa c908 05", "fff8 0908 05", "fff8 c908 80", "fff8 c909 05"]
NO_HEADERS += ["fff8 c9b8 05", "fff8 c918 05", "fff8 c988 05", "fff8 c908 c205", "fff8 c908 ff"]


@pytest.mark.parametrize(("content", "expected"), HEADERS)
def test_frame_headers_are_read(content: str, expected: FrameHeader) -> None:
    info = StreamInfo((4096).to_bytes(2, "big") * 2 + bytes(14))
    data = bytes.fromhex(content)
    data += bytes([crc8(data)])
    assert info.frame_header(data + b"and more") == expected
    assert info.frame_header(data[:-1] + bytes([data[-1] ^ 1])) is None
    assert [info.frame_header(data[:n]) for n in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize("content", NO_HEADERS)
def test_what_is_no_frame_header_is_not_read(content: str) -> None:
    data = bytes.fromhex(content)
    info = StreamInfo((4096).to_bytes(2, "big") * 2 + bytes(14))
    assert info.frame_header(data + bytes([crc8(data), 0, 0, 0, 0])) is None


@pytest.mark.parametrize("size", [1, 7, 64, 5000])
def test_the_number_of_samples_is_replaced_in_whatever_pieces_it_is_read(
    tmp_path: Path, size: int
) -> None:
    content = flac(5000)
    (tmp_path / "x.flac").write_bytes(content)
    span = FlacSpan(0, (1 << 33) + 5, 0, 0, 0, 0, len(content) - 9)
    with FlacOfLength(tmp_path / "x.flac", span) as file:
        pieces = iter(lambda: file.read(size), b"")
        assert b"".join(pieces) == with_total(content, (1 << 33) + 5)[:-9]
        assert file.seek(0, 2) == len(content) - 9
        file.seek(21)
        assert file.tell() == 21


def test_every_command_reads_a_stream_of_unknown_length(
    tmp_path: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = flac(SR, 1)
    plain, piped, cut = (tmp_path / f"{name}.flac" for name in ("plain", "piped", "cut"))
    plain.write_bytes(with_total(content, SR))
    piped.write_bytes(content)
    cut.write_bytes(content[:-100])
    damage = ("--region", "0.5-0.51", "--damage", "missing")
    assert run("repair", piped, "-o", tmp_path / "a.flac", *damage).code == 0
    assert inspect(tmp_path / "a.flac").length == SR
    stdin = io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run("repair", "-", "-o", tmp_path / "b.flac", *damage).code == 0
    assert (tmp_path / "b.flac").read_bytes() == (tmp_path / "a.flac").read_bytes()
    assert run("detect", piped, "-o", tmp_path / "labels.txt").code == 0
    assert run("evaluate", plain, piped).code == 0
    assert "last frame is cut" in run("evaluate", cut, cut).err
    assert run("evaluate", cut, cut, "--salvage").code == 0
    voice = tmp_path / "voice.safetensors"
    small = ("--n-fft", 256, "--atoms", 2)
    assert "last frame is cut" in run("train", cut, "-o", voice, *small).err
    assert run("train", cut, piped, "-o", voice, *small, "--salvage").code == 0
