"""How sounds, spectrograms and tables become HTML that needs no file beside it.

Notebooks and reports show what came out of a computation with these. Levels are true: a sound is
never rescaled, so two players compare, and what lies beyond full scale is clipped and said so.
"""

from __future__ import annotations

import base64
import html
import io
import math
import warnings
import wave
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

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

MINUS, DASH, INFINITY = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{INFINITY}"
DYNAMIC_RANGE_DB = 70.0
MAX_COLUMNS = 1500  # of a spectrogram image: more than its pixels would show nothing new
MASK_COLORS = ("#2d2a4a", "#f4c95d")  # hidden, reliable: told apart without colour vision too


def wav_data_uri(samples: ArrayLike, sr: float) -> str:
    """Encode a sound as a ``data:`` URI that an ``<audio>`` element plays.

    Parameters
    ----------
    samples : array_like [shape=(n,) or (channels, n), float]
        The sound, full scale at ±1. What lies beyond is clipped; nothing is rescaled.
    sr : float
        Sample rate in Hz.

    Returns
    -------
    str
        The sound as 16-bit WAV, in base64.

    Raises
    ------
    ParameterError
        If the samples are not a sound on this scale, or the rate is not positive.

    Examples
    --------
    >>> wav_data_uri([0.0, 0.5, -0.5], sr=16000)[:33]
    'data:audio/wav;base64,UklGRioAAAB'
    """
    channels = checked_sound(samples, sr)
    # 2**15, as readers divide by it: 16-bit sounds come through bit by bit.
    pcm = np.minimum(np.rint(np.clip(channels, -1, 1) * 2.0**15), 2**15 - 1).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(len(pcm))
        out.setsampwidth(2)
        out.setframerate(round(sr))
        out.writeframes(pcm.T.tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def player_html(samples: ArrayLike, sr: float, *, title: str = "") -> str:
    """Show a sound as a player with its duration and peak.

    Parameters
    ----------
    samples : array_like [shape=(n,) or (channels, n), float]
        The sound, full scale at ±1.
    sr : float
        Sample rate in Hz.
    title : str
        What the caption begins with.

    Returns
    -------
    str
        A ``<figure>``. It plays at the sound's own level, and says so where the player clips.

    Raises
    ------
    ParameterError
        If the samples are not a sound on this scale, or the rate is not positive.

    Examples
    --------
    >>> "0.01 s · peak −6.0 dBFS" in player_html([0.5] * 160, sr=16000, title="A voice")
    True
    """
    channels = checked_sound(samples, sr)
    caption = [f"<strong>{html.escape(title)}</strong>"] if title else []
    caption += [duration_text(channels.shape[-1] / sr), peak_text(channels)]
    label = html.escape(title or "sound")
    over_db = _peak_dbfs(channels)
    clipped = ""
    if over_db > 0:
        clipped = (
            f'<p style="margin:.3em 0 0">The peak is {_over_text(over_db)} dB over full scale: '
            "this player clips it.</p>"
        )
    return (
        '<figure style="margin:.6em 0">'
        f'<figcaption style="margin-bottom:.3em">{" · ".join(caption)}</figcaption>'
        f'<audio controls preload="metadata" aria-label="{label}" '
        f'style="width:100%;max-width:32em" src="{wav_data_uri(channels, sr)}"></audio>'
        f"{clipped}</figure>"
    )


def spectrogram_image(
    samples: ArrayLike,
    sr: float,
    *,
    title: str = "",
    vmin_db: float | None = None,
    vmax_db: float | None = None,
) -> str:
    """Show the spectrogram of a sound as a small picture.

    Parameters
    ----------
    samples : array_like [shape=(n,) or (channels, n), float]
        The sound; the picture shows the mean power of its channels.
    sr : float
        Sample rate in Hz.
    title : str
        Title above the picture, and its text for those who do not see it.
    vmin_db, vmax_db : float, optional
        Ends of the colour scale in dB, 0 being a sine at full scale. Give both to compare pictures;
        by default the loudest cell is the upper end and the lower lies 70 dB below.

    Returns
    -------
    str
        An ``<img>`` that holds its PNG.

    Raises
    ------
    ParameterError
        If the samples are not a sound, the rate is not positive or the scale is empty.

    Notes
    -----
    Each column is one frame of about 40 ms. Of a recording too long for that, evenly spaced frames
    are shown.

    Examples
    --------
    >>> spectrogram_image([0.5, -0.5] * 800, sr=16000)[:32]
    '<img src="data:image/png;base64,'
    """
    from matplotlib.figure import Figure

    channels = checked_sound(samples, sr)
    power, hop_s, bin_hz = _overview(channels, sr)
    figure = Figure(figsize=(7.0, 2.4), dpi=150, layout="constrained")
    ax = figure.add_subplot()
    extent = cell_extent(power.shape, hop_s=hop_s, bin_hz=bin_hz)
    image = spectrogram_panel(ax, power, extent=extent, vmin_db=vmin_db, vmax_db=vmax_db)
    ax.set_xlim(0, channels.shape[-1] / sr)
    ax.set_ylim(0, sr / 2)
    level_bar(ax, image, label="dBFS")
    if title:
        ax.set_title(title, loc="left", fontsize=10, parse_math=False)
    png = base64.b64encode(figure_png(figure)).decode("ascii")
    alt = html.escape(f"Spectrogram: {title}" if title else "Spectrogram")
    return (
        f'<img src="data:image/png;base64,{png}" alt="{alt}" width="700" '
        'style="max-width:100%;height:auto">'
    )


def spectrogram_panel(
    ax: Axes,
    values: ArrayLike,
    *,
    extent: Extent,
    magnitude: bool = False,
    vmin_db: float | None = None,
    vmax_db: float | None = None,
) -> AxesImage:
    """Draw a spectrogram in dB.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    values : array_like [shape=(F, N), float, >= 0]
        Power, or magnitude. Row 0 is drawn at the bottom.
    extent : tuple of float
        First and last second, lowest and highest Hz; see `cell_extent`.
    magnitude : bool
        Whether `values` are magnitudes.
    vmin_db, vmax_db : float, optional
        Ends of the colour scale. By default the largest value and 70 dB below.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture, for `level_bar`.

    Raises
    ------
    ParameterError
        If `values` is not such a matrix or the scale is empty.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> image = spectrogram_panel(ax, [[1.0, 100.0], [0.0, 10.0]], extent=(0, 2, 0, 8000))
    >>> [float(level) for level in image.get_clim()]
    [-50.0, 20.0]
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
    _label_axes(ax)
    return ax.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        vmin=vmin_db,
        vmax=vmax_db,
    )


def mask_panel(ax: Axes, observed: ArrayLike, *, extent: Extent) -> AxesImage:
    """Draw a mask in two colours.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    observed : array_like [shape=(F, N), bool]
        ``True`` where a cell is reliable. Row 0 is drawn at the bottom.
    extent : tuple of float
        First and last second, lowest and highest Hz; see `cell_extent`.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture, for `mask_bar`.

    Raises
    ------
    ParameterError
        If `observed` is not a boolean matrix.
    """
    from matplotlib.colors import BoundaryNorm, ListedColormap

    mask = np.asarray(observed)
    if mask.dtype != np.bool_ or mask.ndim != 2 or mask.size == 0:
        raise ParameterError(
            f"mask of shape {mask.shape} and type {mask.dtype}: give a boolean matrix."
        )
    _label_axes(ax)
    return ax.imshow(
        mask.astype(np.uint8),
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap=ListedColormap(list(MASK_COLORS)),
        norm=BoundaryNorm([-0.5, 0.5, 1.5], 2),
        interpolation_stage="rgba",  # where cells are finer than pixels the colours mix
    )


def level_bar(ax: Axes, image: AxesImage, *, label: str = "dB") -> Colorbar:
    """Add a colour bar in `label` to what `spectrogram_panel` drew."""
    return ax.figure.colorbar(image, ax=ax, label=label, pad=0.015, aspect=12)


def mask_bar(ax: Axes, image: AxesImage) -> Colorbar:
    """Add a key to what `mask_panel` drew: which colour is hidden, which reliable."""
    bar = ax.figure.colorbar(image, ax=ax, ticks=[0, 1], pad=0.015, aspect=12)
    bar.ax.set_yticklabels(["hidden", "reliable"])
    bar.ax.tick_params(length=0)
    return bar


def cell_extent(
    shape: tuple[int, ...], *, hop_s: float, bin_hz: float, start_s: float = 0.0
) -> Extent:
    """Give the edges of (F, N) cells that lie around their times and frequencies.

    The first frame is centred on `start_s` seconds, the first row on 0 Hz.

    Examples
    --------
    >>> cell_extent((3, 4), hop_s=0.5, bin_hz=100.0)
    (-0.25, 1.75, -50.0, 250.0)
    """
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
        # A title in a script that the font lacks shows boxes; it must not stop anything.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()


def table_html(
    rows: Sequence[Mapping[str, object]],
    *,
    headings: Mapping[str, str] | None = None,
    strong: Collection[tuple[int, str]] = (),
) -> str:
    """Show rows as a table.

    Parameters
    ----------
    rows : sequence of mapping
        One mapping a row, from column to value. A missing key counts as ``None``.
    headings : mapping of str to str, optional
        The columns to show, in order, and their headings; by default all, under their keys.
    strong : collection of (int, str)
        Cells to emphasise, as row number and column.

    Returns
    -------
    str
        A ``<table>``, escaped. Floats have the digits that suit their column, ``None`` is an en
        dash.

    Examples
    --------
    >>> "12.35" in table_html([{"dB": 12.3456}, {"dB": None}])
    True
    """
    if headings is None:
        headings = {key: key for row in rows for key in row}
    texts = {key: column_texts([row.get(key) for row in rows]) for key in headings}
    numeric = {key: any(_is_number(row.get(key)) for row in rows) for key in headings}

    def cell(tag: str, key: str, content: str) -> str:
        side = "right" if numeric[key] else "left"
        return f'<{tag} style="text-align:{side}">{content}</{tag.split()[0]}>'

    head = "".join(cell('th scope="col"', k, html.escape(h)) for k, h in headings.items())
    body = []
    for i in range(len(rows)):
        cells = []
        for column, key in enumerate(headings):
            text = html.escape(texts[key][i])
            text = f"<strong>{text}</strong>" if (i, key) in strong else text
            cells.append(cell("td" if column else 'th scope="row"', key, text))
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def column_texts(values: Sequence[object]) -> list[str]:
    """Write the values of a table column, with as many decimals as suit the largest.

    Examples
    --------
    >>> column_texts([0.74312, 1.0, None]), column_texts([-0.2104, 12.5, float("inf")])
    (['0.743', '1.000', '–'], ['−0.21', '12.50', '∞'])
    """
    sizes = [abs(v) for v in values if _is_number(v) and math.isfinite(v)]
    largest = max(sizes, default=0.0)
    decimals = 3 if largest <= 1 else 2 if largest < 100 else 1 if largest < 1000 else 0
    return [_value_text(value, decimals) for value in values]


def number_text(value: float, decimals: int) -> str:
    """Write a number with a true minus sign, and infinity as its symbol.

    Examples
    --------
    >>> number_text(-3.14159, 1), number_text(-0.01, 1)
    ('−3.1', '0.0')
    """
    if math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    text = f"{value:.{decimals}f}"
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]  # a rounded zero has no sign
    return text.replace("-", MINUS)


def duration_text(seconds: float) -> str:
    """Write a duration: seconds below a minute, ``m:ss`` or ``h:mm:ss`` above.

    Examples
    --------
    >>> duration_text(9.0851), duration_text(754.2), duration_text(3601.0)
    ('9.09 s', '12:34', '1:00:01')
    """
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def peak_text(samples: NDArray[Any]) -> str:
    """Write the peak of a sound on the ±1 scale in dBFS, or that it is silent.

    Examples
    --------
    >>> peak_text(np.array([0.0, -0.5])), peak_text(np.zeros(3))
    ('peak −6.0 dBFS', 'silent')
    """
    peak = _peak_dbfs(samples)
    if peak == -math.inf:
        return "silent"
    return f"peak +{_over_text(peak)} dBFS" if peak > 0 else f"peak {number_text(peak, 1)} dBFS"


def checked_sound(samples: ArrayLike, sr: float) -> NDArray[np.float64]:
    """Check a sound at the door.

    Parameters
    ----------
    samples : array_like [shape=(n,) or (channels, n), float]
        The sound, full scale at ±1.
    sr : float
        Sample rate in Hz.

    Returns
    -------
    ndarray [shape=(channels, n)]
        The sound, one channel a row.

    Raises
    ------
    ParameterError
        If it is empty, not finite, of integers, not one channel a row, or the rate not positive.

    Examples
    --------
    >>> checked_sound([0.0, 0.5], sr=8000).shape
    (1, 2)
    """
    x = np.asarray(samples)
    if not (math.isfinite(sr) and sr >= 1):
        raise ParameterError(f"sr={sr}: give a positive sample rate in Hz.")
    if x.dtype.kind != "f":
        raise ParameterError(
            f"samples of type {x.dtype}: give floats on the ±1 scale (int16 divided by 32768)."
        )
    if x.ndim not in (1, 2) or x.size == 0:
        raise ParameterError(f"samples of shape {x.shape}: give (n,) or (channels, n), n >= 1.")
    if x.ndim == 2 and x.shape[0] > x.shape[1]:
        raise ParameterError(
            f"samples of shape {x.shape}: more channels than samples; give (channels, n)."
        )
    if not np.isfinite(x).all():
        raise ParameterError("samples hold NaN or infinity: replace them first.")
    return np.atleast_2d(x).astype(np.float64, copy=False)


def checked_spectrogram(values: ArrayLike) -> NDArray[np.float64]:
    """Check a spectrogram at the door.

    Parameters
    ----------
    values : array_like [shape=(F, N), float, >= 0]
        Power or magnitude.

    Returns
    -------
    ndarray [shape=(F, N)]
        The same as float64.

    Raises
    ------
    ParameterError
        If it is empty, not a real matrix, or has negative values, NaN or infinity.

    Examples
    --------
    >>> checked_spectrogram([[1, 2]]).dtype
    dtype('float64')
    """
    matrix = np.asarray(values)
    if matrix.ndim != 2 or matrix.size == 0 or matrix.dtype.kind not in "fiu":
        raise ParameterError(
            f"spectrogram of shape {matrix.shape} and type {matrix.dtype}: give a real matrix."
        )
    if not (np.isfinite(matrix).all() and (matrix >= 0).all()):
        raise ParameterError("spectrogram has negative or not finite values: give power.")
    return matrix.astype(np.float64, copy=False)


def _label_axes(ax: Axes) -> None:
    """Name the axes of a spectrogram."""
    ax.set_xlabel("Time (s)")
    ax.set_ylabel("Frequency (Hz)")


def _peak_dbfs(samples: NDArray[Any]) -> float:
    """Give the peak in dB over full scale."""
    peak = float(np.abs(samples).max())
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def _over_text(over_db: float) -> str:
    """Write an excess over full scale, which is never shown as none."""
    return number_text(max(over_db, 0.1), 1)


def _overview(channels: NDArray[np.float64], sr: float) -> tuple[NDArray[np.float64], float, float]:
    """Analyse a sound for a picture: mean power of the channels (F, N), hop in s, bin in Hz.

    The power of a sine at full scale peaks at 1.
    """
    n_fft = max(16, 2 ** round(math.log2(0.04 * sr)))
    hop = max(n_fft // 4, -(-channels.shape[-1] // MAX_COLUMNS))
    window = np.hanning(n_fft + 1)[:-1]
    padded = np.pad(channels, ((0, 0), (n_fft // 2, n_fft // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=-1)[:, ::hop]
    spectrum = np.fft.rfft(frames * window) / (window.sum() / 2)
    return (np.abs(spectrum) ** 2).mean(axis=0).T, hop / sr, sr / n_fft


def _is_number(value: object) -> TypeGuard[float]:
    """Tell numbers from text, truth values and nothing."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _value_text(value: object, decimals: int) -> str:
    """Write one value of a table."""
    if value is None:
        return DASH
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not _is_number(value):
        return str(value)
    if isinstance(value, int | np.integer):
        return number_text(value, 0)
    if math.isfinite(value) and 0 < abs(value) < 0.5 * 10**-decimals:
        return f"{value:.1e}".replace("-", MINUS)
    return number_text(value, decimals)
