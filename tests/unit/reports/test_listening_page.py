"""Figures that compare, and a listening page that is fair."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyloudnorm
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.display import spectrograms as figures
from spectramend.errors import MismatchError, ParameterError
from spectramend.reports.listening_page import (
    Column,
    Panel,
    Picture,
    Sound,
    equal_loudness_gains,
    listening_page,
    loudness_db,
    spectrogram_figure,
)

SR = 16000
STFT_ = STFT(n_fft=256, hop_length=64)


def noise(seconds: float = 1.0, *, level: float = 0.1, seed: int = 0) -> NDArray[np.float64]:
    return level * np.random.default_rng(seed).standard_normal(round(seconds * SR))


def power(x: NDArray[np.float64], stft: STFT = STFT_) -> NDArray[np.float64]:
    V: NDArray[np.float64] = np.abs(stft.forward(x)) ** 2
    return V


def sound(name: str, samples: NDArray[Any], **changes: Any) -> Sound:
    fields = {"title": name.title(), "description": f"About {name}.", "file": f"{name}.wav"}
    return Sound(name, samples=samples, sr=SR, **(fields | changes))


# Figures


def colour_bars(figure: Figure) -> list[Any]:
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


def test_figure_has_labelled_axes_and_colour_bars() -> None:
    V = power(noise())
    panels = [Panel("$x_$", V, SR, STFT_), Panel("Mask", V > 1, SR, STFT_)]
    figure = spectrogram_figure(panels, title="A $x_$ figure")
    top, bottom = figure.axes[:2]
    figure.draw_without_rendering()
    assert [ax.get_title(loc="left") for ax in (top, bottom)] == ["$x_$", "Mask"]
    assert [ax.get_ylabel() for ax in (top, bottom)] == ["Frequency (Hz)"] * 2
    assert [ax.get_xlabel() for ax in (top, bottom)] == ["", "Time (s)"]
    levels, names = colour_bars(figure)
    assert levels.get_ylabel() == "dB"
    assert [label.get_text() for label in names.get_yticklabels()] == ["hidden", "reliable"]


def test_figure_is_1400_pixels_wide_and_cuts_nothing_off() -> None:
    V = power(noise())
    figure = spectrogram_figure([Panel("Mix", V, SR, STFT_)] * 3, title="Title")
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    assert round(width) == 1400
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert box.xmin >= 0
    assert box.ymin >= 0
    assert box.xmax <= width
    assert box.ymax <= height


def test_panels_share_time_and_level() -> None:
    loud, quiet = noise(1.0, level=1.0), noise(0.5, level=0.01)
    panels = [Panel("Loud", power(loud), SR, STFT_), Panel("Quiet", power(quiet), SR, STFT_)]
    first, second = spectrogram_figure(panels).axes[:2]
    assert first.get_xlim() == second.get_xlim() == pytest.approx((0.0, 1.0), abs=0.01)
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-70.0, 0.0)
    shown = [float(np.asarray(ax.images[0].get_array()).max()) for ax in (first, second)]
    assert shown[0] == pytest.approx(0.0)
    expected = 10 * np.log10(power(quiet).max() / power(loud).max())
    assert shown[1] == pytest.approx(expected)


def test_panels_of_other_transforms_and_times() -> None:
    other = STFT(n_fft=512, hop_length=128, window="sine", center=False)
    late = Panel("Late", power(noise(0.5), other), SR, other, start_s=10.0)
    assert late.extent[0] == pytest.approx(10.0 + (256 - 64) / SR)
    figure = spectrogram_figure([late, Panel("Wide", power(noise(0.5)), SR / 2, STFT_)])
    assert [ax.get_ylim() for ax in figure.axes[:2]] == [(0, SR / 2), (0, SR / 4)]


def test_tone_lies_at_its_time_and_frequency() -> None:
    x = np.zeros(SR)
    x[SR // 2 :] = np.sin(2 * np.pi * 2000 * np.arange(SR // 2) / SR)
    panel = Panel("Tone", power(x), SR, STFT_)
    t0, t1, f0, f1 = panel.extent
    row, _ = np.unravel_index(panel.values.argmax(), panel.values.shape)
    assert f0 + (row + 0.5) * (f1 - f0) / panel.values.shape[0] == pytest.approx(2000)
    begun = np.flatnonzero(panel.values[row] > panel.values.max() / 4)[0]
    assert t0 + (begun + 0.5) * (t1 - t0) / panel.values.shape[1] == pytest.approx(0.5, abs=0.01)


def test_figure_of_silence_and_of_masks_alone() -> None:
    silent = Panel("Silent", np.zeros((129, 5)), SR, STFT_)
    mask = Panel("Mask", np.ones((129, 5), bool), SR, STFT_)
    assert figures.figure_png(spectrogram_figure([silent])).startswith(b"\x89PNG")
    assert figures.figure_png(spectrogram_figure([mask])).startswith(b"\x89PNG")


def test_panels_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ParameterError, match="panels is empty"):
        spectrogram_figure([])
    with pytest.raises(MismatchError, match=r"'Mix' has shape \(10, 5\).*\(129, frames\)"):
        Panel("Mix", np.ones((10, 5)), SR, STFT_)
    with pytest.raises(ParameterError, match="negative"):
        Panel("Mix", -np.ones((129, 5)), SR, STFT_)
    with pytest.raises(MismatchError, match=r"\(129,\)"):
        Panel("Mask", np.ones(129, bool), SR, STFT_)
    with pytest.raises(ParameterError, match="rising"):
        spectrogram_figure([Panel("Mix", np.ones((129, 5)), SR, STFT_)], dynamic_range_db=0)


# Loudness


@pytest.mark.parametrize("sr", [16000, 44100, 48000])
def test_full_scale_sine_has_the_loudness_of_the_recommendation(sr: int) -> None:
    x = np.sin(2 * np.pi * 997 * np.arange(2 * sr) / sr)
    assert loudness_db(x, sr) == pytest.approx(-3.01, abs=0.05)
    assert loudness_db(np.stack([x, x]), sr) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("n", [100, 1600, 6399, 6400, 6401, 16000])
def test_clips_shorter_than_a_block_are_measured_alike(n: int) -> None:
    x = np.sin(2 * np.pi * 1600 * np.arange(n) / SR)
    assert loudness_db(x, SR) == pytest.approx(loudness_db(np.tile(x, 20000 // n + 1), SR), abs=0.4)


@pytest.mark.parametrize("n", [1, 100, 20000])
def test_digital_silence_is_minus_infinity(n: int) -> None:
    assert loudness_db(np.zeros(n), SR) == -math.inf
    assert loudness_db(np.zeros((1, n)), SR) == -math.inf


@pytest.mark.parametrize("gain_db", [-30.0, -60.0, -120.0])
def test_loudness_follows_gain_even_below_the_gate(gain_db: float) -> None:
    x = noise()
    quiet = loudness_db(x * 10 ** (gain_db / 20), SR)
    assert quiet - loudness_db(x, SR) == pytest.approx(gain_db, abs=0.01)


@pytest.mark.parametrize("sr", [300, 2000, 7999])
def test_low_sample_rates_are_measured(sr: int) -> None:
    n = np.arange(2 * sr)
    low = loudness_db(0.5 * np.sin(2 * np.pi * 100 * n / sr), sr)
    n = np.arange(2 * SR)
    assert low == pytest.approx(loudness_db(0.5 * np.sin(2 * np.pi * 100 * n / SR), SR), abs=0.1)


def test_channels_beyond_the_recommendation_add_power() -> None:
    x = noise()
    eight = loudness_db(np.tile(x, (8, 1)), SR)
    assert eight == pytest.approx(loudness_db(x, SR) + 10 * math.log10(8), abs=0.01)


def test_loudness_refuses_what_is_not_finite() -> None:
    with pytest.raises(ParameterError, match="NaN"):
        loudness_db([0.0, math.nan], SR)


def test_gains_equalise_loudness() -> None:
    t = np.arange(SR) / SR
    sounds = [0.5 * np.sin(2 * np.pi * 300 * t), noise(level=0.07), noise(seed=1, level=0.3) * t]
    gains = equal_loudness_gains([loudness_db(x, SR) for x in sounds])
    assert max(gains) == 0.0
    meter = pyloudnorm.Meter(SR)
    heard = [
        meter.integrated_loudness(x * 10 ** (gain / 20))
        for x, gain in zip(sounds, gains, strict=True)
    ]
    assert np.ptp(heard) < 0.15
    assert np.ptp([meter.integrated_loudness(x) for x in sounds]) > 6


def test_one_faint_sound_does_not_silence_the_others() -> None:
    assert equal_loudness_gains([-20.0, -45.0, -25.0]) == [-5.0, 0.0, 0.0]
    assert equal_loudness_gains([-20.0, -40.0]) == [-20.0, 0.0]
    assert equal_loudness_gains([-20.0, -45.0], max_attenuation_db=30) == [-25.0, 0.0]


def test_gains_of_silence_and_of_nothing() -> None:
    assert equal_loudness_gains([-math.inf, -math.inf]) == [0.0, 0.0]
    assert equal_loudness_gains([-math.inf, -20.0]) == [0.0, 0.0]
    assert equal_loudness_gains([]) == []
    with pytest.raises(ParameterError, match="max_attenuation_db=-1"):
        equal_loudness_gains([-20.0], max_attenuation_db=-1)


# The page


class Reader(HTMLParser):
    """Collects a page's elements and text; refuses tags that do not match."""

    VOID = frozenset({"meta", "input", "img", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def page(**changes: Any) -> str:
    sounds = [sound("clean", noise(), reference=True), sound("mix", noise(level=0.2))]
    fields: dict[str, Any] = {"title": "Demo", "lead": "Two voices.", "sounds": sounds}
    return listening_page(**(fields | changes))


def test_page_links_its_files_and_nothing_else() -> None:
    text = page(figures=[Picture("a figure.png", "What it shows.", "Caption.")])
    reader = Reader(text)
    assert [a["src"] for a in reader.all("audio")] == ["clean.wav", "mix.wav"]
    assert [a["href"] for a in reader.all("a")] == ["clean.wav", "mix.wav", "a%20figure.png"]
    assert [(i["src"], i["alt"]) for i in reader.all("img")] == [
        ("a%20figure.png", "What it shows.")
    ]
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text.replace("// ", ""))


def test_page_has_one_button_and_key_a_condition() -> None:
    reader = Reader(page(sounds=[sound(f"s{i}", noise(0.1)) for i in range(11)]))
    buttons = [b for b in reader.all("button") if b.get("class") == "condition"]
    assert len(buttons) == 11
    assert [b.get("aria-keyshortcuts") for b in buttons] == [*"123456789", None, None]
    assert all(b["aria-pressed"] == "false" for b in buttons)
    ids = [attrs["id"] for _, attrs in reader.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {b["aria-describedby"] for b in buttons} <= set(ids)
    assert "1–9 switch" in reader.text


def test_page_of_one_sound_names_no_switching() -> None:
    assert "switch," not in Reader(page(sounds=[sound("mix", noise())])).text


def test_volumes_make_the_files_equally_loud() -> None:
    sounds = [sound("loud", noise(level=0.3)), sound("quiet", noise(level=0.1, seed=1))]
    text = page(sounds=sounds)
    volumes = [float(str(a["data-volume"])) for a in Reader(text).all("audio")]
    assert volumes[1] == 1.0
    heard = [loudness_db(v * s.samples, SR) for v, s in zip(volumes, sounds, strict=True)]
    assert heard[0] == pytest.approx(heard[1], abs=0.001)
    assert f'data-equal="gain −{-20 * math.log10(volumes[0]):.1f} dB"' in text


def test_silent_and_faint_conditions_say_so() -> None:
    text = page(
        sounds=[sound("a", noise()), sound("b", np.zeros(SR)), sound("c", noise(level=1e-4))]
    )
    assert text.count("<strong>silent</strong>") == 1
    assert "gain 0.0 dB, still 60.0 dB quieter" in text
    assert [a["data-volume"] for a in Reader(text).all("audio")] == ["1.000000"] * 3


def test_page_of_silence_alone() -> None:
    assert "<strong>silent</strong>" in page(sounds=[sound("a", np.zeros(10))])


def test_bar_is_as_long_as_the_longest_sound() -> None:
    text = page(sounds=[sound("a", noise(0.5)), sound("b", noise(1.25))])
    [bar] = [i for i in Reader(text).all("input") if i["type"] == "range"]
    assert bar["max"] == "1.250"


def test_everything_is_escaped() -> None:
    bad = '<b onclick="x">&$title${x}'
    text = page(
        title=bad,
        lead=bad,
        sounds=[sound("a", noise(), title=bad, description=bad, file='a"<b>&#?.wav')],
        rows=[{"name": bad, "dB": 1.0}],
        columns=[("name", bad), ("dB", bad)],
        figures=[Picture('"<b>.png', bad, bad)],
        commands=[bad],
        notes=[bad],
    )
    reader = Reader(text)
    assert reader.all("b") == []
    assert reader.all("audio")[0]["src"] == "a%22%3Cb%3E%26%23%3F.wav"
    assert reader.all("img")[0]["alt"] == bad
    assert reader.text.count(bad) >= 10


def test_best_values_are_bold_and_references_never() -> None:
    rows = [
        {"name": "clean", "sdr": math.inf, "pesq": 4.64, "lsd": 0.0},
        {"name": "mix", "sdr": -0.2, "pesq": None, "lsd": 9.3},
        {"name": "ours", "sdr": 11.2, "pesq": 3.001, "lsd": 4.0},
        {"name": "other", "sdr": 5.0, "pesq": 3.002, "lsd": math.nan},
    ]
    columns = [
        Column("name", "Condition"),
        Column("sdr", "SI-SDR", "higher"),
        Column("pesq", "PESQ", "higher"),
        Column("lsd", "LSD", "lower"),
    ]
    text = page(rows=rows, columns=columns)
    # 3.001 and 3.002 read the same, so neither is better.
    assert re.findall(r"<strong>([^<]*)</strong>", text) == ["11.20", "4.00"]
    rows[3]["pesq"] = 3.2
    text = page(rows=rows, columns=columns)
    assert re.findall(r"<strong>([^<]*)</strong>", text) == ["11.20", "4.00", "3.20"]
    assert "PESQ ↑" in text
    assert "LSD ↓" in text
    assert "–" in re.findall(r"<td[^>]*>(.*?)</td>", text)


def test_ties_are_all_bold() -> None:
    rows = [{"x": 0.9001}, {"x": 0.9002}, {"x": 0.5}]
    text = page(rows=rows, columns=[Column("x", "X", "higher")])
    assert re.findall(r"<strong>([^<]*)</strong>", text) == ["0.900", "0.900"]


def test_columns_without_direction_have_no_best() -> None:
    text = page(rows=[{"x": 1.0}, {"x": 2.0}], columns=[("x", "X")])
    assert "<strong>" not in text
    assert "bold" not in text


def test_empty_sections_leave_no_heading() -> None:
    assert "<h2>" not in page()
    full = page(
        rows=[{"x": 1}],
        columns=[("x", "X")],
        figures=[Picture("f.png", "alt")],
        commands=["spectramend demo", "echo 'a & b'"],
        notes=["A remark."],
    )
    assert full.count("<h2>") == 4
    assert "<code>spectramend demo\necho &#x27;a &amp; b&#x27;</code>" in full
    assert "<figcaption>" not in full


def test_page_without_sounds_is_refused() -> None:
    with pytest.raises(ParameterError, match="sounds is empty"):
        page(sounds=[])


@pytest.mark.parametrize("file", ["", "/a.wav", "C:\\a.wav", "//host/a.wav"])
def test_files_that_are_not_beside_the_page_are_refused(file: str) -> None:
    with pytest.raises(ParameterError, match="relative to the page"):
        sound("a", noise(), file=file)
    with pytest.raises(ParameterError, match="relative to the page"):
        Picture(file, "alt")


def test_sounds_are_checked() -> None:
    with pytest.raises(ParameterError, match="NaN"):
        sound("a", np.full(10, math.nan))
    assert sound("a", noise(0.5)).duration_s == 0.5


def test_what_would_clip_is_turned_down_with_or_without_equal_loudness() -> None:
    loud = Sound(
        "loud", "Loud", "Over full scale.", np.float64(4) * np.sin(np.arange(SR)), SR, "loud.wav"
    )
    peak = float(np.abs(loud.samples).max())
    assert peak > 1
    page = listening_page(title="T", lead="L", sounds=[loud])
    for attribute in ("data-volume", "data-plain-volume"):
        found = re.search(rf'{attribute}="([0-9.]+)"', page)
        assert found
        assert float(found[1]) == pytest.approx(1 / peak, rel=1e-3)
    assert "or it would clip" in page
