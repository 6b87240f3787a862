"""Blocks of a problem, loaded in the units of the iteration, and the E-step on their hidden cells.

A block is copied to a buffer, scaled and freed of values in hidden cells whenever it is needed,
which takes a hundredth of the time of the products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spectramend.nmf._engine.arrays import Array, as_array, converted
from spectramend.nmf._engine.frame_blocks import BlockThreads, Buffers
from spectramend.nmf._engine.problem import DATA_FLOOR, Problem
from spectramend.nmf.censored import Hidden


class Data:
    """Frames of a problem [shape=(n,), int], all if None, and the entered threads for them."""

    def __init__(
        self, problem: Problem, threads: BlockThreads, frames: Array | None = None
    ) -> None:
        self.problem, self.threads, self.frames = problem, threads, frames
        self.blocks = threads.blocks_of(problem.shape[1] if frames is None else len(frames))
        self._factors = problem.factors
        self._floor = self.native(np.asarray(problem.floor))

    def native(self, values: Array) -> Array:
        """Convert values to the library, dtype and device of the problem."""
        xp = self.problem.xp
        return converted(xp, as_array(xp, values, self.problem.V), self.problem.dtype)

    def frames_of(self, block: slice) -> slice | Array:
        """Which frames of the problem are in a block."""
        return block if self.frames is None else self.frames[block]

    def load(self, block: slice, buffers: Buffers) -> tuple[Array, Array | None]:
        """Copy weighted data, in units of `scale`, and weights if not all are 1 [shapes=(F, n)]."""
        problem, MV, M = self.problem, buffers.MV, buffers.M
        xp, at = problem.xp, self.frames_of(block)
        first, *others = self._factors
        if self.frames is None and problem.V.dtype == problem.dtype:
            xp.multiply(problem.V[:, at], first, out=MV)  # one pass over the block less
        else:
            MV[...] = problem.V[:, at]
            MV *= first
        for factor in others:
            MV *= factor
        if problem.weights is not None:
            M[...] = problem.weights[:, at]
            if problem.has_large:
                MV[...] = xp.where(M > 0, MV, 0)
        if problem.has_small:
            xp.maximum(MV, self._floor, out=MV)
        if problem.weights is None:
            return MV, None
        MV *= M
        return MV, M

    def hidden_cells(self) -> dict[int, HiddenCells]:
        """Divide what is known of hidden cells among the blocks, by their starts."""
        hidden = self.problem.hidden
        if hidden is None:
            return {}
        return {
            block.start: HiddenCells.of(self.problem, hidden.of_frames(self.frames_of(block)))
            for block in self.blocks
        }


@dataclass(frozen=True, eq=False)
class HiddenCells:
    """Hidden cells of a block with prior knowledge: indices into it, flat and of columns."""

    problem: Problem
    hidden: Hidden
    flat: Array
    columns: Array

    @classmethod
    def of(cls, problem: Problem, hidden: Hidden) -> HiddenCells:
        """Find the cells."""
        cells = problem.xp.asarray(hidden.cells)
        flat = problem.xp.nonzero(cells.reshape(-1))[0]
        return cls(problem, hidden, flat, flat % cells.shape[1])

    def objective(self, V_hat: Array) -> Array:
        """Sum what they add to the objective of each frame [shape=(n,)]."""
        added = self.hidden.divergence(self._in_unit(V_hat.reshape(-1)[self.flat]))
        return self.problem.xp.bincount(self.columns, weights=added, minlength=V_hat.shape[1])

    def expect(self, buffers: Buffers) -> None:
        """E-step: put expected values, with weight 1, into `MV`, `M` and `ratio`."""
        xp, problem = self.problem.xp, self.problem
        model = buffers.V_hat.reshape(-1)[self.flat]
        expected = self.hidden.expected(self._in_unit(model)) / problem.hidden_unit
        expected = xp.where(expected > DATA_FLOOR, expected, DATA_FLOOR)
        expected = converted(xp, expected, problem.dtype)
        buffers.MV.reshape(-1)[self.flat] = expected
        buffers.M.reshape(-1)[self.flat] = 1
        buffers.ratio.reshape(-1)[self.flat] = expected / model

    def _in_unit(self, model: Array) -> Any:
        """Convert the model of the cells to double precision, in the unit of `hidden`."""
        return converted(self.problem.xp, model, self.problem.xp.float64) * self.problem.hidden_unit
