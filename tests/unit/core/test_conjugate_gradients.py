"""Conjugate gradients against dense solves: one system, rows, and stretches of one vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.core.conjugate_gradients import Solution, preconditioned_cg

Array = NDArray[Any]
N = 12


def positive(seed: int, n: int = N) -> Array:
    """Make a positive definite matrix of condition about 1e4."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return (Q * np.logspace(-2, 2, n)) @ Q.T


def solve(A: Array, b: Array, **options: Any) -> Solution:
    settings: dict[str, Any] = {"max_iter": 200, "tol": 1e-12} | options
    diagonal = np.diag(A)

    def product(p: Array) -> Array:
        return np.sum(A * p[..., None, :], axis=-1)  # rounds each row alike, alone or not

    return preconditioned_cg(product, b, precondition=lambda r: r / diagonal, **settings)


def of_rows(a: Array, b: Array) -> Array:
    return np.sum(a * b, axis=-1, keepdims=True)


@pytest.mark.parametrize("start", [None, np.arange(N, dtype=float)])
def test_the_solution_is_that_of_a_dense_solve(start: Array | None) -> None:
    A, b = positive(0), np.random.default_rng(1).standard_normal(N)
    found = solve(A, b, start=start)
    np.testing.assert_allclose(found.x, np.linalg.solve(A, b), rtol=1e-8)
    assert found.converged


def test_an_exact_preconditioner_needs_one_iteration() -> None:
    A, b = positive(0), np.random.default_rng(1).standard_normal(N)
    inverse = np.linalg.inv(A)
    found = preconditioned_cg(
        lambda p: A @ p, b, precondition=lambda r: inverse @ r, max_iter=9, tol=1e-6
    )
    assert found.n_iter == 1
    np.testing.assert_allclose(found.x, inverse @ b, rtol=1e-6)


def test_the_error_in_the_norm_of_the_matrix_never_rises() -> None:
    A, b = positive(2), np.random.default_rng(1).standard_normal(N)
    x = np.linalg.solve(A, b)
    errors = [solve(A, b, max_iter=n).x - x for n in range(12)]
    energies = [e @ A @ e for e in errors]
    assert (np.diff(energies) <= 1e-12 * energies[0]).all()


def test_it_stops_at_the_tolerance_or_at_the_most_iterations() -> None:
    A, b = positive(0), np.random.default_rng(1).standard_normal(N)

    def residual(x: Array) -> float:
        r = b - A @ x
        return float(np.sqrt(r @ (r / np.diag(A))))

    for tol in (1e-2, 1e-6):
        found = solve(A, b, tol=tol)
        assert found.converged
        assert residual(found.x) <= tol * residual(0 * b)
        assert residual(solve(A, b, tol=tol, max_iter=found.n_iter - 1).x) > tol * residual(0 * b)
    stopped = solve(A, b, max_iter=3)
    assert (stopped.n_iter, stopped.converged) == (3, False)
    assert solve(A, b, max_iter=0, start=b).x is b


def test_rows_are_solved_as_if_each_were_alone() -> None:
    A, B = positive(0), np.random.default_rng(1).standard_normal((3, N))
    B[1] = 0
    B[2] *= 1e-30
    found = solve(A, B, dot=of_rows, tol=1e-6)
    alone = [solve(A, b[None], dot=of_rows, tol=1e-6) for b in B]
    np.testing.assert_array_equal(found.x, np.concatenate([one.x for one in alone]))
    assert found.n_iter == max(one.n_iter for one in alone)
    assert alone[1].n_iter == 0
    assert found.converged


def test_stretches_of_one_vector_are_solved_as_if_each_were_alone() -> None:
    lengths = [5, N - 5]
    blocks = [positive(seed, n) for seed, n in enumerate(lengths)]
    A = np.zeros((N, N))
    A[:5, :5], A[5:, 5:] = blocks
    b = np.random.default_rng(1).standard_normal(N)

    def of_stretches(p: Array, q: Array) -> Array:
        return np.repeat(np.add.reduceat(p * q, [0, 5]), lengths)

    found = solve(A, b, dot=of_stretches, tol=1e-5)
    for block, part in zip(blocks, (slice(0, 5), slice(5, None)), strict=True):
        alone = solve(block, b[part], tol=1e-5)
        np.testing.assert_allclose(found.x[part], alone.x, rtol=1e-4)


def test_what_the_matrix_does_not_determine_stays_at_the_start() -> None:
    A = np.diag([2.0, 0.0])
    start = np.array([0.0, 7.0])
    found = preconditioned_cg(
        lambda p: A @ p, np.array([4.0, 0.0]), precondition=lambda r: r, start=start, max_iter=9,
        tol=1e-9,
    )  # fmt: skip
    np.testing.assert_allclose(found.x, [2.0, 7.0])
    # The right-hand side lies outside the range of A: nothing is divided by 0.
    odd = preconditioned_cg(
        lambda p: 0 * p, np.ones(2), precondition=lambda r: r, max_iter=9, tol=1e-9
    )
    assert not odd.x.any()
    assert not odd.converged
