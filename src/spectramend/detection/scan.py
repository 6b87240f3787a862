"""Detection of damage in recordings of any length, in two passes block by block.

The first pass measures what depends on the whole channel: its extreme values, its quantisation step
and its level. The second finds damage in each block with a margin on either side, so that the
result is that of the whole recording.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.core.regions import Region
from spectramend.detection.channel_scan import Block, ChannelDamage, ChannelScan, ChannelStatistics
from spectramend.detection.clipping_drift import InverseFit
from spectramend.detection.clipping_search import ClippingLevel
from spectramend.detection.hums import HumScan
from spectramend.detection.thresholds import DEFAULT_THRESHOLDS, KINDS, Thresholds
from spectramend.errors import ParameterError

SCAN_BLOCK = 1 << 19  # samples of a channel; engineering choice: bounds the memory
SCAN_MARGIN_S = 0.75  # s around a block, beside the longest dropout; longer than repeated packets

Read: TypeAlias = Callable[[int, int], NDArray[np.float64]]
Samples: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """The damage of a recording.

    Parameters
    ----------
    regions : list of Region
        In the order of time, labelled with their kind.
    clipping : tuple of ClippingLevel
        Of each channel; empty if clipping was not looked for.
    """

    regions: list[Region]
    clipping: tuple[ClippingLevel, ...]


def detect_blocks(
    read: Read,
    *,
    length: int,
    channels: int,
    sr: float,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    kinds: Collection[str] = KINDS,
    progress: Callable[[int], object] = lambda done: None,
) -> list[Region]:
    """Find the same damage as `detect` in a recording that is read block by block, twice.

    ``read(start, stop)`` gives samples [shape=(channels, stop - start), float64]; `length` is that
    of each channel. ``progress(done)`` is called after each block; at last, `done` is twice the
    length. The recording is read once more where its clipped tops slope.
    """
    return scan_blocks(
        read,
        length=length,
        channels=channels,
        sr=sr,
        thresholds=thresholds,
        kinds=kinds,
        progress=progress,
    ).regions


def scan_blocks(
    read: Read,
    *,
    length: int,
    channels: int,
    sr: float,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    kinds: Collection[str] = KINDS,
    progress: Callable[[int], object] = lambda done: None,
) -> Detection:
    """Find what `detect_blocks` finds, and the levels of clipping."""
    channel_kinds = [kind for kind in dict.fromkeys(kinds) if kind != "hum"]
    found, hums = _scan(
        read,
        length=length,
        channels=channels,
        sr=sr,
        thresholds=thresholds,
        kinds=kinds,
        progress=progress,
    )
    spans = [own.spans for own in found]
    regions = [region for kind in channel_kinds for region in _regions(spans, kind, sr)]
    levels = _of_all(found, channels) if "clipping" in kinds else ()
    return Detection(_in_order(regions + hums.regions()), levels)


def scan_levels(
    read: Read,
    *,
    length: int,
    channels: int,
    sr: float,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[ClippingLevel, ...]:
    """Find the levels of clipping of each channel as `scan_blocks` does, without the regions."""
    found, _ = _scan(
        read,
        length=length,
        channels=channels,
        sr=sr,
        thresholds=thresholds,
        kinds=("clipping",),
        progress=progress,
    )
    return _of_all(found, channels)


def _of_all(found: list[ChannelDamage], channels: int) -> tuple[ClippingLevel, ...]:
    """Give the levels of all channels; where they are alike, one was searched."""
    levels = [own.level for own in found]
    return tuple(levels if len(levels) == channels else levels * channels)


def _scan(
    read: Read,
    *,
    length: int,
    channels: int,
    sr: float,
    thresholds: Thresholds,
    kinds: Collection[str],
    progress: Callable[[int], object],
) -> tuple[list[ChannelDamage], HumScan]:
    """Search the channels, of which only one if they are alike, and for hum."""
    _check(length, channels, sr, kinds)
    channel_kinds = [kind for kind in dict.fromkeys(kinds) if kind != "hum"]
    hums = HumScan(read, length=length, channels=channels if "hum" in kinds else 0, sr=sr)
    with ThreadPoolExecutor(min(channels, os.cpu_count() or 1)) as pool:
        statistics = [ChannelStatistics() for _ in range(channels)]
        is_mono = True  # all channels are the same
        for start, stop in _block_spans(length):
            x = read(start, stop)
            list(pool.map(lambda channel, own: channel.add(own, sr), statistics, x))
            list(pool.map(lambda search, own: search.add(own), hums.searches, x))
            is_mono = is_mono and all(np.array_equal(x[0], own, equal_nan=True) for own in x[1:])
            progress(stop)
        scanned = statistics[: 1 if is_mono else channels] if channel_kinds else []
        margin = round((SCAN_MARGIN_S + thresholds.dropout_max_ms / 1000) * sr)
        _fit_inverses(scanned, read, length, sr, margin)
        scans = [ChannelScan(own, sr, thresholds, channel_kinds) for own in scanned]
        for start, stop in _block_spans(length) if scans else []:
            first, last = max(0, start - margin), min(length, stop + margin)
            x = read(first, last)
            parts = [Block(own, start - first, stop - first, first, length) for own in x]
            list(pool.map(ChannelScan.add, scans, parts))
            progress(length + stop)
    if not scans:
        progress(2 * length)
    again = _BlockCache(read, length)
    found = []
    for number in range(len(scans)):
        # Each is let go when it is done: where much is clipped, it takes much memory.
        scan = scans.pop(0)
        found.append(scan.damage(partial(again.of_channel, number), length))
    return found, hums


def _check(length: int, channels: int, sr: float, kinds: Collection[str]) -> None:
    """Refuse what cannot be searched."""
    if length < 1 or channels < 1:
        raise ParameterError(f"x: has {channels} channels of {length} samples: give at least one.")
    if not (np.isfinite(sr) and sr > 0):
        raise ParameterError(f"sr={sr}: give a positive sample rate in Hz.")
    for kind in kinds:
        if kind not in KINDS:
            raise ParameterError(f"kinds: {kind!r} is unknown: choose from {', '.join(KINDS)}.")


def _fit_inverses(
    statistics: list[ChannelStatistics], read: Read, length: int, sr: float, margin: int
) -> None:
    """Find the filter after the clipping of the channels of which tops slope towards zero."""
    starts = [max(0, start - margin) for start, _ in _block_spans(length)]
    fits = {}
    for number, own in enumerate(statistics):
        if tops := own.tops.drifting(max(own.rails.values())):
            fits[number] = InverseFit(tops, sr, sorted(set(starts)))
    for start, stop in _block_spans(length) if fits else []:
        x = read(start, stop)
        for number, fit in fits.items():
            fit.add(np.where(np.isfinite(x[number]), x[number], 0.0))
    for number, fit in fits.items():
        statistics[number].inverse = fit.result()


def _block_spans(length: int) -> list[Span]:
    """Cut a recording into blocks."""
    return [(start, min(start + SCAN_BLOCK, length)) for start in range(0, length, SCAN_BLOCK)]


def _in_order(regions: list[Region]) -> list[Region]:
    """Sort regions by time, kind and channel."""
    return sorted(
        regions, key=lambda r: (r.start_s or 0.0, r.end_s or 0.0, r.label, r.channel or 0)
    )


def _regions(found: list[dict[str, NDArray[np.int64]]], kind: str, sr: float) -> list[Region]:
    """Make regions of the spans of one kind in each channel, one where all channels agree."""
    channels_of: dict[Span, list[int]] = {}
    for channel, spans in enumerate(found, 1):
        for start, stop in spans[kind].tolist():
            channels_of.setdefault((start, stop), []).append(channel)
    return [
        Region(start / sr, stop / sr, channel=channel, label=kind)
        for (start, stop), channels in channels_of.items()
        for channel in (channels if len(channels) < len(found) else [None])
    ]


class _BlockCache:
    """The samples of a recording, of which the last blocks that were read stay in memory."""

    def __init__(self, read: Read, length: int) -> None:
        def read_block(number: int) -> Samples:
            start = number * SCAN_BLOCK
            x = read(start, min(start + SCAN_BLOCK, length))
            return np.where(np.isfinite(x), x, 0.0)

        self._block = lru_cache(maxsize=2)(read_block)

    def of_channel(self, channel: int, start: int, stop: int) -> Samples:
        """Give the samples of a part of a channel; those that are not finite are 0."""
        numbers = range(start // SCAN_BLOCK, (stop - 1) // SCAN_BLOCK + 1)
        x = np.concatenate([self._block(number)[channel] for number in numbers])
        first = start - numbers[0] * SCAN_BLOCK
        return x[first : first + stop - start]
