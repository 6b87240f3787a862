"""Headers of WAV, RF64 and BW64 files: lengths from pipes, numbers that cannot be."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from audio_files import N, chunk, sparse_rf64, wav, write_noise
from spectramend.audio import Patch, inspect, read_part, write_patched
from spectramend.audio.containers import find_layout
from spectramend.errors import AudioError

# Lengths that a header does not say


@pytest.mark.parametrize(
    ("promised", "riff", "align"),
    [
        *((0, 0, 2), (0, 36, 2), (0, None, 2), (0xFFFFFFFF, 0xFFFFFFFF, 2)),
        *((0x7FFFF000, 0x7FFFF024, 2), (0xFFFFFFDC, 0, 2), (0x7FFFFFFF - 44, 0, 2)),
        (0x7FFFF000 // 6 * 6, 0, 6),
    ],
)
def test_a_wav_file_from_a_pipe_goes_on_until_its_end(
    tmp_path: Path, promised: int, riff: int | None, align: int
) -> None:
    (tmp_path / "x.wav").write_bytes(wav(declared=promised, riff=riff, align=align))
    info = inspect(tmp_path / "x.wav")
    assert info.length == 240 // align
    x = read_part(info, 0, info.length)
    np.testing.assert_array_equal(x.T.ravel() * 2**15, np.arange(1, 121))
    assert not info.truncated


def test_a_wav_file_from_a_pipe_that_begins_with_silence_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(declared=0, riff=0)[:44] + bytes(99_999))
    assert inspect(tmp_path / "x.wav").length == 99_999 // 2


def test_a_long_wav_file_ends_where_it_says_and_not_as_one_from_a_pipe(tmp_path: Path) -> None:
    length = 0x7FFFF800
    content = wav(declared=length)[:44]
    with (tmp_path / "x.wav").open("wb") as stream:
        stream.write(content)
        stream.seek(44 + length)
        stream.write(chunk(b"LIST", b"INFO"))
    assert inspect(tmp_path / "x.wav").length == length // 2


@pytest.mark.parametrize("after", [b"", chunk(b"LIST", b"INFO"), chunk(b"note", b"odd")])
def test_a_wav_file_of_no_samples_is_refused(tmp_path: Path, after: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(wav()[:40] + bytes(4) + after)
    with pytest.raises(AudioError, match="has no samples"):
        inspect(tmp_path / "x.wav")


@pytest.mark.parametrize("promised", [bytes(8), b"\xff" * 8])
def test_an_rf64_file_from_a_pipe_goes_on_until_its_end(tmp_path: Path, promised: bytes) -> None:
    content = bytearray(write_noise(tmp_path / "x", "RF64", "PCM_16").read_bytes())
    content[28:36] = promised
    (tmp_path / "x").write_bytes(content)
    assert inspect(tmp_path / "x").length == N


def test_bw64_is_rf64(tmp_path: Path) -> None:
    file = sparse_rf64(tmp_path / "x.wav", 100)
    file.write_bytes(b"BW64" + file.read_bytes()[4:])
    info = inspect(file)
    assert (info.container, info.length) == ("RF64", 100)
    write_patched(info, tmp_path / "y.wav", [])
    assert (tmp_path / "y.wav").read_bytes() == file.read_bytes()
    write_patched(info, tmp_path / "y.flac", [])  # libsndfile, which does the rest, cannot read it
    assert inspect(tmp_path / "y.flac").length == 100


# Headers that make no sense


def test_no_channels_of_no_bytes_are_refused(tmp_path: Path) -> None:
    content = bytearray(wav(declared=0xFFFFFFFF))
    content[22:24] = content[32:34] = bytes(2)
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(AudioError, match="cannot be read as audio"):
        inspect(tmp_path / "x.wav")


def test_an_extensible_format_of_another_kind_is_left_to_libsndfile(tmp_path: Path) -> None:
    file = write_noise(tmp_path / "x.wav", "WAVEX", "PCM_16")
    content = bytearray(file.read_bytes())
    assert content[44:46] == b"\1\0"
    content[50] ^= 1
    file.write_bytes(content)
    layout = find_layout(file)
    assert layout is not None
    assert layout.subtype == ""


@pytest.mark.parametrize(
    ("place", "code", "number"),
    [(22, "<H", 0), (22, "<H", 2000), (24, "<I", 0), (24, "<I", 4_000_000_000), (32, "<H", 3)],
)
def test_numbers_that_cannot_be_are_left_to_libsndfile(
    tmp_path: Path, place: int, code: str, number: int
) -> None:
    content = bytearray(wav())
    struct.pack_into(code, content, place, number)
    (tmp_path / "x.wav").write_bytes(content)
    layout = find_layout(tmp_path / "x.wav")
    assert layout is None or layout.subtype == ""


# Chunks of odd length


@pytest.mark.parametrize("padding", [b"", b"\0", b"\x07", b"x"])
@pytest.mark.parametrize("declared", [None, 0xFFFFFFFF])
@pytest.mark.parametrize("n", [120, 0x4040 // 2])
def test_the_next_chunk_is_found_with_and_without_a_byte_of_padding(
    tmp_path: Path, padding: bytes, declared: int | None, n: int
) -> None:
    before = chunk(b"LIST", b"INFOISFT\5\0\0\0abcd\0")[:-1] + padding
    content = wav(before=before, declared=declared, n=n)
    (tmp_path / "x.wav").write_bytes(content)
    info = inspect(tmp_path / "x.wav")
    assert (info.container, info.length, info.truncated) == ("WAV", n, False)
    np.testing.assert_array_equal(read_part(info, 0, n)[0] * 32768, np.arange(1, n + 1))
    write_patched(info, tmp_path / "y.wav", [Patch(0, 0, np.array([0.0]))])
    place = content.index(b"data") + 8
    expected = content[:place] + b"\0\0" + content[place + 2 :]
    assert (tmp_path / "y.wav").read_bytes() == expected


def test_chunks_after_the_samples_are_told_from_padding_as_well(tmp_path: Path) -> None:
    unpadded = chunk(b"note", b"odd")[:-1] + chunk(b"LIST", b"odd")[:-1]
    for after in (unpadded, unpadded + b"\0"):
        (tmp_path / "x.wav").write_bytes(wav(n=0, after=after))
        with pytest.raises(AudioError, match="has no samples"):
            inspect(tmp_path / "x.wav")
