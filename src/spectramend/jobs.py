"""Local work: from damaged regions to the samples that replace them.

Only a region and its context are read and transformed, so that the cost does not depend on how long
the recording is. What is done to a region depends on its damage:

- missing over the whole band: samples from an autoregressive model (`gaps`);
- missing in a band: cells predicted bin by bin from both sides (`subbands`);
- occluded: the event is told from the target by exemplars of the context (`events`).

No sample outside a region changes; fades lie inside.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.detection import damage_kind
from spectramend.dictionary import Dictionary
from spectramend.errors import ParameterError
from spectramend.events import Place, pieces, remove_event, sees
from spectramend.gaps import CONTEXT_ORDERS, fill_gaps, model_order
from spectramend.masks import Damage
from spectramend.regions import Region, of_channel, touching
from spectramend.stft import STFT
from spectramend.subbands import fill_band

Read: TypeAlias = Callable[[int, int], NDArray[Any]]
Span: TypeAlias = tuple[int, int]

MISSING_LABELS = ("dropout", "click", "clipping")  # what `detect` finds leaves nothing to build on
EMPTY_BAND = 1e-5  # power over that of the context, under which a band was deleted
FRAME_S = 0.064  # of the transform, rounded to a power of two
LEAST_FRAME = 32
LEAST_BAND_FRAME_S = 0.016  # so that few coefficients predict a missing band
LEAST_BINS = 8  # in a band
FADE = 8  # part of a frame in which a repair fades in and out
SCATTERED = 1000  # missing samples at most that share a job, unless they are one gap


@dataclass(frozen=True)
class Options:
    """How to repair regions.

    Parameters
    ----------
    damage : {"auto", "missing", "occluded"}
        What is wrong with them.
    context_s : float
        How much of the recording on either side to look at, in seconds.
    stft : STFT, optional
        The transform; to suit each region if None.
    dictionaries : tuple of Dictionary
        How the target sounds, besides the context.
    """

    damage: Literal["auto", "missing", "occluded"] = "auto"
    context_s: float = 2.0
    stft: STFT | None = None
    dictionaries: tuple[Dictionary, ...] = ()


@dataclass(frozen=True)
class Job:
    """What was done to regions that touch each other.

    Parameters
    ----------
    channel : int
        The channel, the first being 1.
    start : int
        First sample that may have changed.
    stop : int
        One after the last.
    regions : tuple of Region
        The regions.
    damage : {"missing", "occluded"}
        What was wrong with them.
    reason : str
        Why it was taken for that.
    method : str
        What was done.
    n_fft : int
        Samples of a frame, or order of the autoregressive model.
    status : str
        ``"done"``, or why nothing was.
    """

    channel: int
    start: int
    stop: int
    regions: tuple[Region, ...]
    damage: Damage
    reason: str
    method: str
    n_fft: int
    status: str = "done"


@dataclass(frozen=True)
class Mend:
    """Samples to put into a channel.

    Parameters
    ----------
    job : Job
        What was done.
    samples : ndarray [shape=(n,)]
        They begin at the job's first sample.
    """

    job: Job
    samples: NDArray[np.float64]


@dataclass(frozen=True)
class _Damaged:
    """A region of one channel, as samples, and what is wrong with it."""

    region: Region
    span: Span
    damage: Damage
    reason: str
    full_band: bool


@dataclass
class _Channel:
    """A channel of a recording, with what has been mended so far."""

    read: Read
    number: int
    length: int
    sr: int
    mends: list[Mend] = field(default_factory=list)
    _starts: list[tuple[int, int]] = field(default_factory=list)  # first sample, index of the mend
    _longest: int = 0

    def add(self, mend: Mend) -> None:
        """Note what has been mended."""
        insort(self._starts, (mend.job.start, len(self.mends)))
        self.mends.append(mend)
        self._longest = max(self._longest, mend.samples.size)

    def samples(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read samples, mended where they are."""
        x = np.array(self.read(start, stop)[self.number - 1], np.float64)
        first_near = bisect_left(self._starts, (start - self._longest, 0))
        near = self._starts[first_near : bisect_left(self._starts, (stop, 0))]
        for _, i in sorted(near, key=lambda pair: pair[1]):
            offset, last = self.mends[i].job.start, min(stop, self.mends[i].job.stop)
            first = max(start, offset)
            if first < last:
                x[first - start : last - start] = self.mends[i].samples[
                    first - offset : last - offset
                ]
        return x

    def around(self, span: Span, context: int) -> Span:
        """Widen a span by its context."""
        return max(0, span[0] - context), min(self.length, span[1] + context)


