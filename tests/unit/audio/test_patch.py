"""The same file with a few samples changed: every other bit stays, and never half a file."""

from __future__ import annotations

import errno
import os
import re
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from spectramend.audio import FileInfo, Patch, inspect, read_part, write_patched
from spectramend.audio.codings import CODINGS, EXACT
from spectramend.audio.decoder import BLOCK
from spectramend.audio.output_format import MAX_BYTES, predicted_bytes
from spectramend.errors import AudioError, FileError, ParameterError, SpectramendError

SR = 16000
N = 1001
ENDINGS = {"WAVEX": "wav", "AIFF": "aif", "OGG": "ogg"}
IN_PLACE = [
    (container, subtype, endian)
    for container in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU")
    for subtype in sorted(EXACT)
    for endian in ("FILE", "LITTLE", "BIG")
    if soundfile.check_format(container, subtype, endian)
    and not (container == "RF64" and endian == "BIG")
]
CODED = [
    *(("FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    *(("VOC", "PCM_16"), ("NIST", "PCM_24")),
    *(("MAT5", "DOUBLE"), ("IRCAM", "ULAW"), ("AVR", "PCM_S8"), ("PVF", "PCM_32")),
]


def noise(n: int, channels: int = 2) -> NDArray[np.float64]:
    """Draw noise, (n, channels), that reaches full scale."""
    x = np.random.default_rng(0).uniform(-1, 1, (n, channels))
    x[:2] = [[-1.0], [1.0]]
    return x


def make(folder: Path, container: str, subtype: str, n: int = N, **options: Any) -> Path:
    """Write noise."""
    channels = options.pop("channels", 2)
    file = folder / f"x.{ENDINGS.get(container, container.lower())}"
    soundfile.write(file, noise(n, channels), SR, subtype, format=container, **options)
    return file


def libsndfile(file: Path) -> NDArray[np.float64]:
    """Read a whole file, (channels, n), with libsndfile alone."""
    x: NDArray[np.float64] = soundfile.read(file, always_2d=True)[0].T
    return x


def changed(old: bytes, new: bytes) -> NDArray[np.intp]:
    """Find the bytes that differ."""
    assert len(old) == len(new)
    return np.flatnonzero(np.frombuffer(old, np.uint8) != np.frombuffer(new, np.uint8))


def chunk(name: bytes, content: bytes, order: str = "<") -> bytes:
    return name + struct.pack(order + "I", len(content)) + content + bytes(len(content) % 2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# Nothing else changes


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("container", "subtype", "endian"), IN_PLACE)
def test_an_uncompressed_file_changes_in_the_bytes_of_its_patches_alone(
    tmp_path: Path, container: str, subtype: str, endian: str, channels: int
) -> None:
    file = make(tmp_path, container, subtype, channels=channels, endian=endian)
    before, whole = file.read_bytes(), libsndfile(file)
    info, target = inspect(file), file.with_stem("y")
    new = np.random.default_rng(1).uniform(-1, 1, 50)
    channel = channels - 1
    report = write_patched(info, target, [Patch(channel, 400, new), Patch(0, 0, np.zeros(1))])
    assert (report.container, report.subtype) == (container, subtype)
    assert (report.clipped, report.notes) == (0, ())
    # The bytes.
    assert info.layout is not None
    width = info.layout.width
    allowed = np.arange(len(before)) < 0
    samples = allowed[info.layout.offset :][: info.layout.length].reshape(-1, channels, width)
    samples[400:450, channel] = True
    samples[0, 0] = True
    assert allowed[changed(before, target.read_bytes())].all()
    # The samples.
    after = libsndfile(target)
    if subtype not in ("ULAW", "ALAW"):
        step = 0 if subtype == "DOUBLE" else 2.0 ** -(24 if subtype == "FLOAT" else 8 * width)
        np.testing.assert_allclose(after[channel, 400:450], new, rtol=0, atol=step * 1.0001)
        assert after[0, 0] == 0
    else:
        np.testing.assert_allclose(after[channel, 400:450], new, rtol=0.04, atol=0.01)
    after[channel, 400:450] = whole[channel, 400:450]
    after[0, 0] = whole[0, 0]
    np.testing.assert_array_equal(after, whole)
    assert names(tmp_path) == sorted([file.name, target.name])


@pytest.mark.parametrize(("container", "subtype", "endian"), IN_PLACE)
def test_what_was_read_may_be_written_again(
    tmp_path: Path, container: str, subtype: str, endian: str
) -> None:
    file = make(tmp_path, container, subtype, endian=endian)
    info = inspect(file)
    x = read_part(info, 0, info.length)
    write_patched(info, file.with_stem("y"), [Patch(i, 0, x[i]) for i in range(2)])
    if subtype == "ULAW":  # which has two zeros
        np.testing.assert_array_equal(libsndfile(file.with_stem("y")), x)
    else:
        assert changed(file.read_bytes(), file.with_stem("y").read_bytes()).size == 0


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("container", "subtype"), CODED)
def test_a_losslessly_packed_file_keeps_every_other_sample(
    tmp_path: Path, container: str, subtype: str, channels: int
) -> None:
    if container in ("VOC", "AVR"):
        channels = min(channels, 2)
    # Several pieces, and patches over the edge of one.
    n = 3 * BLOCK + 5
    file = make(tmp_path, container, subtype, n, channels=channels)
    whole, info, target = libsndfile(file), inspect(file), file.with_stem("y")
    channel = channels - 1
    patches = [
        Patch(channel, BLOCK - 30, np.full(60, 0.5)),
        Patch(channel, BLOCK, np.zeros(10)),
        Patch(0, n - 1, np.zeros(1)),
    ]
    report = write_patched(info, target, patches)
    assert (report.container, report.subtype, report.clipped) == (container, subtype, 0)
    expected = whole.copy()
    expected[channel, BLOCK - 30 : BLOCK + 30] = 0.5
    expected[channel, BLOCK : BLOCK + 10] = 0
    expected[0, n - 1] = 0
    near = 0.02 if subtype == "ULAW" else 0
    after = libsndfile(target)
    same = expected == whole
    np.testing.assert_array_equal(after[same], whole[same])
    np.testing.assert_allclose(after, expected, rtol=0, atol=near)
    assert soundfile.info(target).samplerate == SR
    assert names(tmp_path) == sorted([file.name, target.name])


# Chunks


def riff_with_everything(order: str = "<") -> bytes:
    """Make a WAV file, the samples of which are 100 bytes of 1, with all kinds of chunks."""
    before = [
        chunk(b"bext", bytes(range(256)) * 2 + bytes(91), order),
        chunk(b"JUNK", b"odd", order),
        chunk(b"fmt ", struct.pack(order + "HHIIHH", 1, 2, SR, 4 * SR, 4, 16), order),
        chunk(b"iXML", b"<BWFXML>\n</BWFXML>", order),
    ]
    after = [
        chunk(b"cue ", struct.pack(order + "I", 1) + bytes(24), order),
        chunk(b"LIST", b"INFO" + chunk(b"INAM", b"title", order), order),
        chunk(b"id3 ", b"ID3\x03" + bytes(17), order),
        chunk(b"\x01\xff\x00!", b"nobody knows", order),
        chunk(b"note", b"odd", order)[:-1] + b"\x07",
    ]
    body = b"WAVE" + b"".join([*before, chunk(b"data", b"\1" * 100, order), *after])
    magic = b"RIFF" if order == "<" else b"RIFX"
    return magic + struct.pack(order + "I", len(body)) + body + b"bytes after the end"


def w64_with_chunks() -> bytes:
    """Make a Wave64 file with a chunk before the samples and one after."""
    guid = bytes.fromhex("f3acd3118cd100c04f8edb8a")

    def part(name: bytes, content: bytes) -> bytes:
        size = struct.pack("<Q", len(content) + 24)
        return name + guid + size + content + bytes(-len(content) % 8)

    body = b"wave" + guid
    body += part(b"fmt ", struct.pack("<HHIIHH", 1, 2, SR, 4 * SR, 4, 16))
    body += part(b"bext", b"odd") + part(b"data", b"\1" * 100) + part(b"mark", b"more")
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    return head + struct.pack("<Q", len(body) + 24) + body


def aiff_with_chunks() -> bytes:
    """Make an AIFF file whose ``COMM`` comes last, with a gap before the samples."""
    rate = struct.pack(">HQ", 16383 + 13, SR << 50)
    common = chunk(b"COMM", struct.pack(">HIH", 2, 25, 16) + rate, ">")
    sound = chunk(b"SSND", struct.pack(">II", 6, 0) + b"skip!!" + b"\1" * 100, ">")
    body = b"AIFF" + chunk(b"NAME", b"odd", ">") + sound + chunk(b"MARK", b"\0\0", ">") + common
    return b"FORM" + struct.pack(">I", len(body)) + body


def caf_with_chunks() -> bytes:
    """Make a CAF file with chunks before and after the samples."""

    def part(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">q", len(content)) + content

    form = struct.pack(">d4sIIIII", SR, b"lpcm", 0, 4, 1, 2, 16)
    return (
        b"caff\0\1\0\0"
        + part(b"desc", form)
        + part(b"uuid", b"odd")
        + part(b"data", b"edit" + b"\1" * 100)
        + part(b"info", b"more")
    )


@pytest.mark.parametrize(
    ("name", "content", "order"),
    [
        ("x.wav", riff_with_everything(), "<"),
        ("x.wav", riff_with_everything(">"), ">"),
        ("x.w64", w64_with_chunks(), "<"),
        ("x.aif", aiff_with_chunks(), ">"),
        ("x.caf", caf_with_chunks(), ">"),
    ],
    ids=["RIFF", "RIFX", "W64", "AIFF", "CAF"],
)
def test_chunks_survive_byte_for_byte(
    tmp_path: Path, name: str, content: bytes, order: str
) -> None:
    file, target = tmp_path / name, tmp_path / f"new-{name}"
    file.write_bytes(content)
    info = inspect(file)
    assert (info.length, info.channels, info.sr) == (25, 2, SR)
    write_patched(info, target, [Patch(1, 3, np.array([0.5, -1.0]))])
    place = content.index(b"\1" * 100)
    table = bytearray(content)
    for frame, number in ((3, 0x4000), (4, -0x8000)):
        struct.pack_into(order + "h", table, place + 4 * frame + 2, number)
    assert target.read_bytes() == bytes(table)


def test_a_salvaged_file_of_odd_length_is_padded(tmp_path: Path) -> None:
    file = make(tmp_path, "WAV", "PCM_U8", channels=1)
    file.write_bytes(file.read_bytes()[:-99])
    info = inspect(file, salvage=True)
    assert info.length == 903
    write_patched(info, tmp_path / "y.wav", [])
    content = (tmp_path / "y.wav").read_bytes()
    assert len(content) == 44 + 903 + 1
    assert struct.unpack_from("<I", content, 4) == (len(content) - 8,)
    assert struct.unpack_from("<I", content, 40) == (903,)


def test_a_recording_that_became_shorter_is_refused(tmp_path: Path) -> None:
    file = make(tmp_path, "WAV", "PCM_16")
    info = inspect(file)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(AudioError, match=f"ends before sample {N}: it was changed"):
        write_patched(info, tmp_path / "y.wav", [Patch(0, N - 5, np.zeros(5))])
    assert names(tmp_path) == ["x.wav"]


def test_a_pipes_header_is_kept_as_it_is(tmp_path: Path) -> None:
    content = bytearray(riff_with_everything())
    content[4:8] = b"\xff" * 4
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff" * 4
    (tmp_path / "x.wav").write_bytes(content)
    info = inspect(tmp_path / "x.wav")
    write_patched(info, tmp_path / "y.wav", [Patch(0, 0, np.zeros(1))])
    assert changed(bytes(content), (tmp_path / "y.wav").read_bytes()).size == 2


def flac_block(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + len(content).to_bytes(3, "big") + content


def test_flac_keeps_tags_pictures_and_cue_sheets(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "x.flac", "w", 44100, 2, "PCM_24") as stream:
        stream.title, stream.artist = "Títle", "Artist"
        stream.write(noise(9999))
    content = (tmp_path / "x.flac").read_bytes()
    stream_info, rest = content[4:42], content[42:]
    picture = struct.pack(">II9sI3sIIIII3s", 3, 9, b"image/png", 3, b"cat", 1, 1, 8, 0, 3, b"png")
    lead_out = struct.pack(">QB", 9999 * 588, 170) + bytes(27)
    cue_sheet = bytes(136) + b"\x80" + bytes(258) + b"\1" + lead_out
    extra = [
        flac_block(6, picture),
        flac_block(3, bytes(18)),
        flac_block(5, cue_sheet),
        flac_block(2, b"appl and data"),
    ]
    (tmp_path / "x.flac").write_bytes(b"fLaC" + stream_info + b"".join(extra) + rest)
    whole, info = libsndfile(tmp_path / "x.flac"), inspect(tmp_path / "x.flac")
    report = write_patched(info, tmp_path / "y.flac", [Patch(1, 5000, np.zeros(9))])
    assert report.notes == ()
    after = (tmp_path / "y.flac").read_bytes()
    for block in (extra[0], extra[2], extra[3]):
        assert block in after
    assert extra[1] not in after  # seek points of other places
    with soundfile.SoundFile(tmp_path / "y.flac") as stream:
        assert (stream.title, stream.artist) == ("Títle", "Artist")
    whole[1, 5000:5009] = 0
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.flac"), whole)
    assert names(tmp_path) == ["x.flac", "y.flac"]


# Full scale


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_samples_are_rounded_and_limited_and_never_wrap(tmp_path: Path, subtype: str) -> None:
    info = inspect(make(tmp_path, "WAV", subtype))
    step = 2.0 ** (1 - 8 * CODINGS[subtype].width)
    new = np.array([1.0, 1 + step, -1.0, -1 - 2 * step, 50.0, -np.pi, 0.51 * step, 2.49 * step])
    report = write_patched(info, tmp_path / "y.wav", [Patch(0, 10, new)])
    assert report.clipped == 4
    top = 1 - step
    expected = [top, top, -1, -1, top, -1, step, 2 * step]
    assert libsndfile(tmp_path / "y.wav")[0, 10:18].tolist() == expected


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_patch_may_be_longer_than_a_piece(tmp_path: Path, container: str) -> None:
    file = make(tmp_path, container, "PCM_16", 3 * BLOCK)
    new = np.random.default_rng(1).integers(-99, 99, 2 * BLOCK + 9) / 2**15
    new[[5, BLOCK + 5, 2 * BLOCK + 5]] = 2.0
    patches = [Patch(1, 77, new), Patch(0, 0, np.array([-2.0]))]
    report = write_patched(inspect(file), file.with_stem("y"), patches)
    assert report.clipped == 4
    expected = libsndfile(file)
    expected[1, 77 : 77 + len(new)] = np.minimum(new, 1 - 2.0**-15)
    expected[0, 0] = -1
    np.testing.assert_array_equal(libsndfile(file.with_stem("y")), expected)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_hold_what_is_beyond_full_scale(tmp_path: Path, subtype: str) -> None:
    info = inspect(make(tmp_path, "WAV", subtype))
    new = np.array([3.0, -1e300])
    report = write_patched(info, tmp_path / "y.wav", [Patch(0, 10, new)])
    limited = subtype == "FLOAT"
    assert report.clipped == limited
    lowest = -float(np.finfo(np.float32).max) if limited else -1e300
    assert libsndfile(tmp_path / "y.wav")[0, 10:12].tolist() == [3.0, lowest]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (Patch(2, 0, np.zeros(1)), "a patch names channel 2 of 0 to 1"),
        (Patch(-1, 0, np.zeros(1)), "a patch names channel -1 of 0 to 1"),
        (Patch(0, N, np.zeros(1)), f"a patch of samples {N} to {N + 1} is not in .* {N}"),
        (Patch(0, -1, np.zeros(1)), "a patch of samples -1 to 0 is not in"),
        (Patch(0, 0, np.array([0, np.nan])), "a patch has NaN or infinite samples"),
        (Patch(0, 0, np.array([-np.inf])), "a patch has NaN or infinite samples"),
        (Patch(0, 0, np.zeros((1, 2))), r"a patch has shape \(1, 2\): one channel at a time"),
    ],
)
@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_patch_that_does_not_fit_is_refused(
    tmp_path: Path, container: str, patch: Patch, message: str
) -> None:
    file = make(tmp_path, container, "PCM_16")
    with pytest.raises(ParameterError, match=message):
        write_patched(inspect(file), file.with_stem("y"), [patch])
    assert names(tmp_path) == [file.name]


