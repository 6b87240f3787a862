"""One gap between models of both sides: the equations against dense matrices, and known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference import gaps as reference
from spectramend.gaps import blend
from spectramend.gaps.autoregression import Prediction, predictor
from spectramend.gaps.blend import Term, cross_faded, fill_gap, joint_fill, slope, weighted_fill


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def noise(n: int, rng: np.random.Generator) -> NDArray[Any]:
    """Noise with a resonance that moves."""
    x = rng.standard_normal(n)
    for t in range(2, n):
        x[t] += 1.9 * np.cos(0.3 + 0.3 * t / n) * x[t - 1] - 0.9 * x[t - 2]
    return x


def test_the_power_of_the_residual_is_found(rng: np.random.Generator) -> None:
    x = noise(4000, rng)
    model = predictor([x], 6)
    assert model.error == pytest.approx(np.mean(np.convolve(x, model.a)[6:4000] ** 2), rel=0.01)
    perfect = predictor([np.cos(0.3 * np.arange(400))], 4)
    assert 0 < perfect.error < 1e-4


@pytest.mark.parametrize(("start", "h"), [(60, 30), (60, 5), (60, 1), (3, 20), (130, 8)])
@pytest.mark.parametrize("orders", [[1], [2, 7, 19], [40]])
def test_fills_are_those_of_dense_matrices(
    rng: np.random.Generator, start: int, h: int, orders: list[int]
) -> None:
    x = noise(140, rng)
    before = [Prediction(predictor([x[:70]], p).a, e) for e, p in enumerate(orders, 1)]
    after = [Prediction(predictor([x[70:]], p).a, 2.0 * e) for e, p in enumerate(orders, 1)]
    filters = [m.a for m in before + after]
    falling = [1 - np.arange(h + p) / (h + p) for p in orders]
    weights = [w / m.error for w, m in zip(falling, before, strict=True)]
    weights += [(1 - w) / m.error for w, m in zip(falling, after, strict=True)]
    expected = reference.weighted_fill(x, start, h, filters, weights)
    found = weighted_fill(x, start, h, cross_faded(before, after, h))
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(x).max())
    constant = [np.full(h + p, 1 / m.error) for p, m in zip(orders, before, strict=True)]
    expected = reference.weighted_fill(x, start, h, filters[: len(orders)], constant)
    found = joint_fill(x, start, h, [Term(m) for m in before])
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(x).max())


def test_what_stands_in_the_gap_is_never_looked_at(rng: np.random.Generator) -> None:
    x = noise(900, rng)
    spoiled = x.copy()
    spoiled[400:430] = np.nan
    np.testing.assert_array_equal(
        fill_gap(x, 400, 430, order=24), fill_gap(spoiled, 400, 430, order=24)
    )


def test_no_more_than_the_context_is_looked_at(rng: np.random.Generator) -> None:
    x = noise(900, rng)
    reach = max(context for _, context in blend.SIZES) * 16
    found = fill_gap(x, 400, 430, order=16)
    other = np.full(900, np.nan)
    other[400 - reach : 430 + reach] = x[400 - reach : 430 + reach]
    np.testing.assert_array_equal(fill_gap(other, 400, 430, order=16), found)


def relative_error(x: NDArray[Any], start: int, stop: int, order: int = 64) -> float:
    """Fill a gap and measure the energy of what is wrong."""
    error = fill_gap(x, start, stop, order=order) - x[start:stop]
    return float(np.sum(error**2) / np.sum(x[start:stop] ** 2))


@pytest.mark.parametrize("h", [50, 300])
def test_tones_without_noise_are_continued(h: int) -> None:
    t = np.arange(4000)
    tones = sum(np.sin(w * t + w) for w in (0.1, 0.13, 0.31, 0.77))
    for x in (np.ones(4000), np.sin(0.3 * t), 0.5 + np.sin(0.3 * t), tones, (-1.0) ** t):
        assert relative_error(np.asarray(x), 2000, 2000 + h) < 1e-6


def test_a_decay_is_continued(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    t = np.arange(3000)
    x = np.exp(-t / 300) * (np.sin(0.2 * t) + 1e-5 * rng.standard_normal(t.size))
    assert slope(x, 1400, 300, 256) == pytest.approx(-1 / 300, rel=0.05)
    assert relative_error(x, 1400, 1700) < 1e-8
    monkeypatch.setattr(blend, "STEEPEST", (0.0, 0.0))
    assert relative_error(x, 1400, 1700) > 1e-6


def test_where_sounds_change_each_side_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    t = np.arange(8000)
    fade = np.clip((t - 3900) / 100, 0, 1)
    x = (1 - fade) * np.sin(0.2 * t) + fade * np.sin(0.31 * t) + 1e-3 * rng.standard_normal(t.size)
    blended = relative_error(x, 3900, 4000, order=256)
    monkeypatch.setattr(
        blend, "cross_faded", lambda before, after, h: [Term(m, 0.5) for m in [*before, *after]]
    )
    assert blended < 0.9 * relative_error(x, 3900, 4000, order=256)


def test_a_slope_of_exponentials_is_told_whatever_the_contexts() -> None:
    x = np.exp(-0.01 * np.arange(300))
    for start, context in ((100, 100), (30, 100), (100, 20)):
        assert slope(x, start, 100, context) == pytest.approx(-0.01, rel=0.05)
    assert slope(np.exp(-np.arange(300.0)), 100, 100, 100) == pytest.approx(-12 / 200)


def test_what_begins_is_taken_for_an_onset_and_not_for_growth() -> None:
    assert slope(np.exp(0.001 * np.arange(300)), 100, 100, 100) == pytest.approx(0.001, rel=0.05)
    assert slope(np.exp(np.arange(300.0)), 100, 100, 100) == pytest.approx(0.35 / 200)
