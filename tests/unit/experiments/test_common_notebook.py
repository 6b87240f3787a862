"""The fits of the 2015 notebook against its own lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.experiments._common.notebook import (
    fit_adapting,
    fit_as_notebook,
    fit_everything,
)

Matrix = NDArray[Any]


def update(V: Matrix, B: Matrix, C: Matrix, M: Matrix) -> Matrix:
    """`NMF_update_masked` of the notebook without its noise of 1e-50."""
    Ve = B @ C
    num, den = B.T @ (V * M * Ve**-2.0), B.T @ (M * Ve**-1.0)
    return C * num / den


@pytest.fixture
def problem() -> tuple[Matrix, Matrix, Matrix, Matrix]:
    rng = np.random.default_rng(0)
    V, W, H = (rng.gamma(2.0, size=shape) for shape in ((8, 12), (8, 3), (3, 12)))
    return V, W, H, rng.random(V.shape) > 0.3


def test_the_masked_fit_is_that_of_the_notebook(
    problem: tuple[Matrix, Matrix, Matrix, Matrix],
) -> None:
    V, W, H, observed = problem
    expected = H
    for _ in range(100):
        expected = update(V, W, expected, observed)
    np.testing.assert_allclose(fit_as_notebook(V, W, H, observed), W @ expected, rtol=1e-9)


def test_the_published_fit_is_that_of_the_notebook(
    problem: tuple[Matrix, Matrix, Matrix, Matrix],
) -> None:
    V, W, H, observed = problem
    expected = H
    for _ in range(100):
        expected = update(V, W, expected, np.ones_like(V))
    np.testing.assert_allclose(fit_everything(V, W, H, observed), W @ expected, rtol=1e-9)


def test_the_adapting_fit_is_the_line_that_is_commented_out(
    problem: tuple[Matrix, Matrix, Matrix, Matrix],
) -> None:
    V, W, H, observed = problem
    new_W, expected = W, H
    for i in range(100):
        expected = update(V, new_W, expected, np.ones_like(V))
        if i > 90:
            new_W = update(V.T, expected.T, new_W.T, observed.T.astype(float)).T
    # Not exactly: ours omits the update of H right before the first one of W.
    np.testing.assert_allclose(fit_adapting(V, W, H, observed), new_W @ expected, rtol=5e-3)


def test_frames_without_an_observed_cell_are_silent(
    problem: tuple[Matrix, Matrix, Matrix, Matrix],
) -> None:
    V, W, H, observed = problem
    observed[:, 4] = False
    V_hat = fit_as_notebook(V, W, H, observed)
    assert not V_hat[:, 4].any()
    assert np.delete(V_hat, 4, axis=1).all()
