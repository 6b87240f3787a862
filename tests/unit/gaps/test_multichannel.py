"""Gaps in one of several channels: copies are restored, unrelated channels do no harm."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gap_signals import mask_of, snr_db
from reference import gaps as reference
from spectramend import Region, repair
from spectramend.errors import ParameterError
from spectramend.gaps import (
    fill_gaps,
    interpolate_from_channels,
    multichannel,
    multichannel_context,
)

SR = 16000
N = SR


def noise(seed: int, n: int = N) -> NDArray[Any]:
    """Noise that sounds like something: not white, and not stationary."""
    e = np.random.default_rng(seed).standard_normal(n)
    x = np.convolve(e, 0.9 ** np.arange(40) * np.cos(0.7 * np.arange(40)))[:n]
    return np.asarray(0.1 * x * (1.5 + np.sin(2e-4 * np.arange(n) * (seed + 1))))


def tones(seed: int, n: int = N) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    t = np.arange(n) / SR
    sines = [np.sin(2 * np.pi * f * t + f) for f in rng.uniform(100, 3000, 12)]
    return np.asarray(0.05 * np.sum(sines, axis=0) + 1e-3 * rng.standard_normal(n))


def delayed(x: NDArray[Any], by: int) -> NDArray[Any]:
    return np.roll(x, by)


# What helps


@pytest.mark.parametrize("span", [(8000, 8009), (8000, 8300), (8000, 9280), (0, 300), (N - 300, N)])
@pytest.mark.parametrize(("gain", "by"), [(1.0, 0), (-0.3, 7), (1e-6, -7), (1e6, 0)])
def test_copies_are_restored(span: tuple[int, int], gain: float, by: int) -> None:
    x, missing = noise(0), mask_of(N, span)
    given = np.where(missing, np.nan, x)
    other = gain * delayed(x, by)
    y, helped = interpolate_from_channels(given, missing, [other])
    assert helped
    wraps = by and (span[0] < 16 or span[1] > N - 16)  # there the copy is not one
    assert snr_db(x[missing], y[missing]) > (15 if wraps else 100)
    np.testing.assert_array_equal(y[~missing], x[~missing])


@pytest.mark.parametrize("source", [noise, tones])
@pytest.mark.parametrize("h", [9, 300, pytest.param(1280, marks=pytest.mark.slow)])
def test_a_mix_is_predicted_from_another_mix_of_the_same_sources(source: Any, h: int) -> None:
    a, b = source(1), noise(2)
    x = 0.2 * a + delayed(b, 5) + 0.01 * noise(3)
    other = b + 0.05 * delayed(a, 3)
    missing = mask_of(N, *((start, start + h) for start in (4000, 8000, 12000)))
    y, helped = interpolate_from_channels(x, missing, [other])
    assert helped
    assert snr_db(x[missing], y[missing]) > snr_db(x[missing], fill_gaps(x, missing)[missing]) + 5


def test_two_channels_help_more_than_one() -> None:
    a, b, missing = noise(1), noise(2), mask_of(N, (8000, 8400))
    x = a + b
    both, _ = interpolate_from_channels(x, missing, [a, b])
    one, _ = interpolate_from_channels(x, missing, [a])
    assert snr_db(x[missing], both[missing]) > 80 > snr_db(x[missing], one[missing]) + 40


def test_several_gaps_at_once() -> None:
    x, missing = noise(1), mask_of(N, *((t, t + 40) for t in range(4000, 12000, 500)))
    y, helped = interpolate_from_channels(x, missing, [-x + 1e-4 * noise(2)])
    assert helped
    assert snr_db(x[missing], y[missing]) > 50


# What does not


@pytest.mark.parametrize("source", [noise, tones])
@pytest.mark.parametrize("h", [9, 300, pytest.param(1280, marks=pytest.mark.slow)])
def test_unrelated_channels_do_no_harm(source: Any, h: int) -> None:
    x, missing = source(0), mask_of(N, (6000, 6000 + h))
    alone = fill_gaps(x, missing)
    for other in (noise(10), tones(10)):
        y, helped = interpolate_from_channels(x, missing, [other])
        if not helped:
            np.testing.assert_array_equal(y, alone)
        assert snr_db(x[missing], y[missing]) > snr_db(x[missing], alone[missing]) - 0.5


@pytest.mark.parametrize(
    "other",
    [np.zeros(N), np.ones(N), np.where(mask_of(N, (8000, 8400)), 1.0, 0.0), np.eye(1, N, 100)[0]],
)
def test_channels_without_sound_around_the_gap_are_not_used(other: NDArray[Any]) -> None:
    x, missing = noise(0), mask_of(N, (8000, 8400))
    y, helped = interpolate_from_channels(x, missing, [other])
    assert not helped
    np.testing.assert_array_equal(y, fill_gaps(x, missing))


def test_a_burst_in_the_other_channel_is_bounded() -> None:
    x, missing = noise(0), mask_of(N, (8000, 8400))
    other = x.copy()
    other[8100:8200] *= 1e4
    y, helped = interpolate_from_channels(x, missing, [other])
    assert not helped
    np.testing.assert_array_equal(y, fill_gaps(x, missing))


@pytest.mark.parametrize("context", [1, 20, 60, 300])
def test_little_context(context: int) -> None:
    x = noise(0)[8000 - context : 8100 + context]
    missing = mask_of(x.size, (context, context + 100))
    y, _ = interpolate_from_channels(x, missing, [noise(1)[: x.size]])
    assert np.isfinite(y).all()


def test_silence_around_the_gap_stays() -> None:
    missing = mask_of(N, (8000, 8400))
    y, helped = interpolate_from_channels(np.zeros(N), missing, [noise(0)])
    assert not helped
    assert not y.any()
    y, helped = interpolate_from_channels(noise(0), mask_of(N), [noise(0)])
    assert not helped
    np.testing.assert_array_equal(y, noise(0))


def test_shapes_that_do_not_fit_are_refused() -> None:
    for others in (np.zeros(N), np.zeros((1, N - 1))):
        with pytest.raises(ParameterError, match=r"others has shape .*: give channels"):
            interpolate_from_channels(noise(0), mask_of(N, (1, 2)), others)


# How


@pytest.mark.parametrize("a", [np.ones(1), np.array([1.0, -0.8, 0.2])])
def test_filters_are_those_of_dense_least_squares(a: NDArray[Any]) -> None:
    n, taps = 300, 4
    u = np.stack([noise(1, n), noise(2, n)])
    x = noise(3, n) + delayed(u[0], 2)
    missing, validation_gaps = mask_of(n, (140, 150)), [(40, 60), (200, 220)]
    regression = multichannel._ChannelRegression(
        np.where(missing, 0, x), missing, [(0, 140), (150, n)], u, taps, 8, validation_gaps
    )
    known = ~missing
    known[:taps] = known[n - taps :] = known[150 : 150 + a.size - 1] = False
    found = regression._least_squares(a)
    assert found is not None
    expected = reference.channel_filters(x, known, u, taps, a)
    np.testing.assert_allclose(found.whole, expected, atol=1e-7)
    for without, (start, stop) in zip(found.without, validation_gaps, strict=True):
        rest = known & ~mask_of(n, (start, stop))
        expected = reference.channel_filters(x, rest, u, taps, a)
        np.testing.assert_allclose(without, expected, atol=1e-7)
    by_force = np.zeros(n)
    for channel, h in zip(u, found.whole, strict=True):
        by_force += np.convolve(channel, h)[taps : taps + n]
    for part in (slice(0, n), slice(0, 7), slice(50, 60), slice(n - 3, n)):
        np.testing.assert_allclose(
            regression.predict(found.whole, part.start, part.stop), by_force[part], atol=1e-12
        )


def test_validation_gaps_have_room_and_do_not_overlap() -> None:
    for h, order in ((9, 32), (400, 300), (5000, 1000)):
        runs = [(0, 6000), (6400, 9000), (9010, 9020)]
        found = multichannel._validation_gaps(runs, h, order)
        assert len(found) == (32 if h == 9 else 4)
        for start, stop in found:
            assert 0 < stop - start <= h
            assert any(a + order <= start and stop + order <= b for a, b in runs)
        half = len(found) // 2
        for one, following in (*pairwise(found[:half]), *pairwise(found[half:])):
            assert one[1] < following[0]


# In recordings


@pytest.mark.parametrize("span", [(0, 400), (8000, 8400), (N - 400, N)])
def test_repair_uses_intact_channels(span: tuple[int, int]) -> None:
    x = np.stack([noise(0), -0.5 * noise(0)])
    region = Region(span[0] / SR, span[1] / SR, channel=2)
    fixed = repair(x, SR, region, damage="missing")
    assert fixed.jobs[0].method == "autoregression and other channels"
    assert snr_db(x[1, slice(*span)], fixed.samples[1, slice(*span)]) > 80
    np.testing.assert_array_equal(fixed.samples[0], x[0])


def test_channels_damaged_near_the_gap_are_not_used() -> None:
    x = np.stack([noise(0), noise(0), noise(0)])
    regions = [Region(0.5, 0.51, channel=1), Region(0.505, 0.53, channel=2)]
    other = x.copy()
    other[2] = noise(5)
    fixed = repair(other, SR, regions, damage="missing")
    assert [job.method for job in fixed.jobs] == ["autoregression"] * 2
    for job in fixed.jobs:
        region = Region(job.start / SR, job.stop / SR)
        alone = repair(x[0], SR, region, damage="missing")
        span = slice(job.start, job.stop)
        np.testing.assert_array_equal(fixed.samples[job.channel, span], alone.samples[span])
    fixed = repair(x, SR, regions, damage="missing")
    assert [job.method for job in fixed.jobs] == ["autoregression and other channels"] * 2


def test_any_damage_near_the_gap_counts_but_not_far_from_it() -> None:
    x = np.stack([noise(0), noise(0)])
    gap = Region(0.5, 0.505, channel=1)
    reach = multichannel_context(80) / SR
    near, far = (Region(0.505 + d, 0.6 + d, channel=2) for d in (reach - 0.01, reach + 0.01))
    event = Region(0.502, 0.52, 1000, 3000, channel=2)
    for region, helped in ((near, False), (far, True), (event, False)):
        jobs = repair(x, SR, [gap, region], damage="missing", rng=0).jobs
        assert jobs[0].channel == 0
        assert (jobs[0].method != "autoregression") == helped
    x[1, 8100] = np.nan
    (job,) = repair(x, SR, gap, damage="missing").jobs
    assert job.method == "autoregression"


def test_inputs_are_not_changed() -> None:
    x, missing, others = noise(0), mask_of(N, (8000, 8400)), np.stack([noise(0), noise(1)])
    copies = x.copy(), missing.copy(), others.copy()
    interpolate_from_channels(x, missing, others)
    for before, after in zip(copies, (x, missing, others), strict=True):
        np.testing.assert_array_equal(before, after)