# Another form


@pytest.mark.parametrize(
    ("old", "name", "subtype", "form"),
    [
        (("WAV", "PCM_16"), "y.flac", None, ("FLAC", "PCM_16")),
        (("FLAC", "PCM_24"), "y.wav", None, ("WAV", "PCM_24")),
        (("WAV", "PCM_16"), "y.wav", "PCM_24", ("WAV", "PCM_24")),
        (("WAV", "PCM_24"), "y.wav", "PCM_32", ("WAV", "PCM_32")),
        (("WAV", "PCM_24"), "y.wav", "FLOAT", ("WAV", "FLOAT")),
        (("WAV", "PCM_32"), "y.w64", "DOUBLE", ("W64", "DOUBLE")),
        (("AIFF", "PCM_S8"), "y.wav", None, ("WAV", "PCM_U8")),
        (("WAV", "PCM_U8"), "y.flac", None, ("FLAC", "PCM_S8")),
        (("WAV", "ULAW"), "y.flac", None, ("FLAC", "PCM_16")),
        (("CAF", "ALAC_24"), "y.flac", None, ("FLAC", "PCM_24")),
        (("CAF", "ALAC_16"), "y.caf", None, ("CAF", "PCM_16")),
        (("CAF", "ALAC_20"), "y.caf", None, ("CAF", "PCM_24")),
        (("CAF", "ALAC_32"), "y.caf", None, ("CAF", "PCM_32")),
        (("WAV", "FLOAT"), "y.aiff", None, ("AIFF", "FLOAT")),
        (("W64", "PCM_16"), "y.RF64", None, ("RF64", "PCM_16")),
        (("WAV", "IMA_ADPCM"), "y.wav", None, ("WAV", "FLOAT")),
        (("OGG", "VORBIS"), "y.wav", None, ("WAV", "FLOAT")),
        (("OGG", "OPUS"), "y.caf", None, ("CAF", "FLOAT")),
    ],
)
def test_another_form_that_is_wide_enough_holds_every_sample(
    tmp_path: Path,
    old: tuple[str, str],
    name: str,
    subtype: str | None,
    form: tuple[str, str],
) -> None:
    file = make(tmp_path, *old, 70_000)
    whole = libsndfile(file)
    # A Vorbis decoder overshoots, and integers would limit it.
    report = write_patched(
        inspect(file), tmp_path / name, [Patch(0, 69_000, np.full(9, 0.5))], subtype=subtype
    )
    assert (report.container, report.subtype, report.clipped) == (*form, 0)
    assert not any("rounded" in note for note in report.notes)
    assert any(old[1] in note for note in report.notes) == (old[1] not in EXACT)
    info = inspect(tmp_path / name)
    assert (info.container, info.subtype) == form
    whole[0, 69_000:69_009] = 0.5
    np.testing.assert_array_equal(libsndfile(tmp_path / name), whole)