def mend_regions(
    read: Read,
    regions: Sequence[Region],
    *,
    length: int,
    channels: int,
    sr: int,
    options: Options,
    rng: np.random.Generator,
) -> Iterator[Mend]:
    """Repair the regions of a recording one job after the other.

    Parameters
    ----------
    read : callable
        ``read(start, stop)`` gives samples [shape=(channels, stop - start)].
    regions : sequence of Region
        What to repair.
    length : int
        Samples of the recording.
    channels : int
        Its channels.
    sr : int
        Sample rate in Hz.
    options : Options
        How.
    rng : Generator
        Source of random starts.

    Yields
    ------
    Mend
        Samples, and what was done. Where jobs overlap, the later one holds.

    Raises
    ------
    ParameterError
        If a region does not fit the recording, or nothing is left to build on.
    MismatchError
        If the dictionary does not fit.
    """
    for region in regions:
        region.samples(length=length, sr=sr)
        region.band(sr=sr)
        if region.channel is not None and region.channel > channels:
            raise ParameterError(
                f"region {region}: names channel {region.channel}, the recording has {channels}."
            )
    context = round(options.context_s * sr)
    for number in range(1, channels + 1):
        channel = _Channel(read, number, length, sr)
        damaged = [_judge(channel, r, options.damage, context) for r in of_channel(regions, number)]
        for mend in _mend_channel(channel, damaged, context, options, rng):
            channel.add(mend)
            yield mend


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
    n_fft = 2 ** round(np.log2(FRAME_S * sr))
    samples = span[1] - span[0]
    while n_fft > 2 * samples and n_fft > LEAST_FRAME:
        n_fft //= 2
    while (high - low) * n_fft / sr < LEAST_BINS and 8 * n_fft <= samples and n_fft < sr:
        n_fft *= 2
    return STFT(n_fft, n_fft // 4)


def _judge(
    channel: _Channel, region: Region, damage: Literal["auto", "missing", "occluded"], context: int
) -> _Damaged:
    """Decide what is wrong with a region."""
    span = region.samples(length=channel.length, sr=channel.sr)
    full = region.is_full_band(channel.sr)
    if damage != "auto":
        return _Damaged(region, span, damage, "as told", full)
    if region.label in MISSING_LABELS and full:
        return _Damaged(region, span, "missing", f"labelled {region.label}", full)
    first, last = channel.around(span, context)
    x = channel.samples(first, last)
    kind, reason = damage_kind(x[: span[1] - first], span[0] - first, span[1] - first)
    if kind == "occluded" and not full and _is_band_empty(x, span, first, region, channel.sr):
        kind, reason = "missing", "the band is empty"
    return _Damaged(region, span, kind, reason, full)


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


def _mend_channel(
    channel: _Channel,
    damaged: list[_Damaged],
    context: int,
    options: Options,
    rng: np.random.Generator,
) -> Iterator[Mend]:
    """Repair gaps first, then bands, then what is occluded: each builds on what is mended."""
    gaps = sorted(
        (d for d in damaged if d.damage == "missing" and d.full_band), key=lambda d: d.span
    )
    bands = [d for d in damaged if d.damage == "missing" and not d.full_band]
    events = [d for d in damaged if d.damage == "occluded"]
    mended = 0
    for group in _near(gaps):
        yield _mend_gaps(channel, group, gaps, mended, context)
        mended += len(group)
    unmended = bands
    for indices in touching([d.span for d in bands]):
        group = [bands[i] for i in indices]
        yield _mend_band(channel, group, unmended, context, options)
        unmended = [d for d in unmended if all(d is not own for own in group)]
    spans = [d.span for d in bands + events]
    for indices in touching([d.span for d in events]):
        group = [events[i] for i in indices]
        yield _mend_event(channel, group, spans, context, options, rng)


def _near(gaps: list[_Damaged]) -> Iterator[list[_Damaged]]:
    """Group gaps, in order, that lie within each other's models, but not too many of them."""
    group: list[_Damaged] = []
    stop = missing = 0
    for gap in gaps:
        size = gap.span[1] - gap.span[0]
        if group:
            apart = gap.span[0] > stop and missing + size > SCATTERED
            if apart or gap.span[0] > stop + model_order(size):
                yield group
                group, stop, missing = [], 0, 0
        group.append(gap)
        stop, missing = max(stop, gap.span[1]), missing + size
    if group:
        yield group


def _union(group: list[_Damaged]) -> Span:
    """Give the span of several regions."""
    return min(d.span[0] for d in group), max(d.span[1] for d in group)


def _mend_gaps(
    channel: _Channel, group: list[_Damaged], gaps: list[_Damaged], mended: int, context: int
) -> Mend:
    """Fill missing samples, the first gaps being mended; what lies between gaps stays as it is."""
    span = _union(group)
    order = model_order(max(d.span[1] - d.span[0] for d in group))
    first, last = channel.around(span, min(context, CONTEXT_ORDERS * order))
    x = channel.samples(first, last)
    missing = np.zeros(x.size, bool)
    for gap in islice(gaps, mended, None):
        if gap.span[0] >= last:
            break
        missing[gap.span[0] - first : gap.span[1] - first] = True
    status = "done"
    if missing.all():
        raise ParameterError(
            f"region {group[0].region}: nothing intact is around it: make it shorter."
        )
    _check_finite(x[~missing], group)
    if not x[~missing].any():
        status = "silence around it: filled with silence"
    y = fill_gaps(x, missing, order=order)
    return Mend(
        _job(channel, group, span, "autoregression", order, status),
        y[span[0] - first : span[1] - first],
    )


def _mend_band(
    channel: _Channel,
    group: list[_Damaged],
    unmended: list[_Damaged],
    context: int,
    options: Options,
) -> Mend:
    """Predict the missing cells of bands, without a look at what is missing there later on."""
    span = _union(group)
    shortest = 2 ** round(np.log2(LEAST_BAND_FRAME_S * channel.sr))
    x, first, stft = _segment(channel, group, span, context, options, shortest, frames=1.25)
    y = x
    sides = [d.region.band(sr=channel.sr) for d in group]
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
    job = _job(channel, group, span, "subband prediction", stft.n_fft, status)
    return Mend(job, _faded(x, y, span, first, stft, channel.length))


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
    channel: _Channel,
    group: list[_Damaged],
    others: list[Span],
    context: int,
    options: Options,
    rng: np.random.Generator,
) -> Mend:
    """Take an event away, a long one in pieces that overlap, each between the same contexts."""
    span = _union(group)
    x, first, stft = _segment(channel, group, span, context, options)
    heard = _heard(options, stft, channel.sr)
    y = x.copy()
    y[span[0] - first : span[1] - first] = 0
    for piece, weight in pieces(span, channel.sr, stft):
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
    job = _job(channel, group, span, "semi-supervised NMF", stft.n_fft)
    return Mend(job, _faded(x, y, span, first, stft, channel.length))


