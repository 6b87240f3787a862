"""Atoms learned beside known ones: the divergence falls, and what is known stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference.nmf import divergence
from spectramend.nmf import learn_rest

F, N, K, L = 6, 9, 3, 2


@pytest.fixture
def problem() -> tuple[NDArray[Any], ...]:
    rng = np.random.default_rng(0)
    V, known, rest, H = (10 ** rng.uniform(-2, 2, s) for s in ((F, N), (F, K), (F, L), (K + L, N)))
    rest[:2, 1] = 0
    return V, known, rest, H


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_the_divergence_never_rises(problem: tuple[NDArray[Any], ...], beta: float) -> None:
    V, known, rest, H = problem
    trace = []
    for n in range(12):
        W_rest, activations = learn_rest(V, known, rest, H, beta=beta, max_iter=n)
        trace.append(divergence(V, np.hstack([known, W_rest]), activations, beta))
    assert (np.diff(trace) <= 1e-12 * trace[0]).all()
    assert trace[-1] < 0.9 * trace[0]


def test_inputs_and_zeros_stay(problem: tuple[NDArray[Any], ...]) -> None:
    copies = [z.copy() for z in problem]
    V, known, rest, H = problem
    W_rest, activations = learn_rest(V, known, rest, H, beta=1.0, max_iter=5)
    for z, copy in zip(problem, copies, strict=True):
        np.testing.assert_array_equal(z, copy)
    assert (W_rest.shape, activations.shape) == ((F, L), (K + L, N))
    assert not W_rest[:2, 1].any()
    assert not np.array_equal(W_rest, rest)


def test_what_known_atoms_explain_is_theirs() -> None:
    rng = np.random.default_rng(1)
    known, other = rng.exponential(size=(20, 2)), np.zeros((20, 1))
    other[12:15] = 5
    H = rng.exponential(size=(3, 30))
    V = np.hstack([known, other]) @ H
    start = np.full((20, 1), 0.05)
    rest, found = learn_rest(V, known, start, np.ones((3, 30)), beta=1.0, max_iter=3000)
    np.testing.assert_allclose(rest @ found[2:], other @ H[2:], atol=0.05 * V.max())
    np.testing.assert_allclose(found[:2], H[:2], atol=0.2)
