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
from spectramend.restoration.jobs import Channel, DamagedRegion
from spectramend.restoration.segments import Segment
from spectramend.spectral_repair.band_limit import limited_to_bands

# Chosen on events of `spectramend experiment occlusion` and ringing phones of `everyday`:
LEAST_S = 0.3  # s of a region: in a shorter one, tones and notes are alike
TONE_SHARE = 0.7  # of the power in the bands of the region, what tones have together
CONTEXT_DB = 10.0  # dB by which a tone is softer before and after the region
FADE_S = 0.005  # s in which subtraction begins and ends; engineering choice: no click
SHORT_S = 0.01  # s, window of the power that tells where tones begin and end; engineering choice
REACH_HZ = 40.0  # Hz beyond a band that count as in it; engineering choice: the lobes of a tone


def tones_of_event(
    channel: Channel, group: list[DamagedRegion], segment: Segment
) -> NDArray[np.float64] | None:
    """Estimate the steady tones of an event [shape of the samples of the segment], or None."""
    sr, span = channel.sr, segment.span
    if span[1] - span[0] < LEAST_S * sr:
        return None
    bands = [d.region.band(sr=sr) for d in group]
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
    """Cut tones to where their subtraction from x [shape=(n,)] halves its power, and fade them."""
    window = np.ones(max(1, round(SHORT_S * sr)))
    left, all_of_it = (np.convolve(z**2, window, "same") for z in (x - tones, x))
    there = np.flatnonzero(left < all_of_it / 2)
    cut = np.zeros(tones.size)
    if there.size:
        part = slice(int(there[0]), int(there[-1]) + 1)
        cut[part] = tones[part] * _fades(part.stop - part.start, sr)
    return cut


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


def _fades(n: int, sr: int) -> NDArray[np.float64]:
    """Rise at the beginning and fall at the end of so many samples [shape=(n,)]."""
    at = (np.arange(n) + 0.5) / max(1.0, FADE_S * sr)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.minimum(1, np.minimum(at, at[::-1]))))
