"""declip and dequantize on the command line, and room for peaks in repair."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clipped_signals import LEVEL, SR, clean, clipped, quantized
from commands import Runner
from spectramend import declip
from spectramend.reports import repair_report
from spectramend.reports.waveforms import waveform_figure

LOUD = np.clip(clipped(clean()) / LEVEL, -1, 1 - 2**-15)


@pytest.fixture
def hot(tmp_path: Path) -> Path:
    """A recording that is clipped at full scale, in hot.wav of a folder."""
    soundfile.write(tmp_path / "hot.wav", LOUD, SR, subtype="PCM_16")
    return tmp_path / "hot.wav"


def test_declip_turns_down_and_says_so(run: Runner, hot: Path) -> None:
    out = hot.with_name("out.wav")
    ended = run("declip", hot, "-o", out, "--json")
    assert ended.code == 0
    result = json.loads(ended.out)
    assert f"turned down by {-result['gain_db']:.2f} dB" in ended.err
    assert "clipped at 0.0 dBFS" in ended.err
    assert result["gain_db"] < -1
    (channel,) = result["channels"]
    assert channel["status"] == "done"
    assert channel["level"]["share"] == channel["share"] > 0.05
    assert result["jobs"][0]["levels"] == [-1.0, 1 - 2**-15]
    x, y = (soundfile.read(path)[0] for path in (hot, out))
    at_level = np.abs(x) >= 1 - 2**-15
    gain = 10 ** (result["gain_db"] / 20)
    np.testing.assert_allclose(y[~at_level], gain * x[~at_level], atol=2e-3)
    assert np.abs(y).max() <= 1


def test_declip_without_headroom_needs_floats(run: Runner, hot: Path) -> None:
    out = hot.with_name("out.wav")
    out.write_text("old")
    words = ["declip", hot, "-o", out, "--headroom", "none", "--overwrite"]
    ended = run(*words)
    assert ended.code == 1
    assert "--subtype FLOAT" in ended.err
    assert ended.err.count("\n") == ended.err.count("[") + 1
    assert out.read_text() == "old"
    ended = run(*words, "--subtype", "FLOAT")
    assert "not turned down: all other samples stay as they are." in ended.err
    x, y = (soundfile.read(path)[0] for path in (hot, out))
    at_level = np.abs(x) >= 1 - 2**-15
    np.testing.assert_array_equal(x[~at_level], y[~at_level])
    np.testing.assert_array_equal(y, declip(x, SR).samples.astype(np.float32))


def test_options_reach_the_library(run: Runner, hot: Path) -> None:
    out = hot.with_name("out.wav")
    words = ["--level-high", "0.9", "--tolerance", "0.1", "--region", "0.2-0.4", "--channel", "1"]
    words += ["--subtype", "DOUBLE", "--headroom", "none", "--seed", "7", "--no-consistent"]
    assert run("declip", hot, "-o", out, *words).code == 0
    from spectramend import Region

    x, y = (soundfile.read(path)[0] for path in (hot, out))
    region = Region(0.2, 0.4, channel=1)
    expected = declip(
        x, SR, levels=(None, 0.9), tolerance=0.1, regions=region, consistent=False, rng=7
    )
    np.testing.assert_array_equal(y, expected.samples)
    changed = np.flatnonzero(x != y)
    assert np.all((x[changed] >= 0.8) & (changed >= 0.2 * SR) & (changed < 0.4 * SR))


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--level", "0.5", "--level-low", "-0.5"], "--level is for both sides"),
     (["--level", "0"], "--level"), (["--level-low", "0.5"], "--level-low"),
     (["--bits", "8"], "--bits"), (["-o", "-", "--json"], "both write to stdout"),
     (["--headroom", "some"], "--headroom")],
)  # fmt: skip
def test_wrong_use_exits_with_2(run: Runner, hot: Path, words: list[str], text: str) -> None:
    ended = run("declip", hot, "-o", hot.with_name("out.wav"), *words)
    assert ended.code == 2
    assert text in ended.err
    assert not hot.with_name("out.wav").exists()


def test_what_cannot_be_restored_is_one_line(run: Runner, hot: Path) -> None:
    out = hot.with_name("out.wav")
    assert "names channel 3" in run("declip", hot, "-o", out, "--channel", "3").err
    assert "names a band" in run("declip", hot, "-o", out, "--region", "0-1@200-300").err
    assert "exists" in run("declip", hot, "-o", hot).err
    assert "Missing option '--bits'" in run("dequantize", hot, "-o", out).err
    ended = run("dequantize", hot, "-o", out, "--bits", "16", "--subtype", "PCM_16")
    assert "no finer steps than 16 bits" in ended.err


def test_a_clean_recording_is_copied_and_has_no_report(run: Runner, tmp_path: Path) -> None:
    source, out, report = (tmp_path / name for name in ("x.wav", "y.wav", "report"))
    soundfile.write(source, 0.5 * clean(), SR, subtype="PCM_16")
    ended = run("declip", source, "-o", out, "--report", report)
    assert ended.code == 0
    assert f"{source}: left as it is: no clipping found." in ended.err
    assert "no report is written" in ended.err
    assert out.read_bytes() == source.read_bytes()
    assert not report.exists()


def test_dequantize_gets_a_finer_coding(run: Runner, tmp_path: Path) -> None:
    source, out = tmp_path / "x.wav", tmp_path / "y.flac"
    coarse = quantized(clean(), 6)
    soundfile.write(source, coarse, SR, subtype="PCM_16")
    ended = run("dequantize", source, "-o", out, "--bits", "6", "--json")
    assert ended.code == 0
    assert "100 % of the samples are restored." in ended.err
    result = json.loads(ended.out)
    assert (result["subtype"], result["gain_db"]) == ("PCM_24", 0.0)
    assert np.all(np.abs(soundfile.read(out)[0] - coarse) <= 2.0**-6)


def test_the_report_shows_the_waveform_with_the_level(
    run: Runner, hot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[list[float]] = []

    def draw(excerpt: Any, peak: Any, sr: int, levels: list[float]) -> Any:
        drawn.append(levels)
        return waveform_figure(excerpt, peak, sr, levels)

    monkeypatch.setattr(repair_report, "waveform_figure", draw)
    report = hot.with_name("report")
    assert run("declip", hot, "-o", hot.with_name("out.wav"), "--report", report).code == 0
    names = {path.name for path in report.iterdir()}
    assert {"index.html", "report.json", "waveform.png", "before.wav", "after.wav"} <= names
    page = (report / "index.html").read_text("utf-8")
    content = json.loads((report / "report.json").read_text("utf-8"))
    gain = 10 ** (content["gain_db"] / 20)
    assert f"turned down by {-content['gain_db']:.2f} dB" in page
    assert "The loudest restored peak, in channel 1" in page
    np.testing.assert_allclose(drawn, [[-gain, gain]], atol=0.01)
    before, after = (soundfile.read(report / f"{n}.wav")[0] for n in ("before", "after"))
    assert np.abs(after).max() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(before).max() == pytest.approx(gain, abs=2e-3)
    view = page.split('data-view="')[1].split('"')[0].replace("&quot;", '"')
    peak = json.loads(view)["peak"]
    np.testing.assert_allclose(
        np.multiply(json.loads(view)["levels"], peak), [-gain, gain], atol=0.01
    )
    assert "spectramend declip --output out.wav" in page.replace(str(hot.parent) + "/", "")


def test_repair_has_the_same_room(run: Runner, hot: Path) -> None:
    out = hot.with_name("out.wav")
    ended = run("repair", hot, "-o", out, "--detect", "--json")
    assert json.loads(ended.out)["gain_db"] < -1
    assert json.loads(ended.out)["clipped"] == 0
    assert "turned down by" in ended.err
    words = ["repair", hot, "-o", out, "--overwrite", "--headroom", "none"]
    assert "exceed full scale" in run(*words, "--detect").err
    ended = run(*words, "--region", "0.1-0.11")
    assert ended.code == 2
    assert "--headroom: is for clipped regions" in ended.err


def test_stdin_and_stdout(hot: Path) -> None:
    command = [sys.executable, "-m", "spectramend", "declip", "-", "-o", "-", "--quiet"]
    ended = subprocess.run(command, input=hot.read_bytes(), capture_output=True, check=True)
    assert ended.stderr == b""
    assert ended.stdout[:4] == b"RIFF"
    assert len(ended.stdout) == hot.stat().st_size