@pytest.mark.parametrize(
    ("old", "name", "subtype", "form"),
    [
        (("WAV", "PCM_24"), "y.wav", "PCM_16", ("WAV", "PCM_16")),
        (("WAV", "FLOAT"), "y.flac", None, ("FLAC", "PCM_24")),
        (("WAV", "PCM_32"), "y.flac", None, ("FLAC", "PCM_24")),
        (("WAV", "PCM_32"), "y.wav", "FLOAT", ("WAV", "FLOAT")),
        (("WAV", "DOUBLE"), "y.aiff", "FLOAT", ("AIFF", "FLOAT")),
        (("WAV", "PCM_16"), "y.wav", "ALAW", ("WAV", "ALAW")),
        (("OGG", "VORBIS"), "y.flac", None, ("FLAC", "PCM_24")),
    ],
)
def test_a_narrower_form_says_that_samples_are_rounded(
    tmp_path: Path,
    old: tuple[str, str],
    name: str,
    subtype: str | None,
    form: tuple[str, str],
) -> None:
    file = make(tmp_path, *old)
    whole = libsndfile(file)
    report = write_patched(inspect(file), tmp_path / name, [], subtype=subtype)
    assert (report.container, report.subtype) == form
    assert f"Samples are rounded from {old[1]} to {form[1]}." in report.notes
    assert report.clipped == int((np.abs(whole) > 1 + 2.0**-24).sum())
    near = 0.03 if "ALAW" in form else 2.0**-16 * 1.01
    limited = np.clip(whole, -1, 1)  # and not wrapped
    np.testing.assert_allclose(libsndfile(tmp_path / name), limited, rtol=0, atol=2 * near)


