"""Steady tones of an event, such as those of a bell, a beep or an alarm.

They are followed and subtracted as hum is, and so leave what lies between them; NMF removes what
remains of the event. A tone counts as one of the event if it is hardly there before and after the
region, and only if such tones are nearly all that is in the region.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.hum import Grid, Hum, Wanted, find_hums, hum_samples
from spectramend.hum.amplitudes import heterodyne
from spectramend.restoration.jobs import Channel, DamagedRegion, bands_of
from spectramend.restoration.segments import Segment
from spectramend.spectral_repair.band_limit import limited_to_bands

# Chosen on events of `spectramend experiment occlusion` and ringing phones of `everyday`:
LEAST_S = 0.3  # s of a region: in a shorter one, tones and notes are alike
TONE_SHARE = 0.7  # of the power in the bands of the region, what tones have together
CONTEXT_DB = 10.0  # dB by which a tone is softer before and after the region
EDGE_S = 0.05  # s from an end in which a tone rises or falls; engineering choice
SHORT_S = 0.006  # s, window that tells where tones begin and end; engineering choice
REACH_HZ = 40.0  # Hz beyond a band that count as in it; engineering choice: the lobes of a tone


def tones_of_event(
    channel: Channel, group: list[DamagedRegion], segment: Segment
) -> NDArray[np.float64] | None:
    """Estimate the steady tones of an event [shape of the samples of the segment], or None."""
    sr, span = channel.sr, segment.span
    if span[1] - span[0] < LEAST_S * sr:
        return None
    bands = bands_of(group, sr)
    hums = find_hums(
        channel.samples, Grid.over(*span, sr), Wanted(tuple(bands), told=True, mains=False)
    )
    hums = [hum for hum in hums if _is_of_event(hum, segment, sr)]
    if not hums:
        return None
    x = limited_to_bands(segment.samples, bands, reach=REACH_HZ, sr=sr)[segment.inside]
    tones = _while_it_lasts(hum_samples(hums, *span), x, sr)
    if np.sum((x - tones) ** 2) > (1 - TONE_SHARE) * np.sum(x**2):
        return None
    change = np.zeros(segment.samples.size)
    change[segment.inside] = tones
    return change


def _while_it_lasts(
    tones: NDArray[np.float64], x: NDArray[np.float64], sr: int
) -> NDArray[np.float64]:
    """Cut tones to where their subtraction from x [shape=(n,)] halves its power.

    Near these ends they get the gain of a least-squares fit to x in a short window, 0 to 1.
    """
    window = np.hanning(max(3, round(SHORT_S * sr)))
    left, whole, common, own = (
        np.convolve(z, window, "same") for z in ((x - tones) ** 2, x**2, x * tones, tones**2)
    )
    there = np.flatnonzero(left < whole / 2)
    if not there.size:
        return np.zeros(tones.size)
    n = np.arange(tones.size)
    inside = np.minimum(n - there[0], there[-1] - n) / sr  # s from the nearer end, < 0 outside
    gain = np.clip(common / np.maximum(own, np.finfo(np.float64).tiny), 0, 1)
    gain[inside > EDGE_S] = 1
    gain[inside < -SHORT_S] = 0
    return np.asarray(tones * gain)


def _is_of_event(hum: Hum, segment: Segment, sr: int) -> bool:
    """Whether the tones of a hum are louder in the region than before and after it."""

    def read(start: int, stop: int) -> NDArray[np.float64]:
        return segment.samples[start - segment.first : stop - segment.first]

    level = np.array([tone.level for tone in hum.tones])
    last = segment.first + segment.samples.size
    for side in ((segment.first, segment.span[0]), (segment.span[1], last)):
        grid = Grid.over(*side, sr)
        if side[1] - side[0] > 2 * grid.hop:
            c, _ = heterodyne(read, grid, [tone.frequency for tone in hum.tones])
            usual = np.median(np.abs(c) ** 2, axis=1)
            if np.any(usual > level * 10 ** (-CONTEXT_DB / 10)):
                return False
    return True
