"""Records of the jobs of a repair: a channel, its damaged regions, and what was done to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import PatchedSource
from spectramend.core.intervals import Span, hull
from spectramend.core.regions import Region
from spectramend.errors import ParameterError
from spectramend.restoration.options import RegionDamage, RegionOptions

JobDamage: TypeAlias = RegionDamage | Literal["quantized"]


@dataclass(frozen=True)
class Channel:
    """A channel of a recording, with the repairs made so far."""

    source: PatchedSource
    number: int  # from 0
    sr: int  # Hz

    @property
    def length(self) -> int:
        """The length of the recording in samples."""
        return self.source.length

    def samples(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read samples [shape=(stop - start,)]."""
        return self.source.read_channel(self.number, start, stop)

    def around(self, span: Span, context: int) -> Span:
        """Widen a span by `context` samples on either side, within the recording."""
        return max(0, span[0] - context), min(self.length, span[1] + context)


@dataclass(frozen=True)
class DamagedRegion:
    """A region of one channel and its damage."""

    region: Region
    span: Span  # samples
    damage: RegionDamage
    reason: str  # of the classification
    full_band: bool

    @property
    def is_gap(self) -> bool:
        """Whether its samples are missing at all frequencies."""
        return self.damage == "missing" and self.full_band


@dataclass(frozen=True, eq=False)
class DamagedChannel:
    """A channel with its damage, and how to repair it."""

    channel: Channel
    regions: list[DamagedRegion]  # in the order of time
    spans: list[NDArray[np.intp]]  # [shape=(n, 2)] spans of the damaged regions of each channel
    context: int  # samples on either side of a region
    options: RegionOptions
    rng: np.random.Generator

    @cached_property
    def gaps(self) -> list[DamagedRegion]:
        """Missing regions over the whole band."""
        return [d for d in self.regions if d.is_gap]

    @cached_property
    def hums(self) -> list[DamagedRegion]:
        """All with steady tones."""
        return [d for d in self.regions if d.damage == "hum"]

    @cached_property
    def clipped(self) -> list[DamagedRegion]:
        """All that are clipped."""
        return [d for d in self.regions if d.damage == "clipped"]

    @cached_property
    def bands(self) -> list[DamagedRegion]:
        """Missing regions of a band."""
        return [d for d in self.regions if d.damage == "missing" and not d.is_gap]

    @cached_property
    def events(self) -> list[DamagedRegion]:
        """Occluded regions."""
        return [d for d in self.regions if d.damage == "occluded"]

    @cached_property
    def pulses(self) -> list[DamagedRegion]:
        """All with repeating pulses."""
        return [d for d in self.regions if d.damage == "pulses"]

    @cached_property
    def bands_and_events(self) -> list[DamagedRegion]:
        """All that are not gaps, in the order of time."""
        return sorted(self.bands + self.pulses + self.events, key=lambda d: d.span)


@dataclass(frozen=True)
class Job:
    """What was done to regions that touch each other, or to the hidden cells of a channel.

    Parameters
    ----------
    channel : int
        The channel, from 0: a row of the samples.
    start, stop : int
        First sample that may have changed, and the one after the last.
    regions : tuple of Region
        The regions.
    damage : {"missing", "occluded", "hum", "pulses", "clipped", "quantized"}
        Their damage.
    reason : str
        Why the damage was classified so.
    method : str
        What was done, in words.
    model : str
        The model: a method of `spectramend.gaps.fill_gaps`, ``"subband"``, ``"steady_tones"``,
        ``"pulse_template"``, ``"bounded_nmf"``, ``"semisupervised_nmf"`` or ``"masked_nmf"``.
    n_fft : int, optional
        Samples of a frame; None for autoregressive models.
    order : int, optional
        Coefficients of autoregressive models; None for models with frames.
    status : str
        ``"done"``, or how it ended.
    expected_snr_db : float, optional
        Estimated SNR of the repaired samples or cells in dB: the power of the recording over that
        of what remains wrong; None where it was not estimated.
    levels : tuple of float
        The levels at which it was clipped, the lower one first; empty for other damage.
    """

    channel: int
    start: int
    stop: int
    regions: tuple[Region, ...]
    damage: JobDamage
    reason: str
    method: str
    model: str
    n_fft: int | None = None
    order: int | None = None
    status: str = "done"
    expected_snr_db: float | None = None
    levels: tuple[float, ...] = ()

    @property
    def channel_number(self) -> int:
        """The channel as people count, from 1."""
        return self.channel + 1


