"""What is to be factorized, checked, and given block by block in units that suit the numerics.

Nothing of the size of the data is stored: a block is copied into a buffer, scaled, and freed of
what stands in hidden cells whenever it is needed, which costs a hundredth of the products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf._engine.arrays import (
    Array,
    as_array,
    boolean,
    concatenated,
    converted,
    copied,
    is_floating,
    is_real,
    lies_by_frames,
    namespace,
)
from spectramend.nmf._engine.frame_blocks import Blocks, Buffers, Workspace
from spectramend.nmf.censored import Bounded, Hidden

# beta <= 0 puts a zero infinitely far from every model: data counts as at least this (-140 dB).
DATA_FLOOR = 1e-14
LARGE = 1e30  # single precision holds it, and its products with what is near 1


class Known(NamedTuple):
    """What is known of the hidden cells of a block: their places in the flat block, and more."""

    flat: Array
    hidden: Hidden
    columns: Array


@dataclass(frozen=True)
class _Summary:
    """What the first look at a block finds."""

    total: float
    weight: float
    least: float
    most: float  # hidden cells included
    binary: bool
    complete: bool
    observed: Array
    sums: Array


class Data:
    """A matrix, weights, and what else is known of hidden cells.

    Threads work on it while its `blocks` are entered; then look at it first.

    Parameters
    ----------
    V : array_like [shape=(F, N)]
        The data.
    weights : array_like [shape=(F, N)] or None
        Weight of each cell.
    bound : array_like [shape=(F, N)], Hidden or None
        What is known of cells of weight 0.
    beta : float
        Which divergence.
    threads : int or None
        Threads at most.
    """

    def __init__(
        self,
        V: ArrayLike | Array,
        weights: ArrayLike | Array | None,
        bound: ArrayLike | Array | Hidden | None,
        beta: float,
        threads: int | None = None,
    ) -> None:
        self.xp = xp = namespace(V)
        values = xp.asarray(V)
        if values.ndim != 2 or 0 in values.shape or not is_real(xp, values):
            raise ParameterError(f"V has shape {tuple(values.shape)}: give a real matrix (F, N).")
        if not math.isfinite(beta):
            raise ParameterError(f"beta={beta}: give a finite number.")
        if threads is not None and threads < 1:
            raise ParameterError(f"threads={threads}: give at least 1, or None.")
        self.values, self.beta = values, beta
        self.shape: tuple[int, int] = (values.shape[0], values.shape[1])
        self.dtype = values.dtype if values.dtype in (xp.float32, xp.float64) else xp.float64
        self.weights: Array | None = None
        if weights is not None:
            self.weights = as_array(xp, weights, values)
            self._check_shape("weights", self.weights)
        self.frames: Array | None = None  # numbers of the frames to work on, if not all
        self.known: dict[int, Known] = {}
        self._bound = bound
        # Buffers lie in memory as the data does: to turn every block would cost a third of a sweep.
        by_frames = lies_by_frames(xp, values)
        if by_frames and bound is not None:  # whose cells are counted row by row
            self.values, by_frames = copied(xp, values, values.dtype), False
        if self.weights is not None and lies_by_frames(xp, self.weights) and not by_frames:
            self.weights = copied(xp, self.weights, self.weights.dtype)
        like = xp.empty_like(values[:1, :1], dtype=self.dtype)
        self.blocks = Blocks(*self.shape, like, xp, threads, by_frames=by_frames)

    def look(self) -> None:
        """Check what was given, and settle the units; the blocks have to be entered."""
        self._settle(list(self.blocks.each(self._look)))
        self._take_bound(self._bound)

    # What was given

    def _check_shape(self, name: str, values: Array) -> None:
        if tuple(values.shape) != self.shape:
            raise MismatchError(
                f"{name} has shape {tuple(values.shape)}, V {self.shape}: make them equal."
            )
        if not is_real(self.xp, values):
            raise ParameterError(f"{name} has negative or NaN cells: give values of at least 0.")

    def _look(self, block: slice, space: Workspace) -> _Summary:
        """Check a block, and sum it up."""
        xp, V = self.xp, self.values[:, block]
        if not is_floating(xp, V):
            V = converted(xp, V, xp.float64)
        most = float(xp.max(xp.abs(V)))
        M = None if self.weights is None else self.weights[:, block]
        complete, binary = (True, True) if M is None else self._look_at_weights(M)
        if M is None or complete:
            observed = as_array(xp, np.ones(V.shape[1], bool), V)
            total, least, sums = _sum(xp, V), float(xp.min(V)), V.sum(axis=0)
            weight = float(math.prod(V.shape))
        else:
            seen = M > 0
            observed = xp.any(seen, axis=0)
            room = space.views(V.shape[1])
            total, weight, least = self._sums(V, M, seen, room, most)
            sums = room.MV.sum(axis=0)
        if not (least >= 0 and total < math.inf):
            raise ParameterError("V has negative, NaN or infinite observed cells: hide them.")
        return _Summary(total, weight, least, most, binary, complete, observed, sums)

    def _look_at_weights(self, M: Array) -> tuple[bool, bool]:
        """Check weights, and say whether all are 1, and whether all are 0 or 1."""
        xp = self.xp
        if M.dtype == boolean(xp):
            return bool(xp.all(M)), True
        if not bool(xp.all(M >= 0)):
            raise ParameterError("weights has negative or NaN cells: give values of at least 0.")
        if not bool(xp.all(xp.isfinite(M))):
            raise ParameterError("weights has infinite cells: give finite values.")
        ones = M == 1
        complete = bool(xp.all(ones))
        return complete, complete or bool(xp.all(ones | (M == 0)))

    def _sums(
        self, V: Array, M: Array, seen: Array, room: Buffers, most: float
    ) -> tuple[float, float, float]:
        """Give the weighted sum of observed values, the sum of weights and the least value.

        Weighted values are left in the buffer. Picking observed cells out would take much longer
        than arithmetic on all.
        """
        xp, (MV, weights, others) = self.xp, (room.MV, room.M, room.scratch)
        MV[...] = V
        weights[...] = M
        if not most < LARGE:
            MV[...] = xp.where(seen, MV, 0)
            most = float(xp.max(MV))
        others[...] = ~seen
        others *= most  # so that no hidden cell is the least
        others += MV
        least = float(xp.min(others))
        MV *= weights
        return _sum(xp, MV), _sum(xp, weights), least

    def _settle(self, found: Sequence[_Summary]) -> None:
        """Decide on units and on what every block needs."""
        xp = self.xp
        self.weight = sum(part.weight for part in found)
        shares = [part.total / self.weight for part in found if self.weight]
        self.level = float(sum(shares))
        # A power of two keeps every digit, so that scaling the data scales the result exactly.
        power = round(math.log2(self.level)) if self.level else 0
        self.scale = 2.0**power
        # Two steps, since one factor alone may be beyond what the dtype holds.
        steps = (-power,) if abs(power) <= 100 else (-power // 2, -power - -power // 2)
        self._factors = [2.0**step for step in steps]
        floor = DATA_FLOOR if self.beta <= 0 else 0.0
        self._low = min(part.least for part in found) / self.scale < floor
        self._floor = as_array(xp, np.asarray(floor), self.values)
        self._floor = converted(xp, self._floor, self.dtype)
        # Garbage in hidden cells has to be taken away before anything is computed.
        self._clean = all(part.most / self.scale < LARGE for part in found)
        self.binary = all(part.binary for part in found)
        self.masked = not all(part.complete for part in found)
        if not self.masked:
            self.weights = None
        # Of what size the terms of the objective are in each frame, for its rounding [shape=(N,)].
        F = self.shape[0]
        levels = converted(xp, concatenated(xp, [part.sums for part in found]), xp.float64)
        levels = xp.clip(levels / F / self.scale, DATA_FLOOR, None)
        self.sizes = F * levels**self.beta
        # Frames in which something is observed [shape=(N,)].
        self.observed_frames = concatenated(xp, [part.observed for part in found])

    def _take_bound(self, bound: ArrayLike | Array | Hidden | None) -> None:
        """Take what is known of hidden cells, in units of its own."""
        self.hidden: Hidden | None = None
        self.unit = self.scale
        if bound is None:
            return
        xp, M = self.xp, self.weights
        seen = as_array(xp, np.ones(self.shape, bool), self.values) if M is None else M > 0
        if isinstance(bound, Hidden):
            self.hidden = bound
        else:
            self.hidden, self.unit = self._bounded(bound, ~seen), 1.0
        cells = as_array(xp, self.hidden.cells, self.values)
        if tuple(cells.shape) != self.shape or bool(xp.any(cells & seen)):
            raise MismatchError(
                f"bound knows of cells of shape {tuple(cells.shape)}: they have to be cells of V, "
                f"{self.shape}, with weight 0."
            )
        if not bool(xp.any(cells)):
            self.hidden = None
        self.observed_frames = self.observed_frames | xp.any(cells, axis=0)

    def _bounded(self, bound: ArrayLike | Array, hidden: Array) -> Bounded:
        """Take bounds where there are any, in units of `scale`."""
        xp = self.xp
        B = as_array(xp, bound, self.values)
        self._check_shape("bound", B)
        if not bool(xp.all(B >= 0)):
            raise ParameterError("bound has negative or NaN cells: give values of at least 0.")
        cells = hidden & xp.isfinite(B)
        # 1e30 above the level a bound no longer binds, and its ratio to the model stays finite.
        with np.errstate(over="ignore"):
            upper = converted(xp, B[cells], xp.float64) / self.scale
        return Bounded(cells, xp.clip(upper, DATA_FLOOR, 1e30), self.beta)

    # What is given

    def prepare(self, *, frames: Array | None = None, all_frames: bool = False) -> None:
        """Choose the frames to work on, and split what is known of them among the blocks.

        Frames are those that are given, or all, or those of which something is known.
        """
        xp = self.xp
        self.frames = frames
        if frames is None and not (all_frames or bool(xp.all(self.observed_frames))):
            self.frames = xp.nonzero(self.observed_frames)[0]
        self.blocks.divide(self.shape[1] if self.frames is None else len(self.frames))
        self.known = {}
        if self.hidden is None:
            return
        for block in self.blocks.slices:
            known = self.hidden.of_frames(self.numbers(block))
            cells = xp.asarray(known.cells)
            flat = xp.nonzero(cells.reshape(-1))[0]
            self.known[block.start] = Known(flat, known, flat % cells.shape[1])

    def numbers(self, block: slice) -> slice | Array:
        """Say which frames of the data are in a block."""
        return block if self.frames is None else self.frames[block]

    def load(self, block: slice, room: Buffers) -> tuple[Array, Array | None]:
        """Copy weighted data, in units of `scale`, and weights, if not all are 1, into buffers."""
        xp, at, (MV, M) = self.xp, self.numbers(block), (room.MV, room.M)
        first, *others = self._factors
        if self.frames is None and self.values.dtype == self.dtype:
            xp.multiply(self.values[:, at], first, out=MV)  # one pass over the block less
        else:
            MV[...] = self.values[:, at]
            MV *= first
        for factor in others:
            MV *= factor
        if self.masked:
            M[...] = self.weights[:, at]  # type: ignore[index]
            if not self._clean:
                MV[...] = xp.where(M > 0, MV, 0)
        if self._low:
            xp.maximum(MV, self._floor, out=MV)
        if not self.masked:
            return MV, None
        MV *= M
        return MV, M

    def fill(self, known: Known, room: Buffers, *, judge: bool) -> Array | None:
        """E-step: put what is to be expected into hidden cells, with weight 1.

        Returns, if asked to judge, what they add to the objective [shape=(n,)].
        """
        xp = self.xp
        model = room.V_hat.reshape(-1)[known.flat]
        in_unit = converted(xp, model, xp.float64) * self.unit
        expected = known.hidden.expected(in_unit) / self.unit
        expected = converted(xp, xp.where(expected > DATA_FLOOR, expected, DATA_FLOOR), self.dtype)
        room.MV.reshape(-1)[known.flat] = expected
        room.M.reshape(-1)[known.flat] = 1
        room.ratio.reshape(-1)[known.flat] = expected / model
        if not judge:
            return None
        own = known.hidden.divergence(in_unit)
        return xp.bincount(known.columns, weights=own, minlength=room.M.shape[1])


def _sum(xp: Any, values: Array) -> float:
    """Sum in double precision; numbers near the largest that there is do not overflow."""
    total = float(xp.sum(values, dtype=xp.float64))
    if math.isfinite(total):
        return total
    most = float(xp.max(values))
    return most * float(xp.sum(values / most)) if math.isfinite(most) else total
