"""One gap between models of both sides: what is used, known answers, the disagreement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from gap_signals import moving_resonance
from reference import gaps as reference
from spectramend.core.burg_recursion import ARModel, burg, dither
from spectramend.gaps.ar import two_sided
from spectramend.gaps.ar.two_sided import _level_slope, short_gap_estimate, two_sided_estimate
from spectramend.gaps.ar.weighted_least_squares import WeightedModel


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def relative_error(x: NDArray[Any], start: int, stop: int, order: int = 64) -> float:
    """Estimate a gap, and compare the energy of the error with that of the truth."""
    error = two_sided_estimate(x, start, stop, order=order).samples - x[start:stop]
    return float(np.sum(error**2) / np.sum(x[start:stop] ** 2))


# What is used


def test_values_in_the_gap_are_ignored(rng: np.random.Generator) -> None:
    x = moving_resonance(900, rng)
    spoiled = x.copy()
    spoiled[400:430] = np.nan
    found, other = (two_sided_estimate(y, 400, 430, order=24) for y in (x, spoiled))
    np.testing.assert_array_equal(found.samples, other.samples)
    assert found.disagreement == other.disagreement
    np.testing.assert_array_equal(
        short_gap_estimate(x, 400, 430, order=24), short_gap_estimate(spoiled, 400, 430, order=24)
    )


def test_no_more_than_the_context_is_used(rng: np.random.Generator) -> None:
    x = moving_resonance(1800, rng)
    for sizes in ([*two_sided.SIZES, *two_sided.DECIMATED_SIZES], two_sided.SHORT_SIZES):
        reach = max(size.context for size in sizes) * 64
        part = np.full(1800, np.nan)
        part[900 - reach : 930 + reach] = x[900 - reach : 930 + reach]
        if sizes == two_sided.SHORT_SIZES:
            found, again = (short_gap_estimate(y, 900, 930, order=64) for y in (x, part))
            np.testing.assert_array_equal(again, found)
        else:
            one, other = (two_sided_estimate(y, 900, 930, order=64) for y in (x, part))
            np.testing.assert_array_equal(other.samples, one.samples)
            assert other.disagreement == one.disagreement


# Known answers


@pytest.mark.parametrize(("h", "order"), [(50, 200), (300, 256), (300, 1024)])
def test_tones_without_noise_are_continued(h: int, order: int) -> None:
    t = np.arange(4000)
    tones = sum(np.sin(w * t + w) for w in (0.1, 0.13, 0.31, 0.77))
    for x in (np.ones(4000), np.sin(0.3 * t), 0.5 + np.sin(0.3 * t), tones, (-1.0) ** t):
        assert relative_error(np.asarray(x), 2000, 2000 + h, order) < 1e-15


def test_a_decay_is_continued(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    t = np.arange(3000)
    x = np.exp(-t / 300) * (np.sin(0.2 * t) + 1e-5 * rng.standard_normal(t.size))
    assert _level_slope(x, 1400, 300, 256) == pytest.approx(-1 / 300, rel=0.05)
    found = relative_error(x, 1400, 1700)
    assert found < 1e-8
    monkeypatch.setattr(two_sided, "MAX_DECAY", 0.0)
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

    cross_faded = error()
    monkeypatch.setattr(
        two_sided,
        "cross_fade",
        lambda before, after, h, weight=1.0: [
            WeightedModel(m, weight / 2) for m in [*before, *after]
        ],
    )
    assert cross_faded < 0.95 * error()


def test_the_slope_of_exponentials_is_measured_whatever_the_contexts() -> None:
    x = np.exp(-0.01 * np.arange(300))
    for start, context in ((100, 100), (30, 100), (100, 20)):
        assert _level_slope(x, start, 100, context) == pytest.approx(-0.01, rel=0.05)
    assert _level_slope(np.exp(-np.arange(300.0)), 100, 100, 100) == pytest.approx(-12 / 200)


def test_a_steep_rise_is_taken_for_an_onset() -> None:
    slow, steep = np.exp(0.001 * np.arange(300)), np.exp(np.arange(300.0))
    assert _level_slope(slow, 100, 100, 100) == pytest.approx(0.001, rel=0.05)
    assert _level_slope(steep, 100, 100, 100) == pytest.approx(0.35 / 200)


def test_models_at_lower_rates_help_where_resonances_are_narrow(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    signals = []
    for _ in range(12):
        x = 0.1 * rng.standard_normal(8000)
        for w in rng.uniform(0.01, 0.1, 12):
            narrow = lfilter([1], [1, -1.999 * np.cos(w), 0.999], rng.standard_normal(8000))
            x += narrow / narrow.std()
        signals.append(x)

    def errors() -> NDArray[Any]:
        return np.log([relative_error(x, 3900, 4010, order=128) for x in signals])

    found = errors()
    monkeypatch.setattr(two_sided, "_decimated_terms", lambda y, g, h, order: [])
    assert np.mean(found - errors()) < np.log(0.8)


@pytest.mark.parametrize(("h", "side"), [(500, 200), (404, 404), (101, 404)])
def test_sides_hardly_longer_than_low_pass_filters_do_no_harm(
    rng: np.random.Generator, h: int, side: int
) -> None:
    for _ in range(10):
        x = moving_resonance(h + 2 * side, rng)
        found = two_sided_estimate(x, side, side + h, order=side).samples
        assert np.isfinite(found).all()
        assert np.abs(found).max() < np.abs(x).max()


# The disagreement of the sides


def plain_models(y: NDArray[Any], start: int, stop: int, order: int, edges: slice) -> list[ARModel]:
    """Estimate models of 1/4, 1/2 and 1 of an order from the part between some of four edges."""
    models = []
    for p, context in ((order // 4, order), (order // 2, 2 * order), (order, 4 * order)):
        ends = [max(0, start - context), start, stop, min(y.size, stop + context)][edges]
        models.append(burg([y[ends[0] : ends[-1]]], min(p, (ends[-1] - ends[0] - 1) // 3)))
    return models


def dense(x: NDArray[Any], start: int, h: int, models: list[ARModel]) -> NDArray[Any]:
    """Minimise the sum (1)."""
    weights = [np.full(h + m.order, 1 / m.error) for m in models]
    return reference.weighted_least_squares(x, start, h, [m.a for m in models], weights)


@pytest.mark.parametrize(("start", "h"), [(900, 120), (400, 60)])
def test_the_disagreement_is_that_of_estimates_from_either_side(
    rng: np.random.Generator, start: int, h: int
) -> None:
    x, order = moving_resonance(1800, rng) * np.exp(-np.arange(1800) / 900), 64
    gap, known = slice(start, start + h), np.ones(1800, bool)
    known[gap] = False
    reach = 12 * order
    first = max(0, start - reach)
    level = np.exp(
        _level_slope(x[first : start + h + reach], start - first, h, 4 * order)
        * (np.arange(1800) - start - h / 2)
    )
    y = x / level
    known[:first] = known[start + h + reach :] = False
    near = slice(first, start + h + reach)
    chirp = np.zeros(1800)
    chirp[near] = dither(near.stop - near.start, float(np.mean(y[known] ** 2)))[: chirp[near].size]
    # Models see both sides without the gap first, then all.
    apart = []
    for p, context in ((order // 4, order), (order // 2, 2 * order), (order, 4 * order)):
        seen = y + chirp
        sides = [seen[max(0, start - context) : start], seen[start + h : start + h + context]]
        apart.append(burg(sides, min(p, (max(s.size for s in sides) - 1) // 3)))
    y[gap] = dense(y, start, h, apart)
    y[gap] = dense(y, start, h, plain_models(y + chirp, start, start + h, order, slice(0, 4)))
    estimates = [
        dense(y, start, h, plain_models(y + chirp, start, start + h, order, edges))
        for edges in (slice(0, 3), slice(1, 4))
    ]
    expected = np.sum((level[gap] * (estimates[0] - estimates[1])) ** 2)
    found = two_sided_estimate(x, start, start + h, order=order).disagreement
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_disagreement_grows_with_the_error_and_scales_as_an_energy(
    rng: np.random.Generator,
) -> None:
    t = np.arange(3000)
    disagreements, errors = [], []
    for power in (1e-4, 1e-2, 1.0):
        x = np.sin(0.1 * t) + power * moving_resonance(3000, rng)
        found = two_sided_estimate(x, 1400, 1600, order=128)
        disagreements.append(found.disagreement)
        errors.append(float(np.sum((found.samples - x[1400:1600]) ** 2)))
        loud = two_sided_estimate(2.0**20 * x, 1400, 1600, order=128)
        assert loud.disagreement == 2.0**40 * found.disagreement
    assert disagreements == sorted(disagreements)
    assert np.all(np.abs(np.log(np.array(disagreements) / errors)) < np.log(20))
