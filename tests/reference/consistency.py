"""Masked analysis as a dense matrix: its pseudo-inverse, its null space, and Gaussian priors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT

Array = NDArray[Any]


def analysis(stft: STFT, length: int) -> Array:
    """Matrix of the transform [shape=(2*F*N, length)] by definition: real parts, then imaginary.

    Rows that stand for two of the n_fft frequencies are scaled by the root of 2.
    """
    F, N = stft.n_fft // 2 + 1, stft.n_frames(length)
    S = np.zeros((F, N, length), complex)
    for t in range(N):
        start = t * stft.hop_length - (stft.n_fft // 2 if stft.center else 0)
        for i in range(stft.n_fft):
            if 0 <= start + i < length:
                turns = np.exp(-2j * np.pi * np.arange(F) * i / stft.n_fft)
                S[:, t, start + i] = stft.window_samples[i] * turns
    for k in range(F):
        if k != 0 and 2 * k != stft.n_fft:
            S[k] *= np.sqrt(2)
    rows = S.reshape(F * N, length)
    return np.concatenate([rows.real, rows.imag])


def stack(X: Array, n_fft: int) -> Array:
    """Arrange a spectrum, or weights, as the rows of the matrix are."""
    scaled = np.array(X, complex)
    for k in range(len(scaled)):
        if k != 0 and 2 * k != n_fft:
            scaled[k] *= np.sqrt(2)
    return np.concatenate([scaled.real.ravel(), scaled.imag.ravel()])


def minimum(
    target: Array, precision: Array, fixed: Array, free: Array, stft: STFT, length: int
) -> Array:
    """Minimise the weighted distance to a spectrum over the free samples, by a pseudo-inverse."""
    root = np.sqrt(np.tile(precision.ravel(), 2))
    S = analysis(stft, length)
    right = root * (stack(target, stft.n_fft) - S @ np.where(free, 0, fixed))
    x = np.where(free, 0.0, fixed)
    x[free] = np.linalg.pinv(root[:, None] * S[:, free], rcond=1e-13) @ right
    return x


def spectrum_of(precision: Array, stft: STFT, length: int) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the normal matrix."""
    root = np.sqrt(np.tile(precision.ravel(), 2))
    A = root[:, None] * analysis(stft, length)
    values, vectors = np.linalg.eigh(A.T @ A)
    return values, vectors


def left_open(values: Array, vectors: Array, least: float) -> Array:
    """Diagonal of the projector on the null space: how much of each sample is undetermined."""
    return np.sum(vectors[:, values <= least * values[-1]] ** 2, axis=1)


def coverage(stft: STFT, length: int, frames: Array) -> Array:
    """Sum of the squared window over some frames, sample by sample."""
    total = np.zeros(length)
    for n in range(length):
        for t in np.flatnonzero(frames):
            i = n - t * stft.hop_length + (stft.n_fft // 2 if stft.center else 0)
            if 0 <= i < stft.n_fft:
                total[n] += stft.window_samples[i] ** 2
    return total
