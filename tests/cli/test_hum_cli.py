"""Hum from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from commands import Runner
from hum_signals import SR, hum, snr_db, voice


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A made voice with hum, in clean.wav and hum.wav of a folder."""
    x = voice(5.0)
    soundfile.write(tmp_path / "clean.wav", x, SR)
    soundfile.write(tmp_path / "hum.wav", x + hum(x.size, f0=50.04), SR)
    return tmp_path


@pytest.mark.parametrize("way", [["--hum"], ["--hum", "50"], ["--labels", "found.txt"]])
def test_hum_is_subtracted(run: Runner, recording: Path, way: list[str]) -> None:
    found = recording / "found.txt"
    assert run("detect", recording / "hum.wav", "-o", found, "--kind", "hum").code == 0
    way = [str(found) if word == "found.txt" else word for word in way]
    ended = run("repair", recording / "hum.wav", "-o", recording / "out.wav", "--json", *way)
    assert ended.code == 0
    assert "hum of 50.04 Hz subtracted, harmonics 1, 2, 3, 5, 7" in ended.err
    assert json.loads(ended.out)
    clean, out = (soundfile.read(recording / name)[0] for name in ("clean.wav", "out.wav"))
    assert snr_db(clean, out) >= 30


def test_a_clean_file_stays_as_it_is(run: Runner, recording: Path) -> None:
    clean, out = recording / "clean.wav", recording / "out.wav"
    ended = run("repair", clean, "-o", out, "--hum")
    assert "left as it is: no steady tone there" in ended.err
    assert out.read_bytes() == clean.read_bytes()


def test_labels_of_hum_have_a_band(run: Runner, recording: Path) -> None:
    ended = run(
        "detect", recording / "hum.wav", "-o", recording / "x.txt", "--kind", "hum", "--json"
    )
    regions = json.loads(ended.out)["regions"]
    assert [region["label"] for region in regions] == ["hum"] * 5
    centres = [(region["f_low_hz"] + region["f_high_hz"]) / 2 for region in regions]
    np.testing.assert_allclose(sorted(centres), np.multiply(50.04, [1, 2, 3, 5, 7]), atol=0.1)


def test_wrong_use_is_refused(run: Runner, recording: Path) -> None:
    source, out = recording / "hum.wav", recording / "out.wav"
    assert "give auto, 50, 60" in run("repair", source, "-o", out, "--hum", "loud").err
    assert "by one of" in run("repair", source, "-o", out, "--hum", "--detect").err
    ended = run("repair", source, "-o", out, "--region", "1-1.1", "--hum")
    assert ended.code == 2
