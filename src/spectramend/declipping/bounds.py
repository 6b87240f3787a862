"""Samples that are known to lie in an interval: the one constraint of clipping and of quantization.

Of sample n it is known that ``lower[n] <= x[n] <= upper[n]``:

    reliable                lower = upper = y
    clipped at the level h  lower = h - tolerance, upper = inf;  mirrored at a negative level
    quantized by a step D   y - D/2 <= x <= y + D/2
    missing                 lower = -inf, upper = inf
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectramend.errors import ParameterError

MAX_BITS = 24  # engineering choice: finer steps are below the rounding of the solver


@dataclass(frozen=True, eq=False)
class SampleBounds:
    """An interval for each sample.

    Attributes
    ----------
    lower, upper : numpy.ndarray [shape=(n,), dtype=float64]
        Bounds in the unit of the samples; equal where a sample is reliable.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @property
    def free(self) -> NDArray[np.bool_]:
        """The samples that are not reliable [shape=(n,)]."""
        return np.less(self.lower, self.upper)

    def nearest(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project samples [shape=(n,)] onto their intervals."""
        return np.clip(x, self.lower, self.upper)

    def part(self, start: int, stop: int) -> SampleBounds:
        """Give the bounds of the samples from `start` to `stop`."""
        return SampleBounds(self.lower[start:stop], self.upper[start:stop])


def clipping_bounds(
    y: NDArray[np.float64],
    low: float | None,
    high: float | None,
    tolerance: float = 0.0,
    within: NDArray[np.bool_] | None = None,
) -> SampleBounds:
    """Bound the samples [shape=(n,)] at or beyond the levels of clipping.

    Parameters
    ----------
    y : numpy.ndarray [shape=(n,), dtype=float64]
        The clipped samples of one channel.
    low, high : float or None
        The levels; None for a side that is not clipped.
    tolerance : float
        How near to its level a sample counts as clipped; what it was lies beyond the level less
        the tolerance.
    within : numpy.ndarray [shape=(n,), dtype=bool], optional
        Where samples may count as clipped; None for all of them.

    Returns
    -------
    SampleBounds
        Equal where a sample is not clipped, and open beyond the level where it is.

    Raises
    ------
    ParameterError
        If no level is left between both.

    Examples
    --------
    >>> clipping_bounds(np.array([0.1, 0.5, -0.5]), -0.5, 0.5).upper.tolist()
    [0.1, inf, -0.5]
    """
    if high is not None and low is not None and low + tolerance >= high - tolerance:
        raise ParameterError(
            f"levels: the lower one, {low:g}, must be below the upper one, {high:g}, by more than "
            "twice the tolerance."
        )
    lower, upper = y.copy(), y.copy()
    inside = np.ones(y.size, bool) if within is None else within
    if high is not None:
        clipped = inside & (y >= high - tolerance)
        lower[clipped], upper[clipped] = np.minimum(y[clipped], high - tolerance), np.inf
    if low is not None:
        clipped = inside & (y <= low + tolerance)
        lower[clipped], upper[clipped] = -np.inf, np.maximum(y[clipped], low + tolerance)
    return SampleBounds(lower, upper)


def quantization_step(bits: int) -> float:
    """Give the step of a quantizer of ``2**bits`` values between -1 and 1."""
    if not 2 <= bits <= MAX_BITS:
        raise ParameterError(f"bits: must be 2 to {MAX_BITS}, not {bits}.")
    return float(2.0 ** (1 - bits))


def quantization_bounds(y: NDArray[np.float64], step: float) -> SampleBounds:
    """Bound samples [shape=(n,)] to half a step around their quantized values."""
    return SampleBounds(y - step / 2, y + step / 2)
