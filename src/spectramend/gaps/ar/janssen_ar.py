"""Missing samples from one autoregressive model of those around them.

With the prediction filter a, the residual ``e = a * x`` of the model is white. Janssen's method
alternates: given a, the missing samples minimise the energy of e; given the samples, a is estimated
anew, here by Burg's recursion. With ``r`` the autocorrelation of a, minimal energy means

    sum over missing j  of  r[i - j] * x[j]  =  -sum over known j  of  r[i - j] * x[j]        (1)

for every missing i: for one gap a Toeplitz system, for several one with few diagonals. The matrix
of one gap of n samples is ``C.T @ C``, where C is convolution with a, all n + p samples of it: n
rows L, lower triangular and inverted by recursive filtering, and p rows B. So

    C.T @ C  =  L.T @ L + B.T @ B,                                                          (2)

B being zero but for p columns, and long gaps are solved in linear time by Woodbury's identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONG = 4096  # samples of a gap from which on (2) is used: as fast as Levinson, and more exact
DAMPINGS = (0.0, 1e-5, 1e-4, 1e-3)  # of poles, where rounding lets a recursive filter grow
LEAST_ERROR = 1e-12  # power of the residual that a model may claim, relative to the signal
LOUDEST = 10.0  # that a long gap may become, in units of the loudest known sample
DITHER = 1e-12  # power, relative to that of what is known
GOLDEN = (1 + 5**0.5) / 2
SUMMED_EVERY = 32  # orders, after which the energy of residuals is summed again, for its rounding,
SUMMED_BELOW = 1e-2  # or so much of it is left
RIDGES = (1e-12, 1e-9, 1e-6, 1e-3)  # keep the matrix positive where the model is all but perfect


@dataclass(frozen=True)
class Prediction:
    """An autoregressive model.

    Parameters
    ----------
    a : ndarray [shape=(order + 1,)]
        The prediction filter; ``a[0]`` is 1.
    error : float
        Power of its residual.
    """

    a: NDArray[np.float64]
    error: float

    @property
    def order(self) -> int:
        """How many samples it looks back."""
        return self.a.size - 1


def janssen(
    x: NDArray[Any],
    missing: NDArray[np.bool_],
    *,
    order: int,
    n_iter: int = 3,
    from_known: bool = False,
) -> NDArray[np.float64]:
    """Fill missing samples by Janssen's method.

    Parameters
    ----------
    x : ndarray [shape=(n,), real]
        The gaps with their context; what stands in missing samples is never looked at.
    missing : ndarray [shape=(n,), bool]
        Which samples are missing; not all are.
    order : int
        Order of the model; a third of the samples at most is taken.
    n_iter : int, >= 1
        How often the model is estimated.
    from_known : bool
        Estimate the first model from what is known between gaps alone, instead of zeros in gaps,
        and let models see a little noise: several gaps in a pure tone need it.

    Returns
    -------
    ndarray [shape=(n,)]
        The signal without gaps; known samples as they were. Silence around a gap leaves silence.

    References
    ----------
    .. [1] A. J. E. M. Janssen, R. N. J. Veldhuis and L. B. Vries, "Adaptive interpolation of
       discrete-time signals that can be modeled as autoregressive processes", IEEE Trans. ASSP
       34(2), 1986, eq. 14 to 17.

    Examples
    --------
    >>> x = 0.5 ** np.arange(40.0)
    >>> gap = np.arange(40) == 20
    >>> bool(abs(janssen(x, gap, order=2)[20] - x[20]) < 1e-3)
    True
    """
    lost = missing.copy()
    filled = np.where(lost, 0.0, x)
    m = np.flatnonzero(lost)
    if not m.size or not filled.any():
        return filled
    runs = runs_of(lost)
    longest = max(runs, key=len)
    if longest.size > LONG and len(runs) > 1:
        # What is lost beside a long gap comes first.
        for side in (slice(0, longest[0]), slice(longest[-1] + 1, None)):
            if not lost[side].all():
                filled[side] = janssen(
                    filled[side], lost[side], order=order, n_iter=n_iter, from_known=from_known
                )
                lost[side] = False
        m, runs = longest, [longest]
    p = max(1, min(order, (filled.size - 1) // 3))
    noise = dither(filled.size, float(np.mean(filled[~lost] ** 2))) if from_known else 0.0
    for i in range(n_iter):
        seen = filled + noise
        a = _of_known(seen, lost, p) if from_known and i == 0 else burg(seen, p)
        filled[m] = _least_residual(filled, lost, runs, a)
    return filled


def _of_known(x: NDArray[Any], lost: NDArray[np.bool_], order: int) -> NDArray[np.float64]:
    """Estimate a model from all runs of known samples that are long enough for it."""
    known = [x[run[0] : run[-1] + 1] for run in runs_of(~lost)]
    p = max(1, min(order, (max(run.size for run in known) - 1) // 3))
    long = [run for run in known if run.size > p]
    return predictor(long, p).a if long else np.ones(1)


def dither(n: int, power: float) -> NDArray[np.float64]:
    """Make a little noise for models to see.

    Without it, Burg's recursion ends early on signals that are sums of tones and nothing else, at
    frequencies that are a little wrong, which adds up through a gap. Recordings have noise enough.

    Parameters
    ----------
    n : int
        Samples.
    power : float
        Of what is known.

    Returns
    -------
    ndarray [shape=(n,)]
        A chirp through all frequencies, many times over, 120 dB below: always the same.

    Examples
    --------
    >>> noise = dither(1000, 1.0)
    >>> f"{np.sqrt(np.mean(noise**2)):.0e}"
    '1e-06'
    """
    return np.sqrt(2 * DITHER * power) * np.cos(np.pi * GOLDEN * np.arange(n) ** 2.0)


def runs_of(missing: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Find the gaps.

    Parameters
    ----------
    missing : ndarray [shape=(n,), bool]
        Which samples are missing; some are.

    Returns
    -------
    list of ndarray
        The indices of each gap, in order.

    Examples
    --------
    >>> [run.tolist() for run in runs_of(np.array([True, True, False, True]))]
    [[0, 1], [3]]
    """
    m = np.flatnonzero(missing)
    return np.split(m, np.flatnonzero(np.diff(m) > 1) + 1)