def test_text_tags_go_along_and_those_without_a_place_are_named(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "x.flac", "w", SR, 1, "PCM_16") as stream:
        stream.title = "Title"
        stream.write(np.zeros(99))
    info = inspect(tmp_path / "x.flac")
    report = write_patched(info, tmp_path / "y.wav", [])
    with soundfile.SoundFile(tmp_path / "y.wav") as stream:
        assert stream.title == "Title"
    assert report.notes == (
        "Of what is not sound, only text tags such as title and artist are kept.",
    )
    notes = write_patched(info, tmp_path / "y.w64", []).notes
    assert "W64 has no place for these tags: title." in notes


def test_damage_that_is_left_in_floats_stays_and_fits_no_integer(tmp_path: Path) -> None:
    x = np.array([0.5, np.nan, np.inf, -np.inf, 3.0])
    soundfile.write(tmp_path / "x.wav", x, SR, "FLOAT")
    info = inspect(tmp_path / "x.wav")
    write_patched(info, tmp_path / "y.caf", [Patch(0, 0, np.zeros(1))])
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.caf"), [[0, *x[1:]]])
    with pytest.raises(ParameterError, match=r"y\.flac: PCM_24 cannot hold the NaN samples"):
        write_patched(info, tmp_path / "y.flac", [])
    report = write_patched(info, tmp_path / "y.flac", [Patch(0, 1, np.zeros(1))])
    assert report.clipped == 3
    top = 1 - 2.0**-23
    assert libsndfile(tmp_path / "y.flac").tolist() == [[0.5, 0, top, -1, top]]


