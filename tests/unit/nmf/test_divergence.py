"""The beta-divergence against plain loops, its properties, and its input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import mask, problem
from reference import nmf as reference
from spectramend.errors import ParameterError
from spectramend.nmf import (
    beta_divergence,
)
from spectramend.nmf.divergence import cell_divergence

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


@pytest.mark.parametrize("kind", ["none", "bool", "float"])
@pytest.mark.parametrize("beta", BETAS)
def test_divergence_is_the_sum_over_observed_cells(beta: float, kind: str) -> None:
    V, W, H, _ = problem(0)
    M = mask(kind)
    slow = reference.divergence(V, W, H, beta, M)
    assert beta_divergence(V, W @ H, beta=beta, weights=M) == pytest.approx(slow, rel=1e-12)


@pytest.mark.parametrize("beta", BETAS)
def test_divergence_is_zero_at_the_data_and_positive_elsewhere(beta: float) -> None:
    V, _, _, _ = problem(1)
    assert beta_divergence(V, V, beta=beta) == pytest.approx(0, abs=1e-12)
    assert (cell_divergence(V, 1.01 * V, beta) > 0).all()
    assert (cell_divergence(V, 0.99 * V, beta) > 0).all()


@pytest.mark.parametrize("beta", BETAS)
def test_divergence_scales_by_the_power_beta(beta: float) -> None:
    V, W, H, _ = problem(2)
    scaled = beta_divergence(1e3 * V, 1e3 * W @ H, beta=beta)
    assert scaled == pytest.approx(1e3**beta * beta_divergence(V, W @ H, beta=beta), rel=1e-12)


@pytest.mark.parametrize("beta", [0, 1])
def test_divergence_is_continuous_in_beta(beta: float) -> None:
    V, W, H, _ = problem(3)
    near = beta_divergence(V, W @ H, beta=beta + 1e-6)
    assert near == pytest.approx(beta_divergence(V, W @ H, beta=beta), rel=1e-4)


def test_a_zero_in_the_data_is_infinitely_far_for_beta_up_to_zero_only() -> None:
    for beta in (-1.5, -1, 0):
        assert beta_divergence([[0.0]], [[2.0]], beta=beta) == np.inf
    assert beta_divergence([[0.0]], [[2.0]], beta=1) == 2
    assert beta_divergence([[0.0]], [[2.0]], beta=0.5) == pytest.approx(2 * 2**0.5)


def test_hidden_cells_are_ignored() -> None:
    V, V_hat = np.array([[1.0, np.nan, 0.0]]), np.array([[2.0, 0.0, np.inf]])
    assert beta_divergence(V, V_hat, beta=2, weights=[[2, 0, 0]]) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("beta", [-1, 2, 3])
def test_integers_do_not_wrap_around(beta: int, dtype: Any) -> None:
    V, V_hat = np.array([[1, 200]], dtype), np.array([[20, 30]], dtype)
    expected = beta_divergence(V.astype(float), V_hat.astype(float), beta=beta)
    assert beta_divergence(V, V_hat, beta=beta) == expected


def test_the_sum_is_made_in_double_precision() -> None:
    V = np.full((1, 999_983), 0.1, np.float32)
    cell = float(np.float32(0.5) * np.square(np.float32(0.1)))
    for weights in (None, np.ones_like(V)):
        total = beta_divergence(V, np.zeros_like(V), beta=2, weights=weights)
        assert total == pytest.approx(999_983 * cell, rel=1e-12)


def test_divergence_refuses_other_shapes() -> None:
    with pytest.raises(ParameterError, match=r"V has shape \(1, 2\) and V_hat \(2, 1\)"):
        beta_divergence(np.ones((1, 2)), np.ones((2, 1)))
    with pytest.raises(ParameterError, match=r"weights have shape \(2,\) and V \(1, 2\)"):
        beta_divergence(np.ones((1, 2)), np.ones((1, 2)), weights=[1, 1])
