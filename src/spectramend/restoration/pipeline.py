"""Local work: from damaged regions to the samples that replace them.

Only a region and its context are read and transformed, so that the cost does not depend on how long
the recording is. What is done to a region depends on its damage:

- missing over the whole band: samples from autoregressive models and from other channels that are
  intact there (`gaps`);
- missing in a band: cells predicted from both sides and told from the other bands (`subbands`);
- occluded: the event is told from the target by exemplars of the context (`events`).

No sample outside a region changes; fades lie inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import Patch, PatchedSource
from spectramend.core.intervals import touching
from spectramend.core.regions import Region, of_channel
from spectramend.core.stft import STFT, frame_length
from spectramend.core.threads import limited_threads
from spectramend.errors import ParameterError
from spectramend.restoration.crossfade import faded
from spectramend.restoration.damage import (
    FRAME_S,
    LEAST_FRAME,
    Channel,
    Damaged,
    Span,
    check_applicable,
    check_finite,
    judge,
    suitable_stft,
    union,
)
from spectramend.restoration.gap_jobs import fill_missing, near
from spectramend.restoration.types import Job, RegionOptions
from spectramend.spectral_repair import (
    EventMask,
    fill_band,
    frames_containing,
    overlapping_pieces,
    remove_event,
    stft_for_band,
)


class _Task(NamedTuple):
    """A repair that is to be done."""

    phase: int  # gaps first, then bands, then events: each builds on what was repaired before
    start: int  # first sample
    run: Callable[[], tuple[Job, Patch]]


def mend_regions(
    source: PatchedSource,
    regions: Sequence[Region],
    *,
    sr: int,
    options: RegionOptions,
    rng: np.random.Generator,
) -> Iterator[tuple[Job, Patch]]:
    """Repair the regions of a recording one job after the other.

    Parameters
    ----------
    source : PatchedSource
        The recording, to which the patches are added.
    regions : sequence of Region
        What to repair.
    sr : int
        Sample rate in Hz.
    options : RegionOptions
        How.
    rng : Generator
        Source of random starts.

    Yields
    ------
    job : Job
        What was done.
    patch : Patch
        The samples. Where patches overlap, the later one holds.

    Raises
    ------
    ParameterError
        If a region does not fit the recording, nothing is left to build on, or an option applies to
        none of the regions.
    MismatchError
        If the dictionary does not fit.
    """
    for region in regions:
        region.samples(length=source.length, sr=sr)
        region.band(sr=sr)
        if region.channel is not None and region.channel > source.channels:
            raise ParameterError(
                f"region {region}: names channel {region.channel}, the recording has "
                f"{source.channels}."
            )
    context = round(options.context_s * sr)
    channels = [Channel(source, number, sr) for number in range(source.channels)]
    damaged = _judged(channels, regions, options, context)
    check_applicable(options, [d for own in damaged for d in own])
    elsewhere = [np.array([d.span for d in own]).reshape(-1, 2) for own in damaged]
    # Random numbers of its own for each channel: what is damaged in one changes nothing in another,
    # unless both are damaged near each other and cannot help.
    tasks = [
        task
        for channel, own, own_rng in zip(channels, damaged, rng.spawn(len(channels)), strict=True)
        for task in _plan(channel, own, elsewhere, context, options, own_rng)
    ]
    # Channels take turns, so that what is read for one is still at hand for the others.
    for task in sorted(tasks, key=lambda task: (task.phase, task.start)):
        # Matrices are small: beside other processes, a second thread waits more than it works.
        with limited_threads(1):
            job, patch = task.run()
        source.add(patch)
        yield job, patch


def _judged(
    channels: list[Channel], regions: Sequence[Region], options: RegionOptions, context: int
) -> list[list[Damaged]]:
    """Say of each channel what is wrong with its regions, in the order of time."""
    damaged: list[list[Damaged]] = [[] for _ in channels]
    in_order = sorted(
        regions, key=lambda r: r.samples(length=channels[0].length, sr=channels[0].sr)
    )
    for region in in_order:
        for channel in channels:
            if of_channel([region], channel.number):
                damaged[channel.number].append(judge(channel, region, options.damage, context))
    return damaged


def _plan(
    channel: Channel,
    damaged: list[Damaged],
    elsewhere: list[NDArray[np.intp]],
    context: int,
    options: RegionOptions,
    rng: np.random.Generator,
) -> list[_Task]:
    """List the repairs of a channel in their order."""
    gaps = [d for d in damaged if d.is_gap]
    bands = [d for d in damaged if d.damage == "missing" and not d.is_gap]
    events = [d for d in damaged if d.damage == "occluded"]
    unsound = sorted(bands + events, key=lambda d: d.span)
    tasks = []
    for group in near(gaps):
        args = (channel, group, gaps, unsound, elsewhere, context, options, rng)
        tasks.append(_Task(0, union(group)[0], partial(_mend_gaps, *args)))
        gaps = gaps[len(group) :]
    unmended = bands
    for indices in touching([d.span for d in bands]):
        group = [bands[i] for i in indices]
        run = partial(_mend_band, channel, group, unmended, context, options)
        tasks.append(_Task(1, union(group)[0], run))
        unmended = [d for d in unmended if all(d is not own for own in group)]
    spans = [d.span for d in unsound]
    for indices in touching([d.span for d in events]):
        group = [events[i] for i in indices]
        run = partial(_mend_event, channel, group, spans, context, options, rng)
        tasks.append(_Task(2, union(group)[0], run))
    return tasks


def _mend_gaps(
    channel: Channel,
    group: list[Damaged],
    unmended: list[Damaged],
    unsound: list[Damaged],
    elsewhere: list[NDArray[np.intp]],
    context: int,
    options: RegionOptions,
    rng: np.random.Generator,
) -> tuple[Job, Patch]:
    """Fill missing samples."""
    filling = fill_missing(
        channel, group, unmended, unsound, elsewhere, context, method=options.method, rng=rng
    )
    job = _job(
        channel,
        group,
        filling.method,
        filling.model,
        n_fft=filling.n_fft,
        order=filling.order,
        status=filling.status,
    )
    return job, Patch(channel.number, job.start, filling.samples)


def _mend_band(
    channel: Channel,
    group: list[Damaged],
    unmended: list[Damaged],
    context: int,
    options: RegionOptions,
) -> tuple[Job, Patch]:
    """Predict the missing cells of bands, without a look at what is missing there later on."""
    span = union(group)
    sides = [d.region.band(sr=channel.sr) for d in group]
    narrowest = min(high - low for low, high in sides)
    stft = options.stft or stft_for_band(channel.sr, span[1] - span[0], narrowest)
    first, last = channel.around(span, context)
    _check_length(last - first, stft, group)
    x = channel.samples(first, last)
    check_finite(x, group)
    y = x
    edges = sorted({edge for band in sides for edge in band})
    needed = stft.n_fft // 2 + 3 * stft.hop_length  # on one side, for the least of models
    lost = False
    for low, high in pairwise(edges):
        inside = [d for d in unmended if _overlaps(d.region.band(sr=channel.sr), (low, high))]
        holes = _joined([d.span for d in inside])
        for i, hole in enumerate(holes):
            if hole[0] < span[0] or hole[1] > span[1]:
                continue
            following = x.size if hole == holes[-1] else holes[i + 1][0] - first
            end = min(x.size, following)
            known = y[:end] if end >= stft.n_fft else np.pad(y[:end], (0, stft.n_fft - end))
            lost |= max(hole[0] - first, end + first - hole[1]) < needed
            filled = fill_band(
                known, hole[0] - first, hole[1] - first, low, high, sr=channel.sr, stft=stft
            )
            y = np.concatenate([filled[:end], y[end:]])
    status = "nothing is known of the band: left empty" if lost else "done"
    job = _job(channel, group, "subband prediction", "subband", n_fft=stft.n_fft, status=status)
    samples = faded(x, y, span, first, stft, channel.length)
    return job, Patch(channel.number, job.start, samples)


def _overlaps(band: tuple[float, float], other: tuple[float, float]) -> bool:
    """Tell whether bands share frequencies."""
    return band[0] < other[1] and other[0] < band[1]


def _joined(spans: list[Span]) -> list[Span]:
    """Join spans that overlap or touch."""
    return [
        (min(spans[i][0] for i in group), max(spans[i][1] for i in group))
        for group in touching(spans)
    ]


def _mend_event(
    channel: Channel,
    group: list[Damaged],
    others: list[Span],
    context: int,
    options: RegionOptions,
    rng: np.random.Generator,
) -> tuple[Job, Patch]:
    """Take an event away, a long one in pieces that overlap, each between the same contexts."""
    span = union(group)
    x, first, stft = _segment(channel, group, span, context, options)
    heard = _heard(options, stft, channel.sr)
    y = x.copy()
    y[span[0] - first : span[1] - first] = 0
    for piece, weight in overlapping_pieces(span, channel.sr, stft):
        before, after = x[: span[0] - first], x[span[1] - first :]
        part = np.concatenate([before, x[piece[0] - first : piece[1] - first], after])
        place = _place(channel, group, piece, others, (first, span, part.size), stft)
        hidden = place.widened().all(axis=0).any()
        if heard is None and hidden and not place.intact.any():
            raise ParameterError(
                f"region {group[0].region}: nothing intact is around it, in time or frequency: "
                f"make it smaller, give more context, or a dictionary."
            )
        cleaned = remove_event(part, place, stft=stft, exemplars=heard, rng=rng)
        cleaned = cleaned[before.size : part.size - after.size]
        y[piece[0] - first : piece[1] - first] += weight * cleaned
    job = _job(channel, group, "semi-supervised NMF", "semisupervised_nmf", n_fft=stft.n_fft)
    samples = faded(x, y, span, first, stft, channel.length)
    return job, Patch(channel.number, job.start, samples)


def _place(
    channel: Channel,
    group: list[Damaged],
    piece: Span,
    others: list[Span],
    segment: tuple[int, Span, int],
    stft: STFT,
) -> EventMask:
    """Find the cells of a piece of an event, in a segment where its contexts are next to it."""
    first, span, size = segment
    shift = piece[0] - span[0]  # what was left out before the piece
    n_frames = stft.n_frames(size)
    cells = np.zeros((stft.n_bins, n_frames), bool)
    for d in group:
        low, high = d.region.band(sr=channel.sr)
        bins = slice(int(low * stft.n_fft / channel.sr), int(high * stft.n_fft / channel.sr) + 1)
        inside = max(d.span[0], piece[0]), min(d.span[1], piece[1])
        if inside[0] < inside[1]:
            cells[bins, frames_containing(inside, first + shift, stft, n_frames)] = True
    intact = np.ones(n_frames, bool)
    intact[frames_containing(piece, first + shift, stft, n_frames)] = False
    cut = shift + span[1] - piece[1]
    for other in others:
        if other[1] <= span[0]:
            intact[frames_containing(other, first, stft, n_frames)] = False
        elif other[0] >= span[1]:
            intact[frames_containing(other, first + cut, stft, n_frames)] = False
    return EventMask(cells, intact)


def _heard(options: RegionOptions, stft: STFT, sr: int) -> NDArray[Any] | None:
    """Take the spectra of dictionaries, as power [shape=(F, K)]."""
    spectra = []
    for dictionary in options.dictionaries:
        dictionary.check_fits(stft=stft, sr=sr)
        W = dictionary.W if dictionary.exemplars is None else dictionary.exemplars
        magnitudes = dictionary.quantity == "magnitude" and dictionary.exemplars is None
        spectra.append(W**2 if magnitudes else W)
    return np.hstack(spectra) if spectra else None


def _segment(
    channel: Channel,
    group: list[Damaged],
    span: Span,
    context: int,
    options: RegionOptions,
) -> tuple[NDArray[np.float64], int, STFT]:
    """Read regions with their context, and choose a transform with some frames on one side."""
    first, last = channel.around(span, context)
    trained = [dictionary.stft for dictionary in options.dictionaries]
    if options.stft or trained:
        stft = options.stft or trained[0]
    else:
        bands = [d.region.band(sr=channel.sr) for d in group]
        low, high = min(bands, key=lambda band: band[1] - band[0])
        n_fft = suitable_stft(channel.sr, span, low, high).n_fft
        side = max(span[0] - first, last - span[1])
        usual = frame_length(FRAME_S, channel.sr)
        while n_fft > max(last - first, LEAST_FRAME) or (
            usual >= n_fft > LEAST_FRAME and n_fft / 2 > side > 0
        ):
            n_fft //= 2
        stft = STFT(n_fft, n_fft // 4)
    _check_length(last - first, stft, group)
    x = channel.samples(first, last)
    check_finite(x, group)
    return x, first, stft


def _check_length(length: int, stft: STFT, group: list[Damaged]) -> None:
    """Refuse what has not one frame."""
    if length < stft.n_fft:
        raise ParameterError(
            f"region {group[0].region}: with its context has {length} samples, fewer than "
            f"n_fft={stft.n_fft}: give more context or a smaller n_fft."
        )


def _job(
    channel: Channel,
    group: list[Damaged],
    method: str,
    model: str,
    *,
    n_fft: int | None = None,
    order: int | None = None,
    status: str = "done",
) -> Job:
    """Say what was done."""
    reasons = ", ".join(dict.fromkeys(d.reason for d in group))
    regions = tuple(d.region for d in group)
    start, stop = union(group)
    return Job(
        channel=channel.number,
        start=start,
        stop=stop,
        regions=regions,
        damage=group[0].damage,
        reason=reasons,
        method=method,
        model=model,
        n_fft=n_fft,
        order=order,
        status=status,
    )
