"""The Levinson-Durbin recursion against dense algebra and against itself, written out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz, toeplitz

from spectramend.core.levinson import levinson_durbin

SUMMATIONS: tuple[Literal["blas", "pairwise"], ...] = ("blas", "pairwise")


def autocorrelations(count: int, h: int) -> NDArray[Any]:
    x = np.random.default_rng(0).standard_normal((count, 100))
    return np.array([np.correlate(v, v, "full")[99 : 99 + h] for v in x])


def written_out(r: NDArray[Any], *, pairwise: bool) -> NDArray[Any]:
    """Raise the order of the predictor of one matrix."""
    a, error = np.ones(1), r[0]
    for k in range(1, r.size):
        ahead = np.ascontiguousarray(r[k:0:-1])
        g = (np.sum(a * ahead) if pairwise else a @ ahead) / error
        a = np.append(a, 0.0) - g * np.append(0.0, a[::-1])
        error *= 1 - g**2
    return a


@pytest.mark.parametrize("summation", SUMMATIONS)
@pytest.mark.parametrize("h", [1, 2, 11, 40])
def test_predictors_solve_the_normal_equations(
    h: int, summation: Literal["blas", "pairwise"]
) -> None:
    lags = autocorrelations(5, h)
    a, errors = levinson_durbin(lags, summation=summation)
    for row, r, error in zip(a, lags, errors.T, strict=True):
        if h > 1:
            np.testing.assert_allclose(row[1:], solve_toeplitz(r[:-1], -r[1:]), rtol=1e-9)
        for k in range(1, h + 1):
            determinant = np.linalg.slogdet(toeplitz(r[:k]))[1]
            assert np.log(error[:k]).sum() == pytest.approx(determinant, rel=1e-9)


# Neither clicks (summed pairwise) nor gaps (summed by BLAS) may change in their last digits.
@pytest.mark.parametrize("summation", SUMMATIONS)
def test_sums_are_rounded_as_by_the_named_summation(
    summation: Literal["blas", "pairwise"],
) -> None:
    lags = autocorrelations(40, 33)
    a, _ = levinson_durbin(lags, summation=summation)
    for row, r in zip(a, lags, strict=True):
        np.testing.assert_array_equal(row, written_out(r, pairwise=summation == "pairwise"))


def test_matrices_of_several_sizes_are_solved_as_each_alone() -> None:
    lags, sizes = autocorrelations(6, 24), np.array([24, 20, 20, 7, 2, 1])
    a, errors = levinson_durbin(lags, sizes)
    for i, h in enumerate(sizes):
        alone, error = levinson_durbin(lags[i : i + 1, :h])
        np.testing.assert_array_equal(a[i, :h], alone[0])
        np.testing.assert_array_equal(errors[:h, i], error[:, 0])
        assert not a[i, h:].any()
        assert (errors[h:, i] == 1).all()


def test_a_matrix_that_is_not_positive_definite_leaves_the_others_alone() -> None:
    lags = np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 0.5]])
    a, errors = levinson_durbin(lags)
    assert not (errors[:, 0] > 0).all()
    np.testing.assert_array_equal(a[1], levinson_durbin(lags[1:])[0][0])


def test_the_buffer_of_numpy_is_as_large_as_before() -> None:
    before = np.getbufsize()
    levinson_durbin(np.array([[1.0, 0.5]]))
    assert np.getbufsize() == before
