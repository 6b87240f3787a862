"""Robust smoothing of noisy tracks: a penalty on curvature, weights of a heavy-tailed residual.

The track a minimises

    sum_b w[b] * |d[b] - a[b]|**2 + lam * sum_b |a[b-1] - 2*a[b] + a[b+1]|**2,

a Whittaker smoother, whose gain at a period of T blocks is 1/(1 + lam*(2*pi/T)**4) where all w are
1. Weights come from the residual: with a Student-like likelihood of local scale they are

    w[b] = 1 / (s**2 + mean of |d - a|**2 over the blocks beside b),

so that blocks in which a voice sounds count little.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.hum.amplitudes import Complex, Real

ROUNDS = 8  # of weights; engineering choice: they change little after
MORE_ROUNDS = 3  # from the result of a similar problem; engineering choice
FLOOR = 0.1  # of the median of |residual|**2, least scale; engineering choice
SPREAD = 3  # blocks whose residuals are averaged; engineering choice: blocks overlap by half


def penalty(period: float) -> float:
    """Find lam for a gain of 1/2 at a period of so many blocks."""
    return float((period / (2 * np.pi)) ** 4)


def whittaker(d: NDArray[Any], w: Real, lam: float) -> NDArray[Any]:
    """Smooth tracks d [shape=(n,)] with weights w >= 0, of which some are positive."""
    from scipy.linalg import solveh_banded

    n = d.size
    if n < 3:
        return np.full(n, np.sum(w * d) / max(np.sum(w), 1e-300))
    scale = lam + w.mean()
    lam = lam / scale
    bands = np.zeros((3, n))  # upper form: bands[2] is the diagonal of w + lam*D.T@D
    bands[2] = w / scale + 1e-12
    for offset, factor in ((0, 1.0), (1, 4.0), (2, 1.0)):
        bands[2, offset : n - 2 + offset] += lam * factor
    bands[1, 1:-1] -= 2 * lam
    bands[1, 2:] -= 2 * lam
    bands[0, 2:] += lam
    right = w / scale * d
    if np.iscomplexobj(d):
        both = solveh_banded(bands, np.column_stack([right.real, right.imag]))
        return np.asarray(both[:, 0] + 1j * both[:, 1])
    return np.asarray(solveh_banded(bands, right))


def local_mean(x: Real, width: int = SPREAD) -> Real:
    """Average over `width` neighbours [shape=(n,)], fewer at the ends."""
    kernel = np.ones(min(width, x.size))
    return np.convolve(x, kernel, "same") / np.convolve(np.ones(x.size), kernel, "same")


def robust_smooth(d: Complex, lam: float, use: Real, start: Complex | None = None) -> Complex:
    """Smooth a track robustly; blocks with use 0 are left out.

    It begins with the median, as most of the blocks may hold a voice, or with the result of a
    similar problem, from which a few rounds are enough.
    """
    own = use > 0
    a = start
    if a is None:
        a = np.full(d.size, np.median(d.real[own]) + 1j * np.median(d.imag[own]))
    d = np.where(own, d, 0)
    share = np.maximum(local_mean(use), 1e-9)
    for _ in range(ROUNDS if start is None else MORE_ROUNDS):
        r2 = np.where(own, np.abs(d - a) ** 2, 0.0)
        s2 = FLOOR * np.median(r2[own]) + 1e-30
        w = use / (s2 + local_mean(r2) / share)
        a = whittaker(d, w, lam * w.mean())
    return a