def check_places(regions: Sequence[Region], *, length: int, channels: int, sr: float) -> None:
    """Refuse regions that a recording of `length` samples a channel does not have."""
    for region in regions:
        region.samples(length=length, sr=sr)
        region.band(sr=sr)
        if region.channel is not None and region.channel > channels:
            raise ParameterError(
                f"region {region}: names channel {region.channel}, the recording has {channels}."
            )


def job_text(job: Job) -> str:
    """Describe a job in a sentence."""
    first = "all of it" if str(job.regions[0]) == "-" else str(job.regions[0])
    more = f" and {len(job.regions) - 1} more" if len(job.regions) > 1 else ""
    sizes = {"n_fft": job.n_fft, "order": job.order}
    size = "".join(f", {name} {size}" for name, size in sizes.items() if size is not None)
    snr = "" if job.expected_snr_db is None else f", expected SNR {round(job.expected_snr_db)} dB"
    end = "" if job.status == "done" else f": {job.status.removesuffix('.')}"
    return (
        f"channel {job.channel_number}, {first}{more}: {job.damage} ({job.reason}), {job.method}"
        f"{size}{snr}{end}."
    )


def job_boxes(job: Job, sr: float) -> list[tuple[float, float, float, float]]:
    """Give the regions of a job at `sr` Hz: first and last second, lowest and highest Hz.

    That of the hidden cells of a mask, which is open on all sides, is left out; one box holds all
    clipped runs.
    """
    if job.model == "bounded_nmf":
        return [(job.start / sr, job.stop / sr, 0.0, sr / 2)]
    boxes = []
    for region in job.regions:
        if region.start_s is None and region.end_s is None and job.model == "masked_nmf":
            continue
        start_s = job.start / sr if region.start_s is None else region.start_s
        end_s = job.stop / sr if region.end_s is None else region.end_s
        boxes.append((start_s, end_s, *region.band(sr=sr)))
    return boxes


def jobs_in_common(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Put together jobs that did the same to the same regions of several channels.

    They come in the order of time; those of a group by channel.
    """
    groups: dict[tuple[object, ...], list[Job]] = {}
    for job in jobs:
        places = tuple(str(region) for region in job.regions)
        groups.setdefault((job.start, job.stop, places, job.damage, job.model), []).append(job)
    return [tuple(groups[key]) for key in sorted(groups, key=lambda key: groups[key][0].start)]


def bands_of(group: Sequence[DamagedRegion], sr: int) -> list[tuple[float, float]]:
    """List the bands of several regions, lowest and highest Hz."""
    return [d.region.band(sr=sr) for d in group]


def span_of(group: Sequence[DamagedRegion]) -> Span:
    """Give the span from the first sample of several regions to their last."""
    return hull(d.span for d in group)


def finished_job(
    channel: Channel,
    group: Sequence[DamagedRegion],
    method: str,
    model: str,
    *,
    n_fft: int | None = None,
    order: int | None = None,
    status: str = "done",
    expected_snr_db: float | None = None,
) -> Job:
    """Record what was done to the regions of a group, which have one kind of damage."""
    start, stop = span_of(group)
    return Job(
        channel=channel.number,
        start=start,
        stop=stop,
        regions=tuple(d.region for d in group),
        damage=group[0].damage,
        reason=", ".join(dict.fromkeys(d.reason for d in group)),
        method=method,
        model=model,
        n_fft=n_fft,
        order=order,
        status=status,
        expected_snr_db=expected_snr_db,
    )
