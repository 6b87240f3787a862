"""Sounds as HTML: true levels, players and pictures, escaped text."""

from __future__ import annotations

import base64
import io
import math
import re
import wave
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spectramend.display import html_audio
from spectramend.errors import ParameterError

SR = 16000


def decode(uri: str) -> tuple[NDArray[np.int16], int]:
    """Read a data URI back as (channels, n) 16-bit samples and the rate."""
    kind, data = uri.split(",")
    assert kind == "data:audio/wav;base64"
    with wave.open(io.BytesIO(base64.b64decode(data, validate=True))) as file:
        assert file.getsampwidth() == 2
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm.reshape(-1, file.getnchannels()).T, file.getframerate()


def tone(seconds: float = 0.5, *, peak: float = 0.5, hz: float = 1000.0) -> NDArray[np.float64]:
    return peak * np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)


# Players


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sixteen_bit_samples_come_through_unchanged(dtype: type) -> None:
    pcm = np.random.default_rng(0).integers(-(2**15), 2**15, (2, 500)).astype(np.int16)
    decoded, sr = decode(html_audio.wav_data_uri((pcm / 2.0**15).astype(dtype), 44100))
    assert sr == 44100
    np.testing.assert_array_equal(decoded, pcm)


def test_quiet_sound_stays_quiet() -> None:
    decoded, _ = decode(html_audio.wav_data_uri(tone(peak=0.01), SR))
    assert np.abs(decoded).max() == round(0.01 * 2**15)


def test_samples_over_full_scale_are_clipped_not_rescaled() -> None:
    decoded, _ = decode(html_audio.wav_data_uri([0.25, 1.0, 3.0, -1.0, -1e300], SR))
    assert decoded.tolist() == [[8192, 32767, 32767, -32768, -32768]]


def test_caller_keeps_the_samples() -> None:
    x = tone(peak=2.0)
    before = x.copy()
    html_audio.player_html(x, SR)
    np.testing.assert_array_equal(x, before)


def test_player_tells_title_duration_and_peak() -> None:
    text = html_audio.player_html(tone(0.5, peak=0.5), SR, title="A voice")
    assert "<strong>A voice</strong> · 0.50 s · peak −6.0 dBFS" in text
    assert "clips" not in text


def test_player_says_by_how_much_it_clips() -> None:
    text = html_audio.player_html(tone(peak=2.0), SR)
    assert "peak is 6.0 dB over full scale: this player clips it" in text


def test_smallest_excess_is_not_shown_as_none() -> None:
    assert "0.1 dB over full scale" in html_audio.player_html([1.0001, 0.0], SR)
    assert "clips" not in html_audio.player_html([1.0, -1.0], SR)


def test_silent_player_says_so() -> None:
    assert "silent" in html_audio.player_html(np.zeros(100), SR)


def test_title_is_escaped() -> None:
    text = html_audio.player_html(tone(), SR, title='<script>"&')
    assert "<script>" not in text
    assert "&lt;script&gt;&quot;&amp;" in text


@pytest.mark.parametrize(
    ("samples", "sr", "message"),
    [
        (np.zeros(4, np.int64), SR, "int64: give floats"),
        (np.zeros(0), SR, r"shape \(0,\)"),
        (np.zeros((2, 3, 4)), SR, r"shape \(2, 3, 4\)"),
        (np.zeros((100, 2)), SR, r"\(100, 2\).*give \(channels, n\)"),
        ([0.0, math.nan], SR, "NaN"),
        ([0.0, math.inf], SR, "infinity"),
        ([0.0, 0.5], 0, "sr=0"),
        ([0.0, 0.5], math.nan, "sr=nan"),
    ],
)
def test_what_is_no_sound_is_refused(samples: Any, sr: float, message: str) -> None:
    for function in (html_audio.wav_data_uri, html_audio.player_html, html_audio.spectrogram_image):
        with pytest.raises(ParameterError, match=message):
            function(samples, sr)


# Pictures


def decode_image(text: str) -> NDArray[np.uint8]:
    found = re.search(r"data:image/png;base64,([^\"]+)", text)
    assert found
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB"))


def test_spectrogram_image_is_a_png_with_alternative_text() -> None:
    text = html_audio.spectrogram_image(tone(), SR, title="<tone>")
    assert decode_image(text).shape == (360, 1050, 3)
    assert 'alt="Spectrogram: &lt;tone&gt;"' in text


@pytest.mark.parametrize(
    "samples", [np.zeros(1), np.zeros(5000), tone(20.0), np.stack([tone(), tone()])]
)
def test_spectrogram_image_of_any_length(samples: NDArray[np.float64]) -> None:
    decode_image(html_audio.spectrogram_image(samples, SR))


def test_title_of_any_script_and_with_dollars_leaks_no_warning() -> None:
    html_audio.spectrogram_image(tone(), SR, title="日本 $x_$")


def test_overview_gives_full_scale_sine_0_db() -> None:
    power, hop_s, bin_hz = html_audio.overview_power(
        html_audio.checked_sound(tone(peak=1.0), SR), SR
    )
    row, _ = np.unravel_index(power.argmax(), power.shape)
    assert 10 * np.log10(power.max()) == pytest.approx(0.0, abs=0.01)
    assert row * bin_hz == pytest.approx(1000.0)
    assert power.shape[1] * hop_s == pytest.approx(0.5, abs=hop_s)


def test_long_recording_gives_a_bounded_picture() -> None:
    power, hop_s, _ = html_audio.overview_power(np.zeros((1, 60 * SR)), SR)
    assert power.shape[1] <= html_audio.IMAGE_COLUMNS + 1
    assert power.shape[1] * hop_s == pytest.approx(60, abs=2 * hop_s)


@pytest.mark.parametrize(
    ("seconds", "text"), [(9.0851, "9.09 s"), (754.2, "12:34"), (3601.0, "1:00:01")]
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert html_audio.duration_text(seconds) == text


def test_a_sound_has_a_player_escaped_facts_and_a_picture() -> None:
    shown = html_audio.sound_html(tone(), SR, title="A tone", facts=["1 < 2"])
    assert shown.index("<audio") < shown.index("<li>1 &lt; 2</li>") < shown.index("<img")
    assert "<li>" not in html_audio.sound_html(tone(), SR)
