"""The signal of Gaussian cells, against dense least squares."""

from __future__ import annotations

import numpy as np

from spectramend.core.stft import STFT
from spectramend.reconstruction.consistent_wiener import consistent_mean


def test_consistent_mean_is_the_dense_weighted_least_squares_solution() -> None:
    rng = np.random.default_rng(0)
    stft, length = STFT(n_fft=16, hop_length=4), 50
    S = np.stack([stft.forward(e) for e in np.eye(length)], axis=-1)
    shape = S.shape[:2]
    mean = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    variance = 10 ** rng.uniform(-2, 2, shape)
    rows = (S / np.sqrt(variance)[..., None]).reshape(-1, length)
    data = (mean / np.sqrt(variance)).ravel()
    A, b = (np.concatenate([a.real, a.imag]) for a in (rows, data))
    found = consistent_mean(mean, variance, stft=stft, length=length, max_iter=400, tol=1e-12)
    np.testing.assert_allclose(found, np.linalg.lstsq(A, b, rcond=None)[0], atol=1e-7)


def test_cells_of_small_variance_outweigh_those_of_large_variance() -> None:
    stft, length = STFT(n_fft=64, hop_length=16), 400
    X = stft.forward(np.sin(0.3 * np.arange(length)))
    uncertain = np.zeros(X.shape, bool)
    uncertain[5:20, 8:12] = True
    mean = np.where(uncertain, 0, X)
    found = consistent_mean(
        mean, np.where(uncertain, 1e6, 1e-3), stft=stft, length=length, max_iter=200
    )
    np.testing.assert_allclose(stft.forward(found), X, atol=1e-3 * np.abs(X).max())
