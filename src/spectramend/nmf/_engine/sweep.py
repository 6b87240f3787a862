"""One sweep over the data: both factors updated once, block by block.

In each block H is updated, and then the part of the block in the gradient with respect to W is
evaluated while data and model are in cache; W is updated at the end of the sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from spectramend.nmf._engine.arrays import Array, as_numpy, concatenated, converted
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.frame_blocks import Buffers
from spectramend.nmf._engine.settings import Settings
from spectramend.nmf.divergence import relative_divergence
from spectramend.nmf.penalties import factor_penalties
from spectramend.nmf.updates import (
    FACTOR_FLOOR,
    exponent,
    gradient_parts_in,
    model_in,
    multiplicative_step,
)

# Factor on the exponent of guarded steps, dimensionless. Tried for several beta, data and numbers
# of atoms (docs/nmf.md): up to 1.2 saves iterations, 1.3 costs some for beta = 2, 1.5 for all.
OVER_RELAXATION = 1.2


class Factors(NamedTuple):
    """Both factors [shapes=(F, K), (K, N)], in the units of the iteration."""

    W: Array
    H: Array


class Swept(NamedTuple):
    """Result of a sweep: the point where it evaluated, the objective there, and the next point."""

    at: Factors
    objective: Array
    to: Factors


class Sweeper:
    """What all sweeps over some data have in common.

    `atom_scale` [shape=(K,)] has the units of the atoms: factors are ``W/atom_scale`` and
    ``H*atom_scale/scale``.
    """

    def __init__(self, data: Data, settings: Settings, atom_scale: Array) -> None:
        problem = data.problem
        self.data, self.xp, self.beta = data, problem.xp, problem.beta
        self.joint = settings.learns_W  # W and H have one objective, else each frame has its own
        self.penalty_W, self.penalty_H = factor_penalties(
            settings.penalty,
            scale=problem.scale,
            level=problem.level,
            atom_scale=as_numpy(atom_scale),
            beta=self.beta,
            native=data.native,
        )
        self.floor = data.native(as_numpy(FACTOR_FLOOR))
        self.hidden = data.hidden_cells()
        relaxation = OVER_RELAXATION if settings.is_guarded else 1.0
        self._g_W, self._g_H = (
            relaxation * exponent(self.beta, settings.step, ridge=penalty.has_l2)
            for penalty in (self.penalty_W, self.penalty_H)
        )
        self._mm_W, self._mm_H = (
            exponent(self.beta, ridge=penalty.has_l2)
            for penalty in (self.penalty_W, self.penalty_H)
        )

    def rounding(self, units: float) -> Array:
        """Give so many units in the last place of the objective, of all or of each frame."""
        sizes, frames = self.data.problem.sizes, self.data.frames
        eps = float(self.xp.finfo(self.data.problem.dtype).eps)
        rounding = units * eps * (sizes if frames is None else sizes[frames])
        return rounding.sum() if self.joint else rounding

    def exponent_W(self, mm: Array | None) -> float:
        """Exponent of the update of W."""
        return self._mm_W if mm is not None and bool(self.xp.any(mm)) else self._g_W

    def exponent_H(self, mm: Array | None, block: slice) -> float | Array:
        """Exponent of the update of H: of all columns of a block, or of each."""
        if mm is None or not bool(self.xp.any(mm)):
            return self._g_H
        if len(mm) == 1:
            return self._mm_H
        return self.data.native(self.xp.where(mm[block], self._mm_H, self._g_H))

    def extrapolated(self, x: Array, before: Array, momentum: Array) -> Array:
        """Extrapolate a factor along the logarithm."""
        y = x / before
        y **= momentum
        y *= x
        return self.xp.maximum(y, self.floor)

    def divergence(self, buffers: Buffers, M: Array | None) -> Array:
        """Evaluate the divergence of each frame of a block over observed cells [shape=(n,)]."""
        xp, V_hat, ratio = self.xp, buffers.V_hat, buffers.ratio
        r, is_binary = buffers.scratch, self.data.problem.is_binary
        tiny = float(xp.finfo(ratio.dtype).tiny)  # since 0 times its logarithm is to be 0
        if M is None:
            xp.add(ratio, tiny, out=r)
        elif is_binary:
            xp.subtract(1, M, out=r)  # hidden cells, whose data is 0, count as equal to the model
            r += ratio
            if self.beta > 0:
                r += tiny
        else:
            r[...] = xp.where(M > 0, ratio / M, 1) + tiny
        cells = relative_divergence(r, V_hat, self.beta, buffers.other)
        if M is not None and not is_binary:
            cells *= M
        return cells.sum(axis=0)

    def objective(self, values: list[Array], W: Array) -> Array:
        """Join the objectives of all frames, or sum them."""
        value = converted(self.xp, concatenated(self.xp, values), self.xp.float64)
        if not self.joint or not len(value):
            return value
        value = value.sum()[None]
        if not self.penalty_W.is_zero:
            # The penalty that couples both factors was counted with H.
            value = value + self.penalty_W.value(W.T, self.penalty_W.l1).sum()
        return value


@dataclass
class Sweep:
    """One sweep: extrapolate from `before` and `x` to `y`, evaluate the objective, and update.

    `momentum` and `mm`, which marks where to take MM steps whatever the settings, have one entry
    for each frame, or one if W is learned [shape=(N,) or (1,)]; so has the objective, which is
    empty if not evaluated.
    """

    of: Sweeper
    x: Factors
    before: Factors
    learns_W: bool
    evaluates: bool = True
    updates: bool = True
    momentum: Array | None = None
    mm: Array | None = None

    def __post_init__(self) -> None:
        of, x = self.of, self.x
        self.learns_W = self.learns_W and self.updates
        if self.momentum is not None:
            is_moving = bool(of.xp.any(self.momentum > 0))
            self.momentum = of.data.native(self.momentum) if is_moving else None
        self.y, self.new_H = x, of.xp.empty_like(x.H) if self.updates else x.H
        if self.momentum is not None:
            W = x.W
            if self.learns_W:
                W = of.extrapolated(W, self.before.W, self.momentum)
            self.y = Factors(W, of.xp.empty_like(x.H))  # H follows block by block
        self.linear_H = of.penalty_H.linear(self.y.W.sum(axis=0))

    def run(self) -> Swept:
        """Process all blocks."""
        values: list[Array] = []
        sums: list[Array] = []
        for value, *parts in self.of.data.threads.map(self._process, self.of.data.blocks):
            values.append(value)
            sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
        W = self._updated_W(*sums) if sums else self.y.W
        return Swept(self.y, self.of.objective(values, self.y.W), Factors(W, self.new_H))

    def _process(self, block: slice, buffers: Buffers) -> list[Array]:
        """Update H in a block; give its objective, and what `_gradient_W` gives."""
        of, W, V_hat = self.of, self.y.W, buffers.V_hat
        MV, M = of.data.load(block, buffers)
        h = self._extrapolated_H(block)
        cells = of.hidden.get(block.start)
        needs_ratio = of.beta != 2 or self.evaluates or cells is not None
        model_in(MV, W, h, V_hat, buffers.ratio if needs_ratio else None)
        value = of.xp.empty(0)
        if self.evaluates:
            value = of.divergence(buffers, M) + of.penalty_H.value(h, self.linear_H)
            if cells is not None:
                value = value + cells.objective(V_hat)
        if not self.updates:
            return [value]
        if cells is not None:
            cells.expect(buffers)
        num, den = gradient_parts_in(MV, W, M, V_hat, buffers.ratio, beta=of.beta)
        g, ridge = of.exponent_H(self.mm, block), of.penalty_H.ridge
        h = multiplicative_step(h, num, den, g, penalty=self.linear_H, ridge=ridge)
        self.new_H[:, block] = of.xp.maximum(h, of.floor, out=h)
        return [value, *self._gradient_W(MV, M, h, buffers)] if self.learns_W else [value]

    def _gradient_W(self, MV: Array, M: Array | None, h: Array, buffers: Buffers) -> list[Array]:
        """Split the gradient with respect to W [shapes=(K, F)]; sum activations [shape=(K,)]."""
        beta, W, V_hat, ratio = self.of.beta, self.y.W, buffers.V_hat.T, buffers.ratio.T
        model_in(MV.T, h.T, W.T, V_hat, None if beta == 2 else ratio)
        M_T = None if M is None else M.T
        num, den = gradient_parts_in(MV.T, h.T, M_T, V_hat, ratio, beta=beta)
        return [num, den, h.sum(axis=1)]

    def _extrapolated_H(self, block: slice) -> Array:
        """Extrapolate the activations of a block [shape=(K, n)]."""
        if self.momentum is not None:
            m = self.momentum if len(self.momentum) == 1 else self.momentum[block]
            x, before = self.x.H[:, block], self.before.H[:, block]
            self.y.H[:, block] = self.of.extrapolated(x, before, m)
        return self.y.H[:, block]

    def _updated_W(self, num: Array, den: Array, H_sums: Array) -> Array:
        """Update W from the gradient over all blocks."""
        of, W = self.of, self.y.W
        penalty, ridge = of.penalty_W.linear(H_sums), of.penalty_W.ridge
        new = multiplicative_step(
            W.T, num, den, of.exponent_W(self.mm), penalty=penalty, ridge=ridge
        )
        return of.xp.maximum(new, of.floor).T
