"""Figures of spectrograms and masks: labels, scales, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.display.spectrograms import figure_png
from spectramend.errors import MismatchError, ParameterError
from spectramend.reports.panels import Panel, spectrogram_figure

SR = 16000
STFT_ = STFT(n_fft=256, hop_length=64)


def noise(seconds: float = 1.0, *, level: float = 0.1, seed: int = 0) -> NDArray[np.float64]:
    return level * np.random.default_rng(seed).standard_normal(round(seconds * SR))


def power(x: NDArray[np.float64], stft: STFT = STFT_) -> NDArray[np.float64]:
    V: NDArray[np.float64] = np.abs(stft.forward(x)) ** 2
    return V


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
    assert figure_png(spectrogram_figure([silent])).startswith(b"\x89PNG")
    assert figure_png(spectrogram_figure([mask])).startswith(b"\x89PNG")


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