@pytest.mark.parametrize(
    ("container", "subtype", "name"),
    [
        ("MP3", "MPEG_LAYER_III", "y.mp3"),
        ("OGG", "VORBIS", "y.ogg"),
        ("WAV", "PCM_16", "y.mp3"),
        ("WAV", "PCM_16", "y.opus"),
        ("OGG", "OPUS", "y.oga"),
        ("OGG", "VORBIS", "y.opus"),
    ],
)
def test_a_lossy_target_has_to_be_allowed(
    tmp_path: Path, container: str, subtype: str, name: str
) -> None:
    file = make(tmp_path, container, subtype, 20_000)
    info, target = inspect(file), tmp_path / name
    with pytest.raises(ParameterError, match=r"y\..* would change every sample: wri"):
        write_patched(info, target, [])
    report = write_patched(info, target, [Patch(0, 5000, np.zeros(4000))], allow_lossy=True)
    assert (
        f"Every sample may change, because it is coded as {report.subtype} again." in report.notes
    )
    same = name.endswith("opus") or container == "OGG"
    assert report.subtype in (("OPUS", "VORBIS") if same else ("MPEG_LAYER_III",))
    assert report.subtype == ("OPUS" if name == "y.opus" else report.subtype)
    after = libsndfile(target)
    assert np.abs(after[0, 6000:8000]).max() < 0.2 < np.abs(after[1, 6000:8000]).max()


