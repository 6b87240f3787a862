"""Spectrograms and masks as matplotlib images, with axes in seconds and Hz and levels in dB.

Only the object interface of matplotlib is used, so that no window or global state is involved.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Extent: TypeAlias = tuple[float, float, float, float]
"""First and last second, lowest and highest Hz of a picture."""

DYNAMIC_RANGE_DB = 70.0  # dB from end to end of a colour scale (engineering choice)
BOX_COLOR = "#4fd8eb"  # stands out from every colour of the spectrogram
MASK_COLORS = ("#2d2a4a", "#f4c95d")  # hidden, reliable: they differ without colour vision too


def spectrogram_panel(
    ax: Axes,
    values: ArrayLike,
    *,
    extent: Extent,
    magnitude: bool = False,
    vmin_db: float | None = None,
    vmax_db: float | None = None,
) -> AxesImage:
    """Draw power, or magnitude, [shape=(F, N), >= 0] in dB, row 0 at the bottom.

    `extent` is as `cell_extent` gives it. The ends of the colour scale are by default the largest
    value and 70 dB below. Returns the image, for `level_bar`.
    """
    matrix = checked_spectrogram(values)
    per_decade = 20.0 if magnitude else 10.0
    if vmax_db is None:
        peak = float(matrix.max())
        vmax_db = per_decade * math.log10(peak) if peak > 0 else 0.0
    if vmin_db is None:
        vmin_db = vmax_db - DYNAMIC_RANGE_DB
    if not -math.inf < vmin_db < vmax_db < math.inf:
        raise ParameterError(f"vmin_db={vmin_db}, vmax_db={vmax_db}: give a rising finite range.")
    floor = max(10 ** (vmin_db / per_decade), np.finfo(np.float64).tiny)
    decibels = per_decade * np.log10(np.maximum(matrix, floor))
    return _draw_cells(ax, decibels, extent, cmap="magma", vmin=vmin_db, vmax=vmax_db)


def mask_panel(ax: Axes, observed: ArrayLike, *, extent: Extent) -> AxesImage:
    """Draw a mask [shape=(F, N), bool], row 0 at the bottom; give the image, for `mask_bar`."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    mask = np.asarray(observed)
    if mask.dtype != np.bool_ or mask.ndim != 2 or mask.size == 0:
        raise ParameterError(
            f"mask of shape {mask.shape} and type {mask.dtype}: give a boolean matrix."
        )
    return _draw_cells(
        ax,
        mask.astype(np.uint8),
        extent,
        cmap=ListedColormap(list(MASK_COLORS)),
        norm=BoundaryNorm([-0.5, 0.5, 1.5], 2),
        interpolation_stage="rgba",  # where cells are finer than pixels the colours mix
    )


def draw_boxes(ax: Axes, boxes: Iterable[Extent]) -> None:
    """Draw rectangles given by first and last second, lowest and highest Hz."""
    from matplotlib.patches import Rectangle

    for start_s, end_s, low_hz, high_hz in boxes:
        corner = (start_s, low_hz)
        size = (end_s - start_s, high_hz - low_hz)
        ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor=BOX_COLOR, linewidth=1.2))


def level_bar(ax: Axes, image: AxesImage, *, label: str = "dB") -> Colorbar:
    """Add a colour bar with `label` as its unit to the image of `spectrogram_panel`."""
    return ax.figure.colorbar(image, ax=ax, label=label, pad=0.015, aspect=12)


def mask_bar(ax: Axes, image: AxesImage) -> Colorbar:
    """Add the colours of hidden and reliable cells to the image of `mask_panel`."""
    bar = ax.figure.colorbar(image, ax=ax, ticks=[0, 1], pad=0.015, aspect=12)
    bar.ax.set_yticklabels(["hidden", "reliable"])
    bar.ax.tick_params(length=0)
    return bar


def cell_extent(
    shape: tuple[int, ...], *, hop_s: float, bin_hz: float, start_s: float = 0.0
) -> Extent:
    """Give the outer edges of (F, N) cells, the first centred on `start_s` seconds and 0 Hz."""
    n_bins, n_frames = shape
    return (
        start_s - hop_s / 2,
        start_s + (n_frames - 0.5) * hop_s,
        -bin_hz / 2,
        (n_bins - 0.5) * bin_hz,
    )


def figure_png(figure: Figure) -> bytes:
    """Render a figure as a PNG file at its own resolution."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A title in a script that the font lacks is shown as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()


def checked_spectrogram(values: ArrayLike) -> NDArray[np.float64]:
    """Check power or magnitude [shape=(F, N), >= 0] and convert it to float64."""
    matrix = np.asarray(values)
    if matrix.ndim != 2 or matrix.size == 0 or matrix.dtype.kind not in "fiu":
        raise ParameterError(
            f"spectrogram of shape {matrix.shape} and type {matrix.dtype}: give a real matrix."
        )
    if not (np.isfinite(matrix).all() and (matrix >= 0).all()):
        raise ParameterError("spectrogram has negative or not finite values: give power.")
    return matrix.astype(np.float64, copy=False)


def _draw_cells(ax: Axes, cells: NDArray[Any], extent: Extent, **style: Any) -> AxesImage:
    """Draw cells (F, N), row 0 at the bottom, and name the axes."""
    ax.set_xlabel("Time (s)")
    ax.set_ylabel("Frequency (Hz)")
    return ax.imshow(cells, origin="lower", aspect="auto", extent=extent, **style)
