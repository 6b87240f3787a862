"""Scan of one channel, block by block: what depends on all of it, then the damage it has."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, apart, join, runs
from spectramend.detection import (
    abrupt_gaps,
    clicks,
    clipping_level,
    dropouts,
    packet_concealment,
)
from spectramend.detection.click_search import ClickSearch, ReadChannel
from spectramend.detection.clipping_drift import HighPassInverse, TopSearch
from spectramend.detection.clipping_search import ClippingLevel, ClippingSearch
from spectramend.detection.thresholds import Thresholds

LEVEL_FRAME_S = 0.02  # s, of frames whose powers are averaged; engineering choice: of no influence

Samples: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """A block of one channel with its margins."""

    x: Samples
    start: int  # of the block, in x
    stop: int
    offset: int  # of x, in the recording
    length: int  # of the recording

    def own(self, spans: list[Span]) -> list[Span]:
        """Keep the spans that begin in the block, as spans of the recording."""
        own = [(a, b) for a, b in spans if self.start <= a < self.stop]
        return [(a + self.offset, b + self.offset) for a, b in own]

    def is_inside(self, span: Span) -> bool:
        """Return whether the recording has samples on both sides of a span."""
        return span[0] + self.offset > 0 and span[1] + self.offset < self.length


@dataclass(frozen=True)
class ChannelDamage:
    """The damage of one channel."""

    spans: dict[str, NDArray[np.int64]]  # by kind [shapes=(n, 2)]
    level: ClippingLevel


@dataclass
class ChannelStatistics:
    """Statistics of all finite samples of a channel."""

    maximum: float = -np.inf
    minimum: float = np.inf
    step: float = np.inf  # smallest difference of neighbouring samples
    powers: list[NDArray[Any]] = field(default_factory=list)  # of frames, by block
    amplitudes: dict[int, clipping_level.AmplitudeHistogram] = field(
        default_factory=lambda: {sign: clipping_level.AmplitudeHistogram() for sign in (1, -1)}
    )  # by sign
    tops: TopSearch = field(default_factory=TopSearch)  # with sharp bends
    inverse: HighPassInverse | None = None  # of a filter after clipping

    def add(self, x: Samples, sr: float) -> None:
        """Take the samples of a block into account."""
        finite = np.isfinite(x)
        self.tops.add(np.where(finite, x, 0.0))
        x = x[finite]
        if not x.size:
            return
        self.maximum = max(self.maximum, float(x.max()))
        self.minimum = min(self.minimum, float(x.min()))
        steps = np.abs(np.diff(x))
        self.step = min(self.step, float(np.min(steps, where=steps > 0, initial=np.inf)))
        frame = min(x.size, max(1, round(LEVEL_FRAME_S * sr)))
        frames = x[: x.size // frame * frame].reshape(-1, frame)
        self.powers.append(np.mean(frames**2, axis=1))
        for sign, histogram in self.amplitudes.items():
            histogram.add(sign * x)

    @cached_property
    def level(self) -> float:
        """The RMS value of all frames, after the last block."""
        return float(np.sqrt(np.mean(np.concatenate(self.powers or [np.zeros(1)]))))

    @cached_property
    def edges(self) -> dict[int, clipping_level.Edge | None]:
        """The levels at which samples pile up, by sign."""
        return {sign: histogram.edge(self.step) for sign, histogram in self.amplitudes.items()}

    @property
    def rails(self) -> dict[int, float]:
        """Height of the extreme value by sign."""
        return {1: self.maximum, -1: -self.minimum}


@dataclass
class ChannelScan:
    """Damage and click candidates found in a channel, block by block.

    What is clipped is no dropout, and what is lost is no click: the search for a kind includes
    those before it.
    """

    statistics: ChannelStatistics
    sr: float
    thresholds: Thresholds
    kinds: Collection[str]
    lost: list[Span] = field(default_factory=list)  # not finite, or a repeated packet
    flat: list[Span] = field(default_factory=list)  # runs of one value
    gaps: list[abrupt_gaps.Gap] = field(default_factory=list)  # candidates of soft dropouts
    search: ClickSearch = field(init=False)
    clipping: ClippingSearch = field(init=False)

    def __post_init__(self) -> None:
        own = self.statistics
        self.clipping = ClippingSearch(
            own.rails,
            own.edges,
            own.step,
            sr=self.sr,
            thresholds=self.thresholds,
            inverse=own.inverse,
        )
        self.search = ClickSearch(self.sr, self.statistics.level, self.thresholds.click_db)

    def add(self, block: Block) -> None:
        """Find the damage and the candidates that begin in a block."""
        bad = ~np.isfinite(block.x)
        x = np.where(bad, 0.0, block.x)
        self.clipping.add(x, (block.start, block.stop), block.offset)
        if "dropout" in self.kinds or "click" in self.kinds:
            self._add_lost(block, x, bad)
        if "click" in self.kinds:
            self._add_candidates(block, x)

    def _add_lost(self, block: Block, x: Samples, bad: NDArray[np.bool_]) -> None:
        """Find the samples that are not finite, the packets, and the candidates of dropouts."""
        if bad.any():
            # Of the block alone: such runs may be of any length, and join at its borders.
            spans = runs(bad[block.start : block.stop]) + block.start
            self.lost += block.own([(int(a), int(b)) for a, b in spans])
        self.lost += block.own(dropouts.repeated_packets(x, self.sr))
        step = self.statistics.step
        self.lost += block.own(packet_concealment.concealed_packets(x, self.sr, step=step))
        self.flat += block.own(self._flat_dropouts(block, x))
        self._add_gaps(block, x)

    def _flat_dropouts(self, block: Block, x: Samples) -> list[Span]:
        """Find the runs of one value that begin in a block and interrupt sound."""
        shortest = max(2, round(self.thresholds.dropout_ms / 1000 * self.sr))
        longest = self.thresholds.dropout_max_ms / 1000 * self.sr
        level, border_steps = self.statistics.level, self.thresholds.border_steps
        return [
            span
            for span in dropouts.flat_runs(x, shortest)
            if block.start <= span[0] < block.stop
            and span[1] - span[0] <= longest
            and block.is_inside(span)
            and dropouts.is_dropout(x, span, self.sr, level=level, border_steps=border_steps)
        ]

    def _add_gaps(self, block: Block, x: Samples) -> None:
        """Find the candidates of soft dropouts that begin in a block."""
        found = abrupt_gaps.find_gaps(
            x,
            self.sr,
            level=self.statistics.level,
            step=self.statistics.step,
            longest=round(self.thresholds.dropout_max_ms / 1000 * self.sr),
            border=self.thresholds.border_steps * self.statistics.step,
            offset=block.offset,
        )
        self.gaps += [replace(gap, span=span) for gap in found for span in block.own([gap.span])]

    def _add_candidates(self, block: Block, x: Samples) -> None:
        """Find click candidates that begin in a block."""
        context = round(clicks.CLICK_CONTEXT_S * self.sr)
        first = max(0, block.start - context)
        own = (block.start - first, block.stop - first)
        self.search.add(x[first : block.stop + context], block.offset + first, own)

    def damage(self, read: ReadChannel, length: int) -> ChannelDamage:
        """Decide what is damage after the last block; `read` gives samples again."""
        runs_of_clipping, level = self.clipping.result(length)
        spans = {"clipping": runs_of_clipping}
        if "dropout" in self.kinds or "click" in self.kinds:
            clipped = [(int(a), int(b)) for a, b in runs_of_clipping]
            shortest = self.thresholds.dropout_ms / 1000 * self.sr
            soft = abrupt_gaps.choose_gaps(self.gaps, self.sr, shortest)
            lost = join([*self.lost, *apart([*self.flat, *soft], clipped, 0)])
            found = self.search.spans(read, length, [*lost, *clipped])
            spans["dropout"] = np.array(lost, np.int64).reshape(-1, 2)
            spans["click"] = np.array(found, np.int64).reshape(-1, 2)
        return ChannelDamage(spans, level)
