"""Declipping and dequantization of files: as of arrays, with room, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clipped_signals import LEVEL, SR, clean, clipped, quantized
from spectramend import OutputOptions, Region, declip, declip_file, dequantize, dequantize_file
from spectramend.errors import FileError, ParameterError
from spectramend.restoration import bounded_files

Y = np.stack([clipped(clean()), 0.2 * clean(seed=1)])
LOUD = np.clip(Y / LEVEL, -1, 1 - 2**-15)  # of which peaks exceed full scale


def written(path: Path, x: Any, subtype: str = "DOUBLE") -> Path:
    """Write a recording [shape=(channels, n)]."""
    soundfile.write(path, x.T, SR, subtype=subtype)
    return path


def test_a_file_gets_the_samples_of_the_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spectramend.restoration.bounded_parts.BLOCK", 3000)
    monkeypatch.setattr("spectramend.restoration.headroom.BLOCK", 3000)
    source, target = written(tmp_path / "x.wav", Y), tmp_path / "y.wav"
    seen: list[tuple[str, int, int]] = []
    done = declip_file(source, target, rng=3, progress=lambda *step: seen.append(step))
    expected = declip(Y, SR, rng=3)
    np.testing.assert_array_equal(soundfile.read(target)[0].T, expected.samples)
    assert done.jobs == expected.jobs
    assert done.channels == expected.channels
    assert (done.gain, done.excerpts) == (1.0, ())
    assert seen[-1][0] == "restoring"
    assert seen[-1][1] == seen[-1][2] == len(done.jobs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.wav", "y.wav"]
    coarse = written(tmp_path / "q.wav", quantized(Y[:1], 5))
    dequantize_file(coarse, target, 5, output=OutputOptions(overwrite=True))
    np.testing.assert_array_equal(
        soundfile.read(target)[0], dequantize(quantized(Y[0], 5), SR, 5).samples
    )


def test_all_is_turned_down_so_that_peaks_fit_and_the_gain_is_stated(tmp_path: Path) -> None:
    source, target = written(tmp_path / "x.wav", LOUD, "PCM_16"), tmp_path / "y.wav"
    done = declip_file(source, target)
    x, y = (soundfile.read(path, dtype="int16")[0].T.astype(float) for path in (source, target))
    assert done.gain < 0.9
    assert done.written.clipped == 0
    assert max(y.max(), -1 - y.min()) in (32767, 32766)  # the least gain
    at_level = np.zeros(x.shape, bool)
    at_level[0] = (x[0] == x[0].max()) | (x[0] == x[0].min())
    assert np.all(np.abs(y - done.gain * x)[~at_level] <= 0.5 + 1e-6)
    assert np.all((np.sign(x) * y >= np.rint(done.gain * np.abs(x)) - 1)[at_level])


def test_without_headroom_floats_keep_every_other_sample(tmp_path: Path) -> None:
    source, target = written(tmp_path / "x.wav", LOUD, "PCM_16"), tmp_path / "y.wav"
    output = OutputOptions(subtype="FLOAT", headroom="none")
    done = declip_file(source, target, output=output)
    x, y = (soundfile.read(path)[0].T for path in (source, target))
    assert done.gain == 1.0
    assert np.abs(y).max() > 1.1
    same = (np.abs(x) < 1 - 2**-14) | (np.arange(2) == 1)[:, None]
    np.testing.assert_array_equal(y[same], x[same])


def test_what_is_refused_leaves_the_old_file(tmp_path: Path) -> None:
    source, target = written(tmp_path / "x.wav", LOUD, "PCM_16"), tmp_path / "y.wav"
    target.write_bytes(b"old")
    for output, options, error in (
        (OutputOptions(overwrite=True, headroom="none"), {}, ParameterError),
        (OutputOptions(), {}, FileError),
        (OutputOptions(overwrite=True), {"levels": (0.5, 0.2)}, ParameterError),
        (OutputOptions(overwrite=True), {"regions": Region(9, 10)}, ParameterError),
        (OutputOptions(overwrite=True, subtype="VORBIS"), {}, ParameterError),
    ):
        with pytest.raises(error):
            declip_file(source, target, output=output, **options)
        assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.wav", "y.wav"]


def test_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        if name == "restoring":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        declip_file(written(tmp_path / "x.wav", Y), tmp_path / "y.wav", progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]


def test_a_recording_without_clipping_is_copied(tmp_path: Path) -> None:
    source, target = written(tmp_path / "x.wav", Y[1:], "PCM_24"), tmp_path / "y.wav"
    done = declip_file(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert done.jobs == ()
    assert done.channels[0].status == "left as it is: no clipping found"


def test_other_bytes_of_a_wav_stay_where_nothing_is_turned_down(tmp_path: Path) -> None:
    source, target = written(tmp_path / "x.wav", Y, "PCM_16"), tmp_path / "y.wav"
    source.write_bytes(source.read_bytes() + b"note\x04\x00\x00\x00abcd")
    declip_file(source, target)
    assert target.read_bytes()[-12:] == b"note\x04\x00\x00\x00abcd"


@pytest.mark.parametrize(
    ("subtype", "given", "chosen"),
    [("PCM_U8", None, "PCM_24"), ("PCM_16", None, "PCM_24"), ("FLOAT", None, "FLOAT"),
     ("PCM_32", None, "PCM_32"), ("PCM_U8", "FLOAT", "FLOAT"), ("ULAW", None, "PCM_24")],
)  # fmt: skip
def test_what_was_coarse_gets_a_finer_coding(
    tmp_path: Path, subtype: str, given: str | None, chosen: str
) -> None:
    source = written(tmp_path / "x.wav", quantized(Y[:1, :2000], 6), subtype)
    output = OutputOptions(subtype=given)
    done = dequantize_file(source, tmp_path / "y.wav", 6, output=output)
    assert done.written.subtype == chosen
    with pytest.raises(ParameterError, match="PCM_U8 has no finer steps than 8 bits"):
        dequantize_file(source, tmp_path / "z.wav", 8, output=OutputOptions(subtype="PCM_U8"))


def test_excerpts_are_the_loudest_on_the_scale_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["spectramend.declipping.segmentation"], "LENGTH_S", 0.2)
    source, target = written(tmp_path / "x.wav", LOUD), tmp_path / "y.wav"
    monkeypatch.setattr(bounded_files, "EXCERPT_CONTEXT_S", 0.01)
    done = declip_file(source, target, n_excerpts=2)
    assert len(done.jobs) > 2
    y = soundfile.read(target)[0].T
    heights = [np.abs(y[0, job.start : job.stop]).max() for job in done.jobs]
    shown = [np.abs(own.after[0]).max() for own in done.excerpts]
    assert max(shown) == pytest.approx(max(heights))
    for own in done.excerpts:
        part = slice(own.start, own.start + own.after.shape[1])
        np.testing.assert_allclose(own.after, y[:, part], atol=1e-12)
        np.testing.assert_allclose(own.before, done.gain * LOUD[:, part], atol=1e-12)
        assert own.gain == done.gain


HOUR = """
import re, sys
from pathlib import Path
import numpy as np
import soundfile
from spectramend import declip_file
from spectramend.restoration import bounded_parts

# The solver has the same memory for each part; here it would take hours.
bounded_parts.estimate_segment = lambda y, bounds, sr, **given: np.where(bounds.free, 1.2 * y, y)
rng, sr = np.random.default_rng(0), 44100
with soundfile.SoundFile(sys.argv[1], "w", sr, 2, "PCM_16") as out:
    for second in range(3600):
        t = second + np.arange(sr) / sr
        x = 0.3 * np.sin(1382 * t) + 0.3 * np.sin(2080 * t) + 0.01 * rng.standard_normal(sr)
        x *= 2 - (second % 4 > 0)
        out.write(np.clip(np.stack([x, 0.9 * x + 0.005 * rng.standard_normal(sr)], 1), -0.9, 0.9))
declip_file(sys.argv[1], sys.argv[2])
# Unlike ru_maxrss it does not begin with the peak of the parent.
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
"""


@pytest.mark.slow
def test_an_hour_of_stereo_takes_little_memory(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process's memory is read from /proc")
    words = [sys.executable, "-c", HOUR, str(tmp_path / "x.wav"), str(tmp_path / "y.wav")]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(ended.stdout) <= 400e6  # bytes, with 100 MB left for the solver
