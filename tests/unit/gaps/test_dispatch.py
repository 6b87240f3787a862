"""Which method is chosen for which gap, what holds for all of them, and bad cases."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gap_signals import autoregressive, mask_of, snr_db
from spectramend.errors import ParameterError
from spectramend.gaps import (
    EM_ALGORITHMS,
    METHODS,
    EMAlgorithm,
    Method,
    SearchBuffer,
    context_length,
    dispatch,
    fill_and_assess,
    fill_gaps,
    interpolate_by_em,
    janssen,
    model_order,
)
from spectramend.gaps.ar import two_sided
from spectramend.gaps.ar.two_sided import short_gap_estimate, two_sided_estimate
from spectramend.gaps.model_averaging import average_estimates

SR = 16000
N = SR


def sound(rng: np.random.Generator) -> NDArray[Any]:
    """Harmonics of a gliding pitch, in a little noise."""
    t = np.arange(N) / SR
    phase = 2 * np.pi * (200 * t + 10 * t**2)
    x = sum(np.sin(k * phase + k) / k for k in range(1, 9))
    return np.asarray(0.1 * x + 1e-4 * rng.standard_normal(N))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def x(rng: np.random.Generator) -> NDArray[Any]:
    return sound(rng)


# Which method


@pytest.mark.parametrize(("h", "order"), [(1, 384), (20, 384), (100, 400)])
@pytest.mark.parametrize("method", ["auto", "hybrid", "ar"])
def test_both_sides_of_a_short_gap_share_their_models(
    x: NDArray[Any], h: int, order: int, method: Method
) -> None:
    found = fill_gaps(x, mask_of(N, (8000, 8000 + h)), method=method)
    expected = short_gap_estimate(x, 8000, 8000 + h, order=order)
    np.testing.assert_array_equal(found[8000 : 8000 + h], expected)


def test_gaps_that_are_not_wanted_change_nothing_in_those_that_are(x: NDArray[Any]) -> None:
    lost = mask_of(N, (6000, 6320), (8000, 8320), (10000, 10320))
    every = fill_gaps(x, lost, method="ar")
    first = fill_gaps(x, lost, method="ar", wanted=(6000, 6320))
    np.testing.assert_array_equal(first[:8000], every[:8000])
    assert np.any(first[8000:8320] != every[8000:8320])
    np.testing.assert_array_equal(first[~lost], x[~lost])


@pytest.mark.parametrize(("h", "order"), [(101, 404), (400, 1024), (1024, 1024), (1100, 1024)])
def test_an_isolated_gap_is_estimated_from_both_sides(x: NDArray[Any], h: int, order: int) -> None:
    missing, gap = mask_of(N, (8000, 8000 + h)), slice(8000, 8000 + h)
    estimate = two_sided_estimate(x, 8000, 8000 + h, order=order)
    np.testing.assert_array_equal(fill_gaps(x, missing, method="ar")[gap], estimate.samples)
    search = SearchBuffer(np.where(missing, np.nan, x), 0)
    averaged = average_estimates(x, 8000, estimate, order=order, search=search)
    np.testing.assert_array_equal(fill_gaps(x, missing, method="hybrid")[gap], averaged)
    assert np.array_equal(averaged, estimate.samples) == (h < 1000)  # where the sides agree
    auto = averaged if h > dispatch.HYBRID_ORDERS * order else estimate.samples
    np.testing.assert_array_equal(fill_gaps(x, missing, method="auto")[gap], auto)


@pytest.mark.parametrize("spans", [[(8000, 8020)], [(8000, 8110)], [(8000, 8020), (8040, 8060)]])
@pytest.mark.parametrize("method", ["auto", "ar", "hybrid"])
def test_models_see_no_more_than_is_promised(
    x: NDArray[Any], spans: list[tuple[int, int]], method: Method
) -> None:
    missing = mask_of(N, *spans)
    reach = context_length(spans[0][1] - spans[0][0])
    part = slice(max(0, spans[0][0] - reach), spans[-1][1] + reach)
    assert part.start > 2000
    noisy = x + 0.1 * np.random.default_rng(1).standard_normal(N)  # the sides disagree
    for y in (x, noisy):
        search = SearchBuffer(np.where(missing, np.nan, y), part.start)
        np.testing.assert_array_equal(
            fill_gaps(y[part], missing[part], method=method, search=search)[missing[part]],
            fill_gaps(y, missing, method=method)[missing],
        )


def test_the_context_is_as_long_as_what_models_see() -> None:
    sizes = (*two_sided.SIZES, *two_sided.DECIMATED_SIZES)
    for h in (1, 30, 96, 97, 100, 101, 256, 5000):
        order = model_order(h)
        if h > dispatch.SHORT_GAP:
            assert context_length(h) >= max(size.context for size in sizes) * order
        least = max(order if h <= dispatch.SHORT_GAP else 0, dispatch.SHORT_ORDER)
        assert context_length(h) >= max(size.context for size in two_sided.SHORT_SIZES) * least


def test_janssens_method_can_be_chosen(x: NDArray[Any]) -> None:
    for spans in ([(8000, 8100)], [(8000, 8100), (8500, 8505), (15900, N)]):
        missing = mask_of(N, *spans)
        np.testing.assert_array_equal(
            fill_gaps(x, missing, order=64, method="janssen"),
            janssen(x, missing, order=64, n_iter=10),
        )


@pytest.mark.parametrize("method", EM_ALGORITHMS)
def test_em_algorithms_can_be_chosen(x: NDArray[Any], method: EMAlgorithm) -> None:
    missing = mask_of(10000, (5000, 5200))
    expected = interpolate_by_em(x[:10000], missing, algorithm=method, rng=7).samples
    found = fill_gaps(x[:10000], missing, method=method, rng=np.random.default_rng(7))
    np.testing.assert_array_equal(found, expected)


# What holds for every method


@pytest.mark.parametrize(
    "method",
    [*METHODS[:4], *(pytest.param(name, marks=pytest.mark.slow) for name in EM_ALGORITHMS)],
)
def test_every_method_fills_gaps_and_nothing_else(x: NDArray[Any], method: Method) -> None:
    part, missing = x[:9000].copy(), mask_of(9000, (3000, 3300), (6000, 6020))
    spoiled = np.where(missing, np.nan, part)
    spoiled.setflags(write=False)
    missing.setflags(write=False)
    y = fill_gaps(spoiled, missing, method=method, rng=3)
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(y[~missing], part[~missing])
    assert snr_db(part[missing], y[missing]) > 8
    loudest = np.abs(part[~missing]).max()
    assert np.sqrt(np.mean(y[missing] ** 2)) <= loudest
    # Missing samples are ignored, the scale does not matter, and all that is random is seeded.
    hidden = np.where(missing, -7.0 * loudest, part)
    np.testing.assert_array_equal(fill_gaps(hidden, missing, method=method, rng=3), y)
    other = fill_gaps(spoiled, missing, method=method, rng=4)
    assert np.array_equal(other, y) == (method not in EM_ALGORITHMS)
    scaled = fill_gaps(2.0**-60 * spoiled, missing, method=method, rng=3)
    np.testing.assert_array_equal(scaled, 2.0**-60 * y)


@pytest.mark.parametrize("method", METHODS)
def test_silence_stays_silent_by_every_method(method: Method) -> None:
    missing = mask_of(8000, (4000, 4200))
    assert not fill_gaps(np.where(missing, np.nan, 0.0), missing, method=method).any()


@pytest.mark.parametrize("method", ["magic", "", "AR", None])
def test_other_methods_are_refused(method: Any) -> None:
    with pytest.raises(ParameterError) as refused:
        fill_gaps(np.ones(100), mask_of(100, (40, 50)), method=method)
    names = ", ".join(METHODS)
    assert str(refused.value) == f"method={method!r}: give one of {names}."


@pytest.mark.parametrize("method", METHODS[:4])
def test_noiseless_signals_do_no_harm(method: Method) -> None:
    t = np.arange(3000.0)
    missing = mask_of(3000, (1000, 1200), (1300, 1302))
    for y in (np.ones(3000), np.sin(0.3 * t), t, np.where(t == 5, 1.0, 0.0), (-1) ** t):
        found = fill_gaps(y, missing, method=method)
        assert np.abs(found).max() <= 1.1 * np.abs(y).max()


# How well


def test_tones_are_continued_through_20_ms(rng: np.random.Generator) -> None:
    t = np.arange(N // 2) / SR
    tones = sum(np.sin(2 * np.pi * f * t + f) for f in (220.0, 333.0, 471.0, 1210.0))
    y, missing = tones + 1e-3 * rng.standard_normal(t.size), mask_of(N // 2, (4000, 4320))
    assert snr_db(y[missing], fill_gaps(y, missing)[missing]) > 30


@pytest.mark.slow
def test_noise_is_filled_better_than_by_zeros(rng: np.random.Generator) -> None:
    y = autoregressive(8000, rng)
    missing = mask_of(8000, *((t, t + 10) for t in range(500, 7500, 100)))
    assert snr_db(y[missing], fill_gaps(y, missing)[missing]) > 3


def test_a_gap_of_a_second_stays_bounded(x: NDArray[Any]) -> None:
    y = np.concatenate([x, x])[: N + 6000]
    missing = mask_of(N + 6000, (3000, N + 3000))
    found = fill_gaps(y, missing, order=512)
    assert np.abs(found).max() <= 2 * np.abs(y).max()
    np.testing.assert_array_equal(found[~missing], y[~missing])


# Gaps near each other


def test_gaps_near_each_other_share_a_model(x: NDArray[Any]) -> None:
    missing = mask_of(N, (8000, 8020), (8040, 8060))
    part = slice(8000 - 4 * 80, 8060 + 4 * 80)
    expected = janssen(x[part], missing[part], order=80, from_known=True)
    np.testing.assert_array_equal(fill_gaps(x, missing)[part], expected)


def test_a_click_beside_a_gap_does_not_spoil_it(x: NDArray[Any]) -> None:
    alone = mask_of(N, (8000, 8200))
    both = alone | mask_of(N, (8230, 8233))
    found = snr_db(x[alone], fill_gaps(x, both)[alone])
    assert found > snr_db(x[alone], fill_gaps(x, alone)[alone]) - 6
    assert found > snr_db(x[alone], janssen(np.where(both, 0, x), both, order=800)[alone])


@pytest.mark.parametrize("h", [8, 40, 200, 640])
def test_gaps_are_filled_better_than_by_one_model(x: NDArray[Any], h: int) -> None:
    missing = mask_of(N, *((t, t + h) for t in range(3000, 13000, 3000)))
    one = janssen(x, missing, order=model_order(h))
    assert snr_db(x[missing], fill_gaps(x, missing)[missing]) > snr_db(x[missing], one[missing])


def test_clicks_take_milliseconds(x: NDArray[Any]) -> None:
    missing = mask_of(N, (8000, 8030))
    started = time.process_time()
    for _ in range(10):
        fill_gaps(x[7000:9000], missing[7000:9000])
    assert time.process_time() - started < 0.5


# Bad cases


def test_no_gap_gives_the_signal() -> None:
    y = np.arange(50.0)
    np.testing.assert_array_equal(fill_gaps(y, np.zeros(50, bool)), y)


def test_a_few_samples_are_enough() -> None:
    for n in (2, 3, 5):
        assert np.isfinite(fill_gaps(np.ones(n), mask_of(n, (1, 2)))).all()


@pytest.mark.parametrize("span", [(0, 300), (N - 300, N), (5, 300), (N - 300, N - 2)])
def test_a_gap_at_an_end_is_bounded(x: NDArray[Any], span: tuple[int, int]) -> None:
    missing = mask_of(N, span)
    y = fill_gaps(np.where(missing, np.nan, x), missing)
    assert np.abs(y[missing]).max() < 3 * np.abs(x).max()
    np.testing.assert_array_equal(y[~missing], x[~missing])
    assert snr_db(x[missing], y[missing]) > -6


@pytest.mark.parametrize(
    ("h", "side"), [(5, 60), (5, 300), (30, 130), (30, 400), (100, 450), (300, 1030), (300, 2200)]
)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_samples_beyond_the_ends_are_unknown_not_silent(
    rng: np.random.Generator, h: int, side: int, at_the_end: bool
) -> None:
    t = np.arange(8000)
    tones = [np.sin(w * t + 9 * w) for w in (0.05, 0.11, 0.23, 0.41)]
    y = np.sum(tones, axis=0) + 1e-3 * rng.standard_normal(t.size)
    start = t.size - h - side if at_the_end else side
    missing = mask_of(t.size, (start, start + h))
    assert snr_db(y[missing], fill_gaps(y, missing)[missing]) > 35
    assert snr_db(tones[1][missing], fill_gaps(tones[1], missing)[missing]) > 150


def test_a_gap_with_a_side_shorter_than_the_order_is_not_isolated(x: NDArray[Any]) -> None:
    missing = mask_of(3000, (300, 400))
    part = slice(400 + 1600)
    expected = janssen(x[part], missing[part], order=400, from_known=True)
    np.testing.assert_array_equal(fill_gaps(x[:3000], missing)[300:400], expected[300:400])


@pytest.mark.parametrize("silent", [slice(0, 8000), slice(8200, N), slice(7000, 9000)])
def test_digital_silence_around_a_gap(x: NDArray[Any], silent: slice) -> None:
    quiet = x.copy()
    quiet[silent] = 0
    missing = mask_of(N, (8000, 8200))
    y = fill_gaps(quiet, missing)
    assert np.isfinite(y).all()
    assert np.abs(y[missing]).max() <= np.abs(x).max()


@pytest.mark.parametrize("context", [1, 10, 100, 500])
def test_a_gap_longer_than_its_context(x: NDArray[Any], context: int) -> None:
    part = x[8000 - context : 8800 + context]
    missing = mask_of(part.size, (context, context + 800))
    y = fill_gaps(part, missing)
    assert np.isfinite(y).all()
    assert np.abs(y).max() <= 2 * np.abs(part[~missing]).max()


def test_offsets_tones_and_clipped_neighbours(x: NDArray[Any]) -> None:
    missing = mask_of(N, (8000, 8400))
    tone = np.sin(0.05 * np.arange(N))
    for y in (x + 5, tone, tone + 5, np.full(N, 5.0)):
        assert snr_db(y[missing], fill_gaps(y, missing)[missing]) > 25
    clipped = np.clip(x, -0.1, 0.1)
    assert snr_db(clipped[missing], fill_gaps(clipped, missing)[missing]) > 3


def test_an_impulse_or_a_step_beside_a_gap_is_not_made_larger(rng: np.random.Generator) -> None:
    missing = mask_of(N, (8000, 8400))
    for at in (7999, 8400, 7000, 8900):
        x = 1e-3 * rng.standard_normal(N)
        x[at] = 1
        assert np.abs(fill_gaps(x, missing)[missing]).max() <= 1
    step = np.where(np.arange(N) < 8200, 0.0, 1.0)
    assert np.abs(fill_gaps(step, missing)).max() <= 2
    loud = x.copy()
    loud[8400:] *= 1e6
    assert np.abs(fill_gaps(loud, missing)[missing]).max() <= np.abs(loud).max()


@pytest.mark.parametrize("worst", [np.nan, np.inf, 1e9])
def test_the_level_of_any_estimate_is_limited(
    x: NDArray[Any], monkeypatch: pytest.MonkeyPatch, worst: float
) -> None:
    missing = mask_of(N, (8000, 8400))

    def estimated(samples: NDArray[Any]) -> NDArray[Any]:
        estimate = two_sided.TwoSidedEstimate(samples, 0.0)
        monkeypatch.setattr(dispatch, "two_sided_estimate", lambda x, start, stop, order: estimate)
        return fill_gaps(x, missing)

    y = estimated(np.full(400, worst))
    assert np.isfinite(y).all()
    loudest = np.abs(x[~missing]).max()
    assert np.sqrt(np.mean(y[missing] ** 2)) <= loudest * (1 + 1e-12)
    y = estimated(np.where(np.arange(400) == 100, worst, 0.0))
    assert np.abs(y[missing]).max() <= 2 * loudest * (1 + 1e-12)
    if np.isfinite(worst):
        assert np.abs(y[missing]).max() == pytest.approx(2 * loudest)


def test_a_hundred_gaps_a_second(x: NDArray[Any]) -> None:
    missing = mask_of(N, *((t, t + 32) for t in range(1000, 15000, 160)))
    started = time.process_time()
    y = fill_gaps(x, missing)
    assert time.process_time() - started < 5
    assert snr_db(x[missing], y[missing]) > 10


def test_the_snr_of_a_gap_is_known_from_the_disagreement_of_its_sides() -> None:
    t = np.arange(12000)
    noise = 0.01 * np.random.default_rng(0).standard_normal(t.size)
    lost = (t >= 6000) & (t < 6200)
    tone = np.sin(0.1 * t) + np.sin(0.23 * t) + noise
    changed = np.where(t < 6100, tone, np.sin(0.15 * t + 1) + noise)
    snrs = []
    for x in (tone, changed):
        fill = fill_and_assess(x, lost)
        assert fill.snr_db is not None
        assert np.sum((fill.samples - x)[lost] ** 2) < 1.1 * np.sum(x[lost] ** 2)
        snrs.append(fill.snr_db)
    assert snrs[1] + 15 < snrs[0]
    assert fill_and_assess(tone, (t >= 6000) & (t < 6020)).snr_db is None
    assert fill_and_assess(tone, lost, method="janssen").snr_db is None


def test_a_gap_with_more_error_than_energy_becomes_silent() -> None:
    y = np.ones(200)
    snr = [dispatch._softened(y, float(d)) for d in (0.01, 100, 200, 2000)]
    scales = [float(fill.samples[0]) for fill in snr]
    assert scales == sorted(scales, reverse=True)
    assert scales[0] == 1
    assert scales[-1] == 0
    assert snr[-1].snr_db == 0
