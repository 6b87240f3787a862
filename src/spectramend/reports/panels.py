"""Figures of spectrograms and masks, one above the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.display import spectrograms
from spectramend.errors import MismatchError, ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 1400  # pixels of a figure; engineering choice
DPI = 150  # pixels an inch; engineering choice: with it, text has the usual size on a page


@dataclass(frozen=True, eq=False)
class Panel:
    """One spectrogram or mask of a figure."""

    title: str
    values: NDArray[Any]  # [shape=(F, N)] power, or a mask that is True where cells are reliable
    sr: float  # Hz
    stft: STFT  # transform of the cells
    start_s: float = 0.0  # time of the first sample that was transformed
    boxes: tuple[spectrograms.Extent, ...] = ()  # rectangles to draw

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.dtype != np.bool_:
            values = spectrograms.checked_spectrogram(values)
        if values.ndim != 2 or values.shape[0] != self.stft.n_bins or values.shape[1] == 0:
            raise MismatchError(
                f"panel {self.title!r} has shape {values.shape}: n_fft={self.stft.n_fft} needs "
                f"({self.stft.n_bins}, frames)."
            )
        object.__setattr__(self, "values", values)

    @property
    def is_mask(self) -> bool:
        """Whether this is a mask."""
        return self.values.dtype == np.bool_

    @property
    def extent(self) -> spectrograms.Extent:
        """First and last second, lowest and highest Hz."""
        first = self.start_s + float(self.stft.frame_times(1, self.sr)[0])
        hop_s, bin_hz = self.stft.hop_length / self.sr, self.sr / self.stft.n_fft
        return spectrograms.cell_extent(
            self.values.shape, hop_s=hop_s, bin_hz=bin_hz, start_s=first
        )


def spectrogram_figure(
    panels: Sequence[Panel],
    *,
    title: str | None = None,
    dynamic_range_db: float = spectrograms.DYNAMIC_RANGE_DB,
) -> Figure:
    """Draw panels from the top, on one time axis and one scale; the loudest cell of all is 0 dB.

    The figure is 1400 pixels wide and belongs to no window; `spectrograms.figure_png` renders it.

    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> V = abs(stft.forward(np.sin(np.arange(800)))) ** 2
    >>> panels = [Panel("Voice", V, 8000, stft), Panel("Mask", V > 1, 8000, stft)]
    >>> [ax.get_title(loc="left") for ax in spectrogram_figure(panels).axes[:2]]
    ['Voice', 'Mask']
    """
    from matplotlib.figure import Figure

    if not panels:
        raise ParameterError("panels is empty: give at least one.")
    loudest = max((float(p.values.max()) for p in panels if not p.is_mask), default=0.0)
    height = 0.45 + 1.75 * len(panels) + (0.35 if title else 0.0)  # inches
    figure = Figure(figsize=(WIDTH / DPI, height), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
    for ax, panel in zip(grid[:, 0], panels, strict=True):
        if panel.is_mask:
            mask = spectrograms.mask_panel(ax, panel.values, extent=panel.extent)
            spectrograms.mask_bar(ax, mask)
        else:
            image = spectrograms.spectrogram_panel(
                ax,
                panel.values / (loudest or 1.0),
                extent=panel.extent,
                vmin_db=-dynamic_range_db,
                vmax_db=0.0,
            )
            spectrograms.level_bar(ax, image)
        spectrograms.draw_boxes(ax, panel.boxes)
        ax.set_title(panel.title, loc="left", fontsize=10, parse_math=False)
        ax.set_ylim(0, panel.sr / 2)
        ax.label_outer()
    ax.set_xlim(min(p.start_s for p in panels), max(p.extent[1] for p in panels))
    if title:
        figure.suptitle(title, fontsize=12, parse_math=False)
    return figure
