"""Janssen's method: each step against dense least squares, first models, long gaps."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import autoregressive, mask_of
from reference import gaps as reference
from spectramend.core.burg_recursion import burg, dither
from spectramend.gaps import janssen
from spectramend.gaps.ar import janssen_ar, least_squares


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "spans",
    [[(100, 140)], [(0, 30)], [(370, 400)], [(50, 60), (65, 66), (200, 230)], [(0, 5), (395, 400)]],
)
@pytest.mark.parametrize("order", [1, 8, 90])
def test_missing_samples_minimise_the_residual(
    rng: np.random.Generator, spans: list[tuple[int, int]], order: int
) -> None:
    x, missing = autoregressive(400, rng), mask_of(400, *spans)
    dense = np.where(missing, 0, x)
    for n_iter in (1, 2, 3):
        dense = reference.least_residual(dense, missing, burg([dense], order).a)
        found = janssen(x, missing, order=order, n_iter=n_iter)
        np.testing.assert_allclose(found, dense, atol=1e-6 * np.abs(x).max())
    if order == 90:
        np.testing.assert_array_equal(
            janssen(x[:200], missing[:200], order=order),
            janssen(x[:200], missing[:200], order=66),
        )


@pytest.mark.parametrize("spans", [[(100, 140)], [(0, 30)], [(50, 60), (65, 66), (200, 230)]])
@pytest.mark.parametrize("order", [1, 8, 90])
def test_the_first_model_may_be_that_of_known_samples(
    rng: np.random.Generator, spans: list[tuple[int, int]], order: int
) -> None:
    x, missing = autoregressive(400, rng), mask_of(400, *spans)
    dense = np.where(missing, 0, x)
    noise = dither(400, float(np.mean(x[~missing] ** 2)))
    edges = [0, *(edge for span in spans for edge in span), 400]
    runs = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    p = min(order, (max(run.stop - run.start for run in runs) - 1) // 3)
    known = [(x + noise)[run] for run in runs if run.stop - run.start > p]
    for n_iter in (1, 2, 3):
        model = burg(known, p) if n_iter == 1 else burg([dense + noise], order)
        dense = reference.least_residual(dense, missing, model.a)
        found = janssen(x, missing, order=order, n_iter=n_iter, from_known=True)
        np.testing.assert_allclose(found, dense, atol=1e-6 * np.abs(x).max())


def test_known_runs_too_short_for_a_model_give_zeros_first() -> None:
    x, missing = np.ones(200), np.arange(200) % 2 == 0
    found = janssen(x, missing, order=8, n_iter=1, from_known=True)
    assert not found[missing].any()


@pytest.mark.parametrize("spans", [[(300, 420)], [(0, 100)], [(100, 110), (300, 420), (430, 440)]])
def test_long_gaps_are_interpolated_as_short_ones_are(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, spans: list[tuple[int, int]]
) -> None:
    x, missing = autoregressive(700, rng), mask_of(700, *spans)
    longest = max(spans, key=lambda span: span[1] - span[0])
    # Gaps on both sides of a long one are interpolated before it.
    for start, stop in spans:
        side = slice(0, longest[0]) if start < longest[0] else slice(longest[1], None)
        if (start, stop) != longest:
            x[side] = janssen(x[side], missing[side], order=12, n_iter=3)
    alone = mask_of(700, longest)
    short = {order: janssen(x, alone, order=order, n_iter=3) for order in (12, 200)}
    for module in (janssen_ar, least_squares):
        monkeypatch.setattr(module, "LONG_GAP", 50)
    before = missing.copy()
    np.testing.assert_allclose(janssen(x, missing, order=12, n_iter=3), short[12], atol=1e-5)
    np.testing.assert_array_equal(missing, before)
    np.testing.assert_allclose(janssen(x, alone, order=200, n_iter=3), short[200], atol=1e-5)


def test_a_signal_without_gaps_or_without_sound_is_returned() -> None:
    x = np.arange(50.0)
    np.testing.assert_array_equal(janssen(x, np.zeros(50, bool), order=4), x)
    lost = mask_of(50, (9, 20))
    assert not janssen(np.where(lost, 1.0, 0.0), lost, order=4).any()
