"""What is wrong with a region: samples read with what is mended, checked and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import PatchedSource
from spectramend.core.masks import Damage
from spectramend.core.regions import Region
from spectramend.core.stft import STFT, frame_length
from spectramend.detection import PRECEDING_LENGTHS, damage_kind
from spectramend.errors import OptionError, ParameterError
from spectramend.restoration.types import RegionOptions

Span: TypeAlias = tuple[int, int]

MISSING_LABELS = ("dropout", "click", "clipping")  # what `detect` finds leaves nothing to build on
EMPTY_BAND = 1e-5  # power over that of the context, under which a band was deleted
FRAME_S = 0.064  # of the transform, rounded to a power of two
LEAST_FRAME = 32
LEAST_BINS = 8  # in a band


@dataclass(frozen=True)
class Damaged:
    """A region of one channel, as samples, and what is wrong with it.

    Parameters
    ----------
    region : Region
        The region.
    span : tuple of int
        Its first sample and the one after its last.
    damage : {"missing", "occluded"}
        What is wrong with it.
    reason : str
        Why it is taken for that.
    full_band : bool
        Whether it leaves no frequency out.
    """

    region: Region
    span: Span
    damage: Damage
    reason: str
    full_band: bool

    @property
    def is_gap(self) -> bool:
        """Whether nothing is left of its samples."""
        return self.damage == "missing" and self.full_band


@dataclass(frozen=True)
class Channel:
    """A channel of a recording, as it is with what was repaired so far.

    Parameters
    ----------
    source : PatchedSource
        The recording.
    number : int
        The channel, from 0.
    sr : int
        Sample rate in Hz.
    """

    source: PatchedSource
    number: int
    sr: int

    @property
    def length(self) -> int:
        """The length of the recording in samples."""
        return self.source.length

    def samples(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read samples [shape=(stop - start,)]."""
        return self.source.read_channel(self.number, start, stop)

    def around(self, span: Span, context: int) -> Span:
        """Widen a span by so many samples on either side, within the recording."""
        return max(0, span[0] - context), min(self.length, span[1] + context)


def union(damaged: list[Damaged]) -> Span:
    """Give the span of several regions.

    Parameters
    ----------
    damaged : list of Damaged
        The regions.

    Returns
    -------
    tuple of int
        First sample of the first and the one after the last.
    """
    return min(d.span[0] for d in damaged), max(d.span[1] for d in damaged)


def check_finite(x: NDArray[Any], damaged: list[Damaged]) -> None:
    """Refuse NaN in what is to be built on.

    Parameters
    ----------
    x : ndarray
        Samples.
    damaged : list of Damaged
        The regions that are to be repaired from them.

    Raises
    ------
    ParameterError
        If a sample is not finite.
    """
    if not np.isfinite(x).all():
        raise ParameterError(
            f"region {damaged[0].region}: NaN or infinite samples are in it or around it: mark "
            f"them as a missing region over the whole band."
        )


def suitable_stft(sr: int, span: Span, low: float, high: float) -> STFT:
    """Choose a transform that suits a region.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    span : tuple of int
        First sample and the one after the last.
    low, high : float
        The band in Hz.

    Returns
    -------
    STFT
        Frames of about 64 ms; shorter where the region is shorter, longer where the band is so
        narrow that it would have hardly a bin, and the region long.

    Examples
    --------
    >>> [suitable_stft(16000, (0, samples), 0, 8000).n_fft for samples in (16000, 100)]
    [1024, 128]
    """
    n_fft = frame_length(FRAME_S, sr)
    samples = span[1] - span[0]
    while n_fft > 2 * samples and n_fft > LEAST_FRAME:
        n_fft //= 2
    while (high - low) * n_fft / sr < LEAST_BINS and 8 * n_fft <= samples and n_fft < sr:
        n_fft *= 2
    return STFT(n_fft, n_fft // 4)


def judge(
    channel: Channel, region: Region, damage: Literal["auto", "missing", "occluded"], context: int
) -> Damaged:
    """Decide what is wrong with a region.

    Parameters
    ----------
    channel : Channel
        The channel.
    region : Region
        The region.
    damage : {"auto", "missing", "occluded"}
        What is known of it.
    context : int
        Samples on either side to look at.

    Returns
    -------
    Damaged
        The region, and what is wrong with it.
    """
    span = region.samples(length=channel.length, sr=channel.sr)
    full = region.is_full_band(channel.sr)
    if damage != "auto":
        return Damaged(region, span, damage, "as told", full)
    if region.label in MISSING_LABELS and full:
        return Damaged(region, span, "missing", f"labelled {region.label}", full)
    first, last = channel.around(span, context)
    if full:  # what is not looked at is not read
        first, last = max(first, span[0] - PRECEDING_LENGTHS * (span[1] - span[0])), span[1]
    x = channel.samples(first, last)
    kind, reason = damage_kind(x[: span[1] - first], span[0] - first, span[1] - first)
    if kind == "occluded" and not full and _is_band_empty(x, span, first, region, channel.sr):
        kind, reason = "missing", "the band is empty"
    return Damaged(region, span, kind, reason, full)


def check_applicable(options: RegionOptions, damaged: list[Damaged]) -> None:
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
    if options.dictionaries and all(d.damage == "missing" for d in damaged):
        raise OptionError(
            "dictionary",
            options.dictionaries,
            "goes with occluded regions, and all regions are missing; leave it out, or give "
            "damage='occluded'.",
        )
    if options.stft is not None and all(d.is_gap for d in damaged):
        raise OptionError(
            "stft",
            options.stft,
            "all regions are gaps over the whole band, which are filled sample by sample; leave it "
            "out.",
        )


def _is_band_empty(x: NDArray[Any], span: Span, first: int, region: Region, sr: int) -> bool:
    """Tell whether a band has hardly any power within a region, against its context."""
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
