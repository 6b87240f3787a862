"""Recordings: bit-exact through files, and no broken file read as if it were whole."""

from __future__ import annotations

import faulthandler
import hashlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from audio_files import chunk, wav
from spectramend.audio import Audio, inspect, read, read_same_rate, write, write_patched
from spectramend.audio.codings import CODINGS
from spectramend.errors import AudioError, FileError, SpectramendError

SR = 11025


def samples_of(subtype: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw samples that the coding holds exactly, its extremes among them."""
    rng = np.random.default_rng(0)
    if CODINGS[subtype].kind == "integer":
        full = 1 << (CODINGS[subtype].bits - 1)
        x = rng.integers(-full, full, shape) / full
        x[..., :2] = -1.0, 1.0 - 1.0 / full
    else:
        x = rng.standard_normal(shape) * 10 ** rng.uniform(-20, 20, shape)
    return x.astype(np.float32).astype(np.float64) if subtype == "FLOAT" else x


def noise(n: int = 1000) -> NDArray[np.float64]:
    return samples_of("PCM_16", (n,))


def encoded(folder: Path, file_format: str, n: int = 1000) -> bytes:
    """Make a file of noise."""
    file = folder / f"made.{file_format.lower()}"
    soundfile.write(file, noise(n), SR, format=file_format)
    return file.read_bytes()


def declaring(flac: bytes, n: int) -> bytes:
    """Make the header of a FLAC file declare `n` samples: 36 bits after the coding."""
    assert flac[:4] == b"fLaC"
    first = bytes([flac[21] & 0xF0 | n >> 32])
    return flac[:21] + first + struct.pack(">I", n & 0xFFFFFFFF) + flac[26:]


@pytest.fixture
def no_hang() -> Iterator[None]:
    """End the process with a traceback after half a minute."""
    faulthandler.dump_traceback_later(30, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


# Round trips


@pytest.mark.parametrize("shape", [(999,), (2, 999), (5, 999)], ids=["mono", "stereo", "five"])
@pytest.mark.parametrize(
    ("ending", "subtype"),
    [
        *(("wav", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32")),
        ("wav", "FLOAT"),
        ("wav", "DOUBLE"),
        ("flac", "PCM_S8"),
        ("flac", "PCM_16"),
        ("flac", "PCM_24"),
        ("aiff", "PCM_24"),
        ("RF64", "PCM_16"),
        ("w64", "DOUBLE"),
    ],
)
def test_samples_come_back_bit_exact(
    tmp_path: Path, ending: str, subtype: str, shape: tuple[int, ...]
) -> None:
    file, x = tmp_path / f"x.{ending}", samples_of(subtype, shape)
    write(file, x, SR, subtype=subtype)
    audio = read(file)
    np.testing.assert_array_equal(audio.samples, x, strict=True)
    assert audio.samples.flags.c_contiguous
    assert (audio.sr, audio.subtype, audio.title) == (SR, subtype, "x")


def test_one_channel_comes_back_without_an_axis(tmp_path: Path) -> None:
    write(tmp_path / "x.wav", noise()[None], SR)
    assert read(tmp_path / "x.wav").samples.shape == (1000,)


def test_single_precision_is_written_as_it_is(tmp_path: Path) -> None:
    x = samples_of("FLOAT", (99,)).astype(np.float32)
    write(tmp_path / "x.wav", x, SR)
    np.testing.assert_array_equal(read(tmp_path / "x.wav").samples, x)


def test_a_recording_knows_its_file_and_its_duration(tmp_path: Path) -> None:
    file = tmp_path / "x.wav"
    write(file, np.stack([noise(), noise()]), SR)
    audio = read(str(file))
    assert audio.seconds == 1000 / SR
    assert audio.source is not None
    assert audio.source.name == "x.wav"
    assert audio.source.seconds == audio.seconds
    assert audio.source.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_recording_shows_its_title_in_jupyter() -> None:
    assert "a &lt;tone&gt;" in Audio(noise(), SR, title="a <tone>")._repr_html_()


def test_a_coding_that_the_format_lacks_becomes_the_default_of_the_format(tmp_path: Path) -> None:
    write(tmp_path / "x.flac", noise(), SR, subtype="FLOAT")
    assert read(tmp_path / "x.flac").subtype == "PCM_16"


# Files that are fine

NOTE = chunk(b"note", b"odd")


@pytest.mark.parametrize(
    "content",
    [
        wav(before=NOTE),
        wav(before=NOTE + chunk(b"bext", bytes(603))),
        wav(after=NOTE),
        wav(after=NOTE[:-1]),
        wav(before=NOTE, after=chunk(b"LIST", b"INFO") + NOTE),
        wav(after=b"end"),
        wav(declared=0xFFFFFFFF),
        wav(declared=0x7FFFF000),
        wav(declared=0xFFFFFFFF, before=NOTE),
        wav(declared=0),
    ],
    ids=[
        "odd before",
        "two before",
        "odd after",
        "unpadded",
        "both",
        "tail",
        "pipe",
        "pipe of sox",
        "pipe, odd",
        "length 0",
    ],
)
def test_a_wav_file_with_other_chunks_or_from_a_pipe_is_read_whole(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    np.testing.assert_array_equal(read(tmp_path / "x.wav").samples * 2**15, np.arange(1, 121))


@pytest.mark.parametrize("file_format", ["AIFF", "RF64", "W64"])
def test_a_container_that_does_not_say_its_length_is_read_whole(
    tmp_path: Path, file_format: str
) -> None:
    content = bytearray(encoded(tmp_path, file_format))
    place = {"AIFF": slice(4, 8), "RF64": slice(20, 28), "W64": slice(16, 24)}[file_format]
    content[place] = b"\xff" * len(content[place])
    file = tmp_path / f"x.{file_format}"
    file.write_bytes(content)
    np.testing.assert_array_equal(read(file).samples, noise())


def test_a_missing_byte_of_padding_is_forgiven(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.aiff", noise(99), SR, subtype="PCM_U8")
    whole = (tmp_path / "x.aiff").read_bytes()
    assert whole[-1:] == b"\0"
    (tmp_path / "x.aiff").write_bytes(whole[:-1])
    assert read(tmp_path / "x.aiff").samples.shape == (99,)


# Files that are not


def refusal(file: Path, kind: type[FileError] = AudioError) -> str:
    """Read a file that is no recording, and give the one line that says so."""
    with pytest.raises(FileError) as caught:
        read(file)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert re.fullmatch(rf"{re.escape(str(file))}: [^\n]*[^.]\.", message)
    return message


@pytest.mark.parametrize("part", [0.999, 0.7, 0.2])
@pytest.mark.parametrize("file_format", ["WAV", "WAVEX", "FLAC", "AIFF", "RF64", "W64", "MP3"])
def test_a_truncated_recording_is_refused(tmp_path: Path, file_format: str, part: float) -> None:
    whole, file = encoded(tmp_path, file_format, 8000), tmp_path / "x"
    file.write_bytes(whole)
    assert read(file).samples.shape == (8000,)
    file.write_bytes(whole[: int(part * len(whole))])
    refusal(file)


@pytest.mark.parametrize("lost", [1, 2, 3, 239, 240])
def test_a_wav_file_that_lost_its_last_bytes_is_truncated(tmp_path: Path, lost: int) -> None:
    (tmp_path / "x.wav").write_bytes(wav(before=NOTE)[:-lost])
    assert "is truncated: its header declares more" in refusal(tmp_path / "x.wav")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"This is text.\n" * 99, "cannot be read as audio: Format not recognised"),
        (b"\0", "cannot be read as audio"),
        (wav()[:20], "cannot be read as audio"),
        (wav()[:36], "cannot be read as audio"),
        (wav(n=0), "has no samples"),
        (wav(n=0, after=NOTE), "has no samples"),
        (wav(declared=0x7FFFEFFF), "is truncated"),
    ],
    ids=["text", "a byte", "half a header", "no data", "zero", "zero, note", "long"],
)
def test_a_broken_wav_file_says_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    assert message in refusal(tmp_path / "x.wav")


def test_a_flac_file_that_does_not_say_its_length_and_has_no_frame_is_refused(
    tmp_path: Path,
) -> None:
    content = declaring(encoded(tmp_path, "FLAC"), 0)
    (tmp_path / "x.flac").write_bytes(content.replace(b"\xff\xf8", bytes(2)))
    assert "its header does not say how long it is" in refusal(tmp_path / "x.flac")


@pytest.mark.parametrize("declared", [1001, 2**36 - 1])
def test_a_flac_file_that_declares_more_than_it_holds_is_refused(
    tmp_path: Path, declared: int
) -> None:
    (tmp_path / "x.flac").write_bytes(declaring(encoded(tmp_path, "FLAC"), declared))
    refusal(tmp_path / "x.flac")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_counted(tmp_path: Path, bad: float) -> None:
    x = np.stack([noise(), noise()])
    x[0, 3] = x[1, 3:5] = bad
    soundfile.write(tmp_path / "x.wav", x.T, SR, subtype="FLOAT")
    assert "has 3 NaN or infinite samples; repair or remove" in refusal(tmp_path / "x.wav")


def test_what_is_no_file_with_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert "no such file" in refusal(tmp_path / "absent.wav", FileError)
    assert "is a directory" in refusal(tmp_path, FileError)
    assert "is empty" in refusal(tmp_path / "empty.wav", FileError)


def test_samples_without_a_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(bytes(99))
    assert "cannot be read as audio" in refusal(tmp_path / "x.raw")


@pytest.mark.usefixtures("no_hang")
@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "AIFF", "RF64", "W64"])
def test_a_damaged_header_never_raises_anything_else(tmp_path: Path, file_format: str) -> None:
    whole, file = encoded(tmp_path, file_format, 200), tmp_path / "x"
    rng = np.random.default_rng(0)
    refusals = []
    for trial in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(120, size=2):
            damaged[place] = rng.integers(256)
        file.write_bytes(damaged[: rng.integers(1, len(whole))] if trial % 4 == 0 else damaged)
        try:
            read(file)
        except SpectramendError as error:
            refusals.append(str(error))
    assert len(refusals) > 100
    assert all(re.fullmatch(rf"{re.escape(str(file))}: .+", message) for message in refusals)


# Outputs


def not_written(file: Path, samples: Any, sr: int = SR, **options: Any) -> str:
    """Fail to write, leave nothing behind, and give the message."""
    with pytest.raises(SpectramendError) as caught:
        write(file, samples, sr, **options)
    assert list(file.parent.iterdir()) == []
    return f"{type(caught.value).__name__} {caught.value}"


@pytest.mark.parametrize("ending", ["wav", "flac"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_integers_refuse_a_peak_over_full_scale(tmp_path: Path, ending: str, subtype: str) -> None:
    message = not_written(tmp_path / f"x.{ending}", np.array([0.0, -2.0]), subtype=subtype)
    assert message.startswith("ParameterError")
    assert f"the peak is +6.0 dB over full scale and {subtype} would clip it" in message
    step = 2.0 ** (1 - CODINGS[subtype].bits)
    not_written(tmp_path / f"x.{ending}", np.array([1 + 0.51 * step]), subtype=subtype)
    write(tmp_path / f"x.{ending}", np.array([1.0, 1 + 0.49 * step, -1.0]), SR, subtype=subtype)
    assert read(tmp_path / f"x.{ending}").samples.tolist() == [1 - step, 1 - step, -1.0]


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_hold_a_peak_over_full_scale(tmp_path: Path, subtype: str) -> None:
    write(tmp_path / "x.wav", np.array([0.5, -2.0]), SR, subtype=subtype)
    assert read(tmp_path / "x.wav").samples.tolist() == [0.5, -2.0]


@pytest.mark.parametrize(
    ("name", "container", "subtype"),
    [
        *(("x.aif", "AIFF", "PCM_16"), ("x.AIFF", "AIFF", "PCM_16"), ("x.snd", "AU", "FLOAT")),
        *(("x.wave", "WAV", "FLOAT"), ("x.oga", "OGG", "VORBIS"), ("x.opus", "OGG", "OPUS")),
        ("x.caf", "CAF", "FLOAT"),
    ],
)
def test_an_extension_means_what_it_does_in_write_patched(
    tmp_path: Path, name: str, container: str, subtype: str
) -> None:
    write(
        tmp_path / name, np.zeros(9000), 16000, subtype="PCM_16" if container == "AIFF" else "FLOAT"
    )
    info = inspect(tmp_path / name)
    assert (info.container, info.subtype) == (container, subtype)
    write_patched(info, tmp_path / f"y{Path(name).suffix}", [], allow_lossy=True)
    assert inspect(tmp_path / f"y{Path(name).suffix}").container == container


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([0.0, np.nan]), "ParameterError samples are NaN or infinite: not written"),
        (np.array([0.0, np.inf]), "ParameterError samples are NaN or infinite: not written"),
        (np.zeros(0), r"ParameterError .*x\.wav: there are no samples to write"),
        (np.zeros((2, 0)), r"ParameterError .*x\.wav: there are no samples to write"),
        (np.zeros((2, 2, 2)), r"AudioError .*x\.wav: cannot be written"),
        (np.zeros(2, np.complex64), r"AudioError .*x\.wav: cannot be written: .*complex64"),
    ],
)
def test_what_is_no_sound_is_not_written(
    tmp_path: Path, samples: NDArray[Any], message: str
) -> None:
    assert re.match(message, not_written(tmp_path / "x.wav", samples))


@pytest.mark.parametrize("sr", [0, -1, 0.5])
def test_a_rate_that_cannot_be_is_refused(tmp_path: Path, sr: Any) -> None:
    assert "x.wav: cannot be written: " in not_written(tmp_path / "x.wav", noise(), sr)


@pytest.mark.parametrize("name", ["x.txt", "x", "x."])
def test_an_extension_that_is_no_audio_format_is_refused(tmp_path: Path, name: str) -> None:
    message = not_written(tmp_path / name, noise())
    assert message.startswith("AudioError")
    assert message.endswith(f"{name}: has no extension of an audio format: try .wav or .flac.")


def test_an_existing_recording_stays_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "x.wav"
    file.write_bytes(b"old")
    with pytest.raises(FileError, match=r"x\.wav: exists"):
        write(file, noise(), SR)
    with pytest.raises(AudioError, match="cannot be written"):
        write(file, noise(), 0, overwrite=True)
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]
    write(file, noise(), SR, overwrite=True)
    np.testing.assert_array_equal(read(file).samples, noise())


# Several recordings


def test_recordings_of_one_rate_are_read_in_order(tmp_path: Path) -> None:
    files = [tmp_path / "b.wav", tmp_path / "a.flac"]
    write(files[0], noise(30), SR)
    write(files[1], np.stack([noise(20)] * 2), SR, subtype="PCM_16")
    assert [audio.samples.shape for audio in read_same_rate(files)] == [(30,), (2, 20)]


def test_recordings_of_two_rates_are_refused_by_name(tmp_path: Path) -> None:
    files = [tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.wav"]
    for file, sr in zip(files, (SR, SR, 8000), strict=True):
        write(file, noise(), sr)
    with pytest.raises(FileError, match=r"c\.wav: has 8000 Hz, .*a\.wav has 11025 Hz: resample"):
        read_same_rate(files)