@pytest.mark.parametrize(
    ("name", "subtype", "message"),
    [
        ("y.txt", None, r"AudioError .*y\.txt: has no extension of an audio format: try \.wav"),
        ("y", None, r"AudioError .*y: has no extension of an audio format: try \.wav"),
        ("y.raw", None, r"AudioError .*y\.raw: RAW cannot be written without an error; try \.wav"),
        ("y.paf", None, r"AudioError .*y\.paf: PAF cannot be written without an error"),
        ("y.flac", "FLOAT", r"ParameterError .*y\.flac: FLAC has no FLOAT; it has PCM_S8, PCM_16"),
        ("y.wav", "PCM_20", r"ParameterError .*y\.wav: WAV has no PCM_20; it has PCM_16, "),
        ("y.wav", "IMA_ADPCM", r"ParameterError .*y\.wav: coding it as IMA_ADPCM would change"),
    ],
)
def test_a_form_that_is_none_is_refused(
    tmp_path: Path, name: str, subtype: str | None, message: str
) -> None:
    info = inspect(make(tmp_path, "WAV", "PCM_16"))
    with pytest.raises(SpectramendError) as caught:
        write_patched(info, tmp_path / name, [], subtype=subtype)
    assert re.match(message, f"{type(caught.value).__name__} {caught.value}")
    assert names(tmp_path) == ["x.wav"]


