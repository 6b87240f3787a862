"""Which model fills which gap, and what is done where there is little to build on."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.gaps import (
    CONTEXT_ORDERS,
    fill_gap,
    fill_gaps,
    fill_short_gap,
    filling,
    janssen,
    model_order,
)

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


def test_a_gap_on_its_own_is_filled_between_models_of_its_sides(x: NDArray[Any]) -> None:
    for h, fill, order in (
        (20, fill_short_gap, 160),
        (100, fill_short_gap, 400),
        (101, fill_gap, 404),
        (400, fill_gap, 1024),
    ):
        found = fill_gaps(x, lost((8000, 8000 + h)))
        expected = fill(x, 8000, 8000 + h, order=order)
        np.testing.assert_array_equal(found[8000 : 8000 + h], expected)


def test_models_see_no_more_than_is_promised(x: NDArray[Any]) -> None:
    for spans in ([(8000, 8020)], [(8000, 8200)], [(8000, 8020), (8040, 8060)]):
        missing = lost(*spans)
        reach = CONTEXT_ORDERS * model_order(spans[0][1] - spans[0][0])
        part = slice(max(0, spans[0][0] - reach), spans[-1][1] + reach)
        np.testing.assert_array_equal(
            fill_gaps(x, missing)[missing], fill_gaps(x[part], missing[part])[missing[part]]
        )


def test_janssens_method_is_there_for_who_asks(x: NDArray[Any]) -> None:
    missing = lost((8000, 8100))
    np.testing.assert_array_equal(
        fill_gaps(x, missing, order=64, n_iter=2), janssen(x, missing, order=64, n_iter=2)
    )


def test_gaps_near_each_other_share_a_model(x: NDArray[Any]) -> None:
    missing = lost((8000, 8020), (8040, 8060))
    part = slice(8000 - 4 * 80, 8060 + 4 * 80)
    expected = janssen(x[part], missing[part], order=80)
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
    one = fill_gaps(x, missing, n_iter=3)
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


def test_a_side_shorter_than_the_order_is_no_side_of_its_own(x: NDArray[Any]) -> None:
    missing = lost((300, 400), n=3000)
    expected = janssen(x[: 400 + 1600], missing[: 400 + 1600], order=400)
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
    monkeypatch.setattr(filling, "fill_gap", lambda x, start, stop, order: np.full(400, worst))
    y = fill_gaps(x, missing)
    assert np.isfinite(y).all()
    known = x[~missing]
    assert np.sqrt(np.mean(y[missing] ** 2)) <= np.abs(known).max() * (1 + 1e-12)


def test_a_hundred_gaps_a_second(x: NDArray[Any]) -> None:
    missing = lost(*((t, t + 32) for t in range(1000, 15000, 160)))
    started = time.process_time()
    y = fill_gaps(x, missing)
    assert time.process_time() - started < 5
    assert snr_db(x, y, missing) > 10
