"""One sweep over the data: both factors updated once, block by block.

In each block H is updated, and then the share of the block in the gradient with respect to W is
taken while its data and model are in cache; W moves at the end of the sweep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from spectramend.nmf.arrays import Array, as_array, as_numpy, concatenated, converted
from spectramend.nmf.blockwise import Buffers, Workspace
from spectramend.nmf.data import Data
from spectramend.nmf.divergence import relative_divergence
from spectramend.nmf.penalties import Penalties
from spectramend.nmf.updates import Step, exponent, gradient_parts_in, stepped

# In units of the mean observed value. A factor at the floor can still grow, so nothing locks at
# zero, and clipping the minimiser of a unimodal majoriser keeps the descent.
FACTOR_FLOOR = 1e-12


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


class Shrink:
    """What penalties add to the updates of one factor, and to the objective.

    Parameters
    ----------
    l1, l2 : ndarray [shape=(K, 1)]
        Weights of the sum and of half the sum of squares.
    pull : float
        Weight of ``sum_k |w_k| |h_k|``, which no exchange of scale between W and H can change.
    """

    def __init__(self, l1: Array, l2: Array, pull: float) -> None:
        self.l1, self.l2, self.pull = l1, l2, pull
        self.is_squared = bool((l2 > 0).any())
        self.is_nothing = not (self.is_squared or pull or bool((l1 > 0).any()))

    def linear(self, sums_of_other: Array) -> Array | float:
        """Give the weight of the sum of the factor, given the sums of the other one's atoms."""
        return 0.0 if self.is_nothing else self.l1 + self.pull * sums_of_other[:, None]

    @property
    def ridge(self) -> Array | float:
        """The weight of half the sum of squares."""
        return self.l2 if self.is_squared else 0.0

    def value(self, factor: Array, linear: Array | float) -> Array:
        """Evaluate the penalties of each column of a factor [shape=(K, n)]."""
        if self.is_nothing:
            return 0.0
        return (factor * (linear + 0.5 * self.l2 * factor)).sum(axis=0)


