"""Clipped regions: their samples are known to have been beyond a level.

The level is that of the whole channel, as `detect` finds it; where it finds none, it is what the
samples in the regions reach. Missing samples tell nothing, so that a dropout beside a clipped peak
does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spectramend.audio import Patch, PatchedSource
from spectramend.core.intervals import Span, join
from spectramend.detection import ClippingLevel, scan_levels
from spectramend.restoration.bounded_options import METHODS, drawn_seed, sides
from spectramend.restoration.bounded_parts import (
    BLOCK,
    FLAT,
    ClippingRule,
    Part,
    Restorable,
    plan,
    restored,
)
from spectramend.restoration.jobs import Channel, DamagedRegion, Job, finished_job
from spectramend.restoration.levels import NONE_THERE


def repair_clipping(
    source: PatchedSource,
    channels: Sequence[Channel],
    damaged: Sequence[Sequence[DamagedRegion]],
    rng: np.random.Generator,
) -> Iterator[tuple[Job, Patch]]:
    """Restore the clipped regions of all channels, of which the damage is given."""
    clipped = [[d for d in own if d.damage == "clipped"] for own in damaged]
    if not any(clipped):
        return
    gaps = [join([d.span for d in own if d.is_gap]) for own in damaged]
    wanted = [join([d.span for d in own]) for own in clipped]
    sr = channels[0].sr
    levels = _levels(source, wanted, sr)
    restorable = Restorable(
        ClippingRule(levels),
        wanted,
        gaps,
        sr,
        seed=drawn_seed(rng),
    )
    parts = plan(source.read, restorable, source.length)
    groups = [_groups(own, [p for p in parts if p.channel == c]) for c, own in enumerate(clipped)]
    for channel, own in zip(channels, groups, strict=True):
        for d in own.pop(None, []):
            job = finished_job(channel, [d], METHODS["clipped"], "bounded_nmf", status=NONE_THERE)
            yield job, Patch(channel.number, job.start, np.zeros(0))
    for part, y in restored(source.read, restorable, parts):
        regions = tuple(d.region for d in groups[part.channel][part])
        start, stop = part.span
        job = Job(
            channel=part.channel,
            start=start,
            stop=stop,
            regions=regions,
            damage="clipped",
            reason=groups[part.channel][part][0].reason,
            method=METHODS["clipped"],
            model="bounded_nmf",
            levels=sides(levels[part.channel]),
        )
        yield job, Patch(part.channel, start, y)


def _groups(
    regions: Sequence[DamagedRegion], parts: Sequence[Part]
) -> dict[Part | None, list[DamagedRegion]]:
    """Find the regions, in order, in each part, and under None those in which nothing is clipped.

    A region that is divided is in each of its parts.
    """
    groups: dict[Part | None, list[DamagedRegion]] = {part: [] for part in parts}
    starts = np.array([part.span[0] for part in parts], np.int64)
    stops = np.array([part.span[1] for part in parts], np.int64)
    for d in regions:
        first = int(np.searchsorted(stops, d.span[0], side="right"))
        last = int(np.searchsorted(starts, d.span[1]))
        for part in parts[first:last]:
            groups[part].append(d)
        if first >= last:
            groups.setdefault(None, []).append(d)
    return groups


def _levels(
    source: PatchedSource, wanted: Sequence[Sequence[Span]], sr: float
) -> tuple[ClippingLevel, ...]:
    """Find the level of each channel, or take that which its regions reach."""
    found = scan_levels(
        source.read,
        length=source.length,
        channels=source.channels,
        sr=sr,
    )
    return tuple(
        level if level.is_clipped else _reached(source, channel, wanted[channel])
        for channel, level in enumerate(found)
    )


def _reached(source: PatchedSource, channel: int, spans: Sequence[Span]) -> ClippingLevel:
    """Give the extreme values in spans of a channel as its levels."""
    low = high = 0.0
    for start, stop in spans:
        for first in range(start, stop, BLOCK):
            x = source.read_channel(channel, first, min(first + BLOCK, stop))
            x = x[np.isfinite(x)]
            low, high = min(low, float(x.min(initial=0.0))), max(high, float(x.max(initial=0.0)))
    tolerance = FLAT * max(high, -low)
    return ClippingLevel(low or None, high or None, tolerance)
