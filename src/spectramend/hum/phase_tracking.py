"""Phase of a fundamental over time, from all its harmonics together.

Amplitudes c_k[b] are those of tones of the nominal frequency k*f. The true fundamental is
f*(1 + e(t)), so that c_k[b] = A_k[b]*exp(1j*k*theta[b]), theta' = 2*pi*f*e. First, e is a path
through a grid: in windows of N blocks, each harmonic has the coherence

    gamma_k(e) = |sum_j v[j]*c_k[j]*exp(-2j*pi*k*f*e*t_j)|**2 / (sum v * sum v*|c_k|**2),

and -log(1 - gamma_k), the log-likelihood ratio of a steady tone in noise of unknown level, is added
over k; the best path that changes slowly is found by dynamic programming. Its integral is theta,
which Gauss-Newton steps then refine: with d_k = c_k*exp(-1j*k*theta),

    delta = sum_k k*Im(d_k*conj(A_k))/s_k**2 / sum_k k**2*|A_k|**2/s_k**2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.hum.amplitudes import Complex, Grid, Real, hann
from spectramend.hum.smoothing import local_mean, penalty, robust_smooth, whittaker

SEARCH = 0.005  # of the fundamental, engineering choice: mains deviate by ±0.5 %
STATES = 101  # of e; engineering choice: 0.01 % of mains apart
WINDOW = 16  # blocks of a window; engineering choice: 1.6 s
STRIDE = 4  # blocks between windows; engineering choice
DRIFT = 4  # states per stride, engineering choice: 0.1 % of mains a second
BANDWIDTH_HZ = 4.0  # Hz, largest deviation of a harmonic; engineering choice: blocks take 5
STEPS = 4  # of Gauss-Newton; engineering choice: the phase changes little after
JERK = (
    0.1  # rad/s**2, usual change of frequency; engineering choice: drift of 0.05 % in 7 s has 0.14
)
AMPLITUDE_S = 3.0  # s, period of half gain of the amplitudes beside theta; engineering choice


def coarse_phase(c: Complex, k: Real, f: float, grid: Grid) -> Real:
    """Find the phase theta[b] of the fundamental [shape=(n,)] from c [shape=(tones, n)]."""
    hop_s = grid.hop / grid.sr
    search = min(SEARCH, BANDWIDTH_HZ / (k.max() * f))
    e = _path(c, k * f * hop_s, search)
    return np.asarray(2 * np.pi * f * hop_s * np.cumsum(e))


def refined_phase(c: Complex, use: Real, k: Real, theta: Real, hop_s: float) -> Real:
    """Refine the phase theta[b] of the fundamental [shape=(n,)] by Gauss-Newton steps."""
    lam_a = penalty(AMPLITUDE_S / hop_s)
    amplitudes: list[Complex | None] = [None] * len(c)
    for _ in range(STEPS):
        d = c * np.exp(-1j * k[:, None] * theta)
        up, down = np.zeros(use.size), np.zeros(use.size)
        for i, (one, kk) in enumerate(zip(d, k, strict=True)):
            a = amplitudes[i] = robust_smooth(one, lam_a, use, amplitudes[i])
            s2 = local_mean(np.abs(one - a) ** 2, 5) + 1e-3 * np.median(np.abs(a) ** 2) + 1e-30
            up += kk * (one * a.conj()).imag / s2
            down += kk**2 * np.abs(a) ** 2 / s2
        z = np.clip(up / np.maximum(down, 1e-30), -1 / k.max(), 1 / k.max()) + theta
        theta = whittaker(z, use * down, 1 / (JERK * hop_s**2) ** 2)
    return theta


def _path(c: Complex, cycles: Real, search: float) -> Real:
    """Find the relative deviation e[b] by dynamic programming; k*f is in cycles per block."""
    n = c.shape[1]
    size = min(WINDOW, n)
    v = hann(size + 1)[1:]
    starts = np.arange(0, n - size + 1, STRIDE)
    e = search * np.linspace(-1, 1, STATES)
    score = np.zeros((starts.size, e.size))
    t = np.arange(size) - size / 2
    for one, rate in zip(c, cycles, strict=True):
        X = np.lib.stride_tricks.sliding_window_view(one, size)[starts]
        tones = v[:, None] * np.exp(-2j * np.pi * rate * np.outer(t, e))
        total = v.sum() * (np.abs(X) ** 2 @ v)[:, None] + 1e-30
        score -= np.log(1.01 - np.minimum(np.abs(X @ tones) ** 2 / total, 1.0))
    best = e[_best_path(score, DRIFT)]
    return np.interp(np.arange(n), starts + size / 2, best)


def _best_path(score: Real, reach: int) -> NDArray[np.intp]:
    """Find the path of the largest sum through score [shape=(n, states)].

    It changes by at most `reach` states a row.
    """
    n, states = score.shape
    reach = min(reach, states - 1)
    moves = np.arange(-reach, reach + 1)
    padded = np.full(states + 2 * reach, -np.inf)
    total = padded[reach : reach + states]  # a view
    total[:] = score[0]
    around = np.arange(states)[:, None] + moves + reach
    back = np.zeros((n, states), np.int16)
    rows = np.arange(states)
    for i in range(1, n):
        options = padded[around]
        best = options.argmax(axis=1)
        back[i] = best - reach
        total[:] = options[rows, best] + score[i]
    path = np.empty(n, np.intp)
    path[-1] = total.argmax()
    for i in range(n - 1, 0, -1):
        path[i - 1] = path[i] + back[i, path[i]]
    return path
