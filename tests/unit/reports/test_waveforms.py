"""The waveform of a report: the loudest restored peak, and the level of clipping as a line."""

from __future__ import annotations

import numpy as np

from spectramend.reports.waveforms import loudest_change, waveform_figure
from spectramend.restoration.recording_files import Excerpt

SR = 8000
BEFORE = np.stack([0.5 * np.sin(0.3 * np.arange(2000)), np.full(2000, 0.9)])
AFTER = BEFORE.copy()
AFTER[0, 1200], AFTER[0, 700] = -0.8, 0.6
EXCERPT = Excerpt(SR, BEFORE, AFTER, ())


def test_the_loudest_change_is_found_where_others_are_louder() -> None:
    peak = loudest_change(EXCERPT)
    assert peak is not None
    assert (peak.height, peak.channel, peak.sample) == (0.8, 0, 1200)
    assert loudest_change(Excerpt(0, BEFORE, BEFORE, ())) is None


def test_samples_around_the_peak_are_drawn_with_the_levels() -> None:
    peak = loudest_change(EXCERPT)
    assert peak is not None
    (ax,) = waveform_figure(EXCERPT, peak, SR, [-0.5, 0.5]).axes
    lines = {str(line.get_label()): line for line in ax.lines}
    t, y = (np.asarray(values) for values in lines["after"].get_data())
    np.testing.assert_allclose([t[0], t[-1]], [1000 + 1000 * (1200 + s) / SR for s in (-96, 96)])
    np.testing.assert_array_equal(y, AFTER[0, 1104:1297])
    np.testing.assert_array_equal(lines["before"].get_ydata(), BEFORE[0, 1104:1297])
    drawn = [np.asarray(line.get_ydata()) for line in ax.lines]
    flat = [level for level in drawn if level.size == 2]
    assert sorted(float(level[0]) for level in flat) == [-0.5, 0.0, 0.5]
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "after", "before", "level of clipping",
    ]  # fmt: skip