def burg(x: NDArray[Any], order: int) -> NDArray[np.float64]:
    """Estimate a prediction filter by Burg's recursion.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The signal, longer than the order.
    order : int
        Order of the model.

    Returns
    -------
    ndarray [shape=(order + 1,)]
        The filter a; ``a[0]`` is 1.

    References
    ----------
    .. [1] S. M. Kay, Modern Spectral Estimation, 1988, sec. 7.5.

    Examples
    --------
    >>> burg(0.5 ** np.arange(40.0), 1).round(2).tolist()
    [1.0, -0.8]
    """
    return predictor([x], order).a


def predictor(segments: Sequence[NDArray[Any]], order: int) -> Prediction:
    """Estimate one autoregressive model of several segments by Burg's recursion.

    Parameters
    ----------
    segments : sequence of ndarray [shape=(n_i,)]
        Pieces of a signal; each is longer than the order, or counts for less of it.
    order : int
        Order of the model; less is taken where less predicts wholly.

    Returns
    -------
    Prediction
        The model; its reflections minimise the sum of what Burg's minimise for each segment.

    References
    ----------
    .. [1] S. M. Kay, Modern Spectral Estimation, 1988, sec. 7.5.

    Examples
    --------
    >>> decay = 0.5 ** np.arange(40.0)
    >>> model = predictor([decay, decay[:20]], 1)
    >>> model.a.round(2).tolist(), round(model.error / float(np.mean(decay[:30] ** 2)), 2)
    ([1.0, -0.8], 0.36)
    """
    a = np.ones(order + 1)
    power = sum(float(x @ x) for x in segments) / sum(x.size for x in segments)
    error = power
    residuals = [(x[1:].astype(np.float64), x[:-1].astype(np.float64)) for x in segments]
    reached, energy, summed = order, 0.0, 0.0
    for m in range(order):
        if m % SUMMED_EVERY == 0 or energy < SUMMED_BELOW * summed:
            energy = summed = sum(float(f @ f + b @ b) for f, b in residuals)
        if not energy > 0:
            reached = m
            break
        k = -2 * sum(float(f @ b) for f, b in residuals) / energy
        a[m + 1] = 0.0
        a[: m + 2] += k * a[m + 1 :: -1]
        error *= 1 - k**2
        residuals = [_reflected(f, b, k) for f, b in residuals]
        # A reflection takes the part k**2 of the energy, and a sample of each residual is left out.
        energy *= 1 - k**2
        energy -= sum(float(f[0]) ** 2 + float(b[-1]) ** 2 for f, b in residuals if f.size)
        residuals = [(f[1:], b[:-1]) for f, b in residuals]
    a = a[: reached + 1]
    return Prediction(a, max(error, LEAST_ERROR * power))


