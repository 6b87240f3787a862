"""What is to be declipped or dequantized, and how: records that check themselves and plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypedDict

import numpy as np

from spectramend.core.intervals import Span
from spectramend.core.regions import Region
from spectramend.declipping import EstimateOptions, quantization_step
from spectramend.detection import ClippingLevel
from spectramend.errors import ParameterError
from spectramend.nmf.solve import RngLike
from spectramend.restoration.bounded_parts import (
    BoundsRule,
    ClippingRule,
    Part,
    QuantizationRule,
    Restorable,
    Samples,
    plan,
)
from spectramend.restoration.jobs import Job, JobDamage, check_places
from spectramend.restoration.levels import (
    NONE_FOUND,
    NONE_THERE,
    SATURATED,
    Levels,
    chosen_levels,
    wanted_spans,
)

Progress = Callable[[str, int, int], None]  # with a description, what is done, and the total
OFF_GRID = 1e-3  # half steps from the grid; engineering choice: more than the rounding of floats
MAX_BETWEEN = 0.01  # share of samples off the grid that is no mistake; engineering choice
SEEDS = 1 << 32  # values of the seed that is drawn; engineering choice
NOT_NAMED = "left as it is: no region names it"
METHODS: dict[JobDamage, str] = {
    "clipped": "NMF and neighbourhood variances, within the bounds of clipping",
    "quantized": "NMF and neighbourhood variances, within the bounds of quantization",
}


class DequantizeKeywords(TypedDict, total=False):
    """Keywords of `spectramend.dequantize`."""

    regions: Region | Sequence[Region] | None
    consistent: bool


class DeclipKeywords(DequantizeKeywords, total=False):
    """Keywords of `spectramend.declip`."""

    levels: Levels | None
    tolerance: float | None
    fast: bool


class Shape(Protocol):
    """A recording: how long it is, and how it is read."""

    length: int
    channels: int

    def read(self, start: int, stop: int) -> Samples:
        """Read all channels of a part [shape=(channels, stop - start)]."""


@dataclass(frozen=True)
class ChannelRestoration:
    """What was restored of a channel.

    Parameters
    ----------
    level : ClippingLevel or None
        Where it is clipped, on the ±1 scale; None of a quantized channel.
    share : float
        Share of its samples that were restored.
    status : str
        ``"done"``, with what is doubtful about it, or why it was left as it is.
    """

    level: ClippingLevel | None
    share: float
    status: str


@dataclass(frozen=True)
class Planned:
    """What is to be restored of a recording."""

    damage: JobDamage
    restorable: Restorable
    parts: list[Part]
    channels: tuple[ChannelRestoration, ...]
    reason: str = ""  # of all parts

    def job(self, part: Part) -> Job:
        """Record the restoration of a part."""
        (start, stop), sr = part.span, self.restorable.sr
        level = self.channels[part.channel].level
        share = f"{100 * part.free / (stop - start):.3g} % of its samples are clipped"
        return Job(
            channel=part.channel,
            start=start,
            stop=stop,
            regions=(Region(start / sr, stop / sr, channel=part.channel + 1),),
            damage=self.damage,
            reason=self.reason or share,
            method=METHODS[self.damage],
            model="bounded_nmf",
            levels=sides(level),
        )


def _check_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False: ParameterError."""
    if not isinstance(value, bool | np.bool_):
        raise ParameterError(f"{name}={value!r}: give True or False.")


def drawn_seed(rng: RngLike) -> int:
    """Draw the seed of the random numbers of all parts."""
    return int(np.random.default_rng(rng).integers(SEEDS))


def sides(level: ClippingLevel | None) -> tuple[float, ...]:
    """Give the levels of the sides that are clipped, the lower one first."""
    if level is None:
        return ()
    return tuple(side for side in (level.low, level.high) if side is not None)


@dataclass(frozen=True)
class _BoundedOptions:
    """What declipping and dequantization have in common."""

    regions: Region | Sequence[Region] | None = None
    consistent: bool = True

    def __post_init__(self) -> None:
        _check_flag("consistent", self.consistent)
        regions = [self.regions] if isinstance(self.regions, Region) else self.regions
        if regions is not None:
            for region in regions:
                if not isinstance(region, Region):
                    raise ParameterError(f"regions holds {region!r}: give such as Region(1, 1.2).")
            object.__setattr__(self, "regions", tuple(regions))

    @property
    def _estimate(self) -> EstimateOptions:
        return EstimateOptions(consistent=bool(self.consistent))

    def _restorable(
        self, rule: BoundsRule, wanted: list[list[Span]], sr: float, seed: int
    ) -> Restorable:
        lost: list[list[Span]] = [[] for _ in wanted]
        return Restorable(rule, wanted, lost, sr, self._estimate, seed)

    def _wanted(self, source: Shape, sr: float) -> list[list[Span]]:
        regions: Sequence[Region] | None = self.regions  # type: ignore[assignment]
        if regions is not None:
            check_places(regions, length=source.length, channels=source.channels, sr=sr)
        return wanted_spans(regions, length=source.length, channels=source.channels, sr=sr)


