"""Autoregressive models, estimated by Burg's recursion from one or several segments of a signal.

With the residuals f of forward and b of backward prediction at order m, aligned so that ``f[n]``
and ``b[n]`` are m + 1 samples apart, order m + 1 has the residuals

    f + k b    and    b + k f,        k  =  -2 sum_n f[n] b[n] / sum_n (f[n]**2 + b[n]**2),   (1)

k being the reflection coefficient that minimises their energy (S. M. Kay, Modern Spectral
Estimation, 1988, sec. 7.5). For several segments the sums run over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Least power of a residual, relative to that of the signal. Engineering choice: -120 dB, so that
# models of noiseless tones still have a finite weight.
MIN_RESIDUAL = 1e-12
# The energy in (1) is updated from order to order, and summed anew after so many orders, or when
# so small a part of the last sum is left. Engineering choices: the update loses digits with both.
SUM_EVERY = 32  # orders
SUM_BELOW = 1e-2
# Power of the dither, relative to that of known samples. Engineering choice: -120 dB, far below
# the noise of recordings.
DITHER = 1e-12
# Growth of the frequency of the dither, a chirp, in cycles per sample, from one sample to the next.
# The golden ratio is far from all fractions, so that the chirp does not repeat.
CHIRP_RATE = (1 + 5**0.5) / 2


@dataclass(frozen=True)
class ARModel:
    """An autoregressive model."""

    a: NDArray[np.float64]  # [shape=(order + 1,)] prediction filter; a[0] is 1
    error: float  # power of its residual

    @property
    def order(self) -> int:
        """Number of past samples in a prediction."""
        return self.a.size - 1


def burg(segments: Sequence[NDArray[Any]], order: int) -> ARModel:
    """Estimate one autoregressive model of several segments [shape=(n_i,)] by Burg's recursion.

    A segment that is not longer than the order counts for lower orders only. The order is lower
    where a lower one predicts without error.
    """
    from scipy.linalg.blas import daxpy, ddot

    segments = [segment for segment in segments if segment.size]
    x = np.concatenate(segments).astype(np.float64)
    # The segments lie in one array. Pairs ``(f[n], b[n])`` across the border before the sample s of
    # it have n from s - 1 - m to s - 1, and are zero; at each order two more numbers become so.
    border = np.cumsum([segment.size for segment in segments])[:-1] - 1
    a, power = np.ones(order + 1), float(x @ x) / x.size
    error = power
    f, b = x[1:].copy(), x[:-1].copy()
    energy = last_sum = 0.0
    for m in range(order):
        if border.size:
            at_f = border if border[-1] < f.size else border[border < f.size]
            at_b = (border if border[0] >= m else border[border >= m]) - m
            dropped = np.concatenate((f[at_f], b[at_b]))
            energy -= float(dropped @ dropped)
            f[at_f] = b[at_b] = 0.0
        if m % SUM_EVERY == 0 or energy < SUM_BELOW * last_sum:
            energy = last_sum = float(f @ f + b @ b)
        if not (f.size and energy > 0):
            a = a[: m + 1]
            break
        k = -2 * ddot(f, b) / energy
        a[m + 1] = 0.0
        a[: m + 2] += k * a[m + 1 :: -1]
        error *= 1 - k**2
        before = f.copy()
        daxpy(b, f, a=k)  # f += k b, in place
        daxpy(before, b, a=k)
        # A reflection removes the part k**2 of the energy; then each residual loses a sample.
        energy *= 1 - k**2
        energy -= float(f[0]) ** 2 + float(b[-1]) ** 2
        f, b = f[1:], b[:-1]
    return ARModel(a, max(error, MIN_RESIDUAL * power))


def limited_order(order: int, samples: int) -> int:
    """Limit the order of a model to a third of the samples of the longest segment."""
    return max(1, min(order, (samples - 1) // 3))


def dither(n: int, power: float) -> NDArray[np.float64]:
    """Make the dither [shape=(n,)] for a signal of some power, of which models are to be estimated.

    Burg's recursion ends early on noiseless sums of tones, at slightly wrong frequencies, whose
    error grows through a gap. This deterministic chirp, 120 dB below, sweeps all frequencies many
    times. Recordings have enough noise of their own.
    """
    return np.sqrt(2 * DITHER * power) * np.cos(np.pi * CHIRP_RATE * np.arange(n) ** 2.0)
