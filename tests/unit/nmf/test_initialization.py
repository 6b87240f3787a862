"""Starts: noise, exemplars, and the warm start on a sample."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import K, assert_identical, noisy, problem
from spectramend.errors import ParameterError
from spectramend.nmf import (
    encode,
    fit,
)

Matrix = NDArray[Any]


def test_equal_seeds_give_equal_factors() -> None:
    V, W, _, M = problem()
    for given in ({"n_components": K}, {"W": W}):
        how = {} if "W" in given else {"init": "random"}
        solver: Any = partial(encode if "W" in given else fit, V, weights=M, max_iter=3)
        solver = partial(solver, **given, **how)
        assert_identical(solver(rng=7), solver(rng=7))
        assert_identical(solver(rng=7), solver(rng=np.random.default_rng(7)))
        observed = M.any(axis=0)
        assert (solver(rng=7).H != solver(rng=8).H)[:, observed].all()
        assert (solver(rng=None).H != solver(rng=None).H)[:, observed].all()
    generator = np.random.default_rng(7)
    first, second = (encode(V, W, max_iter=3, rng=generator) for _ in range(2))
    assert (first.H != second.H).all()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_random_starts_have_the_level_of_the_data(scale: float) -> None:
    rng = np.random.default_rng(3)
    V, W = rng.uniform(0, 2, (100, 200)) * scale, rng.uniform(0, 2, (100, 20)) * 1e5
    for nmf in (
        fit(V, 20, max_iter=0, rng=0),
        fit(V, W=W, max_iter=0, rng=0),
        encode(V, W, max_iter=0, rng=0),
    ):
        assert 0.5 * scale < nmf.V_hat.mean() < 2 * scale


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_exemplars_save_iterations(beta: float) -> None:
    V = noisy()
    drawn, noise = (
        fit(V, 6, beta=beta, init=init, max_iter=15, tol=0, rng=0)
        for init in ("exemplars", "random")
    )
    assert drawn.trace[0] < noise.trace[0]
    assert drawn.trace[-1] < noise.trace[-1]


def test_exemplars_are_frames_at_their_level() -> None:
    V = noisy()
    V[:, 20:40] = 0
    nmf = fit(V, 10, max_iter=0, rng=0)
    np.testing.assert_allclose(nmf.V_hat.sum(axis=0)[:20], V.sum(axis=0)[:20], rtol=0.7)
    assert nmf.V_hat[:, 20:40].max() < 1e-5 * V.mean()
    unit = V / np.maximum(V.mean(axis=0), 1e-300)
    nearest = [np.abs(unit - atom[:, None]).mean(axis=0) for atom in nmf.W.T]
    assert max(distance.min() for distance in nearest) < 0.1
    assert len({int(distance.argmin()) for distance in nearest}) == 10
    assert not {int(distance.argmin()) for distance in nearest} & set(range(20, 40))


def test_hidden_cells_of_exemplars_are_those_of_the_mean_frame() -> None:
    rng = np.random.default_rng(0)
    V = np.outer(rng.gamma(1.0, 1.0, 40), rng.gamma(1.0, 1.0, 50))
    M = rng.uniform(size=V.shape) > 0.5
    nmf = fit(np.where(M, V, np.nan), 5, weights=M, max_iter=0, rng=0)
    np.testing.assert_allclose(nmf.V_hat, V, rtol=0.5)


@pytest.mark.parametrize("K", [1, 7, 30])
def test_more_atoms_than_frames_are_made_to_differ(K: int) -> None:
    V = noisy(20, 3, 5)
    V[:, 1] = 0
    nmf = fit(V, K, max_iter=0, rng=0)
    assert np.linalg.matrix_rank(nmf.W) == min(K, 20)
    assert fit(V, K, rng=0).trace[-1] < nmf.trace[0]


def test_long_data_has_a_warm_start_on_a_sample() -> None:
    V = noisy(40, 8, 3000)
    V[:, 5] = np.nan
    M = np.isfinite(V)
    options: dict[str, Any] = {"weights": M, "max_iter": 6, "tol": 0, "check_every": 1, "rng": 0}
    sampled, drawn = (fit(V, 8, init=init, **options) for init in ("sample", "exemplars"))
    assert sampled.n_iter == 6
    assert sampled.trace[-1] < drawn.trace[-1]
    np.testing.assert_array_equal(sampled.observed_frames, M.all(axis=0))
    # Where there are not many more frames than the sample would have, there is none.
    few = {"V": V[:, :300], "n_components": 8, **options, "weights": M[:, :300]}
    one, other = (fit(**few, init=init) for init in ("sample", "exemplars"))
    np.testing.assert_array_equal(one.W, other.W)
    np.testing.assert_array_equal(one.trace, other.trace)


def test_a_start_of_another_name_is_refused() -> None:
    with pytest.raises(ParameterError, match="init='nndsvd': give 'sample', 'exemplars' or"):
        fit(np.ones((3, 3)), 2, init="nndsvd")  # type: ignore[arg-type]