def _place(
    channel: _Channel,
    group: list[_Damaged],
    piece: Span,
    others: list[Span],
    segment: tuple[int, Span, int],
    stft: STFT,
) -> Place:
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
            cells[bins, sees(inside, first + shift, stft, n_frames)] = True
    intact = np.ones(n_frames, bool)
    intact[sees(piece, first + shift, stft, n_frames)] = False
    cut = shift + span[1] - piece[1]
    for other in others:
        if other[1] <= span[0]:
            intact[sees(other, first, stft, n_frames)] = False
        elif other[0] >= span[1]:
            intact[sees(other, first + cut, stft, n_frames)] = False
    return Place(cells, intact)


def _heard(options: Options, stft: STFT, sr: int) -> NDArray[Any] | None:
    """Take the spectra of dictionaries, as power [shape=(F, K)]."""
    spectra = []
    for dictionary in options.dictionaries:
        dictionary.check_fits(stft=stft, sr=sr)
        W = dictionary.W if dictionary.exemplars is None else dictionary.exemplars
        magnitudes = dictionary.quantity == "magnitude" and dictionary.exemplars is None
        spectra.append(W**2 if magnitudes else W)
    return np.hstack(spectra) if spectra else None


def _segment(
    channel: _Channel,
    group: list[_Damaged],
    span: Span,
    context: int,
    options: Options,
    shortest: int = LEAST_FRAME,
    frames: float = 0.5,
) -> tuple[NDArray[np.float64], int, STFT]:
    """Read regions with their context, and choose a transform with some frames on one side."""
    first, last = channel.around(span, context)
    trained = [dictionary.stft for dictionary in options.dictionaries]
    if options.stft or trained:
        stft = options.stft or trained[0]
    else:
        bands = [d.region.band(sr=channel.sr) for d in group]
        low, high = min(bands, key=lambda band: band[1] - band[0])
        n_fft = max(shortest, suitable_stft(channel.sr, span, low, high).n_fft)
        side = max(span[0] - first, last - span[1])
        usual = 2 ** round(np.log2(FRAME_S * channel.sr))
        while n_fft > max(last - first, LEAST_FRAME) or (
            usual >= n_fft > shortest and n_fft * frames > side > 0
        ):
            n_fft //= 2
        stft = STFT(n_fft, n_fft // 4)
    if last - first < stft.n_fft:
        raise ParameterError(
            f"region {group[0].region}: with its context has {last - first} samples, fewer than "
            f"n_fft={stft.n_fft}: give more context or a smaller n_fft."
        )
    x = channel.samples(first, last)
    _check_finite(x, group)
    return x, first, stft


def _check_finite(x: NDArray[Any], group: list[_Damaged]) -> None:
    """Refuse NaN in what is to be built on."""
    if not np.isfinite(x).all():
        raise ParameterError(
            f"region {group[0].region}: NaN or infinite samples are in it or around it: mark "
            f"them as a missing region over the whole band."
        )


def _faded(
    x: NDArray[Any], y: NDArray[Any], span: Span, first: int, stft: STFT, length: int
) -> NDArray[np.float64]:
    """Cross-fade from the recording to its repair and back, within a span."""
    inside = slice(span[0] - first, span[1] - first)
    n = span[1] - span[0]
    fade = min(stft.n_fft // FADE, n // 4)
    weight = np.ones(n)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
    if span[0] > 0:
        weight[:fade] = ramp
    if span[1] < length:
        weight[n - fade :] = ramp[::-1]
    return (1 - weight) * x[inside] + weight * y[inside]


def _job(
    channel: _Channel,
    group: list[_Damaged],
    span: Span,
    method: str,
    n_fft: int,
    status: str = "done",
) -> Job:
    """Say what was done."""
    reasons = ", ".join(dict.fromkeys(d.reason for d in group))
    regions = tuple(d.region for d in group)
    return Job(channel.number, *span, regions, group[0].damage, reasons, method, n_fft, status)
