"""Recordings of the experiments: which are read, and as what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiment_runs import SR, inharmonic
from spectramend.errors import AudioError, FileError
from spectramend.experiments._common.recordings import load_recordings, read_mono, resampled


def test_the_first_channel_of_long_recordings_is_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        load_recordings(tmp_path / "absent")
    with pytest.raises(FileError, match="has no recording of 3 s or more"):
        load_recordings(tmp_path)
    soundfile.write(tmp_path / "short.wav", inharmonic(2.9), SR)
    soundfile.write(tmp_path / "long.wav", np.stack([inharmonic(3), np.zeros(3 * SR)], axis=1), SR)
    (recording,) = load_recordings(tmp_path)
    assert recording.name == "long"
    np.testing.assert_allclose(recording.samples, inharmonic(3), atol=2**-15)


def test_channels_are_averaged_and_silence_is_refused(tmp_path: Path) -> None:
    x = inharmonic(0.1)
    soundfile.write(tmp_path / "a.wav", np.stack([x, np.zeros_like(x)], axis=1), SR, "DOUBLE")
    recording = read_mono(tmp_path / "a.wav", "voice", "speech")
    np.testing.assert_array_equal(recording.samples, x / 2)
    assert (recording.name, recording.kind, recording.sr) == ("voice", "speech", SR)
    soundfile.write(tmp_path / "b.wav", np.stack([x, -x], axis=1), SR, "DOUBLE")
    with pytest.raises(AudioError, match=r"b.wav: is digital silence; remove it\."):
        read_mono(tmp_path / "b.wav")


def test_a_tone_keeps_its_frequency_at_another_rate() -> None:
    x = np.sin(2 * np.pi * 440 * np.arange(SR) / SR)
    y = resampled(x, SR, 8000)
    middle = slice(1000, 7000)
    expected = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    np.testing.assert_allclose(y[middle], expected[middle], atol=1e-3)
    assert resampled(x, SR, SR) is x
