"""From damaged regions to patches: which job is done when.

A job reads a region and its context only, so that its cost does not depend on the length of the
recording. What it does depends on the damage, which `damage` decides:

0. clipped samples: `clipping_jobs`;
1. hum, steady tones that are subtracted: `hum_jobs`;
2. gaps, missing over the whole band: `gap_jobs`;
3. bands that are missing: `band_jobs`;
4. repeating pulses: `pulse_jobs`;
5. occluded regions: `event_jobs`.

This is their order, too: each job builds on the patches of the earlier ones. No sample outside a
region changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from spectramend.audio import Change, PatchedSource
from spectramend.core.intervals import touching
from spectramend.core.regions import Region, of_channel
from spectramend.core.threads import limited_threads
from spectramend.restoration.band_jobs import repair_band
from spectramend.restoration.clipping_jobs import repair_clipping
from spectramend.restoration.damage import check_applicable, classify_damage
from spectramend.restoration.event_jobs import repair_event
from spectramend.restoration.gap_jobs import group_gaps, repair_gaps
from spectramend.restoration.hum_jobs import group_hums, repair_hum
from spectramend.restoration.jobs import (
    Channel,
    DamagedChannel,
    DamagedRegion,
    Job,
    check_places,
    span_of,
)
from spectramend.restoration.options import RegionOptions
from spectramend.restoration.pulse_jobs import repair_pulses


@dataclass(frozen=True)
class _Task:
    """A job that is to be done."""

    phase: int  # place of its kind in the order
    start: int  # first sample
    run: Callable[[], tuple[Job, Change]]


def run_jobs(
    source: PatchedSource,
    regions: Sequence[Region],
    *,
    sr: int,
    options: RegionOptions,
    rng: np.random.Generator,
) -> Iterator[tuple[Job, Change]]:
    """Repair the regions of a recording, to which the patches are added, and yield each job.

    Where patches overlap, the later one holds. Raises ParameterError if a region does not fit the
    recording, nothing is left to build on, or an option applies to none of the regions;
    MismatchError if a dictionary does not fit.
    """
    check_places(regions, length=source.length, channels=source.channels, sr=sr)
    context = round(options.context_s * sr)
    channels = [Channel(source, number, sr) for number in range(source.channels)]
    damaged = _classified(channels, regions, options, context)
    check_applicable(options, [d for own in damaged for d in own])
    spans = [np.array([d.span for d in own]).reshape(-1, 2) for own in damaged]
    # Each channel has random numbers of its own: damage in one changes nothing in another, unless
    # both are damaged near each other and cannot help.
    tasks = [
        task
        for channel, own, own_rng in zip(channels, damaged, rng.spawn(len(channels)), strict=True)
        for task in _tasks(DamagedChannel(channel, own, spans, context, options, own_rng))
    ]
    for job, restored in repair_clipping(source, channels, damaged, rng):
        source.add(restored)
        yield job, restored
    # Channels take turns, so that the samples read for one are still cached for the others.
    for task in sorted(tasks, key=lambda task: (task.phase, task.start)):
        # Matrices are small: beside other processes, a second thread waits more than it works.
        with limited_threads(1):
            job, patch = task.run()
        source.add(patch)
        yield job, patch


def _classified(
    channels: list[Channel], regions: Sequence[Region], options: RegionOptions, context: int
) -> list[list[DamagedRegion]]:
    """Classify the damage of the regions of each channel, in the order of time."""
    damaged: list[list[DamagedRegion]] = [[] for _ in channels]
    in_order = sorted(
        regions, key=lambda r: r.samples(length=channels[0].length, sr=channels[0].sr)
    )
    for region in in_order:
        for channel in channels:
            if of_channel([region], channel.number):
                damaged[channel.number].append(
                    classify_damage(channel, region, options.damage, context)
                )
    return damaged


def _tasks(damaged: DamagedChannel) -> Iterator[_Task]:
    """List the jobs of a channel in their order."""
    for group in group_hums(damaged.hums):
        yield _Task(1, span_of(group)[0], partial(repair_hum, damaged, group))
    gaps = damaged.gaps
    for group in group_gaps(gaps):
        yield _Task(2, span_of(group)[0], partial(repair_gaps, damaged, group, gaps))
        gaps = gaps[len(group) :]
    bands = damaged.bands
    for group in _touching(bands):
        yield _Task(3, span_of(group)[0], partial(repair_band, damaged, group, bands))
        bands = [d for d in bands if all(d is not own for own in group)]
    for pulses in damaged.pulses:
        yield _Task(4, pulses.span[0], partial(repair_pulses, damaged, [pulses]))
    for group in _touching(damaged.events):
        yield _Task(5, span_of(group)[0], partial(repair_event, damaged, group))


def _touching(regions: list[DamagedRegion]) -> list[list[DamagedRegion]]:
    """Group regions that overlap or touch in time."""
    return [[regions[i] for i in group] for group in touching([d.span for d in regions])]
