"""Search for the clipping of one channel, block by block, and the levels at which it is clipped.

Four cases are told apart, in this order: tops that are exactly flat (`clipping`), tops that slope
after a high-pass filter (`clipping_drift`), tops that are spread (`clipping_level`), and soft
saturation, which is no clipping (`saturation`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.detection import clipping, clipping_level
from spectramend.detection.clipping_drift import HighPassInverse
from spectramend.detection.clipping_level import Edge, EdgeRuns
from spectramend.detection.saturation import Approach
from spectramend.detection.thresholds import Thresholds

Samples: TypeAlias = NDArray[np.float64]
Sides: TypeAlias = dict[int, NDArray[np.int64]]  # spans by sign

SPREAD = 1.5  # samples of spread tops for one at an extreme value; engineering choice
LOW_QUANTILE = 0.05  # share, of the heights of sloping tops, for the tolerance; engineering choice
NO_RUNS: NDArray[np.int64] = np.empty((0, 2), np.int64)


@dataclass(frozen=True)
class ClippingLevel:
    """The levels at which a channel is clipped.

    Parameters
    ----------
    low, high : float or None
        Level of the lower and the upper side, on the scale of the samples; None where that side is
        not clipped.
    tolerance : float, >= 0
        How far clipped samples lie inside of these levels, at most, but for few where tops slope: a
        sample counts as clipped at ``x >= high - tolerance`` and at ``x <= low + tolerance``.
    share : float
        Share of the samples of the channel that are clipped.
    saturated : bool
        Whether the channel is saturated softly, as by tape or tubes. It is then not clipped.

    See Also
    --------
    clipping_levels : The levels of all channels of a recording.

    Examples
    --------
    >>> level = ClippingLevel(low=-0.5, high=0.5, tolerance=0.01, share=0.02)
    >>> level.is_clipped
    True
    """

    low: float | None = None
    high: float | None = None
    tolerance: float = 0.0
    share: float = 0.0
    saturated: bool = False

    @property
    def is_clipped(self) -> bool:
        """Whether a side is clipped."""
        return self.low is not None or self.high is not None


@dataclass
class Side:
    """What is found at one side of a channel, of which it is the upper one, by block."""

    rail: float
    edge: Edge | None
    drift: Edge | None
    at_rail: list[clipping.RailRuns] = field(default_factory=list)
    at_edge: list[EdgeRuns] = field(default_factory=list)
    at_drift: list[EdgeRuns] = field(default_factory=list)
    to_rail: Approach = field(init=False)

    def __post_init__(self) -> None:
        self.to_rail = Approach(self.rail)


class ClippingSearch:
    """Clipped runs of a channel; `rails` and `edges` are by sign, `step` is that of its samples."""

    def __init__(
        self,
        rails: dict[int, float],
        edges: dict[int, Edge | None],
        step: float,
        *,
        sr: float,
        thresholds: Thresholds,
        inverse: HighPassInverse | None = None,
    ) -> None:
        self.step = step
        self.sr = sr
        self.thresholds = thresholds
        self.inverse = inverse
        drifts = inverse.edges() if inverse else {}
        self.sides = {
            sign: Side(rail, edges[sign], Edge(*drifts[sign]) if sign in drifts else None)
            for sign, rail in rails.items()
        }
        db = thresholds.clip_tolerance_db
        self.tolerance = clipping.TOLERANCE if db is None else 1 - 10 ** (-db / 20)

    def add(self, x: Samples, own: Span, offset: int) -> None:
        """Find the runs at the levels, that begin in the part `own` of a block [shape=(n,)]."""
        flat = self.inverse.apply(x, self.sr, offset) if self.inverse else x
        for sign, side in self.sides.items():
            y = sign * x
            side.at_rail.append(
                clipping.rail_runs(
                    y, side.rail, self.step, own=own, offset=offset, tolerance=self.tolerance
                )
            )
            if side.edge:
                at_edge = clipping_level.edge_runs(y, side.edge, own=own, offset=offset)
                side.at_edge.append(at_edge)
            if side.drift:
                side.at_drift.append(
                    clipping_level.edge_runs(
                        sign * flat, side.drift, own=own, offset=offset, measured=y
                    )
                )
            side.to_rail.add(y[slice(*own)])

    def result(self, length: int) -> tuple[NDArray[np.int64], ClippingLevel]:
        """Decide what is clipped, sorted [shape=(runs, 2)], and at which levels.

        `length` is that of the channel.
        """
        if self.thresholds.clip_tolerance_db is not None:
            return self._at_rails(self._near_rails(), length)
        flat, saturated = self._flat()
        drifts = self._steep({s: side.at_drift for s, side in self.sides.items() if side.drift})
        edges = self._steep({s: side.at_edge for s, side in self.sides.items() if side.edge})
        edges = {
            s: own for s, own in edges.items() if not clipping_level.are_dropouts(own, self.sr)
        }
        if edges and self._is_saturated(edges):
            edges, saturated = {}, True
        if flat and not self._is_spread(flat, edges):
            return self._at_rails(flat, length)
        if drifts and not flat:
            spans, levels, heights = self._measured(drifts, dict.fromkeys(drifts, True))
            tolerance = max(
                level - float(np.quantile(heights[sign], LOW_QUANTILE))
                for sign, level in levels.items()
            )
            return self._result(spans, levels, tolerance, length)
        if saturated:
            return NO_RUNS, ClippingLevel(saturated=True)
        windows = {sign: side.edge for sign, side in self.sides.items() if side.edge}
        piled = {sign: windows[sign].pile >= clipping_level.FULL_PILE for sign in edges}
        spans, levels, _ = self._measured(edges, piled)
        tolerance = max((levels[sign] - windows[sign].lowest for sign in levels), default=0.0)
        return self._result(spans, levels, tolerance, length)

    def _near_rails(self) -> Sides:
        """Find the runs that are as near to the extreme values as was asked for."""
        found = {sign: clipping.concatenate(side.at_rail) for sign, side in self.sides.items()}
        shortest, fewest = self.thresholds.clip_run, self.thresholds.clip_tops
        return {
            sign: own.spans[clipping.clipped_runs(own.spans, self.sr)]
            for sign, own in found.items()
            if self.sides[sign].rail > 0
            and np.sum(own.spans[:, 1] - own.spans[:, 0] >= shortest) >= fewest
        }

    def _at_rails(self, spans: Sides, length: int) -> tuple[NDArray[np.int64], ClippingLevel]:
        """Give the runs at the extreme values."""
        levels = {sign: self.sides[sign].rail for sign in spans}
        widest = max((abs(level) for level in levels.values()), default=0.0)
        return self._result(spans, levels, self.tolerance * widest, length)

    def _is_spread(self, flat: Sides, edges: dict[int, EdgeRuns]) -> bool:
        """Whether the samples at the extreme values are only some of those of spread tops."""
        at_rails = sum(int((own[:, 1] - own[:, 0]).sum()) for own in flat.values())
        return sum(int(runs.lengths.sum()) for runs in edges.values()) > SPREAD * at_rails

    def _is_saturated(self, found: dict[int, EdgeRuns]) -> bool:
        """Whether the samples at the edges are those of a curve that bends towards them."""
        ripple = float(np.mean([runs.ripple() for runs in found.values()]))
        sides = [self.sides[sign] for sign in found]
        edges = [side.edge for side in sides if side.edge]
        width_db = max(edge.width_db for edge in edges)
        if width_db >= clipping_level.WIDE_DB:
            below = [20 * np.log10(side.rail / side.edge.highest) for side in sides if side.edge]
            is_near = min(below) <= clipping_level.NEAR_DB
            return ripple < (clipping_level.SMOOTH_NEAR if is_near else clipping_level.SMOOTH)
        is_narrow = width_db < clipping_level.MIDDLE_DB
        limit = clipping_level.SMOOTH_NARROW if is_narrow else clipping_level.SMOOTH_MIDDLE
        soft = any(side.to_rail.is_soft(self.step) for side in self.sides.values())
        return ripple < limit and soft

    def _flat(self) -> tuple[Sides, bool]:
        """Find the rails with flat tops, and whether there are some that a soft curve made."""
        found = {sign: clipping.concatenate(side.at_rail) for sign, side in self.sides.items()}
        shortest, fewest = self.thresholds.clip_run, self.thresholds.clip_tops
        groups: list[tuple[int, ...]] = [(1,), (-1,)]
        rails = {sign: side.rail for sign, side in self.sides.items()}
        if abs(rails[1] - rails[-1]) <= max(1.5 * self.step, clipping.TOLERANCE * rails[1]):
            # Rails of one height are those of one converter: the runs of both are counted together.
            groups = [(1, -1)]
        spans, saturated = {}, False
        for signs in groups:
            joined = clipping.concatenate([found[sign] for sign in signs])
            if not clipping.is_clipped(
                joined, rails[signs[0]], step=self.step, shortest=shortest, fewest=fewest
            ):
                continue
            approach = Approach(rails[signs[0]])
            for sign in signs:
                approach.counts += self.sides[sign].to_rail.counts
            if approach.is_soft(self.step):
                saturated = True
                continue
            singles = np.count_nonzero(joined.spans[:, 1] - joined.spans[:, 0] == 1)
            piled = bool(singles >= max(clipping.MIN_SINGLES, clipping.PILE * joined.below))
            near = clipping.clipped_runs(joined.spans, self.sr, far=piled)
            kept = joined.spans[near, 0]  # no two runs begin at one sample
            for sign in signs:
                own = found[sign].spans
                spans[sign] = own[np.isin(own[:, 0], kept)]
        return {sign: own for sign, own in spans.items() if own.size}, saturated

    def _steep(self, found: dict[int, list[EdgeRuns]]) -> dict[int, EdgeRuns]:
        """Choose the sides with tops that are steep enough."""
        shortest, fewest = self.thresholds.clip_run, self.thresholds.clip_tops
        joined = {}
        for sign, parts in found.items():
            if parts:
                joined[sign] = clipping_level.concatenate_edges(parts)
                parts.clear()  # they take much memory where much is clipped
        return {
            sign: runs
            for sign, runs in joined.items()
            if clipping_level.is_clipped_at_edge(runs, shortest=shortest, fewest=fewest)
        }

    def _measured(
        self, chosen: dict[int, EdgeRuns], far: dict[int, bool]
    ) -> tuple[Sides, dict[int, float], dict[int, Samples]]:
        """Give the clipped runs, their median height and all heights, by sign.

        `far` tells whether single samples count that are far from longer runs.
        """
        spans, levels, heights = {}, {}, {}
        for sign, found in chosen.items():
            near = clipping.clipped_runs(found.spans, self.sr, far=far[sign])
            if near.any():
                spans[sign], heights[sign] = found.spans[near], found.heights[near]
                levels[sign] = float(np.median(heights[sign]))
        return spans, levels, heights

    @staticmethod
    def _result(
        spans: Sides, levels: dict[int, float], tolerance: float, length: int
    ) -> tuple[NDArray[np.int64], ClippingLevel]:
        """Join the sides."""
        if not spans:
            return NO_RUNS, ClippingLevel()
        joined = np.concatenate([*spans.values()])
        joined = joined[np.argsort(joined[:, 0], kind="stable")]
        low = -levels[-1] if -1 in levels else None
        share = int(np.sum(joined[:, 1] - joined[:, 0])) / length
        return joined, ClippingLevel(low, levels.get(1), max(tolerance, 0.0), share)
