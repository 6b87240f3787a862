"""Sounds, pictures and tables as HTML: true levels, labelled axes, escaped text."""

from __future__ import annotations

import base64
import io
import math
import re
import wave
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from spectramend.display import html_audio as display
from spectramend.display import spectrograms as figures
from spectramend.display import tables
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
    decoded, sr = decode(display.wav_data_uri((pcm / 2.0**15).astype(dtype), 44100))
    assert sr == 44100
    np.testing.assert_array_equal(decoded, pcm)


def test_quiet_sound_stays_quiet() -> None:
    decoded, _ = decode(display.wav_data_uri(tone(peak=0.01), SR))
    assert np.abs(decoded).max() == round(0.01 * 2**15)


def test_samples_over_full_scale_are_clipped_not_rescaled() -> None:
    decoded, _ = decode(display.wav_data_uri([0.25, 1.0, 3.0, -1.0, -1e300], SR))
    assert decoded.tolist() == [[8192, 32767, 32767, -32768, -32768]]


def test_caller_keeps_the_samples() -> None:
    x = tone(peak=2.0)
    before = x.copy()
    display.player_html(x, SR)
    np.testing.assert_array_equal(x, before)


def test_player_tells_title_duration_and_peak() -> None:
    text = display.player_html(tone(0.5, peak=0.5), SR, title="A voice")
    assert "<strong>A voice</strong> · 0.50 s · peak −6.0 dBFS" in text
    assert "clips" not in text


def test_player_says_by_how_much_it_clips() -> None:
    text = display.player_html(tone(peak=2.0), SR)
    assert "peak is 6.0 dB over full scale: this player clips it" in text


def test_smallest_excess_is_not_shown_as_none() -> None:
    assert "0.1 dB over full scale" in display.player_html([1.0001, 0.0], SR)
    assert "clips" not in display.player_html([1.0, -1.0], SR)


def test_silent_player_says_so() -> None:
    assert "silent" in display.player_html(np.zeros(100), SR)


def test_title_is_escaped() -> None:
    text = display.player_html(tone(), SR, title='<script>"&')
    assert "<script>" not in text
    assert "&lt;script&gt;&quot;&amp;" in text


@pytest.mark.parametrize(
    ("samples", "sr", "message"),
    [
        (np.zeros(4, np.int16), SR, "int16.*divided by 32768"),
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
    for function in (display.wav_data_uri, display.player_html, display.spectrogram_image):
        with pytest.raises(ParameterError, match=message):
            function(samples, sr)


# Pictures


def decode_image(text: str) -> NDArray[np.uint8]:
    found = re.search(r"data:image/png;base64,([^\"]+)", text)
    assert found
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB"))


def test_spectrogram_image_is_a_png_with_alternative_text() -> None:
    text = display.spectrogram_image(tone(), SR, title="<tone>")
    assert decode_image(text).shape == (360, 1050, 3)
    assert 'alt="Spectrogram: &lt;tone&gt;"' in text


@pytest.mark.parametrize(
    "samples", [np.zeros(1), np.zeros(5000), tone(20.0), np.stack([tone(), tone()])]
)
def test_spectrogram_image_of_any_length(samples: NDArray[np.float64]) -> None:
    decode_image(display.spectrogram_image(samples, SR))


def test_title_of_any_script_and_with_dollars_leaks_no_warning() -> None:
    display.spectrogram_image(tone(), SR, title="日本 $x_$")


def test_overview_gives_full_scale_sine_0_db() -> None:
    power, hop_s, bin_hz = display._overview(display.checked_sound(tone(peak=1.0), SR), SR)
    row, _ = np.unravel_index(power.argmax(), power.shape)
    assert 10 * np.log10(power.max()) == pytest.approx(0.0, abs=0.01)
    assert row * bin_hz == pytest.approx(1000.0)
    assert power.shape[1] * hop_s == pytest.approx(0.5, abs=hop_s)


def test_long_recording_gives_a_bounded_picture() -> None:
    power, hop_s, _ = display._overview(np.zeros((1, 60 * SR)), SR)
    assert power.shape[1] <= display.MAX_COLUMNS + 1
    assert power.shape[1] * hop_s == pytest.approx(60, abs=2 * hop_s)


def test_panel_is_in_db_with_low_frequencies_below() -> None:
    ax = Figure().add_subplot()
    values = np.array([[1.0, 10.0], [0.0, 1e-12]])
    image = figures.spectrogram_panel(ax, values, extent=(0, 2, 0, 8000))
    assert image.origin == "lower"
    assert image.get_clim() == (-60.0, 10.0)
    np.testing.assert_allclose(np.asarray(image.get_array()), [[0, 10], [-60, -60]])
    assert list(image.get_extent()) == [0, 2, 0, 8000]
    assert ax.get_xlabel() == "Time (s)"
    assert ax.get_ylabel() == "Frequency (Hz)"


def test_magnitude_and_power_look_the_same() -> None:
    V = np.random.default_rng(0).exponential(size=(5, 7))
    ax = Figure().add_subplot()
    power = figures.spectrogram_panel(ax, V, extent=(0, 1, 0, 1))
    magnitude = figures.spectrogram_panel(ax, V**0.5, extent=(0, 1, 0, 1), magnitude=True)
    np.testing.assert_allclose(np.asarray(power.get_array()), np.asarray(magnitude.get_array()))
    assert power.get_clim() == pytest.approx(magnitude.get_clim())


def test_silent_panel_has_a_scale() -> None:
    image = figures.spectrogram_panel(Figure().add_subplot(), np.zeros((3, 4)), extent=(0, 1, 0, 1))
    assert image.get_clim() == (-70.0, 0.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((2, 0)), r"shape \(2, 0\)"),
        (np.zeros((2, 2), complex), "complex128"),
        ([[1.0, -1.0]], "negative"),
        ([[1.0, math.nan]], "not finite"),
    ],
)
def test_what_is_no_spectrogram_is_refused(values: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        figures.spectrogram_panel(Figure().add_subplot(), values, extent=(0, 1, 0, 1))


@pytest.mark.parametrize("limits", [(0.0, 0.0), (10.0, None), (None, math.inf), (math.nan, 0.0)])
def test_empty_scale_is_refused(limits: tuple[float | None, float | None]) -> None:
    with pytest.raises(ParameterError, match="rising finite range"):
        figures.spectrogram_panel(
            Figure().add_subplot(),
            [[1.0]],
            extent=(0, 1, 0, 1),
            vmin_db=limits[0],
            vmax_db=limits[1],
        )


def test_mask_has_two_named_colours() -> None:
    figure = Figure()
    ax = figure.add_subplot()
    image = figures.mask_panel(ax, [[True, False], [False, False]], extent=(0, 1, 0, 1))
    bar = figures.mask_bar(ax, image)
    figure.draw_without_rendering()
    assert [label.get_text() for label in bar.ax.get_yticklabels()] == ["hidden", "reliable"]
    colours = image.cmap(image.norm(np.array([0, 1])))
    np.testing.assert_allclose(
        colours, image.cmap(bar.norm(bar.get_ticks())), err_msg="names beside the wrong colours"
    )
    assert np.abs(colours[0] - colours[1]).max() > 0.5


@pytest.mark.parametrize("mask", [np.ones((2, 2)), np.ones(3, bool), np.ones((0, 2), bool)])
def test_what_is_no_mask_is_refused(mask: NDArray[np.generic]) -> None:
    with pytest.raises(ParameterError, match="boolean matrix"):
        figures.mask_panel(Figure().add_subplot(), mask, extent=(0, 1, 0, 1))


# Tables


def cells(text: str) -> list[list[str]]:
    """Read the cells of a table, row by row, without tags."""
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", text)
    ]


