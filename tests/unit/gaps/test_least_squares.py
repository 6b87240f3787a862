"""The residual of least energy: long gaps as short ones, extreme models, bad cases."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import autoregressive, mask_of
from reference import gaps as reference
from spectramend.core.burg_recursion import burg
from spectramend.gaps.ar import least_squares
from spectramend.gaps.ar.least_squares import least_squares_interpolation


@pytest.mark.parametrize(
    "spans",
    [[(100, 140)], [(0, 30)], [(370, 400)], [(50, 60), (65, 66), (200, 230)], [(0, 5), (395, 400)]],
)
@pytest.mark.parametrize("order", [0, 1, 8, 90])
def test_solutions_are_those_of_dense_least_squares(
    spans: list[tuple[int, int]], order: int
) -> None:
    x, lost = autoregressive(400, np.random.default_rng(0)), mask_of(400, *spans)
    a = burg([x], order).a
    found = least_squares_interpolation(np.where(lost, np.nan, x), lost, a)
    expected = reference.least_residual(np.where(lost, 0, x), lost, a)[lost]
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(x).max())


@pytest.mark.parametrize("order", [0, 1, 12, 40, 200])
def test_woodbury_solves_as_levinson_does(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, lost = autoregressive(700, np.random.default_rng(0)), mask_of(700, (300, 420))
    a = burg([x], order).a
    short = least_squares_interpolation(x, lost, a)
    monkeypatch.setattr(least_squares, "LONG_GAP", 50)
    np.testing.assert_allclose(least_squares_interpolation(x, lost, a), short, atol=1e-6)


@pytest.mark.parametrize("radius", [1.0, 1.0001, 1.01])
def test_long_gaps_stay_bounded_where_the_filter_grows(
    radius: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(least_squares, "LONG_GAP", 50)
    t = np.arange(6000)
    a = np.array([1.0, -2 * radius * np.cos(0.1), radius**2])
    found = least_squares_interpolation(np.sin(0.1 * t), mask_of(6000, (500, 5500)), a)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= least_squares.LOUDEST
