"""One gap between models of both sides: the equations against dense matrices, and known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from reference import gaps as reference
from spectramend.gaps.ar import two_sided as blend
from spectramend.gaps.ar.janssen_ar import Prediction, dither, predictor
from spectramend.gaps.ar.multirate import lower_predictor, lowpass
from spectramend.gaps.ar.two_sided import (
    Term,
    cross_faded,
    fill_gap,
    joint_fill,
    slope,
    weighted_fill,
)


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
    found, other = fill_gap(x, 400, 430, order=24), fill_gap(spoiled, 400, 430, order=24)
    np.testing.assert_array_equal(found.samples, other.samples)
    assert found.doubt == other.doubt


def test_no_more_than_the_context_is_looked_at(rng: np.random.Generator) -> None:
    x = noise(1800, rng)
    reach = max(context for *_, context in [*blend.SIZES, *blend.LOWER_SIZES]) * 64
    found = fill_gap(x, 900, 930, order=64)
    other = np.full(1800, np.nan)
    other[900 - reach : 930 + reach] = x[900 - reach : 930 + reach]
    again = fill_gap(other, 900, 930, order=64)
    np.testing.assert_array_equal(again.samples, found.samples)
    assert again.doubt == found.doubt


def relative_error(x: NDArray[Any], start: int, stop: int, order: int = 64) -> float:
    """Fill a gap and measure the energy of what is wrong."""
    error = fill_gap(x, start, stop, order=order).samples - x[start:stop]
    return float(np.sum(error**2) / np.sum(x[start:stop] ** 2))


@pytest.mark.parametrize(("h", "order"), [(50, 200), (300, 256), (300, 1024)])
def test_tones_without_noise_are_continued(h: int, order: int) -> None:
    t = np.arange(4000)
    tones = sum(np.sin(w * t + w) for w in (0.1, 0.13, 0.31, 0.77))
    for x in (np.ones(4000), np.sin(0.3 * t), 0.5 + np.sin(0.3 * t), tones, (-1.0) ** t):
        assert relative_error(np.asarray(x), 2000, 2000 + h, order) < 1e-15


def test_a_decay_is_continued(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    t = np.arange(3000)
    x = np.exp(-t / 300) * (np.sin(0.2 * t) + 1e-5 * rng.standard_normal(t.size))
    assert slope(x, 1400, 300, 256) == pytest.approx(-1 / 300, rel=0.05)
    found = relative_error(x, 1400, 1700)
    assert found < 1e-8
    monkeypatch.setattr(blend, "STEEPEST", (0.0, 0.0))
    assert relative_error(x, 1400, 1700) > 20 * found


def test_where_sounds_change_each_side_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    t = np.arange(4000)
    fade = np.clip((t - 1900) / 100, 0, 1)
    signals = []
    for w, v in rng.uniform(0.05, 0.6, (24, 2)):
        change = (1 - fade) * np.sin(w * t) + fade * np.sin(v * t)
        signals.append(change + 1e-3 * rng.standard_normal(t.size))

    def error() -> float:
        return float(np.mean([relative_error(x, 1900, 2000) for x in signals]))

    blended = error()
    monkeypatch.setattr(
        blend,
        "cross_faded",
        lambda before, after, h, weight=1.0: [Term(m, weight / 2) for m in [*before, *after]],
    )
    assert blended < 0.95 * error()


def test_a_slope_of_exponentials_is_told_whatever_the_contexts() -> None:
    x = np.exp(-0.01 * np.arange(300))
    for start, context in ((100, 100), (30, 100), (100, 20)):
        assert slope(x, start, 100, context) == pytest.approx(-0.01, rel=0.05)
    assert slope(np.exp(-np.arange(300.0)), 100, 100, 100) == pytest.approx(-12 / 200)


def test_what_begins_is_taken_for_an_onset_and_not_for_growth() -> None:
    assert slope(np.exp(0.001 * np.arange(300)), 100, 100, 100) == pytest.approx(0.001, rel=0.05)
    assert slope(np.exp(np.arange(300.0)), 100, 100, 100) == pytest.approx(0.35 / 200)


# Models at lower rates, and how far the sides are apart


def plain_models(
    y: NDArray[Any], start: int, stop: int, order: int, edges: slice
) -> list[Prediction]:
    """Estimate models of 1/4, 1/2 and 1 of an order; edges tell which of four parts they see."""
    models = []
    for p, context in ((order // 4, order), (order // 2, 2 * order), (order, 4 * order)):
        ends = [max(0, start - context), start, stop, min(y.size, stop + context)][edges]
        models.append(predictor([y[ends[0] : ends[-1]]], min(p, (ends[-1] - ends[0] - 1) // 3)))
    return models


def dense(x: NDArray[Any], start: int, h: int, models: list[Prediction]) -> NDArray[Any]:
    """Fill a gap by the sum (1) of models that weigh the same everywhere."""
    weights = [np.full(h + m.order, 1 / m.error) for m in models]
    return reference.weighted_fill(x, start, h, [m.a for m in models], weights)


@pytest.mark.parametrize(("start", "h"), [(900, 120), (400, 60)])
def test_doubt_is_how_far_fills_from_either_side_are_apart(
    rng: np.random.Generator, start: int, h: int
) -> None:
    x, order = noise(1800, rng) * np.exp(-np.arange(1800) / 900), 64
    gap, known = slice(start, start + h), np.ones(1800, bool)
    known[gap] = False
    reach = 12 * order
    first = max(0, start - reach)
    level = np.exp(
        slope(x[first : start + h + reach], start - first, h, 4 * order)
        * (np.arange(1800) - start - h / 2)
    )
    y = x / level
    known[:first] = known[start + h + reach :] = False
    near = slice(first, start + h + reach)
    chirp = np.zeros(1800)
    chirp[near] = dither(near.stop - near.start, float(np.mean(y[known] ** 2)))[: chirp[near].size]
    # What is before and after without the gap, then the whole, are seen first.
    apart = []
    for p, context in ((order // 4, order), (order // 2, 2 * order), (order, 4 * order)):
        seen = y + chirp
        sides = [seen[max(0, start - context) : start], seen[start + h : start + h + context]]
        apart.append(predictor(sides, min(p, (max(s.size for s in sides) - 1) // 3)))
    y[gap] = dense(y, start, h, apart)
    y[gap] = dense(y, start, h, plain_models(y + chirp, start, start + h, order, slice(0, 4)))
    fills = [
        dense(y, start, h, plain_models(y + chirp, start, start + h, order, edges))
        for edges in (slice(0, 3), slice(1, 4))
    ]
    expected = np.sum((level[gap] * (fills[0] - fills[1])) ** 2)
    found = fill_gap(x, start, start + h, order=order).doubt
    assert found == pytest.approx(expected, rel=1e-5)


def test_doubt_goes_with_the_error_and_the_square_of_the_scale(rng: np.random.Generator) -> None:
    t = np.arange(3000)
    doubts, errors = [], []
    for power in (1e-4, 1e-2, 1.0):
        x = np.sin(0.1 * t) + power * noise(3000, rng)
        fill = fill_gap(x, 1400, 1600, order=128)
        doubts.append(fill.doubt)
        errors.append(float(np.sum((fill.samples - x[1400:1600]) ** 2)))
        loud = fill_gap(2.0**20 * x, 1400, 1600, order=128)
        assert loud.doubt == 2.0**40 * fill.doubt
    assert doubts == sorted(doubts)
    assert np.all(np.abs(np.log(np.array(doubts) / errors)) < np.log(20))


def test_models_at_lower_rates_help_where_resonances_are_deep(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    signals = []
    for _ in range(12):
        x = 0.1 * rng.standard_normal(8000)
        for w in rng.uniform(0.01, 0.1, 12):
            deep = lfilter([1], [1, -1.999 * np.cos(w), 0.999], rng.standard_normal(8000))
            x += deep / deep.std()
        signals.append(x)

    def errors() -> NDArray[Any]:
        return np.log([relative_error(x, 3900, 4010, order=128) for x in signals])

    found = errors()
    monkeypatch.setattr(blend, "_lower_terms", lambda y, g, h, order: [])
    assert np.mean(found - errors()) < np.log(0.8)


@pytest.mark.parametrize("factor", [1, 4, 8, 16])
def test_a_filter_at_a_lower_rate_is_that_of_the_equation(
    rng: np.random.Generator, factor: int
) -> None:
    pieces = [noise(n, rng) for n in (900, 400, 12 * factor + 2)]
    order, f = 10, lowpass(factor)
    lower = [
        np.array([f @ x[n : n + f.size] for n in range(0, x.size - f.size + 1, factor)])
        for x in pieces
    ]
    expected = predictor(lower, order)
    model = lower_predictor(pieces, order, factor)
    assert model.error == pytest.approx(expected.error, rel=1e-9)
    assert model.order == order * factor + f.size - 1
    # Lowpass, delay, predict: the sum over k of a[k] (f * x)(n - M k).
    x = noise(700, rng)
    low = np.convolve(x, f)
    dense = sum(
        np.concatenate([np.zeros(factor * k), a * low, np.zeros(factor * (order - k))])
        for k, a in enumerate(expected.a)
    )
    np.testing.assert_allclose(np.convolve(x, model.a), dense, rtol=0, atol=1e-12)


def test_a_low_pass_filter_passes_what_a_lower_rate_holds() -> None:
    for factor in (4, 8, 16):
        f = lowpass(factor)
        np.testing.assert_array_equal(f, f[::-1])
        n = np.arange(f.size)
        gain = np.abs(np.exp(-1j * np.pi * np.linspace(0, 1, 400)[:, None] * n) @ f)
        band = np.linspace(0, 1, 400) * factor
        assert np.abs(gain[band < 0.6] - 1).max() < 5e-3
        assert gain[band > 1.2].max() < 5e-3


@pytest.mark.parametrize("n", [194, 195, 210, 400])
def test_short_segments_give_short_models_at_lower_rates(n: int, rng: np.random.Generator) -> None:
    model = lower_predictor([noise(n, rng)], 50, 16)
    left = (n - 193) // 16 + 1
    assert model.order <= 16 * max(1, (left - 1) // 3) + 192
    assert np.isfinite(model.a).all()
    assert model.error > 0


@pytest.mark.parametrize(("h", "beside"), [(500, 200), (404, 404), (101, 404)])
def test_sides_hardly_longer_than_low_pass_filters_do_no_harm(
    rng: np.random.Generator, h: int, beside: int
) -> None:
    for _ in range(10):
        x = noise(h + 2 * beside, rng)
        fill = fill_gap(x, beside, beside + h, order=beside)
        assert np.isfinite(fill.samples).all()
        assert np.abs(fill.samples).max() < np.abs(x).max()
