"""Passages that sound alike and nonnegative factors: what they find, what they never look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import VOICES
from spectramend import audio
from spectramend.gaps import Memory, Method, fill_gap, fill_gaps
from spectramend.gaps import model_averaging as opinions
from spectramend.gaps.ar.two_sided import CONTEXT_ORDERS, Fill
from spectramend.gaps.model_averaging import AGREED, MOST, ask, by_factors, by_likeness

N = 12000
GAP = slice(6000, 6300)
ORDER = 256
AR_HYBRID: tuple[Method, Method] = ("ar", "hybrid")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def x(rng: np.random.Generator) -> NDArray[Any]:
    """Noise, of which a passage around the gap came before."""
    noise = rng.standard_normal(N)
    noise[5000:7000] = noise[2000:4000]
    return noise


def hidden(x: NDArray[Any], *gaps: slice) -> NDArray[Any]:
    """Mark what is missing as NaN."""
    known = x.copy()
    for gap in gaps or (GAP,):
        known[gap] = np.nan
    return known


def guessed(x: NDArray[Any], gap: slice = GAP) -> NDArray[Any]:
    """Fill the gap with zeros."""
    y = x.copy()
    y[gap] = 0
    return y


def snr_db(x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(10 * np.log10(np.sum(x**2) / np.sum((x - y) ** 2)))


# Passages that sound alike


@pytest.mark.parametrize("beside", [128, 512])
@pytest.mark.parametrize(("gain", "least_db"), [(1.0, 40), (-1.0, 40), (3.0, 40), (0.3, 25)])
def test_what_is_repeated_comes_back(
    x: NDArray[Any], beside: int, gain: float, least_db: float
) -> None:
    x[:4500] *= gain
    found = by_likeness(guessed(x), GAP, Memory(hidden(x), 0), beside)
    assert snr_db(x[GAP], found) > least_db


@pytest.mark.parametrize("first", [3000, 5000])
def test_passages_are_found_in_all_of_a_memory(x: NDArray[Any], first: int) -> None:
    part = slice(first, 9000)
    gap = slice(GAP.start - first, GAP.stop - first)
    found = by_likeness(guessed(x)[part], gap, Memory(hidden(x), first), 256)
    np.testing.assert_array_equal(found, by_likeness(guessed(x), GAP, Memory(hidden(x), 0), 256))
    assert snr_db(x[GAP], found) > 40
    # Where the signal itself is all that is known, there is no repetition.
    alone = by_likeness(guessed(x)[part], gap, Memory(hidden(x)[part], 0), 256)
    assert snr_db(x[GAP], alone) < 3


def test_a_passage_may_come_later_too(x: NDArray[Any]) -> None:
    y, gap = x[::-1].copy(), slice(N - GAP.stop, N - GAP.start)
    found = by_likeness(guessed(y, gap), gap, Memory(hidden(y, gap), 0), 256)
    assert snr_db(y[gap], found) > 40


def test_a_sum_of_passages_is_found(rng: np.random.Generator) -> None:
    x = rng.standard_normal(N)
    x[5000:7000] = 0.7 * x[500:2500] - 0.4 * x[8000:10000]
    found = by_likeness(guessed(x), GAP, Memory(hidden(x), 0), 600)
    assert snr_db(x[GAP], found) > 40


@pytest.mark.parametrize("place", [slice(3100, 3101), slice(2900, 2950), slice(3290, 3400)])
def test_passages_with_samples_that_are_missing_are_not_used(x: NDArray[Any], place: slice) -> None:
    known = hidden(x, GAP, place)
    found = by_likeness(guessed(x), GAP, Memory(known, 0), 256)
    assert np.isfinite(found).all()
    assert snr_db(x[GAP], found) < 3
    # Those beside it still are: the template ends before.
    found = by_likeness(guessed(x), GAP, Memory(hidden(x, GAP, slice(3700, 3800)), 0), 256)
    assert snr_db(x[GAP], found) > 40


def test_a_passage_may_touch_the_gap_as_it_is_filled_but_not_with_its_own_gap(
    rng: np.random.Generator,
) -> None:
    period = rng.standard_normal(400)
    x = np.tile(period, 30)[:N]
    near = slice(GAP.start - 460, GAP.stop + 460)  # one period before and after, and no more
    part, gap = x[near], slice(460, 760)
    memory = np.full(N, np.nan)
    memory[near] = part
    memory[GAP] = np.nan
    filled = part.copy()
    found = by_likeness(filled, gap, Memory(memory, near.start), 60)
    assert snr_db(part[gap], found) > 40
    # A fill that is wrong is no model of itself.
    wrong = part.copy()
    wrong[gap] = rng.standard_normal(300)
    again = by_likeness(wrong, gap, Memory(memory, near.start), 60)
    assert snr_db(wrong[gap], again) < 3


def test_what_is_hidden_plays_no_part(x: NDArray[Any], rng: np.random.Generator) -> None:
    missing = np.zeros(N, bool)
    missing[GAP] = missing[2600:2700] = missing[9000:9400] = True
    methods: tuple[Method, Method] = ("auto", "hybrid")
    for method in methods:
        fills = []
        for poison in (0.0, np.nan, np.inf, 1e6, rng.standard_normal(N)):
            given = np.where(missing, poison, x)
            fills.append(fill_gaps(given, missing, method=method, order=ORDER))
        for fill in fills[1:]:
            np.testing.assert_array_equal(fill, fills[0])


def test_where_there_is_no_passage_there_is_silence(x: NDArray[Any]) -> None:
    nowhere = np.full(N, np.nan)
    assert not by_likeness(guessed(x), GAP, Memory(nowhere, 0), 256).any()
    part = slice(GAP.start - 200, GAP.stop + 200)
    gap = slice(200, 500)
    tight = Memory(hidden(x)[part], 0)
    assert not by_likeness(guessed(x)[part], gap, tight, 256).any()
    assert not by_likeness(guessed(x), GAP, Memory(hidden(x), 0), 0).any()
    silent = x.copy()
    silent[GAP.start - 256 : GAP.stop + 256] = 0
    assert not by_likeness(silent, GAP, Memory(hidden(silent), 0), 256).any()
    quiet = np.zeros(N)
    quiet[GAP.start - 256 : GAP.stop + 256] = x[GAP.start - 256 : GAP.stop + 256]
    assert np.isfinite(by_likeness(quiet, GAP, Memory(hidden(quiet), 0), 256)).all()


def test_passages_at_an_end_of_the_signal(x: NDArray[Any]) -> None:
    for gap, first, second in (
        (slice(100, 300), slice(0, 1000), slice(7100, 8100)),
        (slice(N - 300, N - 100), slice(N - 1000, N), slice(1100, 2100)),
    ):
        y = x.copy()
        y[second] = y[first]
        found = by_likeness(guessed(y, gap), gap, Memory(hidden(y, gap), 0), 256)
        assert snr_db(y[gap], found) > 40


def test_inputs_are_left_alone(x: NDArray[Any]) -> None:
    memory, y = hidden(x), guessed(x)
    copies = memory.copy(), y.copy()
    memory.setflags(write=False)
    y.setflags(write=False)
    fill = Fill(np.ones(300), 1e3)
    by_likeness(y, GAP, Memory(memory, 0), 256)
    by_factors(y, GAP, ORDER)
    ask(y, GAP.start, fill, order=ORDER, memory=Memory(memory, 0))
    np.testing.assert_array_equal(memory, copies[0])
    np.testing.assert_array_equal(y, copies[1])
    assert (fill.samples == 1).all()


# Nonnegative factors


def tones(rng: np.random.Generator) -> NDArray[Any]:
    """Tones, one of which ends in the gap."""
    t = np.arange(N)
    steady = sum(np.sin(w * t + 5 * w) for w in (0.1, 0.2, 0.33))
    return np.asarray(steady + (t < 6100) * np.sin(0.5 * t) + 0.01 * rng.standard_normal(N))


def test_factors_continue_tones(rng: np.random.Generator) -> None:
    x = tones(rng)
    for first in (x[GAP], fill_gap(x, GAP.start, GAP.stop, order=ORDER).samples, 0.5 * x[GAP]):
        y = x.copy()
        y[GAP] = first
        found = by_factors(y, GAP, ORDER)
        assert found.shape == (300,)
        assert snr_db(x[GAP], found) > 10


def test_factors_draw_nothing_and_scale_with_the_sound(rng: np.random.Generator) -> None:
    x = tones(rng)
    found = by_factors(x, GAP, 64)
    np.random.seed(1)  # noqa: NPY002 nothing may depend on it
    np.testing.assert_array_equal(by_factors(x, GAP, 64), found)
    np.testing.assert_array_equal(by_factors(2.0**-70 * x, GAP, 64), 2.0**-70 * found)
    np.testing.assert_allclose(by_factors(3 * x, GAP, 64), 3 * found, rtol=1e-6, atol=1e-6)


def test_factors_see_no_more_than_is_promised(rng: np.random.Generator) -> None:
    x = tones(rng)
    reach = CONTEXT_ORDERS * 64
    far = np.full(N, np.nan)
    near = slice(GAP.start - reach, GAP.stop + reach)
    far[near] = x[near]
    np.testing.assert_array_equal(by_factors(far, GAP, 64), by_factors(x, GAP, 64))


@pytest.mark.parametrize("start", [64, N - 364])
def test_factors_at_an_end_of_the_signal(rng: np.random.Generator, start: int) -> None:
    assert np.isfinite(by_factors(tones(rng), slice(start, start + 300), 64)).all()


def test_factors_of_signals_with_silence(rng: np.random.Generator) -> None:
    x = tones(rng)
    for silent in (slice(0, 5990), slice(6310, N), slice(3000, 9000)):
        y = x.copy()
        y[silent] = 0
        y[GAP.start - 5] = 1
        found = by_factors(y, GAP, 64)
        assert np.isfinite(found).all()
        assert np.abs(found).max() <= np.abs(y).max()


# How much they count


@pytest.mark.parametrize("doubt", [1.0, 30.0, 1e3, 1e9])
def test_opinions_count_by_doubt(x: NDArray[Any], rng: np.random.Generator, doubt: float) -> None:
    y, memory = 0.3 * rng.standard_normal(300), Memory(hidden(x), 0)
    found = ask(x, GAP.start, Fill(y, doubt), order=ORDER, memory=memory)
    guess = x.copy()
    guess[GAP] = y
    expected = y.copy()
    for share, u in (
        (opinions.FACTORS_SHARE, by_factors(guess, GAP, ORDER)),
        (
            opinions.LIKENESS_SHARE,
            by_likeness(guess, GAP, memory, round(opinions.BESIDE_ORDERS * ORDER)),
        ),
    ):
        b = share * doubt / sum(float(v) ** 2 for v in u - y)
        if doubt == 1e9:
            assert b > MOST
        expected = expected + min(MOST, b) * (u - y)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_fills_are_left_alone_where_the_sides_agree(
    x: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    y = x[GAP] + 0.1
    memory = Memory(hidden(x), 0)
    for doubt in (0.0, AGREED * np.sum(y**2), np.nan):
        found = ask(x, GAP.start, Fill(y, doubt), order=ORDER, memory=memory)
        np.testing.assert_array_equal(found, y)
    monkeypatch.setattr(opinions, "by_factors", lambda x, gap, order: x[gap])
    monkeypatch.setattr(opinions, "by_likeness", lambda x, gap, memory, beside: x[gap])
    found = ask(x, GAP.start, Fill(y, 1e9), order=ORDER, memory=memory)
    np.testing.assert_array_equal(found, y)


def test_what_stands_in_the_gap_is_not_looked_at(x: NDArray[Any]) -> None:
    fill, memory = Fill(np.sin(np.arange(300.0)), 100.0), Memory(hidden(x), 0)
    found = ask(x, GAP.start, fill, order=ORDER, memory=memory)
    again = ask(hidden(x), GAP.start, fill, order=ORDER, memory=memory)
    np.testing.assert_array_equal(found, again)
    assert not np.array_equal(found, fill.samples)


def test_opinions_help_in_speech() -> None:
    x = np.asarray(audio.read(VOICES / "item_01_ML.flac").samples[: 6 * 16000], np.float64)
    gains = []
    for start in range(20000, 80000, 8000):
        missing = np.zeros(x.size, bool)
        missing[start : start + 400] = True
        ar, hybrid = (
            snr_db(x[missing], fill_gaps(x, missing, method=method)[missing])
            for method in AR_HYBRID
        )
        gains.append(hybrid - ar)
    assert np.mean(gains) > 0.2


def test_factors_and_passages_may_err_without_end(
    x: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    y, doubt, memory = x[GAP] + 0.1, 1e9, Memory(hidden(x), 0)
    monkeypatch.setattr(opinions, "by_factors", lambda x, gap, order: x[gap] + 1e6)
    monkeypatch.setattr(opinions, "by_likeness", lambda x, gap, memory, beside: x[gap] - 1e6)
    found = ask(x, GAP.start, Fill(y, doubt), order=ORDER, memory=memory)
    moved = np.sum((found - y) ** 2)
    # Each may move a fill by kappa**2 * doubt**2 / energy at most, here far below the doubt.
    assert moved < doubt
