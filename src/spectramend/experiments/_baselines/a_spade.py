"""A-SPADE: sparsity in a Fourier transform, of windowed frames that are restored apart.

Kitić, Bertin and Gribonval ("Sparsity and cosparsity for audio declipping: a flexible non-convex
approach", LVA/ICA 2015), in the form of Záviška, Rajmic, Ozerov and Rencker ("A survey and an
extensive evaluation of popular audio declipping methods", IEEE JSTSP 15(1), 2021). For each frame

    minimise ||z||_0  subject to  ||A x - z|| <= eps  and  lower <= x <= upper                 (1)

by ADMM whose sparsity k grows by one coefficient in each iteration:

    z <- the k largest of A x + u,   x <- projection of A*(z - u),   u <- u + A x - z          (2)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from spectramend.core.windows import window_samples
from spectramend.experiments._baselines.gabor import GaborFrame, window_length

# As in the survey.
REDUNDANCY = 2  # factor, length of the Fourier transform to that of a frame
MAX_RESIDUAL = 0.1  # relative to the largest sample, eps of (1)


def a_spade(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Restore y [shape=(n,)] within bounds [shape=(n,)]; frames without freedom stay as they are.

    Examples
    --------
    >>> n = np.arange(4000)
    >>> x = 0.6 * np.sin(0.05 * n) + 0.4 * np.sin(0.137 * n + 1)
    >>> y = np.clip(x, -0.8, 0.8)
    >>> upper, lower = np.where(y == 0.8, np.inf, y), np.where(y == -0.8, -np.inf, y)
    >>> bool(np.abs(a_spade(y, lower, upper, 8000) - x).max() < 0.1)
    True
    """
    n_window = window_length(sr)
    gabor = GaborFrame(y.size, n_window, REDUNDANCY * n_window)
    w = window_samples("hann", n_window).astype(np.float32)

    def windowed(bound: NDArray[Any]) -> NDArray[np.float32]:
        frames = gabor.frames(bound.astype(np.float32))
        return np.multiply(frames, w, out=np.zeros_like(frames, order="C"), where=w > 0)

    X, L, U = windowed(y), windowed(lower), windowed(upper)
    free = np.flatnonzero((L < U).any(axis=1))
    X[free] = _restored(X[free], L[free], U[free])
    dual = w / ((w**2).sum() / gabor.hop_length)
    return np.clip(gabor.added(X * dual), lower, upper)


def _restored(
    X: NDArray[np.float32], L: NDArray[np.float32], U: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Run ADMM on frames X within L and U [each of shape=(N, n_window)], all of them at once."""
    n_window = X.shape[1]
    n_fft = REDUNDANCY * n_window
    result = X.copy()
    left = np.arange(X.shape[0])  # frames that have not converged
    Z = rfft(X, n_fft, norm="ortho")
    u = np.zeros_like(Z)
    for k in range(1, Z.shape[1] + 1):
        z = _largest(Z + u, k)
        going_on = _norms(Z - z) > MAX_RESIDUAL
        if not going_on.all():
            result[left[~going_on]] = X[~going_on]
            X, L, U, left = X[going_on], L[going_on], U[going_on], left[going_on]
            Z, z, u = Z[going_on], z[going_on], u[going_on]
        if not left.size:
            break
        X = np.clip(irfft(z - u, n_fft, norm="ortho")[:, :n_window], L, U)
        Z = rfft(X, n_fft, norm="ortho")
        u += Z - z
    result[left] = X
    return result


def _largest(Z: NDArray[np.complex64], k: int) -> NDArray[np.complex64]:
    """Keep the k largest coefficients of each row [shape=(N, F)], zero the others."""
    power = Z.real**2 + Z.imag**2
    least = np.partition(power, Z.shape[1] - k, axis=1)[:, Z.shape[1] - k, None]
    return np.where(power >= least, Z, 0)


def _norms(Z: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Norms of rows of the spectra of real frames, negative frequencies included [shape=(N,)]."""
    power = Z.real**2 + Z.imag**2
    return np.sqrt(2 * power.sum(axis=1) - power[:, 0] - power[:, -1])
