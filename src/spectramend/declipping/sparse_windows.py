"""Sparse spectra of windowed frames that are restored apart, and averaged where they overlap.

For the windowed samples x of each frame, A their Fourier transform padded with zeros,

    minimise ||z||_0  subject to  ||A x - z|| <= eps  and  lower <= x <= upper             (1)

by the alternating direction method of multipliers, whose sparsity k grows from step to step:

    z <- the k largest of A x + u,   x <- projection of A^T (z - u),   u <- u + A x - z    (2)

This is A-SPADE (Kitić, Bertin & Gribonval 2015) in the form of Záviška, Rajmic, Ozerov & Rencker
(2021, algorithm 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from spectramend.core.windows import window_samples
from spectramend.declipping.parseval_frame import ParsevalFrame

Frames = NDArray[np.float32]

MAX_RESIDUAL = 0.1  # for samples up to 1: eps of (1), as in the survey


def sparse_frames(
    frame: ParsevalFrame,
    start: NDArray[np.float32],
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    kept: Iterable[int],
) -> NDArray[np.float32]:
    """Iterate (2) from a start within the bounds [shape=(n,)], for each k of `kept` in turn.

    `frame` says how long windows and their transforms are; frames without freedom stay.
    """
    w = window_samples("hann", frame.n_window).astype(np.float32)

    def windowed(x: NDArray[np.float32]) -> Frames:
        frames = frame.frames(x)
        return np.multiply(frames, w, out=np.zeros_like(frames, order="C"), where=w > 0)

    X, L, U = windowed(start), windowed(lower), windowed(upper)
    free = np.flatnonzero((L < U).any(axis=1))
    X[free] = _restored(X[free], L[free], U[free], frame.n_fft or frame.n_window, kept)
    dual = w / ((w**2).sum() / frame.hop_length)
    return np.clip(frame.added(X * dual), lower, upper)


def _restored(X: Frames, L: Frames, U: Frames, n_fft: int, kept: Iterable[int]) -> Frames:
    """Iterate (2) for frames within L and U [each of shape=(N, n_window)], all of them at once."""
    n_window = X.shape[1]
    result = X.copy()
    left = np.arange(X.shape[0])  # frames that have not converged
    Z = rfft(X, n_fft, norm="ortho")
    u = np.zeros_like(Z)
    for k in kept:
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


def _norms(Z: NDArray[Any]) -> NDArray[np.float32]:
    """Norms of rows of the spectra of real frames, negative frequencies included [shape=(N,)]."""
    power = Z.real**2 + Z.imag**2
    return np.sqrt(2 * power.sum(axis=1) - power[:, 0] - power[:, -1])
