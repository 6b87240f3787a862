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
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_files import (
    SR,
    UNCOMPRESSED,
    N,
    aiff_with_chunks,
    caf_with_chunks,
    changed,
    libsndfile,
    make,
    names,
    riff_with_chunks,
    sparse_rf64,
    w64_with_chunks,
)
from spectramend.audio import Patch, inspect, read_part, write_patched
from spectramend.audio.codings import CODINGS
from spectramend.audio.decoder import PIECE
from spectramend.errors import AudioError, FileError, ParameterError

# Nothing else changes


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("container", "subtype", "endian"), UNCOMPRESSED)
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


@pytest.mark.parametrize(("container", "subtype", "endian"), UNCOMPRESSED)
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


@pytest.mark.parametrize(
    ("name", "content", "order"),
    [
        ("x.wav", riff_with_chunks(), "<"),
        ("x.wav", riff_with_chunks(">"), ">"),
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
    content = bytearray(riff_with_chunks())
    content[4:8] = b"\xff" * 4
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff" * 4
    (tmp_path / "x.wav").write_bytes(content)
    info = inspect(tmp_path / "x.wav")
    write_patched(info, tmp_path / "y.wav", [Patch(0, 0, np.zeros(1))])
    assert changed(bytes(content), (tmp_path / "y.wav").read_bytes()).size == 2


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
    file = make(tmp_path, container, "PCM_16", 3 * PIECE)
    new = np.random.default_rng(1).integers(-99, 99, 2 * PIECE + 9) / 2**15
    new[[5, PIECE + 5, 2 * PIECE + 5]] = 2.0
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


# Beyond 4 GiB


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a file without its holes."""
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
def test_a_sample_beyond_4_gib_is_patched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, place = 750_000_000, 749_999_990
    file = sparse_rf64(tmp_path / "x.wav", frames)
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


@pytest.mark.slow
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