def test_an_ending_of_no_format_is_kept_with_the_container(tmp_path: Path) -> None:
    file = make(tmp_path, "CAF", "PCM_16").rename(tmp_path / "x.dat")
    report = write_patched(inspect(file), tmp_path / "y.dat", [])
    assert report.container == "CAF"
    assert (tmp_path / "y.dat").read_bytes() == file.read_bytes()


def test_a_coder_that_cannot_is_refused_with_one_line(tmp_path: Path) -> None:
    file = make(tmp_path, "WAV", "PCM_16", channels=9)
    with pytest.raises(AudioError, match=r"y\.flac: cannot be written: [^\n]+\.$"):
        write_patched(inspect(file), tmp_path / "y.flac", [])
    assert names(tmp_path) == ["x.wav"]


@pytest.mark.parametrize("name", ["y.flac", "y.wav"])
def test_what_is_coded_again_is_held_in_pieces(tmp_path: Path, name: str) -> None:
    file = make(tmp_path, "FLAC", "PCM_16", 2_000_000)
    info = inspect(file)
    tracemalloc.start()
    write_patched(info, tmp_path / name, [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * BLOCK * 8 < 2_000_000 * 8


# Beyond 4 GiB


def long(frames: int, container: str = "FLAC", subtype: str = "PCM_24") -> FileInfo:
    """Describe a long stereo recording that is nowhere."""
    return FileInfo(Path("x"), 48000, 2, frames, container, subtype, False, False)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "DOUBLE"])
def test_a_predicted_size_is_little_more_than_the_size(tmp_path: Path, subtype: str) -> None:
    file = make(tmp_path, "WAV", subtype, 50_000)
    real = file.stat().st_size
    assert real < predicted_bytes(inspect(file), subtype) < real + 100_000


def test_what_no_wav_file_can_hold_becomes_rf64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spectramend.audio.output_format import choose_target

    fits, exceeds = long(MAX_BYTES // 6 - 20_000), long(MAX_BYTES // 6)
    for name in ("y.wav", "y.w64", "y.caf"):
        assert choose_target(fits, Path(name), None, allow_lossy=False).container != "RF64"
    choice = choose_target(exceeds, Path("y.wav"), None, allow_lossy=False)
    assert choice.container == "RF64"
    assert "The file is an RF64, because a WAV ends at 4 GiB." in choice.notes
    for name in ("y.aiff", "y.au"):
        with pytest.raises(ParameterError, match=r"ends at 4 GiB: write \.wav, \.w64 or \.caf\."):
            choose_target(exceeds, Path(name), None, allow_lossy=False)
    # A short one, taken for a long one.
    file = make(tmp_path, "FLAC", "PCM_16")
    monkeypatch.setattr("spectramend.audio.output_format.MAX_BYTES", 10)
    report = write_patched(inspect(file), tmp_path / "y.wav", [])
    assert inspect(tmp_path / "y.wav").container == report.container == "RF64"
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.wav"), libsndfile(file))


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a file without its holes."""
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
def test_a_sample_beyond_4_gib_is_patched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, place = 750_000_000, 749_999_990
    ds64 = struct.pack("<QQQI", 6 * frames + 72, 6 * frames, frames, 0)
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, 48000, 6 * 48000, 6, 24))
    head = b"RF64" + b"\xff" * 4 + b"WAVE" + chunk(b"ds64", ds64) + form + b"data" + b"\xff" * 4
    file = tmp_path / "x.wav"
    with file.open("wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + 6 * frames)
    monkeypatch.setattr("shutil.copyfile", copy_sparse)
    info = inspect(file)
    report = write_patched(info, tmp_path / "y.wav", [Patch(1, place, np.array([0.5]))])
    assert (report.container, report.notes) == ("RF64", ())
    assert (tmp_path / "y.wav").stat().st_size == file.stat().st_size
    x = read_part(inspect(tmp_path / "y.wav"), frames - 20, frames)
    assert np.argwhere(x).tolist() == [[1, 10]]
    assert x[1, 10] == 0.5


# Old file or new file, never half


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("failing", ["shutil.copyfile", "os.fsync"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    file = make(tmp_path, "WAV", "PCM_16")
    before, info = file.read_bytes(), inspect(file)
    monkeypatch.setattr(failing, full_disk)
    with pytest.raises(FileError, match=r"x\.wav: cannot be written: No space left on device\.$"):
        write_patched(info, file, [Patch(0, 0, np.zeros(1))], overwrite=True)
    assert file.read_bytes() == before
    assert names(tmp_path) == ["x.wav"]


LIMITED = """
import resource, sys
import numpy as np
from spectramend.audio import Patch, inspect, write_patched
from spectramend.errors import FileError
info = inspect(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_patched(info, sys.argv[2], [Patch(0, 0, np.zeros(1))])
except FileError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["y.wav", "y.w64", "y.flac", "y.aiff", "y.caf"])
@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_limit_of_the_file_system_leaves_nothing(
    tmp_path: Path, container: str, name: str
) -> None:
    file = make(tmp_path, container, "PCM_16", 50_000)
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, file, tmp_path / name], capture_output=True, text=True
    )
    assert result.stderr == ""
    assert re.fullmatch(rf".*{re.escape(name)}: cannot be written.*\.\n", result.stdout)
    assert names(tmp_path) == [file.name]


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF"])
def test_a_recording_may_be_patched_itself(tmp_path: Path, container: str) -> None:
    file = make(tmp_path, container, "PCM_16")
    file.chmod(0o640)
    whole = libsndfile(file)
    with pytest.raises(FileError, match="exists; choose another name, or replace"):
        write_patched(inspect(file), file, [])
    write_patched(inspect(file), file, [Patch(1, 7, np.zeros(3))], overwrite=True)
    whole[1, 7:10] = 0
    np.testing.assert_array_equal(libsndfile(file), whole)
    assert file.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == [file.name]


