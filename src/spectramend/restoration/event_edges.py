"""The edges of occluded regions, in time and frequency: how far a change reaches, what lies beyond.

What is taken away is kept within the bands and spans that were drawn, see
`spectramend.spectral_repair.band_limit`. An event that is there at the edge of its box, which was
drawn too tight, is faded out faster, the louder it is, and the neighbourhood tells from where to
where it goes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from spectramend.core.intervals import Span
from spectramend.core.stft import STFT
from spectramend.restoration.jobs import DamagedRegion, bands_of
from spectramend.restoration.segments import Segment
from spectramend.spectral_repair.band_limit import Band, limited_to_bands, reach_hz
from spectramend.spectral_repair.event_mask import frames_containing

LOUDER = 2.0  # power beyond an edge over the most of the context, at least; engineering choice
NEAR_S = 0.25  # s beside an edge that do not count as context there; engineering choice
ENVELOPE_S = 0.01  # s over which power is averaged at the ends; engineering choice
MIN_BEYOND_BINS = 4  # bins by which an event goes on in frequency, at least; engineering choice
WIDER = 0.1  # part of the band by which an event goes on, at least; engineering choice


def shared_reach(group: Sequence[DamagedRegion], sr: int) -> float:
    """Give the least reach in Hz of the regions of a group."""
    return min(reach_hz(d.region.band(sr=sr), (d.span[1] - d.span[0]) / sr) for d in group)


def kept_change(
    change: NDArray[np.float64], group: Sequence[DamagedRegion], segment: Segment, sr: int
) -> NDArray[np.float64]:
    """Keep what lies within the bands and spans of regions, with fades at their ends.

    change [shape=(n,)] is what is taken away from the segment, in and around the regions.
    """
    reach, rest, kept = shared_reach(group, sr), change.copy(), np.zeros(change.size)
    for span in sorted({d.span for d in group}):
        bands = bands_of([d for d in group if d.span == span], sr)
        full = any(low <= 0 and high >= sr / 2 for low, high in bands)
        part = rest if full else limited_to_bands(rest, bands, reach=reach, sr=sr)
        part = part * _fade(part, span, bands, segment, reach, sr)
        kept += part
        rest = rest - part
    return kept


def _fade(
    part: NDArray[np.float64],
    span: Span,
    bands: Sequence[Band],
    segment: Segment,
    reach: float,
    sr: int,
) -> NDArray[np.float64]:
    """Give weights, 1 in a span and 0 outside, with fades at its ends but those of the recording.

    A fade of f s lets the event through for about f/3. With e for the power that is taken away at
    an edge over that of the context, f is 2/R, if e is small, and else 1 + e times shorter, but
    not shorter than 2/B: a sound of B Hz does not change faster.
    """
    first, last = span[0] - segment.first, span[1] - segment.first
    usual = min(round(2 * sr / reach), (last - first) // 4)
    least = min(usual, round(2 * sr / max(high - low for low, high in bands)))
    context = np.concatenate([segment.samples[:first], segment.samples[last:]])
    level = (
        np.mean(limited_to_bands(context, bands, reach=reach, sr=sr) ** 2) if context.size else 0
    )
    weight = np.zeros(part.size)
    weight[first:last] = 1
    for edge, inward in ((first, 1), (last - 1, -1)):
        if not usual or segment.first + edge in (0, segment.length - 1):
            continue
        at_edge = np.mean(part[edge : edge + inward * usual : inward] ** 2)
        faster = level / (level + at_edge) if at_edge else 1
        fade = max(least, round(usual * faster))
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
        weight[edge : edge + inward * fade : inward] = ramp
    return weight


def beyond_region(
    segment: Segment,
    kept: NDArray[np.float64],
    group: Sequence[DamagedRegion],
    stft: STFT,
    sr: int,
) -> str:
    """Say whether the event goes on outside its regions, and where; nothing if it does not.

    kept [shape=(n,)] is what was taken away.
    """
    bands = bands_of(group, sr)
    start, stop = _extent(segment, kept, bands, shared_reach(group, sr), sr)
    low, high = _band_extent(segment, bands, stft, sr)
    found = []
    if (start, stop) != segment.span:
        found.append(f"{start / sr:.2f} to {stop / sr:.2f} s")
    if (low, high) != (min(band[0] for band in bands), max(band[1] for band in bands)):
        found.append(f"{low:.0f} to {high:.0f} Hz")
    if not found:
        return ""
    return f"the sound goes on outside the region: draw it from {' and from '.join(found)}"


def _extent(
    segment: Segment,
    kept: NDArray[np.float64],
    bands: Sequence[Band],
    reach: float,
    sr: int,
) -> Span:
    """Find the samples from which and to which an event is louder than all of its context."""
    width, near = max(1, round(ENVELOPE_S * sr)), round(NEAR_S * sr)
    x = limited_to_bands(segment.samples, bands, reach=reach, sr=sr)
    power = uniform_filter1d(x**2, width, mode="nearest")
    inside = segment.inside
    context = np.concatenate([power[: max(0, inside.start - near)], power[inside.stop + near :]])
    if context.size < near:
        return segment.span
    most = float(context.max())
    # Outward from either end, the envelope not seeing the inside.
    sides = (
        (power[: max(0, inside.start - width // 2)][::-1], kept[inside][:width]),
        (power[inside.stop + width // 2 :], kept[inside][::-1][:width]),
    )
    beyond = []
    for outward, edge in sides:
        louder = np.append(outward > most, False)
        goes_on = outward[:width].mean() > LOUDER * most if outward.size else False
        steps = int(np.argmin(louder)) if goes_on and np.mean(edge**2) > most else 0
        beyond.append(steps + width // 2 if steps > width else 0)
    return segment.span[0] - beyond[0], segment.span[1] + beyond[1]


def _band_extent(segment: Segment, bands: Sequence[Band], stft: STFT, sr: int) -> Band:
    """Find the band in which the spans of a group are louder than all stretches of the context."""
    low, high = min(band[0] for band in bands), max(band[1] for band in bands)
    P = np.abs(stft.forward(segment.samples)) ** 2
    n_frames, inside = P.shape[1], segment.inside
    during = frames_containing((inside.start, inside.stop), 0, stft, n_frames)
    context = np.delete(P, np.r_[during], axis=1)
    length = during.stop - during.start
    if context.shape[1] < length:
        return low, high
    most = uniform_filter1d(context, length, axis=1, mode="nearest").max(axis=1)
    louder = P[:, during].mean(axis=1) > LOUDER * most
    bin_hz = sr / stft.n_fft
    first, last = int(low / bin_hz), int(high / bin_hz) + 1
    below = int(np.argmin(np.append(louder[:first][::-1], False)))
    above = int(np.argmin(np.append(louder[last + 1 :], False)))
    wide = max(MIN_BEYOND_BINS, WIDER * (last - first))
    if below > wide:
        low = (first - below) * bin_hz
    if above > wide:
        high = min(sr / 2, (last + 1 + above) * bin_hz)
    return low, high
