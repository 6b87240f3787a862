"""Decide what is wrong with a region: its samples are missing, or something occludes them.

Over the whole band the decision is that of `spectramend.detection.damage_kind`; here it is extended
to bands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.core.regions import Region
from spectramend.core.stft import STFT, frame_length
from spectramend.detection import COMPARED_S, PRECEDING_LENGTHS, damage_kind
from spectramend.errors import OptionError, ParameterError
from spectramend.restoration.jobs import Channel, DamagedRegion
from spectramend.restoration.options import DamageOption, RegionDamage, RegionOptions
from spectramend.restoration.pulse_jobs import pulse_reason

HUM_LABELS = ("hum", "whine")  # labels of `detect`: steady tones
NARROW_HZ = 20.0  # width of a band that is drawn around a tone; engineering choice
LONG_S = 1.0  # s, duration of such a region; engineering choice: a note may be shorter
MISSING_LABELS = ("dropout", "click")  # labels of `detect`: such samples are lost
CLIPPING_LABEL = "clipping"  # label of `detect`: such samples were beyond a level
# Levels of a band relative to its context. Of boxes at random times and frequencies of undamaged
# recordings of `data/dev` 5 in 100 are taken for holes, nearly all in pauses; of holes after dither
# or lossy coding, 20 to 50 dB deep, most are.
EMPTY_DB = -50.0  # dB, empty whatever its edges are
HOLE_DB = -15.0  # dB, of the frames with more power than 9 of 10, of a hole
EDGE_DB = -10.0  # dB, fall at an edge, beyond that of the rest of the spectrum, of a hole
EDGE_S = 0.06  # s on either side of an edge that are compared; engineering choice: two frames
LEVEL_FRAME_S = 0.032  # s, frame of which levels are measured; engineering choice
EDGE_BINS = 2  # bins inside the edges of a wide band that are left out; engineering choice: leakage
LOUD_PERCENTILE = 90.0  # percent of the frames; engineering choice: an event is in more of them
FRAME_S = 0.064  # s, frame of the transform; engineering choice: resolves harmonics of speech
MIN_FRAME = 32  # samples of a frame; engineering choice
MIN_BAND_BINS = 8  # bins in a band; engineering choice


def classify_damage(
    channel: Channel, region: Region, damage: DamageOption, context: int
) -> DamagedRegion:
    """Decide what is wrong with a region, unless `damage` says it.

    `context` is in samples on either side.
    """
    span = region.samples(length=channel.length, sr=channel.sr)
    full = region.is_full_band(channel.sr)
    if damage == "clipped" and not full:
        raise ParameterError(
            f"region {region}: names a band, and clipping takes all frequencies: leave it out."
        )
    if damage != "auto":
        return DamagedRegion(region, span, damage, "as specified", full)
    if region.label in HUM_LABELS:
        return DamagedRegion(region, span, "hum", f"labelled {region.label}", full)
    if region.label == "pulses":
        return DamagedRegion(region, span, "pulses", "labelled pulses", full)
    if region.label == CLIPPING_LABEL and full:
        return DamagedRegion(region, span, "clipped", "labelled clipping", full)
    if region.label in MISSING_LABELS and full:
        return DamagedRegion(region, span, "missing", f"labelled {region.label}", full)
    first, last = channel.around(span, context)
    if full:  # only what `damage_kind` compares with
        reach = round(COMPARED_S * channel.sr)
        before = max(PRECEDING_LENGTHS * (span[1] - span[0]), reach)
        first, last = max(first, span[0] - before), min(last, span[1] + reach)
    x = channel.samples(first, last)
    kind: RegionDamage
    kind, reason = damage_kind(x, span[0] - first, span[1] - first, channel.sr)
    if kind == "occluded" and not full:
        empty = _empty_band_reason(x, span, first, region, channel.sr)
        kind, reason = ("missing", empty) if empty else (kind, reason)
    if kind == "occluded" and _is_around_a_tone(region, span, channel.sr):
        return DamagedRegion(region, span, "hum", "a narrow, long band", full)
    if kind == "occluded" and (pulses := pulse_reason(channel, span, region, context)):
        return DamagedRegion(region, span, "pulses", pulses, full)
    return DamagedRegion(region, span, kind, reason, full)


def may_be_clipped(region: Region, damage: DamageOption) -> bool:
    """Whether `classify_damage` may find a region clipped; its band decides, too."""
    return damage == "clipped" or (damage == "auto" and region.label == CLIPPING_LABEL)


def check_applicable(options: RegionOptions, damaged: Sequence[DamagedRegion]) -> None:
    """Refuse options that apply to none of the regions."""
    if not damaged:
        return
    if options.method != "auto" and not any(d.is_gap for d in damaged):
        raise OptionError(
            "method",
            options.method,
            "fills gaps, and no region is missing over the whole band; leave it out, or give "
            "damage='missing'.",
        )
    if options.hum_hz is not None and not any(d.damage == "hum" for d in damaged):
        raise OptionError(
            "hum_hz",
            options.hum_hz,
            "is the frequency of steady tones, and no region has any; leave it out, or give "
            "damage='hum'.",
        )
    if options.dictionaries and not any(d.damage == "occluded" for d in damaged):
        raise OptionError(
            "dictionary",
            options.dictionaries,
            "goes with occluded regions, and no region is one; leave it out, or give "
            "damage='occluded'.",
        )
    by_sample = ("pulses", "clipped")
    if options.stft is not None and all(d.is_gap or d.damage in by_sample for d in damaged):
        raise OptionError(
            "stft",
            options.stft,
            "all regions are gaps over the whole band, pulses or clipped, which are repaired "
            "sample by sample; leave it out.",
        )


def suitable_stft(sr: int, span: Span, low: float, high: float) -> STFT:
    """Choose a transform for a region with a band from `low` to `high` Hz.

    Frames take about 64 ms: less where the region is shorter, more where the band would have hardly
    a bin and the region is long.
    """
    n_fft = frame_length(FRAME_S, sr)
    samples = span[1] - span[0]
    while n_fft > 2 * samples and n_fft > MIN_FRAME:
        n_fft //= 2
    while (high - low) * n_fft / sr < MIN_BAND_BINS and 8 * n_fft <= samples and n_fft < sr:
        n_fft *= 2
    return STFT(n_fft, n_fft // 4)


def _empty_band_reason(
    x: NDArray[Any], span: Span, first: int, region: Region, sr: int
) -> str | None:
    """Compare the level of a band within a region with that around it; x starts at `first`."""
    n_fft = frame_length(LEVEL_FRAME_S, sr)
    while n_fft > (span[1] - span[0]) / 2 and n_fft > MIN_FRAME:
        n_fft //= 2
    if x.size < n_fft or not np.isfinite(x).all():
        return None
    stft = STFT(n_fft, n_fft // 4)
    band, rest = _band_powers(x, stft, region.band(sr=sr), sr)
    center = np.arange(band.size) * stft.hop_length + first
    inside = (center - n_fft // 2 >= span[0]) & (center + n_fft // 2 <= span[1])
    before, after = center + n_fft // 2 <= span[0], center - n_fft // 2 >= span[1]
    if not (inside.any() and (before | after).any()):
        return None
    around = band[before | after].mean()
    if band[inside].mean() <= 10 ** (EMPTY_DB / 10) * around:
        return "the band is empty"
    level = _decibels(np.percentile(band[inside], LOUD_PERCENTILE) / around)
    k = max(2, round(EDGE_S * sr / stft.hop_length))
    sides = ((before, slice(-k, None), slice(k)), (after, slice(k), slice(-k, None)))
    falls = [
        _fall(band, side, outer, inside, inner) - min(0.0, _fall(rest, side, outer, inside, inner))
        for side, outer, inner in sides
        if side.any()
    ]
    if level <= HOLE_DB and min(falls) <= EDGE_DB:
        return f"the band is empty: {-level:.0f} dB below its context"
    return None


def _band_powers(
    x: NDArray[Any], stft: STFT, band: tuple[float, float], sr: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute the power of frames within a band and in the rest of the spectrum [shapes=(N,)]."""
    low, high = band
    f, power = stft.frequencies(sr), np.abs(stft.forward(x)) ** 2 + np.finfo(np.float64).tiny
    bin_hz = sr / stft.n_fft
    margin = EDGE_BINS * bin_hz if high - low > 4 * EDGE_BINS * bin_hz else 0.0
    within = (f >= low + margin) & (f <= high - margin)
    if not within.any():
        within = np.abs(f - (low + high) / 2) <= bin_hz
    return power[within].sum(axis=0), power[(f < low - margin) | (f > high + margin)].sum(axis=0)


def _fall(
    power: NDArray[Any],
    side: NDArray[np.bool_],
    outer: slice,
    inside: NDArray[np.bool_],
    inner: slice,
) -> float:
    """Compute by how many dB the power within an edge is above that outside."""
    if not power.any():
        return 0.0
    return _decibels(power[inside][inner].mean() / power[side][outer].mean())


def _decibels(ratio: float) -> float:
    """Give a ratio of powers in dB."""
    return 10 * float(np.log10(max(ratio, float(np.finfo(np.float64).tiny))))


def _is_around_a_tone(region: Region, span: Span, sr: int) -> bool:
    """Whether a region is so narrow and long that it is drawn around a steady tone."""
    low, high = region.band(sr=sr)
    return high - low <= NARROW_HZ and span[1] - span[0] >= LONG_S * sr
