"""Spectrograms and masks as pictures: axes, levels, colours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spectramend.display import spectrograms
from spectramend.errors import ParameterError


def test_panel_is_in_db_with_low_frequencies_below() -> None:
    ax = Figure().add_subplot()
    values = np.array([[1.0, 10.0], [0.0, 1e-12]])
    image = spectrograms.spectrogram_panel(ax, values, extent=(0, 2, 0, 8000))
    assert image.origin == "lower"
    assert image.get_clim() == (-60.0, 10.0)
    np.testing.assert_allclose(np.asarray(image.get_array()), [[0, 10], [-60, -60]])
    assert list(image.get_extent()) == [0, 2, 0, 8000]
    assert ax.get_xlabel() == "Time (s)"
    assert ax.get_ylabel() == "Frequency (Hz)"


def test_magnitude_and_power_look_the_same() -> None:
    V = np.random.default_rng(0).exponential(size=(5, 7))
    ax = Figure().add_subplot()
    power = spectrograms.spectrogram_panel(ax, V, extent=(0, 1, 0, 1))
    magnitude = spectrograms.spectrogram_panel(ax, V**0.5, extent=(0, 1, 0, 1), magnitude=True)
    np.testing.assert_allclose(np.asarray(power.get_array()), np.asarray(magnitude.get_array()))
    assert power.get_clim() == pytest.approx(magnitude.get_clim())


def test_silent_panel_has_a_scale() -> None:
    image = spectrograms.spectrogram_panel(
        Figure().add_subplot(), np.zeros((3, 4)), extent=(0, 1, 0, 1)
    )
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
        spectrograms.spectrogram_panel(Figure().add_subplot(), values, extent=(0, 1, 0, 1))


@pytest.mark.parametrize("limits", [(0.0, 0.0), (10.0, None), (None, math.inf), (math.nan, 0.0)])
def test_empty_scale_is_refused(limits: tuple[float | None, float | None]) -> None:
    with pytest.raises(ParameterError, match="rising finite range"):
        spectrograms.spectrogram_panel(
            Figure().add_subplot(),
            [[1.0]],
            extent=(0, 1, 0, 1),
            vmin_db=limits[0],
            vmax_db=limits[1],
        )


def test_mask_has_two_named_colours() -> None:
    figure = Figure()
    ax = figure.add_subplot()
    image = spectrograms.mask_panel(ax, [[True, False], [False, False]], extent=(0, 1, 0, 1))
    bar = spectrograms.mask_bar(ax, image)
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
        spectrograms.mask_panel(Figure().add_subplot(), mask, extent=(0, 1, 0, 1))


def test_boxes_are_drawn_in_seconds_and_hz() -> None:
    ax = Figure().add_subplot()
    spectrograms.draw_boxes(ax, [(1.0, 2.0, 300.0, 4000.0), (0.0, 0.5, 0.0, 50.0)])
    boxes = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
    found = np.array([box.extents for box in boxes], np.float64)
    np.testing.assert_allclose(found, np.array([[1.0, 300, 2, 4000], [0, 0, 0.5, 50]]), atol=1e-9)


def test_cells_lie_around_their_times_and_frequencies() -> None:
    extent = spectrograms.cell_extent((3, 4), hop_s=0.5, bin_hz=100.0, start_s=2.0)
    assert extent == (1.75, 3.75, -50.0, 250.0)