class Sweeper:
    """Sweep over data.

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
        self.shrink_W, self.shrink_H = self._shrinks(settings)
        self._floor = self._native(np.asarray(FACTOR_FLOOR))
        step, beta = settings.step, self.beta
        self._fast = [exponent(beta, step, ridge=s.is_squared) for s in self._both]
        self._safe = [exponent(beta, ridge=s.is_squared) for s in self._both]

    @property
    def _both(self) -> tuple[Shrink, Shrink]:
        return self.shrink_W, self.shrink_H

    def _native(self, values: Array) -> Array:
        """Turn values into an array of the library, dtype and device of the iteration."""
        values = as_array(self.xp, values, self.data.values)
        return converted(self.xp, values, self.data.dtype)

    def _shrinks(self, settings: Settings) -> tuple[Shrink, Shrink]:
        """Turn penalties into the units of the iteration."""
        penalty, s, beta = settings.penalty, self.data.scale, self.beta
        a = np.asarray(as_numpy(settings.atom_scale), np.float64)[:, None]
        pull, p = 0.0, penalty
        if not isinstance(p, Penalties):
            pull, p = p * (self.data.level / s) ** (beta - 1), Penalties()
        unit = float(np.float64(s) ** -beta)
        of_W = p.l1_W and p.l1_W * a * unit, p.l2_W and p.l2_W * a**2 * unit
        of_H = p.l1_H and p.l1_H * (s / a) * unit, p.l2_H and p.l2_H * (s / a) ** 2 * unit
        W, H = ([self._native(weight + 0 * a) for weight in pair] for pair in (of_W, of_H))
        return Shrink(W[0], W[1], pull), Shrink(H[0], H[1], pull)

    def slack(self, units: float) -> float:
        """Give the rounding of the objective, of all or of a frame, in units of the last place."""
        cells = self.data.weight if self.joint else self.data.shape[0]
        return units * cells * float(self.xp.finfo(self.data.dtype).eps)

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
            The objective has the shape (N,), or (1,) if W is learned; NaN if not asked for.
        """
        xp = self.xp
        y, to_H = x, x.H
        goes_on = momentum is not None and bool(xp.any(momentum > 0))
        past = before or x
        if goes_on:
            m = self._native(momentum)
            y = Point(self._extrapolated(x.W, past.W, m) if moves_W else x.W, xp.empty_like(x.H))
        if steps:
            to_H = xp.empty_like(x.H)
        pull_H = self.shrink_H.linear(y.W.sum(axis=0))

        def of_block(block: slice, space: Workspace) -> list[Array]:
            room = space.views(block.stop - block.start)
            MV, M = self.data.load(block, room)
            if goes_on:
                own = m if len(m) == 1 else m[block]
                y.H[:, block] = self._extrapolated(x.H[:, block], past.H[:, block], own)
            h = y.H[:, block]
            value = xp.empty(0)

            def look() -> None:
                nonlocal value
                if judges:
                    value = self._value(room, M) + self.shrink_H.value(h, pull_H)
                known = self.data.known.get(block.start)
                if known is not None:
                    of_hidden = self.data.fill(known, room, judge=judges)
                    if of_hidden is not None:
                        value = value + of_hidden

            if not steps:
                xp.matmul(y.W, h, out=room.V_hat)
                xp.divide(MV, room.V_hat, out=room.ratio)
                look()
                return [value]
            looks = look if judges or self.data.hidden is not None else None
            num, den = gradient_parts_in(
                MV, y.W, h, M, room.V_hat, room.ratio, beta=self.beta, look=looks
            )
            g = self._exponent(1, careful, block)
            h = stepped(h, num, den, g, penalty=pull_H, ridge=self.shrink_H.ridge)
            to_H[:, block] = xp.maximum(h, self._floor)
            if not moves_W:
                return [value]
            h, M_T = to_H[:, block], None if M is None else M.T
            num, den = gradient_parts_in(
                MV.T, h.T, y.W.T, M_T, room.V_hat.T, room.ratio.T, beta=self.beta
            )
            return [value, num, den, h.sum(axis=1)]

        values: list[Array] = []
        sums: list[Array] = []
        for value, *parts in self.data.blocks.each(of_block):
            values.append(value)
            sums = [a + b for a, b in zip(sums, parts, strict=True)] if sums else parts
        to_W = y.W
        if sums:
            num, den, H_sums = sums
            g = self._exponent(0, careful, ALL)
            pull_W = self.shrink_W.linear(H_sums)
            to_W = stepped(y.W.T, num, den, g, penalty=pull_W, ridge=self.shrink_W.ridge)
            to_W = xp.maximum(to_W, self._floor).T
        return Swept(y, self._gathered(values, y.W), Point(to_W, to_H))

    def _extrapolated(self, x: Array, before: Array, momentum: Array) -> Array:
        """Go on along the logarithms."""
        y = x / before
        y **= momentum
        y *= x
        return self.xp.maximum(y, self._floor)

    def _exponent(self, factor: int, careful: Array | None, block: slice) -> float | Array:
        """Give the exponent of an update, for all columns or for each."""
        fast, safe = self._fast[factor], self._safe[factor]
        if careful is None or fast == safe or not bool(self.xp.any(careful)):
            return fast
        if len(careful) == 1:
            return safe
        return self._native(self.xp.where(careful[block], safe, fast))

    def _value(self, room: Buffers, M: Array | None) -> Array:
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

    def _gathered(self, values: list[Array], W: Array) -> Array:
        """Join the objective of all frames, or sum it."""
        value = converted(self.xp, concatenated(self.xp, values), self.xp.float64)
        if not self.joint or not len(value):
            return value
        value = value.sum()[None]
        if not self.shrink_W.is_nothing:
            # What pulls at both factors was counted with H.
            value = value + self.shrink_W.value(W.T, self.shrink_W.l1).sum()
        return value


ALL = slice(None)
