"""Container and coding of an output file, and the notes for users."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from audio_files import libsndfile, make, names
from spectramend.audio import FileInfo, Patch, inspect, usual_extension, write_patched
from spectramend.audio.codings import EXACT
from spectramend.audio.output_format import MAX_BYTES_32_BIT, choose_output_format, predicted_bytes
from spectramend.errors import ParameterError, SpectramendError


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
def test_another_format_that_is_wide_enough_holds_every_sample(
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
def test_a_narrower_format_says_that_samples_are_rounded(
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
def test_an_unknown_format_is_refused(
    tmp_path: Path, name: str, subtype: str | None, message: str
) -> None:
    info = inspect(make(tmp_path, "WAV", "PCM_16"))
    with pytest.raises(SpectramendError) as caught:
        write_patched(info, tmp_path / name, [], subtype=subtype)
    assert re.match(message, f"{type(caught.value).__name__} {caught.value}")
    assert names(tmp_path) == ["x.wav"]


def test_an_unknown_extension_is_kept_with_the_container(tmp_path: Path) -> None:
    file = make(tmp_path, "CAF", "PCM_16").rename(tmp_path / "x.dat")
    report = write_patched(inspect(file), tmp_path / "y.dat", [])
    assert report.container == "CAF"
    assert (tmp_path / "y.dat").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("container", "subtype", "extension"),
    [
        ("WAVEX", "FLOAT", ".wav"),
        ("RF64", "PCM_24", ".wav"),
        ("AIFF", "PCM_16", ".aif"),
        ("OGG", "VORBIS", ".wav"),
        ("NIST", "PCM_16", ".wav"),
    ],
)
def test_a_file_without_a_name_gets_the_extension_of_its_container(
    tmp_path: Path, container: str, subtype: str, extension: str
) -> None:
    assert usual_extension(inspect(make(tmp_path, container, subtype))) == extension


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
    fits, exceeds = long(MAX_BYTES_32_BIT // 6 - 20_000), long(MAX_BYTES_32_BIT // 6)
    for name in ("y.wav", "y.w64", "y.caf"):
        assert choose_output_format(fits, Path(name), None, allow_lossy=False).container != "RF64"
    choice = choose_output_format(exceeds, Path("y.wav"), None, allow_lossy=False)
    assert choice.container == "RF64"
    assert "The file is an RF64, because a WAV ends at 4 GiB." in choice.notes
    for name in ("y.aiff", "y.au"):
        with pytest.raises(ParameterError, match=r"ends at 4 GiB: write \.wav, \.w64 or \.caf\."):
            choose_output_format(exceeds, Path(name), None, allow_lossy=False)
    # A short one, taken for a long one.
    file = make(tmp_path, "FLAC", "PCM_16")
    monkeypatch.setattr("spectramend.audio.output_format.MAX_BYTES_32_BIT", 10)
    report = write_patched(inspect(file), tmp_path / "y.wav", [])
    assert inspect(tmp_path / "y.wav").container == report.container == "RF64"
    np.testing.assert_array_equal(libsndfile(tmp_path / "y.wav"), libsndfile(file))
