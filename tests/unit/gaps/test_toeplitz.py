"""Inverses of Toeplitz matrices against dense ones, and bad cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import toeplitz

from gap_signals import log_uniform, relative
from reference import variances as reference
from spectramend.gaps.em.toeplitz import invert_toeplitz


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 24), min_size=1, max_size=5),
    n=st.integers(24, 30),
    seed=st.integers(0, 99),
)
def test_inverses_are_those_of_dense_matrices(sizes: list[int], n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = len(sizes)
    lags = np.fft.irfft(1 / log_uniform(rng, n // 2 + 1, count).T, n)[:, :24]
    right = rng.standard_normal((count, 24))
    inverses = invert_toeplitz(lags, np.array(sizes))
    solved, spectra = inverses.solve(right), inverses.spectra(n)
    for b, h in enumerate(sizes):
        T = toeplitz(lags[b, :h])
        dense = np.linalg.inv(T)
        assert relative(solved[b, :h], dense @ right[b, :h]) < 1e-8
        assert not solved[b, h:].any()
        assert inverses.log_det[b] == pytest.approx(np.linalg.slogdet(T)[1], abs=1e-8)
        sums = reference.diagonal_sums(dense)
        lag = np.arange(h)
        true = [
            (sums[0] + 2 * sums[1:] @ np.cos(2 * np.pi * f * lag[1:] / n)) / n
            for f in range(n // 2 + 1)
        ]
        assert relative(spectra[b], np.array(true)) < 1e-8


def test_the_inverse_of_a_circulant_matrix_has_its_spectrum() -> None:
    V = log_uniform(np.random.default_rng(0), 17, 1).T
    inverses = invert_toeplitz(np.fft.irfft(1 / V, 32), np.array([32]))
    np.testing.assert_allclose(inverses.spectra(32), V, rtol=1e-8)


def test_nearly_singular_matrices_get_a_ridge_and_indefinite_ones_are_infinite() -> None:
    lags = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 0.0], [1.0, 0.5, 0.0]])
    inverses = invert_toeplitz(lags, np.array([3, 3, 2]))
    right = np.array([[3.0, 3.0, 3.0], [1.0, 1.0, 1.0], [1.5, 1.5, 0.0]])
    solved = inverses.solve(right)
    np.testing.assert_allclose(solved, [[1, 1, 1], [0, 0, 0], [1, 1, 0]], atol=1e-3)
    assert not inverses.spectra(4)[1].any()