def test_a_recording_behind_a_link_is_patched_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    file = make(tmp_path / "deep", "WAV", "PCM_16")
    link = tmp_path / "link.wav"
    link.symlink_to("deep/x.wav")
    write_patched(inspect(link), link, [Patch(1, 7, np.zeros(3))], overwrite=True)
    assert link.is_symlink()
    assert not libsndfile(file)[1, 7:10].any()
    assert names(tmp_path) + names(tmp_path / "deep") == ["deep", "link.wav", "x.wav"]


KILLED = """
import sys
import numpy as np
from spectramend.audio import Patch, inspect, write_patched
info = inspect(sys.argv[1])
print("ready", flush=True)
while True:
    write_patched(info, sys.argv[2], [Patch(0, 1000, np.full(5000, 0.5))], overwrite=True)
    print("done", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    file, target = tmp_path / "x.wav", tmp_path / "y.wav"
    x = np.tile(np.random.default_rng(0).integers(-9999, 9999, 1 << 16, np.int16), 200)
    soundfile.write(file, x, 48000, "PCM_32")
    write_patched(inspect(file), tmp_path / "new.wav", [Patch(0, 1000, np.full(5000, 0.5))])
    old, new = file.read_bytes(), (tmp_path / "new.wav").read_bytes()
    assert len(old) > 50_000_000
    seen = set()
    rng = np.random.default_rng(0)
    for trial in range(6):
        target.write_bytes(old)
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, file, target], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if trial % 2:
                process.stdout.readline()
            time.sleep(rng.uniform(0, 0.2) if trial else 0)
            process.kill()
        content = target.read_bytes()
        assert content in (old, new)
        seen.add(content == new)
    assert seen == {True, False}
    # What is left behind is hidden.
    assert {name for name in names(tmp_path) if name[0] != "."} == {"x.wav", "y.wav", "new.wav"}


def test_what_is_not_all_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make(tmp_path, "FLAC", "PCM_16")
    real: Callable[..., Any] = soundfile.SoundFile.write

    def half(self: Any, data: NDArray[Any]) -> None:
        real(self, np.ascontiguousarray(data[: len(data) // 2]))

    monkeypatch.setattr(soundfile.SoundFile, "write", half)
    with pytest.raises(FileError, match=rf"only {N // 2} of {N} samples come back"):
        write_patched(inspect(file), tmp_path / "y.wav", [])
    assert names(tmp_path) == ["x.flac"]
