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
from spectramend.detection import PRECEDING_LENGTHS, damage_kind
from spectramend.errors import OptionError
from spectramend.restoration.jobs import Channel, DamagedRegion
from spectramend.restoration.options import DamageOption, RegionOptions
from spectramend.restoration.pulse_jobs import pulse_reason

MISSING_LABELS = ("dropout", "click", "clipping")  # labels of `detect`: such samples are lost
EMPTY_BAND = 1e-5  # power relative to that of the context; engineering choice: 50 dB below it
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
    if damage != "auto":
        return DamagedRegion(region, span, damage, "as specified", full)
    if region.label == "pulses":
        return DamagedRegion(region, span, "pulses", "labelled pulses", full)
    if region.label in MISSING_LABELS and full:
        return DamagedRegion(region, span, "missing", f"labelled {region.label}", full)
    first, last = channel.around(span, context)
    if full:  # only what `damage_kind` compares with
        first, last = max(first, span[0] - PRECEDING_LENGTHS * (span[1] - span[0])), span[1]
    x = channel.samples(first, last)
    kind, reason = damage_kind(x[: span[1] - first], span[0] - first, span[1] - first)
    if kind == "occluded" and not full and _is_band_empty(x, span, first, region, channel.sr):
        kind, reason = "missing", "the band is empty"
    if kind == "occluded" and (pulses := pulse_reason(channel, span, region, context)):
        return DamagedRegion(region, span, "pulses", pulses, full)
    return DamagedRegion(region, span, kind, reason, full)


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
    if options.dictionaries and all(d.damage != "occluded" for d in damaged):
        raise OptionError(
            "dictionary",
            options.dictionaries,
            f"goes with occluded regions, and all regions are {damaged[0].damage}; leave it out, "
            "or give damage='occluded'.",
        )
    if options.stft is not None and all(d.is_gap or d.damage == "pulses" for d in damaged):
        raise OptionError(
            "stft",
            options.stft,
            "all regions are gaps over the whole band, or pulses, which are repaired sample by "
            "sample; leave it out.",
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


def _is_band_empty(x: NDArray[Any], span: Span, first: int, region: Region, sr: int) -> bool:
    """Compare the power of a band within a region with that in its context; x starts at `first`."""
    low, high = region.band(sr=sr)
    stft = suitable_stft(sr, span, low, high)
    if x.size < stft.n_fft or not np.isfinite(x).all():
        return False
    frequencies = stft.frequencies(sr)
    power = (np.abs(stft.forward(x)) ** 2)[(frequencies > low) & (frequencies < high)]
    center = np.arange(power.shape[1]) * stft.hop_length + first
    inside = (center - stft.n_fft // 2 >= span[0]) & (center + stft.n_fft // 2 <= span[1])
    outside = (center + stft.n_fft // 2 <= span[0]) | (center - stft.n_fft // 2 >= span[1])
    if not (power.size and inside.any() and outside.any()):
        return False
    return bool(power[:, inside].mean() < EMPTY_BAND * power[:, outside].mean())
