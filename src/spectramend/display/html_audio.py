"""Sounds as HTML without other files, for Jupyter and reports.

A sound is an array [shape=(n,) or (channels, n)] of floats with full scale at ±1, or integers of
the full scale of their type; `checked_sound` refuses others. It is never rescaled, so that players
compare, and samples beyond full scale are clipped, with a note.
"""

from __future__ import annotations

import base64
import html
import io
import math
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import on_unit_scale, plain, refuse_columns
from spectramend.display.spectrograms import (
    Extent,
    cell_extent,
    draw_boxes,
    figure_png,
    level_bar,
    spectrogram_panel,
)
from spectramend.display.tables import number_text
from spectramend.errors import ParameterError

# Most columns of a spectrogram image. Engineering choice: more than its pixels (1050).
IMAGE_COLUMNS = 1500
# Seconds of a frame of such an image, rounded to a power of two samples. Engineering choice.
IMAGE_FRAME_S = 0.04


def wav_data_uri(samples: ArrayLike, sr: float) -> str:
    """Encode a sound at `sr` Hz as 16-bit WAV in the ``data:`` URI of an ``<audio>`` element."""
    channels = checked_sound(samples, sr)
    # Readers divide by 2**15, so 16-bit samples are reproduced exactly.
    pcm = np.minimum(np.rint(np.clip(channels, -1, 1) * 2.0**15), 2**15 - 1).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(len(pcm))
        out.setsampwidth(2)
        out.setframerate(round(sr))
        out.writeframes(pcm.T.tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def player_html(samples: ArrayLike, sr: float, *, title: str = "") -> str:
    """Show a sound at `sr` Hz as a ``<figure>``: a player, title, duration and peak."""
    channels = checked_sound(samples, sr)
    caption = [f"<strong>{html.escape(title)}</strong>"] if title else []
    caption += [duration_text(channels.shape[-1] / sr), peak_text(channels)]
    label = html.escape(title or "sound")
    over_db = peak_dbfs(channels)
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


def sound_html(samples: ArrayLike, sr: float, *, title: str = "", facts: Sequence[str] = ()) -> str:
    """Show a sound at `sr` Hz as a player, a list of facts, and its spectrogram."""
    lines = "".join(f"<li>{html.escape(fact)}</li>" for fact in facts)
    return (
        player_html(samples, sr, title=title)
        + (f"<ul>{lines}</ul>" if lines else "")
        + spectrogram_image(samples, sr, title=title)
    )


def spectrogram_image(
    samples: ArrayLike,
    sr: float,
    *,
    title: str = "",
    vmin_db: float | None = None,
    vmax_db: float | None = None,
    start_s: float = 0.0,
    boxes: Sequence[Extent] = (),
) -> str:
    """Show the spectrogram of a sound at `sr` Hz as an ``<img>`` that holds its PNG.

    The title is also the alternative text. The picture shows the mean power of the channels, each
    column one frame of about 40 ms; of a long recording, evenly spaced frames. The ends of the
    colour scale are in dB, 0 being a sine at full scale: by default the level of the loudest cell
    and 70 dB below; give both to compare pictures. The first sample is at `start_s` seconds; boxes
    have first and last second, lowest and highest Hz.
    """
    from matplotlib.figure import Figure

    channels = checked_sound(samples, sr)
    power, hop_s, bin_hz = overview_power(channels, sr)
    figure = Figure(figsize=(7.0, 2.4), dpi=150, layout="constrained")
    ax = figure.add_subplot()
    extent = cell_extent(power.shape, hop_s=hop_s, bin_hz=bin_hz, start_s=start_s)
    image = spectrogram_panel(ax, power, extent=extent, vmin_db=vmin_db, vmax_db=vmax_db)
    draw_boxes(ax, boxes)
    ax.set_xlim(start_s, start_s + channels.shape[-1] / sr)
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


def loudest_db(channels: NDArray[np.float64], sr: float) -> float:
    """Give the level of the loudest cell of a picture [shape=(channels, n)]; 0 for silence."""
    peak = float(overview_power(channels, sr)[0].max())
    return 10 * math.log10(peak) if peak > 0 else 0.0


def duration_text(seconds: float) -> str:
    """Write a duration: seconds below a minute, ``m:ss`` or ``h:mm:ss`` above."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def peak_text(samples: NDArray[Any]) -> str:
    """Write the peak of a sound on the ±1 scale in dBFS, or that it is silent."""
    peak = peak_dbfs(samples)
    if peak == -math.inf:
        return "silent"
    return f"peak +{_over_text(peak)} dBFS" if peak > 0 else f"peak {number_text(peak, 1)} dBFS"


def checked_sound(samples: ArrayLike, sr: float) -> NDArray[np.float64]:
    """Check a sound and its rate in Hz; give one channel a row [shape=(channels, n), float64]."""
    x = plain("samples", samples)
    if not (math.isfinite(sr) and sr >= 1):
        raise ParameterError(f"sr={sr}: give a positive sample rate in Hz.")
    if x.dtype.kind not in "fiu" or x.dtype == np.int64 or x.dtype == np.uint64:
        raise ParameterError(
            f"samples of type {x.dtype}: give floats within ±1, or integers of up to 32 bits."
        )
    if x.ndim not in (1, 2) or x.size == 0:
        raise ParameterError(f"samples of shape {x.shape}: give (n,) or (channels, n), n >= 1.")
    refuse_columns("samples", x.shape)
    if x.ndim == 2 and x.shape[0] > x.shape[1]:
        raise ParameterError(
            f"samples of shape {x.shape}: more channels than samples; give (channels, n)."
        )
    if not np.isfinite(x).all():
        raise ParameterError("samples hold NaN or infinity: replace them first.")
    return np.atleast_2d(on_unit_scale("samples", x))


def peak_dbfs(samples: NDArray[Any]) -> float:
    """Give the peak in dB relative to full scale; -inf for silence."""
    peak = float(np.abs(samples).max())
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def _over_text(over_db: float) -> str:
    """Write a level above full scale, as at least 0.1 dB."""
    return number_text(max(over_db, 0.1), 1)


def overview_power(
    channels: NDArray[np.float64],
    sr: float,
    frame_s: float = IMAGE_FRAME_S,
    columns: int = IMAGE_COLUMNS,
) -> tuple[NDArray[np.float64], float, float]:
    """Compute the mean power of the channels (F, N), the hop in s, and the bin width in Hz.

    Frames have about `frame_s` seconds, and there are at most about so many columns. The power of
    a sine at full scale peaks at 1.
    """
    n_fft = max(16, 2 ** round(math.log2(frame_s * sr)))
    hop = max(n_fft // 4, -(-channels.shape[-1] // columns))
    window = np.hanning(n_fft + 1)[:-1]
    padded = np.pad(channels, ((0, 0), (n_fft // 2, n_fft // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=-1)[:, ::hop]
    spectrum = np.fft.rfft(frames * window) / (window.sum() / 2)
    return (np.abs(spectrum) ** 2).mean(axis=0).T, hop / sr, sr / n_fft
