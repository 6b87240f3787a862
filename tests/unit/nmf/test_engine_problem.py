"""The caller's arrays checked, and the problem that is stated from them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import F, K, N, noisy, problem
from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf import Bounded
from spectramend.nmf._engine.problem import Problem, check_input, survey

Matrix = NDArray[Any]


def stated(V: Any, weights: Any = None, bound: Any = None, beta: float = 0.0) -> Problem:
    given = check_input(V, weights, bound)
    with given.threads(1) as threads:
        return survey(given, threads, beta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, "mask", "weights"])
def test_the_survey_sums_what_is_observed(weights: str | None, dtype: Any) -> None:
    V = noisy(40, 4, 500).astype(dtype)
    rng = np.random.default_rng(1)
    mask = rng.uniform(size=V.shape) > 0.3
    mask[:, 7] = False
    M = {None: None, "mask": mask, "weights": mask * rng.gamma(1.0, 1.0, V.shape)}[weights]
    given = V if M is None else np.where(mask, V, np.nan)
    found = stated(given, M)
    share = np.ones(V.shape) if M is None else M.astype(float)
    level = (share * V).sum() / share.sum()
    assert found.level == pytest.approx(level, rel=1e-5)
    assert abs(np.log2(level / found.scale)) <= 0.5
    assert np.log2(found.scale).is_integer()
    assert found.is_binary == (weights != "weights")
    assert found.has_large == (M is not None)  # NaN
    np.testing.assert_array_equal(found.observed_frames, (share > 0).any(axis=0))
    np.testing.assert_allclose(found.sizes, 40)  # terms of beta = 0 have no unit


def test_the_problem_does_not_change() -> None:
    found = stated(np.ones((3, 4)))
    with pytest.raises(FrozenInstanceError):
        found.level = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("kind", [bool, int, float])
def test_weights_of_one_are_none(kind: Any) -> None:
    assert stated(np.ones((3, 4)), np.ones((3, 4), kind)).weights is None


@pytest.mark.parametrize("beta", [-1, 0, 1, 2])
def test_small_values_are_found_where_there_is_a_floor(beta: float) -> None:
    V = np.ones((3, 4))
    assert not stated(V, beta=beta).has_small
    V[1, 1] = 1e-20
    assert stated(V, beta=beta).has_small == (beta <= 0)


def test_garbage_in_hidden_cells_is_found_only_if_it_is_large() -> None:
    V, M = np.ones((3, 4)), np.ones((3, 4), bool)
    M[1, 1] = False
    for garbage, large in (
        (0.0, False),
        (-5.0, False),
        (1e29, False),
        (1e31, True),
        (-np.inf, True),
    ):
        V[1, 1] = garbage
        assert stated(V, M).has_large == large


def test_bounds_are_in_units_of_the_scale_and_those_of_observed_cells_are_left_out() -> None:
    V, _, _, M = problem()
    V *= 1e6
    bound = np.where(np.arange(N) < 6, 0.5e6, np.inf) * np.ones((F, 1))
    found = stated(V, M, bound)
    assert isinstance(found.hidden, Bounded)
    cells = ~M & np.isfinite(bound)
    np.testing.assert_array_equal(found.hidden.cells, cells)
    np.testing.assert_allclose(found.hidden.B, bound[cells] / found.scale)
    assert found.hidden_unit == 1
    np.testing.assert_array_equal(found.observed_frames, M.any(axis=0) | cells.any(axis=0))


def test_prior_knowledge_stays_in_the_units_of_the_data() -> None:
    V, _, _, M = problem()
    prior = Bounded(~M, np.ones((~M).sum()), 0.0)
    found = stated(1e6 * V, M, prior)
    assert found.hidden is prior
    assert found.hidden_unit == found.scale
    nothing = Bounded(np.zeros((F, N), bool), np.zeros(0), 0.0)
    assert stated(V, M, nothing).hidden is None


def test_input_is_in_the_memory_order_in_which_it_is_processed() -> None:
    V, _, _, M = problem()
    by_columns = check_input(np.asfortranarray(V), np.asfortranarray(M), None)
    assert by_columns.V.flags.f_contiguous
    assert by_columns.weights is not None
    assert by_columns.weights.flags.f_contiguous
    bounded = check_input(np.asfortranarray(V), np.asfortranarray(M), np.ones((F, N)))
    assert bounded.V.flags.c_contiguous
    assert bounded.weights is not None
    assert bounded.weights.flags.c_contiguous
    given = check_input(V, None, None)
    assert given.V is V


@pytest.mark.parametrize(
    ("given", "kept"), [("f4", "f4"), ("f8", "f8"), ("i2", "f8"), ("f2", "f8")]
)
def test_the_dtype_is_one_of_two(given: str, kept: str) -> None:
    assert check_input(np.ones((3, 4), given), None, None).dtype == np.dtype(kept)


def test_shapes_and_kinds_are_checked_before_the_data_is_read() -> None:
    with pytest.raises(ParameterError, match=r"V has shape \(3,\): give a real matrix"):
        check_input(np.full(3, np.nan), None, None)
    with pytest.raises(MismatchError, match=r"weights has shape \(3, 8\), V \(8, 10\)"):
        check_input(np.full((F, N), np.nan), np.ones((K, F)), None)
