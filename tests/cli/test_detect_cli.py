"""detect on clipped files: levels, soft saturation, and a stated tolerance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from commands import Runner
from damaged_signals import SR, voice


def test_detect_says_at_which_level_and_how_much_is_clipped(run: Runner, tmp_path: Path) -> None:
    t = np.arange(2 * SR) / SR
    x = np.sin(2 * np.pi * 150 * t) * (0.5 + 0.4 * np.sin(3 * t))
    stereo = np.stack([np.clip(x, -0.5, 0.5), np.clip(x, -2, 0.25)], axis=1)
    soundfile.write(tmp_path / "clipped.wav", stereo, SR, subtype="FLOAT")
    ended = run("detect", tmp_path / "clipped.wav", "-o", tmp_path / "a.txt", "--json")
    assert ended.code == 0
    share = 100 * np.mean(np.abs(x) >= 0.5)
    assert f"channel 1: clipped at -6.0 dBFS, {share:.2g} % of the samples." in ended.err
    assert "channel 2: clipped at -12.0 dBFS above zero only" in ended.err
    first, second = json.loads(ended.out)["clipping"]
    assert (first["low"], first["high"], first["low_dbfs"]) == (-0.5, 0.5, -6.02)
    assert (second["low"], second["high"], second["low_dbfs"]) == (None, 0.25, None)
    assert first["share"] == pytest.approx(share / 100, rel=0.01)
    mono = np.clip(x, -0.5, 0.25)
    soundfile.write(tmp_path / "mono.wav", mono, SR, subtype="FLOAT")
    ended = run("detect", tmp_path / "mono.wav", "-o", tmp_path / "b.txt", "--kind", "clipping")
    assert "\nclipped at -12.0 dBFS above and -6.0 dBFS below zero, " in ended.err


def test_detect_says_that_soft_saturation_is_left_alone(run: Runner, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tape.wav", 0.9 * np.tanh(20 * voice()), SR)
    ended = run("detect", tmp_path / "tape.wav", "-o", tmp_path / "a.txt", "--kind", "clipping")
    assert ended.code == 0
    assert ended.err.endswith("no damage found.\nsaturated softly, not clipped: left alone.\n")


def test_a_stated_tolerance_of_clipping_is_honoured(run: Runner, tmp_path: Path) -> None:
    x = voice()
    spread = np.clip(x, -0.5, 0.5) * np.random.default_rng(0).uniform(0.9, 1.0, x.size)
    soundfile.write(tmp_path / "x.wav", spread, SR)
    command = ["detect", tmp_path / "x.wav", "-o", tmp_path / "a.txt", "--overwrite"]
    ended = run(*command, "--clip-tolerance", 1, "--kind", "clipping", "--json")
    result = json.loads(ended.out)
    assert result["thresholds"]["clip_tolerance_db"] == 1
    assert len(result["regions"]) > 100
    refused = run(*command, "--clip-tolerance", 1, "--kind", "click")
    assert refused.code == 2
    assert "--clip-tolerance is for clipping: add --kind clipping." in refused.err
