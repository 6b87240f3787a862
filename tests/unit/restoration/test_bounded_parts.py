"""Parts: how a recording is divided, and that each depends on its own samples alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from clipped_signals import LEVEL, SR, Array, clean, clipped, quantized
from spectramend.core.intervals import runs
from spectramend.declipping import EstimateOptions
from spectramend.detection import ClippingLevel
from spectramend.restoration import bounded_parts
from spectramend.restoration.bounded_parts import (
    ClippingRule,
    Part,
    QuantizationRule,
    Restorable,
    plan,
    restored,
    within,
)

Y = np.stack([clipped(clean()), 0.2 * clean(seed=1)])
N = Y.shape[1]
RULE = ClippingRule((ClippingLevel(-LEVEL, LEVEL), ClippingLevel()))
WHOLE = [[(0, N)], [(0, N)]]
NONE: list[list[tuple[int, int]]] = [[], []]


def read(start: int, stop: int) -> Array:
    """Read the recording."""
    return Y[:, start:stop]


def wanted(**changed: Any) -> Restorable:
    """All of the recording, but for what is changed."""
    given = {"rule": RULE, "wanted": WHOLE, "lost": NONE, "sr": SR}
    return Restorable(**{**given, **changed})


def whole(done: Iterator[tuple[Part, Array]]) -> Array:
    """Put restored parts into the recording."""
    z = Y.copy()
    for part, y in done:
        z[part.channel, slice(*part.span)] = y
    return z


def test_spans_are_marked_in_a_part() -> None:
    spans = [(0, 2), (4, 9), (20, 30)]
    expected = np.zeros(40, bool)
    for start, stop in spans:
        expected[start:stop] = True
    for a in range(0, 40, 3):
        for b in range(a, 40, 5):
            np.testing.assert_array_equal(within(spans, a, b), expected[a:b])
    assert not within([], 3, 6).any()
    assert within([(0, 10)], 3, 6).all()


@pytest.mark.parametrize("block", [7, 1000, 1 << 20])
def test_parts_do_not_depend_on_how_a_recording_is_read(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    expected = plan(read, wanted(), N)
    monkeypatch.setattr(bounded_parts, "BLOCK", block)
    seen: list[int] = []
    assert plan(read, wanted(), N, seen.append) == expected
    assert seen[-1] == N
    assert sum(part.free for part in expected) == np.count_nonzero(np.abs(Y[0]) >= LEVEL)
    assert {part.channel for part in expected} == {0}


def test_only_what_is_wanted_and_not_lost_is_restored() -> None:
    some = wanted(wanted=[[(3000, 6000)], []], lost=[[(4000, 4500)], []])
    z = whole(restored(read, some, plan(read, some, N)))
    changed = np.flatnonzero((z != Y)[0])
    assert changed.size > 100
    assert np.all((changed >= 3000) & (changed < 6000) & ~((changed >= 4000) & (changed < 4500)))
    assert np.all(np.abs(Y[0, changed]) == LEVEL)
    np.testing.assert_array_equal(z[1], Y[1])


@pytest.mark.parametrize("value", [0.0, np.nan, -9.0])
def test_missing_samples_tell_nothing(value: float) -> None:
    some = wanted(lost=[[(4000, 4100)], []])
    expected = whole(restored(read, some, plan(read, some, N)))
    spoiled = Y.copy()
    spoiled[0, 4000:4100] = value
    z = whole(restored(lambda a, b: spoiled[:, a:b], some, plan(read, some, N)))
    same = np.ones(N, bool)
    same[4000:4100] = False
    np.testing.assert_array_equal(z[0, same], expected[0, same])


def test_samples_that_are_not_finite_stay() -> None:
    spoiled = Y.copy()
    spoiled[0, 4000:4100] = np.nan

    def spoiled_read(a: int, b: int) -> Array:
        return spoiled[:, a:b]

    parts = plan(spoiled_read, wanted(), N)
    for part, y in restored(spoiled_read, wanted(), parts):
        bad = np.isnan(spoiled[part.channel, slice(*part.span)])
        np.testing.assert_array_equal(np.isnan(y), bad)


def test_flat_tops_are_bounds_as_recorded_and_others_by_the_tolerance() -> None:
    y = np.array([0.0, 0.5, 0.49997, 0.4, -0.5])
    flat = ClippingRule((ClippingLevel(-0.5, 0.5, 5e-5),)).bounds(y, 0)
    np.testing.assert_array_equal(flat.free, [False, True, True, False, True])
    np.testing.assert_array_equal(flat.lower[:4], y[:4])
    assert flat.upper[4] == -0.5
    spread = ClippingRule((ClippingLevel(-0.5, 0.5, 0.1),)).bounds(y, 0)
    np.testing.assert_array_equal(spread.lower[1:4], [0.4, 0.4, 0.4])


def test_the_result_depends_on_no_thread_and_on_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = wanted(rule=QuantizationRule(0.25), seed=3)
    parts = plan(read, both, N)
    assert [part.channel for part in parts] == [0, 1]
    expected = whole(restored(read, both, parts))
    monkeypatch.setattr(bounded_parts, "MAX_THREADS", 1)
    np.testing.assert_array_equal(whole(restored(read, both, parts[::-1])), expected)
    other = wanted(rule=QuantizationRule(0.25), seed=4)
    assert not np.array_equal(whole(restored(read, other, parts)), expected)


def test_inconsistent_samples_may_leave_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_parts, "estimate_segment", lambda y, bounds, sr, **given: 0 * y)
    parts = plan(read, wanted(), N)
    assert np.all(np.abs(whole(restored(read, wanted(), parts))[0, runs_of_level()]) == LEVEL)
    loose = wanted(options=EstimateOptions(consistent=False))
    assert not whole(restored(read, loose, parts))[0, runs_of_level()].any()


def runs_of_level() -> Any:
    """Mark the clipped samples of the first channel."""
    return np.abs(Y[0]) >= LEVEL


def test_silence_that_was_quantized_stays() -> None:
    silent = np.zeros((1, 1000))
    rule = wanted(rule=QuantizationRule(0.25), wanted=[[(0, 1000)]], lost=[[]])
    parts = plan(lambda a, b: silent[:, a:b], rule, 1000)
    ((_, y),) = restored(lambda a, b: silent[:, a:b], rule, parts)
    assert not y.any()


@pytest.mark.parametrize("n", [1, 2, 30])
def test_short_recordings_are_restored(n: int) -> None:
    x = quantized(clean()[None, 3000 : 3000 + n], 4)
    rule = wanted(rule=QuantizationRule(0.125), wanted=[[(0, n)]], lost=[[]])
    ((_, y),) = restored(lambda a, b: x[:, a:b], rule, plan(lambda a, b: x[:, a:b], rule, n))
    assert np.all(np.abs(y - x[0]) <= 0.0625)


def test_who_stops_waits_for_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    def slow(y: Array, bounds: Any, sr: float, *, tick: Callable[[], None], **given: Any) -> Array:
        calls.append(sr)
        for _ in range(1000 if len(calls) > 1 else 0):
            tick()
            time.sleep(0.01)
        return y

    monkeypatch.setattr(bounded_parts, "estimate_segment", slow)
    done = restored(read, wanted(), plan(read, wanted(), N) * 5)
    next(done)
    started = time.perf_counter()
    done.close()  # type: ignore[attr-defined]
    assert time.perf_counter() - started < 5


def test_runs_across_blocks_are_one() -> None:
    mask = np.zeros(40, bool)
    mask[[0, 1, 9, 10, 11, 19, 20, 39]] = True
    blocks = [runs(mask[a : a + 10]) + a for a in range(0, 40, 10)]
    np.testing.assert_array_equal(bounded_parts._joined(blocks), runs(mask))
    assert bounded_parts._joined([]).shape == (0, 2)