def test_table_has_the_columns_of_all_rows() -> None:
    rows: list[dict[str, object]] = [{"name": "mix", "dB": -2.104}, {"name": "ours", "n": 12}]
    assert cells(tables.table_html(rows)) == [
        ["name", "dB", "n"],
        ["mix", "−2.10", "–"],
        ["ours", "–", "12"],
    ]


def test_headings_choose_and_order_columns() -> None:
    rows = [{"a": 1, "b": 2, "c": 3}]
    headings = {"c": "Third", "a": "First", "gone": "Nothing"}
    assert cells(tables.table_html(rows, headings=headings)) == [
        ["Third", "First", "Nothing"],
        ["3", "1", "–"],
    ]


def test_table_is_escaped() -> None:
    text = tables.table_html([{"<a>": "<b>&"}], headings={"<a>": "<i>"})
    assert "<a>" not in text
    assert "<b>" not in text
    assert "&lt;b&gt;&amp;" in text
    assert "&lt;i&gt;" in text


def test_strong_cells_and_only_they_are_strong() -> None:
    text = tables.table_html([{"a": 1}, {"a": 2}], strong={(1, "a")})
    assert re.findall("<strong>(.*?)</strong>", text) == ["2"]


def test_numbers_are_aligned_right_and_text_left() -> None:
    text = tables.table_html([{"name": "mix", "dB": 1.5}])
    assert re.findall('text-align:(left|right)">(?:mix|1.50)', text) == ["left", "right"]


def test_empty_table() -> None:
    assert cells(tables.table_html([], headings={"a": "A"})) == [["A"]]
    assert "<td" not in tables.table_html([])


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.743, 0.98], ["0.743", "0.980"]),
        ([1.5, -11.25], ["1.50", "−11.25"]),
        ([123.456, 1.0], ["123.5", "1.0"]),
        ([54321.6], ["54322"]),
        ([math.inf, -math.inf, math.nan, 3.0], ["∞", "−∞", "nan", "3.00"]),
        ([1.2e-5, 0.0, -0.0], ["1.2e−05", "0.000", "0.000"]),
        ([np.float32(0.5), np.int64(-3), np.bool_(True), False], ["0.50", "−3", "yes", "no"]),
        (["a-b", None], ["a-b", "–"]),
    ],
)
def test_digits_suit_the_column(values: list[object], texts: list[str]) -> None:
    assert tables.column_texts(values) == texts
