"""Gaps that other channels help to fill: copies come back, strangers do no harm."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference import gaps as reference
from spectramend import Region, repair
from spectramend.errors import ParameterError
from spectramend.gaps import context_beside, fill_beside, fill_gaps
from spectramend.gaps import multichannel as channels

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


def lost(*spans: tuple[int, int], n: int = N) -> NDArray[np.bool_]:
    missing = np.zeros(n, bool)
    for start, stop in spans:
        missing[start:stop] = True
    return missing


def delayed(x: NDArray[Any], by: int) -> NDArray[Any]:
    return np.roll(x, by)


def snr_db(x: NDArray[Any], y: NDArray[Any], missing: NDArray[np.bool_]) -> float:
    return float(10 * np.log10(np.sum(x[missing] ** 2) / np.sum((x - y)[missing] ** 2)))


# What helps


@pytest.mark.parametrize("span", [(8000, 8009), (8000, 8300), (8000, 9280), (0, 300), (N - 300, N)])
@pytest.mark.parametrize(("gain", "by"), [(1.0, 0), (-0.3, 7), (1e-6, -7), (1e6, 0)])
def test_copies_come_back(span: tuple[int, int], gain: float, by: int) -> None:
    x, missing = noise(0), lost(span)
    given = np.where(missing, np.nan, x)
    other = gain * delayed(x, by)
    y, helped = fill_beside(given, missing, [other])
    assert helped
    wraps = by and (span[0] < 16 or span[1] > N - 16)  # there the copy is not one
    assert snr_db(x, y, missing) > (15 if wraps else 100)
    np.testing.assert_array_equal(y[~missing], x[~missing])


@pytest.mark.parametrize("source", [noise, tones])
@pytest.mark.parametrize("h", [9, 300, 1280])
def test_what_two_recordings_are_mixed_of_is_told_apart(source: Any, h: int) -> None:
    a, b = source(1), noise(2)
    x = 0.2 * a + delayed(b, 5) + 0.01 * noise(3)
    other = b + 0.05 * delayed(a, 3)
    missing = lost(*((start, start + h) for start in (4000, 8000, 12000)))
    y, helped = fill_beside(x, missing, [other])
    assert helped
    assert snr_db(x, y, missing) > snr_db(x, fill_gaps(x, missing), missing) + 5


def test_two_channels_help_more_than_one() -> None:
    a, b, missing = noise(1), noise(2), lost((8000, 8400))
    x = a + b
    both, _ = fill_beside(x, missing, [a, b])
    one, _ = fill_beside(x, missing, [a])
    assert snr_db(x, both, missing) > 80 > snr_db(x, one, missing) + 40


def test_several_gaps_at_once() -> None:
    x, missing = noise(1), lost(*((t, t + 40) for t in range(4000, 12000, 500)))
    y, helped = fill_beside(x, missing, [-x + 1e-4 * noise(2)])
    assert helped
    assert snr_db(x, y, missing) > 50


# What does not


@pytest.mark.parametrize("source", [noise, tones])
@pytest.mark.parametrize("h", [9, 300, 1280])
def test_strangers_do_no_harm(source: Any, h: int) -> None:
    for seed in range(2):
        x, missing = source(seed), lost((6000 + 700 * seed, 6000 + 700 * seed + h))
        alone = fill_gaps(x, missing)
        for other in (noise(seed + 10), tones(seed + 10)):
            y, helped = fill_beside(x, missing, [other])
            if not helped:
                np.testing.assert_array_equal(y, alone)
            assert snr_db(x, y, missing) > snr_db(x, alone, missing) - 0.5


@pytest.mark.parametrize(
    "other",
    [np.zeros(N), np.ones(N), np.where(lost((8000, 8400)), 1.0, 0.0), np.eye(1, N, 100)[0]],
)
def test_silence_and_what_is_heard_in_the_gap_alone_change_nothing(other: NDArray[Any]) -> None:
    x, missing = noise(0), lost((8000, 8400))
    y, helped = fill_beside(x, missing, [other])
    assert not helped
    np.testing.assert_array_equal(y, fill_gaps(x, missing))


def test_a_burst_in_the_other_channel_is_bounded() -> None:
    x, missing = noise(0), lost((8000, 8400))
    other = x.copy()
    other[8100:8200] *= 1e4
    y, helped = fill_beside(x, missing, [other])
    assert not helped
    np.testing.assert_array_equal(y, fill_gaps(x, missing))


@pytest.mark.parametrize("context", [1, 20, 60, 300])
def test_little_context(context: int) -> None:
    x = noise(0)[8000 - context : 8100 + context]
    missing = lost((context, context + 100), n=x.size)
    y, _ = fill_beside(x, missing, [noise(1)[: x.size]])
    assert np.isfinite(y).all()


def test_silence_around_the_gap_stays() -> None:
    missing = lost((8000, 8400))
    y, helped = fill_beside(np.zeros(N), missing, [noise(0)])
    assert not helped
    assert not y.any()
    y, helped = fill_beside(noise(0), lost(), [noise(0)])
    assert not helped
    np.testing.assert_array_equal(y, noise(0))


def test_shapes_that_do_not_fit_are_refused() -> None:
    for others in (np.zeros(N), np.zeros((1, N - 1))):
        with pytest.raises(ParameterError, match=r"others has shape .*: give channels"):
            fill_beside(noise(0), lost((1, 2)), others)


# How


@pytest.mark.parametrize("a", [np.ones(1), np.array([1.0, -0.8, 0.2])])
def test_filters_are_those_of_dense_least_squares(a: NDArray[Any]) -> None:
    n, taps = 300, 4
    u = np.stack([noise(1, n), noise(2, n)])
    x = noise(3, n) + delayed(u[0], 2)
    missing, pretended = lost((140, 150), n=n), [(40, 60), (200, 220)]
    trial = channels._Trial(
        np.where(missing, 0, x), missing, [(0, 140), (150, n)], u, taps, 8, pretended
    )
    known = ~missing
    known[:taps] = known[n - taps :] = known[150 : 150 + a.size - 1] = False
    found = trial._least_squares(a)
    assert found is not None
    expected = reference.channel_filters(x, known, u, taps, a)
    np.testing.assert_allclose(found.whole, expected, atol=1e-7)
    for without, (start, stop) in zip(found.without, pretended, strict=True):
        rest = known & ~lost((start, stop), n=n)
        expected = reference.channel_filters(x, rest, u, taps, a)
        np.testing.assert_allclose(without, expected, atol=1e-7)
    by_force = np.zeros(n)
    for channel, h in zip(u, found.whole, strict=True):
        by_force += np.convolve(channel, h)[taps : taps + n]
    for part in (slice(0, n), slice(0, 7), slice(50, 60), slice(n - 3, n)):
        np.testing.assert_allclose(
            trial.predicted(found.whole, part.start, part.stop), by_force[part], atol=1e-12
        )


def test_pretended_gaps_have_room_and_keep_apart() -> None:
    for h, order in ((9, 32), (400, 300), (5000, 1000)):
        runs = [(0, 6000), (6400, 9000), (9010, 9020)]
        found = channels._pretended(runs, h, order)
        assert len(found) == (32 if h == 9 else 4)
        for start, stop in found:
            assert 0 < stop - start <= h
            assert any(a + order <= start and stop + order <= b for a, b in runs)
        half = len(found) // 2
        for one, following in (*pairwise(found[:half]), *pairwise(found[half:])):
            assert one[1] < following[0]


# In recordings


@pytest.mark.parametrize("span", [(0, 400), (8000, 8400), (N - 400, N)])
def test_repair_asks_the_channels_that_are_intact(span: tuple[int, int]) -> None:
    x = np.stack([noise(0), -0.5 * noise(0)])
    region = Region(span[0] / SR, span[1] / SR, channel=2)
    fixed = repair(x, SR, region, damage="missing")
    assert fixed.jobs[0].method == "autoregression and other channels"
    assert snr_db(x[1], fixed.samples[1], lost(span)) > 80
    np.testing.assert_array_equal(fixed.samples[0], x[0])


def test_what_is_damaged_near_each_other_helps_nothing() -> None:
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


def test_other_damage_in_the_other_channel_counts_and_far_one_does_not() -> None:
    x = np.stack([noise(0), noise(0)])
    gap = Region(0.5, 0.505, channel=1)
    reach = context_beside(80) / SR
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
    x, missing, others = noise(0), lost((8000, 8400)), np.stack([noise(0), noise(1)])
    copies = x.copy(), missing.copy(), others.copy()
    fill_beside(x, missing, others)
    for before, after in zip(copies, (x, missing, others), strict=True):
        np.testing.assert_array_equal(before, after)
