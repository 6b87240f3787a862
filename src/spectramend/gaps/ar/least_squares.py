"""Missing samples that minimise the energy of the residual of one autoregressive model.

With the prediction filter a of order p, and r the autocorrelation of a, the residual ``a * x`` has
least energy where, for every missing sample i,

    sum over missing j  of  r[i - j] x[j]  =  -sum over known j  of  r[i - j] x[j]            (1)

(Janssen, Veldhuis & Vries 1986, eq. 14 to 17). The matrix is Toeplitz for one gap, which Levinson's
recursion solves, and banded for several, which Cholesky's factorisation does. Gaps farther apart
than p have equations of their own.

A long gap of n > p samples is solved in linear time instead. Its matrix is ``C.T @ C``, where C is
the convolution with a, n + p rows of it: first n rows L, lower triangular Toeplitz, then p rows B,
zero but for their last p columns. Products with ``K = inv(L.T @ L)`` are two recursive filters
1 / a, and Woodbury's identity gives

    inv(L.T @ L + B.T @ B)  =  K - K @ B.T @ inv(I + B @ K @ B.T) @ B @ K.                    (2)

Of K itself only the last p rows and columns G are needed. ``inv(L)`` is the convolution with the
impulse response h of 1 / a, so that ``K = inv(L) @ inv(L).T`` has the elements

    K[i, j]  =  sum_{q <= min(i, j)} h[i - q] h[j - q],                                       (3)

which are cumulative sums of ``h[t] h[t + d]`` along diagonal d.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.levinson import RIDGES

# Samples of a gap above which (2) is used. Engineering choice: there it is as fast as Levinson's
# recursion, and loses fewer digits.
LONG_GAP = 4096
# Parts by which the poles of 1 / a are moved into the unit circle, tried in turn while the filter
# grows. Engineering choice: up to 1 / 1000, with which `LONG_GAP` samples decay by 36 dB.
DAMPINGS = (0.0, 1e-5, 1e-4, 1e-3)
# Magnitude of a solution of (2), relative to the largest known sample, above which the filter is
# taken to grow. Engineering choice: a growing filter exceeds it soon, a stable one stays below.
LOUDEST = 10.0


def least_squares_interpolation(
    x: NDArray[Any], lost: NDArray[np.bool_], a: NDArray[Any]
) -> NDArray[np.float64]:
    """Interpolate missing samples, of which there are some, given a prediction filter, by (1).

    x [shape=(n,)] with its mask, a [shape=(p + 1,)] with a[0] = 1; returns the missing samples in
    order, zeros where rounding leaves no equations to solve.
    """
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(x.size + a.size, real=True)
    power = np.abs(scipy.fft.rfft(a, n_fft)) ** 2
    known = np.where(lost, 0.0, x)
    right = -scipy.fft.irfft(power * scipy.fft.rfft(known, n_fft), n_fft)[: x.size][lost]
    r = np.zeros(x.size)
    lags = scipy.fft.irfft(power, n_fft)[: min(a.size, x.size)]
    r[: lags.size] = lags
    m = np.flatnonzero(lost)
    one_gap = m[-1] - m[0] == m.size - 1
    if one_gap and m.size > max(LONG_GAP, a.size):
        return _solve_long(a, right, LOUDEST * np.abs(known).max())
    # Gaps farther apart than the order have equations of their own.
    apart = np.flatnonzero(np.diff(m) >= a.size) + 1
    blocks = [slice(first, last) for first, last in pairwise((0, *apart.tolist(), m.size))]
    for ridge in RIDGES:
        r[0] = lags[0] * (1 + ridge)
        try:
            y = np.concatenate([_solve(r, m[own], a, right[own]) for own in blocks])
        except np.linalg.LinAlgError:
            continue
        if np.isfinite(y).all():
            return y
    return np.zeros(m.size)


def _solve(
    r: NDArray[np.float64], m: NDArray[np.intp], a: NDArray[Any], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve (1) for gaps near each other, given the indices m of their samples [shape=(h,)]."""
    from scipy.linalg import solve_toeplitz, solveh_banded

    if m[-1] - m[0] == m.size - 1:
        return solve_toeplitz(r[: m.size], right)
    # Element (i, i + d) of the matrix is zero where the samples are farther apart than the order.
    width = int((np.searchsorted(m, m + a.size) - np.arange(m.size)).max())
    bands = np.zeros((width, m.size))
    for d in range(width):
        bands[d, : m.size - d] = r[m[d:] - m[: m.size - d]]
    return solveh_banded(bands, right, lower=True)


def _solve_long(a: NDArray[Any], right: NDArray[Any], loudest: float) -> NDArray[np.float64]:
    """Solve (1) for a long gap by (2), with as much damping as keeps the filters stable."""
    for damping in DAMPINGS:
        with np.errstate(over="ignore", invalid="ignore"):
            y = _solve_by_woodbury(a * (1 - damping) ** np.arange(a.size), right)
        if np.abs(y).max() <= loudest:  # false for NaN
            return y
    return np.zeros(right.size)


def _solve_by_woodbury(a: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Solve ``C.T @ C @ y = right`` by (2), for n > p; NaN where K overflows."""
    from scipy.linalg import solve, toeplitz
    from scipy.signal import lfilter

    n, p = right.size, a.size - 1

    def K_times(b: NDArray[Any]) -> NDArray[Any]:
        return lfilter([1.0], a, lfilter([1.0], a, b[::-1])[::-1])

    y = K_times(right)
    if not p:
        return y
    B = np.triu(toeplitz(np.append(a[p], np.zeros(p - 1)), a[:0:-1]))  # its last p columns
    h = lfilter([1.0], a, np.append(1.0, np.zeros(n - 1)))
    start, tail = h[: n - p + 1], h[n - p + 1 :]
    G = np.empty((p, p))
    for d in range(p):
        products = np.append(start @ h[d : d + start.size], tail[: p - 1 - d] * tail[d:])
        i = np.arange(p - d)
        G[i, i + d] = G[i + d, i] = np.cumsum(products)
    S = np.eye(p) + B @ G @ B.T
    if not np.isfinite(S).all():
        return np.full(n, np.nan)
    w = np.zeros(n)
    w[n - p :] = B.T @ solve(S, B @ y[n - p :], assume_a="sym")
    return y - K_times(w)