def _reflected(
    forward: NDArray[np.float64], backward: NDArray[np.float64], k: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raise the order of both residuals by one; they may be overwritten."""
    advanced = forward + k * backward
    forward *= k
    backward += forward
    return advanced, backward


def _least_residual(
    x: NDArray[Any], lost: NDArray[np.bool_], runs: list[NDArray[np.intp]], a: NDArray[Any]
) -> NDArray[np.float64]:
    """Solve (1) for the missing samples of a signal."""
    import scipy.fft
    from scipy.linalg import solve_toeplitz, solveh_banded

    n_fft = scipy.fft.next_fast_len(x.size + a.size, real=True)
    power = np.abs(scipy.fft.rfft(a, n_fft)) ** 2
    known = np.where(lost, 0.0, x)
    right = -scipy.fft.irfft(power * scipy.fft.rfft(known, n_fft), n_fft)[: x.size][lost]
    r = np.zeros(x.size)
    lags = scipy.fft.irfft(power, n_fft)[: min(a.size, x.size)]
    r[: lags.size] = lags
    m = np.concatenate(runs)
    if len(runs) == 1 and m.size > max(LONG, a.size):
        return _solve_long(a, right, LOUDEST * np.abs(known).max())
    # Element (i, i + d) of the matrix is zero where the samples are farther apart than the order.
    width = int((np.searchsorted(m, m + a.size) - np.arange(m.size)).max())
    for ridge in RIDGES:
        toeplitz = r[: m.size] if len(runs) == 1 else r
        toeplitz[0] = lags[0] * (1 + ridge)
        try:
            if len(runs) == 1:
                y = solve_toeplitz(toeplitz, right)
            else:
                bands = np.zeros((width, m.size))
                for d in range(width):
                    bands[d, : m.size - d] = r[m[d:] - m[: m.size - d]]
                y = solveh_banded(bands, right, lower=True)
        except np.linalg.LinAlgError:
            continue
        if np.isfinite(y).all():
            return y
    return np.zeros(m.size)


def _solve_long(a: NDArray[Any], right: NDArray[Any], loudest: float) -> NDArray[np.float64]:
    """Solve (1) for a gap by (2)."""
    for damping in DAMPINGS:
        with np.errstate(over="ignore", invalid="ignore"):
            y = _by_woodbury(a * (1 - damping) ** np.arange(a.size), right)
        if np.abs(y).max() <= loudest:  # not so if it is NaN
            return y
    return np.zeros(right.size)


def _by_woodbury(a: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Solve ``C.T @ C @ y = right`` for y by (2); there are more samples than coefficients."""
    from scipy.linalg import solve, toeplitz
    from scipy.signal import lfilter

    n, p = right.size, a.size - 1

    def inverse(b: NDArray[Any]) -> NDArray[Any]:  # of L.T @ L
        return lfilter([1.0], a, lfilter([1.0], a, b[::-1])[::-1])

    y = inverse(right)
    if not p:
        return y
    B = np.triu(toeplitz(np.append(a[p], np.zeros(p - 1)), a[:0:-1]))
    # The last p rows and columns of the inverse: products of impulse responses, along diagonals.
    h = lfilter([1.0], a, np.append(1.0, np.zeros(n - 1)))
    start, tail = h[: n - p + 1], h[n - p + 1 :]
    G = np.empty((p, p))
    for d in range(p):
        products = np.append(start @ h[d : d + start.size], tail[: p - 1 - d] * tail[d:])
        i = np.arange(p - d)
        G[i, i + d] = G[i + d, i] = np.cumsum(products)
    w = np.zeros(n)
    S = np.eye(p) + B @ G @ B.T
    if not np.isfinite(S).all():
        return np.full(n, np.nan)
    w[n - p :] = B.T @ solve(S, B @ y[n - p :], assume_a="sym")
    return y - inverse(w)