@dataclass(frozen=True)
class DeclipOptions(_BoundedOptions):
    """What is to be declipped, and how; see `spectramend.declip`."""

    levels: Levels | None = None
    tolerance: float | None = None
    fast: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_flag("fast", self.fast)

    @property
    def _estimate(self) -> EstimateOptions:
        return replace(super()._estimate, fast=bool(self.fast))

    def plan(self, source: Shape, sr: float, seed: int, progress: Progress) -> Planned:
        """Find levels, clipped samples and parts; ParameterError if what is given does not fit."""
        n, channels = source.length, source.channels
        wanted = self._wanted(source, sr)
        passes = 1 if self.levels is not None else 3
        total = round(passes * n / sr)

        def show(done: int) -> None:
            progress("looking for clipping", round(done / sr), total)

        levels = chosen_levels(
            source.read,
            self.levels,
            self.tolerance,
            length=n,
            channels=channels,
            sr=sr,
            progress=show,
        )
        clipped = [w if own.is_clipped else [] for w, own in zip(wanted, levels, strict=True)]
        restorable = self._restorable(ClippingRule(levels), clipped, sr, seed)
        parts: list[Part] = []
        if any(clipped):
            parts = plan(source.read, restorable, n, lambda done: show((passes - 1) * n + done))
        found = [sum(part.free for part in parts if part.channel == c) for c in range(channels)]
        results = tuple(
            ChannelRestoration(
                replace(level, share=free / n), free / n, _status(level, bool(own), free)
            )
            for level, own, free in zip(levels, wanted, found, strict=True)
        )
        return Planned("clipped", restorable, parts, results)


@dataclass(frozen=True)
class DequantizeOptions(_BoundedOptions):
    """What is to be dequantized, and how; see `spectramend.dequantize`."""

    bits: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.bits, int | np.integer) or isinstance(self.bits, bool):
            raise ParameterError(f"bits={self.bits!r}: give a whole number.")
        quantization_step(int(self.bits))

    def plan(self, source: Shape, sr: float, seed: int, progress: Progress) -> Planned:
        """Find the parts; ParameterError if the regions do not fit."""
        n, wanted = source.length, self._wanted(source, sr)
        rule = QuantizationRule(quantization_step(int(self.bits)))
        restorable = self._restorable(rule, wanted, sr, seed)
        total = round(n / sr)
        between = [0] * source.channels

        def read(start: int, stop: int) -> Samples:
            """Read a part, and count the samples that are not on the grid of half steps."""
            x = source.read(start, stop)
            y = np.nan_to_num(x / (rule.step / 2), posinf=0.0, neginf=0.0)
            for channel, off in enumerate(np.abs(y - np.rint(y)) > OFF_GRID):
                between[channel] += int(np.count_nonzero(off))
            return x

        parts = plan(
            read,
            restorable,
            n,
            lambda done: progress("looking for samples", round(done / sr), total),
        )
        found = [sum(part.free for part in parts if part.channel == c) for c in range(len(wanted))]
        results = tuple(
            ChannelRestoration(None, free / n, self._status(off / n) if own else NOT_NAMED)
            for own, free, off in zip(wanted, found, between, strict=True)
        )
        return Planned("quantized", restorable, parts, results, f"{self.bits} bits a sample")

    def _status(self, between: float) -> str:
        """Say so where samples are finer than the steps, from their share."""
        if between <= MAX_BETWEEN:
            return "done"
        return (
            f"done, but {100 * between:.3g} % of the samples lie between the steps of {self.bits} "
            f"bits: give the bits that it was rounded to"
        )


def _status(level: ClippingLevel, named: bool, free: int) -> str:
    """Say how the declipping of a channel ends."""
    if not named:
        return NOT_NAMED
    if level.saturated:
        return SATURATED
    if not level.is_clipped:
        return NONE_FOUND
    return "done" if free else NONE_THERE
