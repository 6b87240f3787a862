"""One sweep over the data: both factors updated once, block by block.

In each block H is updated, and then the share of the block in the gradient with respect to W is
taken while its data and model are in cache; W moves at the end of the sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spectramend.nmf._engine.arrays import Array, as_array, as_numpy, concatenated, converted
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.frame_blocks import Buffers, Workspace
from spectramend.nmf.divergence import relative_divergence
from spectramend.nmf.penalties import Penalties, Shrink, in_units
from spectramend.nmf.updates import Step, exponent, gradient_parts_in, stepped

# In units of the mean observed value. A factor at the floor can still grow, so nothing locks at
# zero, and clipping the minimiser of a unimodal majoriser keeps the descent.
FACTOR_FLOOR = 1e-12
# Guarded steps go this much farther along the logarithms. Up to 1.2 it saved iterations for every
# beta, data and number of atoms that was tried; at 1.3 it cost some for beta = 2, at 1.5 for all.
RELAXATION = 1.2


@dataclass(frozen=True, eq=False)
class Settings:
    """How to iterate, see `spectramend.nmf.fit` and `spectramend.nmf.encode`.

    `atom_scale` [shape=(K,)] has the units of the atoms: the iteration works on ``W/atom_scale``,
    ``V/scale`` and ``H*atom_scale/scale``, which are near 1.
    """

    step: Step
    penalty: float | Penalties
    moves_W: bool
    settle: int
    smooth: float
    extrapolate: bool
    max_iter: int
    tol: float
    check_every: int
    atom_scale: Array

    @property
    def is_guarded(self) -> bool:
        """Whether steps are extrapolated, and taken back where that raised the objective."""
        return self.extrapolate and not self.smooth

    def moves_W_at(self, n: int) -> bool:
        """Say whether W moves in this iteration."""
        return self.moves_W and n >= self.settle


class Point(NamedTuple):
    """Both factors [shapes=(F, K), (K, N)], in the units of the iteration."""

    W: Array
    H: Array


class Swept(NamedTuple):
    """What a sweep found: where it looked, the objective there, and where it came to."""

    at: Point
    value: Array
    to: Point


class Sweeper:
    """What all sweeps over some data have in common.

    Parameters
    ----------
    data : Data
        The data.
    settings : Settings
        How to iterate.
    """

    def __init__(self, data: Data, settings: Settings) -> None:
        self.data, self.xp, self.beta = data, data.xp, data.beta
        self.joint = settings.moves_W  # W and H make one objective, else each frame has its own
        of_W, of_H, pull = in_units(
            settings.penalty,
            scale=data.scale,
            level=data.level,
            atom_scale=as_numpy(settings.atom_scale),
            beta=data.beta,
        )
        self.shrink_W = Shrink(self.native(of_W[0]), self.native(of_W[1]), pull)
        self.shrink_H = Shrink(self.native(of_H[0]), self.native(of_H[1]), pull)
        self.floor = self.native(np.asarray(FACTOR_FLOOR))
        step, farther = settings.step, RELAXATION if settings.is_guarded else 1.0
        self._fast_W, self._fast_H = (
            farther * exponent(self.beta, step, ridge=shrink.is_squared)
            for shrink in (self.shrink_W, self.shrink_H)
        )
        self._safe_W, self._safe_H = (
            exponent(self.beta, ridge=shrink.is_squared)
            for shrink in (self.shrink_W, self.shrink_H)
        )

    def native(self, values: Array) -> Array:
        """Turn values into an array of the library, dtype and device of the iteration."""
        values = as_array(self.xp, values, self.data.values)
        return converted(self.xp, values, self.data.dtype)

    def slack(self, units: float) -> Array:
        """Give the rounding of the objective, in units of the last place: of all, or each frame."""
        cells = self.data.sizes if self.data.frames is None else self.data.sizes[self.data.frames]
        rounding = units * float(self.xp.finfo(self.data.dtype).eps) * cells
        return rounding.sum() if self.joint else rounding

    def exponent_of_W(self, careful: Array | None) -> float:
        """Give the exponent of the update of W."""
        is_careful = careful is not None and bool(self.xp.any(careful))
        return self._safe_W if is_careful else self._fast_W

    def exponent_of_H(self, careful: Array | None, block: slice) -> float | Array:
        """Give the exponent of the update of H, for all columns of a block or for each."""
        if careful is None or not bool(self.xp.any(careful)):
            return self._fast_H
        if len(careful) == 1:
            return self._safe_H
        return self.native(self.xp.where(careful[block], self._safe_H, self._fast_H))

    def extrapolated(self, x: Array, before: Array, momentum: Array) -> Array:
        """Go on along the logarithms."""
        y = x / before
        y **= momentum
        y *= x
        return self.xp.maximum(y, self.floor)

    def divergence(self, room: Buffers, M: Array | None) -> Array:
        """Evaluate the divergence of each frame of a block over observed cells."""
        xp, (V_hat, ratio, _, _, r, out) = self.xp, room
        tiny = float(xp.finfo(ratio.dtype).tiny)  # since 0 times its logarithm is to be 0
        if M is None:
            xp.add(ratio, tiny, out=r)
        elif self.data.binary:
            xp.subtract(1, M, out=r)  # hidden cells, which hold 0, count as met
            r += ratio
            if self.beta > 0:
                r += tiny
        else:
            r[...] = xp.where(M > 0, ratio / M, 1) + tiny
        cells = relative_divergence(r, V_hat, self.beta, out)
        if M is not None and not self.data.binary:
            cells *= M
        return cells.sum(axis=0)

    def sweep(
        self,
        x: Point,
        *,
        moves_W: bool,
        judges: bool,
        steps: bool,
        before: Point | None = None,
        momentum: Array | None = None,
        careful: Array | None = None,
    ) -> Swept:
        """Extrapolate, look, and step.

        Parameters
        ----------
        x : Point
            Where the iteration is.
        moves_W : bool
            Whether W moves.
        judges : bool
            Whether to evaluate the objective at the extrapolated point.
        steps : bool
            Whether to step at all.
        before : Point, optional
            Where the iteration was.
        momentum : ndarray [shape=(1,) or (N,)], optional
            How far to extrapolate.
        careful : ndarray [shape=(1,) or (N,), bool], optional
            Where to majorise and minimise, whatever the step.

        Returns
        -------
        Swept
            The objective has the shape (N,), or (1,) if W is learned; it is empty if not asked for.
        """
        goes_on = momentum is not None and bool(self.xp.any(momentum > 0))
        one = _Sweep(
            self,
            x,
            before or x,
            self.native(momentum) if goes_on else None,
            careful,
            moves_W and steps,
            judges,
            steps,
        )
        values: list[Array] = []
        sums: list[Array] = []
        for value, *parts in self.data.blocks.each(one.block):
            values.append(value)
            sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
        to_W = one.updated_W(*sums) if sums else one.y.W
        return Swept(one.y, self._objective(values, one.y.W), Point(to_W, one.to_H))

    def _objective(self, values: list[Array], W: Array) -> Array:
        """Join the objective of all frames, or sum it."""
        value = converted(self.xp, concatenated(self.xp, values), self.xp.float64)
        if not self.joint or not len(value):
            return value
        value = value.sum()[None]
        if not self.shrink_W.is_nothing:
            # What pulls at both factors was counted with H.
            value = value + self.shrink_W.value(W.T, self.shrink_W.l1).sum()
        return value


@dataclass
class _Sweep:
    """One sweep: it looks at `y`, and steps to `to_H` and `updated_W`."""

    of: Sweeper
    x: Point
    before: Point
    momentum: Array | None
    careful: Array | None
    moves_W: bool
    judges: bool
    steps: bool

    def __post_init__(self) -> None:
        self.y, self.to_H = self.x, self.x.H
        if self.momentum is not None:
            W = self.x.W
            if self.moves_W:
                W = self.of.extrapolated(W, self.before.W, self.momentum)
            self.y = Point(W, self.of.xp.empty_like(self.x.H))  # H follows block by block
        if self.steps:
            self.to_H = self.of.xp.empty_like(self.x.H)
        self.pull_H = self.of.shrink_H.linear(self.y.W.sum(axis=0))

    def block(self, block: slice, space: Workspace) -> list[Array]:
        """Update H in a block; give the objective, and the share in the gradient of a moving W."""
        of, W, room = self.of, self.y.W, space.views(block.stop - block.start)
        xp, (V_hat, ratio, *_) = of.xp, room
        MV, M = of.data.load(block, room)
        h = self._extrapolated(block)
        value = [xp.empty(0)]

        def look() -> None:
            if self.judges:
                value[0] = of.divergence(room, M) + of.shrink_H.value(h, self.pull_H)
            known = of.data.known.get(block.start)
            if known is not None:
                of_hidden = of.data.fill(known, room, judge=self.judges)
                value[0] = value[0] if of_hidden is None else value[0] + of_hidden

        if not self.steps:
            xp.matmul(W, h, out=V_hat)
            xp.divide(MV, V_hat, out=ratio)
            look()
            return value
        looks = look if self.judges or of.data.hidden is not None else None
        num, den = gradient_parts_in(MV, W, h, M, V_hat, ratio, beta=of.beta, look=looks)
        g = of.exponent_of_H(self.careful, block)
        h = stepped(h, num, den, g, penalty=self.pull_H, ridge=of.shrink_H.ridge)
        self.to_H[:, block] = xp.maximum(h, of.floor, out=h)
        if not self.moves_W:
            return value
        M_T = None if M is None else M.T
        num, den = gradient_parts_in(MV.T, h.T, W.T, M_T, V_hat.T, ratio.T, beta=of.beta)
        return [*value, num, den, h.sum(axis=1)]

    def _extrapolated(self, block: slice) -> Array:
        """Give the activations of a block to look at."""
        if self.momentum is not None:
            m = self.momentum if len(self.momentum) == 1 else self.momentum[block]
            x, before = self.x.H[:, block], self.before.H[:, block]
            self.y.H[:, block] = self.of.extrapolated(x, before, m)
        return self.y.H[:, block]

    def updated_W(self, num: Array, den: Array, H_sums: Array) -> Array:
        """Update W from the gradient over all blocks."""
        of, W = self.of, self.y.W
        penalty, g = of.shrink_W.linear(H_sums), of.exponent_of_W(self.careful)
        new = stepped(W.T, num, den, g, penalty=penalty, ridge=of.shrink_W.ridge)
        return of.xp.maximum(new, of.floor).T
