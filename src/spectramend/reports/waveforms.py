"""A figure of samples before and after a restoration, with the level of clipping drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from spectramend.reports.panels import DPI, WIDTH
from spectramend.restoration.recording_files import Excerpt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Engineering choices:
AROUND_S = 0.012  # s on either side of the peak: a few periods of a voice
HEIGHT = 3.4  # inches
FEW = 400  # samples: so many are drawn as points
BEFORE, AFTER, LEVEL = "#8a8a94", "#c2410c", "#1f6f8b"  # colours, of different lightness, too


class Peak(NamedTuple):
    """The highest sample of an excerpt that was changed."""

    height: float
    channel: int  # from 0
    sample: int  # in the excerpt


def loudest_change(excerpt: Excerpt) -> Peak | None:
    """Find the highest of the samples that differ before and after; None if none does."""
    height = np.where(excerpt.before != excerpt.after, np.abs(excerpt.after), 0.0)
    if not height.any():
        return None
    channel, sample = np.unravel_index(int(np.argmax(height)), height.shape)
    return Peak(float(height.max()), int(channel), int(sample))


def waveform_figure(excerpt: Excerpt, peak: Peak, sr: int, levels: Sequence[float]) -> Figure:
    """Draw the samples around a peak before and after; levels are lines.

    The figure is as wide as those of spectrograms, and belongs to no window.
    """
    from matplotlib.figure import Figure

    around = max(2, round(AROUND_S * sr))
    first = max(0, peak.sample - around)
    last = min(excerpt.before.shape[1], peak.sample + around + 1)
    t = 1000 * (excerpt.start + np.arange(first, last)) / sr  # ms
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT), dpi=DPI, layout="constrained")
    ax = figure.subplots()
    marker = "." if last - first <= FEW else ""
    for x, color, name in ((excerpt.after, AFTER, "after"), (excerpt.before, BEFORE, "before")):
        y = x[peak.channel, first:last]
        ax.plot(t, y, color=color, linewidth=1.2, label=name, marker=marker, markersize=3)
    for i, level in enumerate(levels):
        label = "level of clipping" if i == 0 else None
        ax.axhline(level, color=LEVEL, linewidth=0.9, linestyle="--", label=label)
    ax.axhline(0.0, color="black", linewidth=0.4)
    ax.set_xlim(t[0], t[-1])
    ax.set_xlabel("Time (ms)")
    ax.set_ylabel("Sample")
    ax.ticklabel_format(axis="x", useOffset=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8, frameon=False)
    return figure
