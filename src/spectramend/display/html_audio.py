"""How sounds become HTML that needs no file beside it, as Jupyter and reports show them.

Levels are true: a sound is never rescaled, so two players compare, and what lies beyond full scale
is clipped and said so.
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

from spectramend.display.spectrograms import cell_extent, figure_png, level_bar, spectrogram_panel
from spectramend.display.tables import number_text
from spectramend.errors import ParameterError

MAX_COLUMNS = 1500  # of a spectrogram image: more than its pixels would show nothing new


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
    """Show a sound as a player, with its spectrogram and what else there is to say.

    Parameters
    ----------
    samples : array_like [shape=(n,) or (channels, n), float]
        The sound, full scale at ±1.
    sr : float
        Sample rate in Hz.
    title : str
        What it is.
    facts : sequence of str
        A line each, below the player.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ParameterError
        If the samples are not a sound, or the rate is not positive.

    Examples
    --------
    >>> "<li>fit: converged</li>" in sound_html([0.5, -0.5] * 800, 16000, facts=["fit: converged"])
    True
    """
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
    peak = peak_dbfs(samples)
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


def peak_dbfs(samples: NDArray[Any]) -> float:
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
