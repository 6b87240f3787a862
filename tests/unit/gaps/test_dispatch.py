"""Which model fills which gap, and what is done where there is little to build on."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.errors import ParameterError
from spectramend.gaps import (
    METHODS,
    OF_FACTORS,
    Memory,
    Method,
    context_of,
    fill_gap,
    fill_gaps,
    fill_short_gap,
    janssen,
)
from spectramend.gaps import dispatch as filling
from spectramend.gaps.ar import two_sided as blend
from spectramend.gaps.model_averaging import ask

SR = 16000
N = SR


def sound(rng: np.random.Generator) -> NDArray[Any]:
    """Harmonics of a gliding pitch, in a little noise."""
    t = np.arange(N) / SR
    phase = 2 * np.pi * (200 * t + 10 * t**2)
    x = sum(np.sin(k * phase + k) / k for k in range(1, 9))
    return np.asarray(0.1 * x + 1e-4 * rng.standard_normal(N))


def lost(*spans: tuple[int, int], n: int = N) -> NDArray[np.bool_]:
    missing = np.zeros(n, bool)
    for start, stop in spans:
        missing[start:stop] = True
    return missing


def snr_db(x: NDArray[Any], y: NDArray[Any], missing: NDArray[np.bool_]) -> float:
    return float(10 * np.log10(np.sum(x[missing] ** 2) / np.sum((x - y)[missing] ** 2)))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def x(rng: np.random.Generator) -> NDArray[Any]:
    return sound(rng)


# Which model


@pytest.mark.parametrize(("h", "order"), [(1, 384), (20, 384), (100, 400)])
@pytest.mark.parametrize("method", ["auto", "hybrid", "ar"])
def test_a_short_gap_is_filled_from_models_that_its_sides_share(
    x: NDArray[Any], h: int, order: int, method: Method
) -> None:
    found = fill_gaps(x, lost((8000, 8000 + h)), method=method)
    expected = fill_short_gap(x, 8000, 8000 + h, order=order)
    np.testing.assert_array_equal(found[8000 : 8000 + h], expected)


@pytest.mark.parametrize(("h", "order"), [(101, 404), (400, 1024), (1024, 1024), (1100, 1024)])
def test_a_gap_on_its_own_is_filled_between_models_of_its_sides(
    x: NDArray[Any], h: int, order: int
) -> None:
    missing, gap = lost((8000, 8000 + h)), slice(8000, 8000 + h)
    fill = fill_gap(x, 8000, 8000 + h, order=order)
    np.testing.assert_array_equal(fill_gaps(x, missing, method="ar")[gap], fill.samples)
    memory = Memory(np.where(missing, np.nan, x), 0)
    asked = ask(x, 8000, fill, order=order, memory=memory)
    np.testing.assert_array_equal(fill_gaps(x, missing, method="hybrid")[gap], asked)
    assert np.array_equal(asked, fill.samples) == (h < 1000)  # where the sides agree
    auto = asked if h > filling.ASKED_FROM * order else fill.samples
    np.testing.assert_array_equal(fill_gaps(x, missing, method="auto")[gap], auto)


@pytest.mark.parametrize("spans", [[(8000, 8020)], [(8000, 8110)], [(8000, 8020), (8040, 8060)]])
@pytest.mark.parametrize("method", ["auto", "ar", "hybrid"])
def test_models_see_no_more_than_is_promised(
    x: NDArray[Any], spans: list[tuple[int, int]], method: Method
) -> None:
    missing = lost(*spans)
    reach = context_of(spans[0][1] - spans[0][0])
    part = slice(max(0, spans[0][0] - reach), spans[-1][1] + reach)
    assert part.start > 2000
    noisy = x + 0.1 * np.random.default_rng(1).standard_normal(N)  # the sides do not agree
    for y in (x, noisy):
        memory = Memory(np.where(missing, np.nan, y), part.start)
        np.testing.assert_array_equal(
            fill_gaps(y[part], missing[part], method=method, memory=memory)[missing[part]],
            fill_gaps(y, missing, method=method)[missing],
        )


def test_contexts_hold_what_models_see() -> None:
    orders = [context for *_, context in (*blend.SIZES, *blend.LOWER_SIZES)]
    for h in (1, 30, 96, 97, 100, 101, 256, 5000):
        order = filling.model_order(h)
        if h > filling.SHORT:
            assert context_of(h) >= max(orders) * order
        assert context_of(h) >= max(context for _, context in blend.SHORT_SIZES) * max(
            order if h <= filling.SHORT else 0, filling.SHORT_ORDER
        )


def test_janssens_method_is_there_for_who_asks(x: NDArray[Any]) -> None:
    for spans in ([(8000, 8100)], [(8000, 8100), (8500, 8505), (15900, N)]):
        missing = lost(*spans)
        np.testing.assert_array_equal(
            fill_gaps(x, missing, order=64, method="janssen"),
            janssen(x, missing, order=64, n_iter=10),
        )


@pytest.mark.parametrize("method", OF_FACTORS)
def test_nonnegative_factors_are_there_for_who_asks(x: NDArray[Any], method: Method) -> None:
    missing = lost((5000, 5200), n=10000)
    expected = OF_FACTORS[method](x[:10000], missing, rng=7).samples
    found = fill_gaps(x[:10000], missing, method=method, rng=np.random.default_rng(7))
    np.testing.assert_array_equal(found, expected)


# What holds for every method


@pytest.mark.parametrize("method", METHODS)
def test_every_method_fills_gaps_and_nothing_else(x: NDArray[Any], method: Method) -> None:
    part, missing = x[:9000].copy(), lost((3000, 3300), (6000, 6020), n=9000)
    spoiled = np.where(missing, np.nan, part)
    spoiled.setflags(write=False)
    missing.setflags(write=False)
    y = fill_gaps(spoiled, missing, method=method, rng=3)
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(y[~missing], part[~missing])
    assert snr_db(part, y, missing) > 8
    loudest = np.abs(part[~missing]).max()
    assert np.sqrt(np.mean(y[missing] ** 2)) <= loudest
    # What is hidden plays no part, nor does the scale; the seed decides all that is random.
    hidden = np.where(missing, -7.0 * loudest, part)
    np.testing.assert_array_equal(fill_gaps(hidden, missing, method=method, rng=3), y)
    other = fill_gaps(spoiled, missing, method=method, rng=4)
    assert np.array_equal(other, y) == (method not in OF_FACTORS)
    scaled = fill_gaps(2.0**-60 * spoiled, missing, method=method, rng=3)
    np.testing.assert_array_equal(scaled, 2.0**-60 * y)


@pytest.mark.parametrize("method", METHODS)
def test_silence_stays_silent_by_every_method(method: Method) -> None:
    missing = lost((4000, 4200), n=8000)
    assert not fill_gaps(np.where(missing, np.nan, 0.0), missing, method=method).any()


@pytest.mark.parametrize("method", ["magic", "", "AR", None])
def test_other_methods_are_refused(method: Any) -> None:
    with pytest.raises(ParameterError) as refused:
        fill_gaps(np.ones(100), lost((40, 50), n=100), method=method)
    names = ", ".join(METHODS)
    assert str(refused.value) == f"method={method!r}: give one of {names}."


# Gaps near each other


def test_gaps_near_each_other_share_a_model(x: NDArray[Any]) -> None:
    missing = lost((8000, 8020), (8040, 8060))
    part = slice(8000 - 4 * 80, 8060 + 4 * 80)
    expected = janssen(x[part], missing[part], order=80, from_known=True)
    np.testing.assert_array_equal(fill_gaps(x, missing)[part], expected)


def test_a_click_beside_a_gap_does_not_spoil_it(x: NDArray[Any]) -> None:
    alone = lost((8000, 8200))
    both = alone | lost((8230, 8233))
    found = snr_db(x, fill_gaps(x, both), alone)
    assert found > snr_db(x, fill_gaps(x, alone), alone) - 6
    assert found > snr_db(x, janssen(np.where(both, 0, x), both, order=800), alone)


@pytest.mark.parametrize("h", [8, 40, 200, 640])
def test_gaps_are_filled_better_than_by_one_model(x: NDArray[Any], h: int) -> None:
    missing = lost(*((t, t + h) for t in range(3000, 13000, 3000)))
    one = janssen(x, missing, order=filling.model_order(h))
    assert snr_db(x, fill_gaps(x, missing), missing) > snr_db(x, one, missing)


def test_clicks_take_milliseconds(x: NDArray[Any]) -> None:
    missing = lost((8000, 8030))
    started = time.process_time()
    for _ in range(10):
        fill_gaps(x[7000:9000], missing[7000:9000])
    assert time.process_time() - started < 0.5


# Bad cases


@pytest.mark.parametrize("span", [(0, 300), (N - 300, N), (5, 300), (N - 300, N - 2)])
def test_a_gap_at_an_end_is_bounded(x: NDArray[Any], span: tuple[int, int]) -> None:
    missing = lost(span)
    y = fill_gaps(np.where(missing, np.nan, x), missing)
    assert np.abs(y[missing]).max() < 3 * np.abs(x).max()
    np.testing.assert_array_equal(y[~missing], x[~missing])
    assert snr_db(x, y, missing) > -6


@pytest.mark.parametrize(
    ("h", "side"), [(5, 60), (5, 300), (30, 130), (30, 400), (100, 450), (300, 1030), (300, 2200)]
)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_beyond_the_ends_of_a_signal_nothing_is_known_not_even_silence(
    rng: np.random.Generator, h: int, side: int, at_the_end: bool
) -> None:
    t = np.arange(8000)
    tones = [np.sin(w * t + 9 * w) for w in (0.05, 0.11, 0.23, 0.41)]
    y = np.sum(tones, axis=0) + 1e-3 * rng.standard_normal(t.size)
    start = t.size - h - side if at_the_end else side
    missing = lost((start, start + h), n=t.size)
    assert snr_db(y, fill_gaps(y, missing), missing) > 35
    assert snr_db(tones[1], fill_gaps(tones[1], missing), missing) > 150


def test_a_side_shorter_than_the_order_is_no_side_of_its_own(x: NDArray[Any]) -> None:
    missing = lost((300, 400), n=3000)
    part = slice(400 + 1600)
    expected = janssen(x[part], missing[part], order=400, from_known=True)
    np.testing.assert_array_equal(fill_gaps(x[:3000], missing)[300:400], expected[300:400])


@pytest.mark.parametrize("silent", [slice(0, 8000), slice(8200, N), slice(7000, 9000)])
def test_digital_silence_around_a_gap(x: NDArray[Any], silent: slice) -> None:
    quiet = x.copy()
    quiet[silent] = 0
    missing = lost((8000, 8200))
    y = fill_gaps(quiet, missing)
    assert np.isfinite(y).all()
    assert np.abs(y[missing]).max() <= np.abs(x).max()


@pytest.mark.parametrize("context", [1, 10, 100, 500])
def test_a_gap_longer_than_its_context(x: NDArray[Any], context: int) -> None:
    part = x[8000 - context : 8800 + context]
    missing = lost((context, context + 800), n=part.size)
    y = fill_gaps(part, missing)
    assert np.isfinite(y).all()
    assert np.abs(y).max() <= 2 * np.abs(part[~missing]).max()


def test_offsets_tones_and_clipped_neighbours(x: NDArray[Any]) -> None:
    missing = lost((8000, 8400))
    tone = np.sin(0.05 * np.arange(N))
    for y in (x + 5, tone, tone + 5, np.full(N, 5.0)):
        assert snr_db(y, fill_gaps(y, missing), missing) > 25
    clipped = np.clip(x, -0.1, 0.1)
    assert snr_db(clipped, fill_gaps(clipped, missing), missing) > 3


def test_an_impulse_or_a_step_beside_a_gap_is_not_made_larger(rng: np.random.Generator) -> None:
    missing = lost((8000, 8400))
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
def test_whatever_a_model_finds_is_bounded(
    x: NDArray[Any], monkeypatch: pytest.MonkeyPatch, worst: float
) -> None:
    missing = lost((8000, 8400))
    monkeypatch.setattr(
        filling, "fill_gap", lambda x, start, stop, order: blend.Fill(np.full(400, worst), 0.0)
    )
    y = fill_gaps(x, missing)
    assert np.isfinite(y).all()
    loudest = np.abs(x[~missing]).max()
    assert np.sqrt(np.mean(y[missing] ** 2)) <= loudest * (1 + 1e-12)
    impulse = np.where(np.arange(400) == 100, worst, 0.0)
    monkeypatch.setattr(filling, "fill_gap", lambda x, start, stop, order: blend.Fill(impulse, 0.0))
    y = fill_gaps(x, missing)
    assert np.abs(y[missing]).max() <= 2 * loudest * (1 + 1e-12)
    if np.isfinite(worst):
        assert np.abs(y[missing]).max() == pytest.approx(2 * loudest)


def test_a_hundred_gaps_a_second(x: NDArray[Any]) -> None:
    missing = lost(*((t, t + 32) for t in range(1000, 15000, 160)))
    started = time.process_time()
    y = fill_gaps(x, missing)
    assert time.process_time() - started < 5
    assert snr_db(x, y, missing) > 10
