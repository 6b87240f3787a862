"""The edges of occluded regions."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend import STFT, Region
from spectramend.restoration.event_edges import beyond_region, kept_change, shared_reach
from spectramend.restoration.jobs import DamagedRegion
from spectramend.restoration.segments import Segment

SR = 8000
N = 4 * SR
SPAN = (2 * SR, 5 * SR // 2)


def region(low: float | None, high: float | None, span: tuple[int, int] = SPAN) -> DamagedRegion:
    box = Region(span[0] / SR, span[1] / SR, low, high)
    return DamagedRegion(box, span, "occluded", "", low is None)


def segment(x: NDArray[Any], span: tuple[int, int] = SPAN) -> Segment:
    return Segment(x, 0, span, x.size)


def sine(hz: float) -> NDArray[Any]:
    return np.sin(2 * np.pi * hz * np.arange(N) / SR)


def hushed(level: float) -> NDArray[Any]:
    return level * np.random.default_rng(0).standard_normal(N)


def test_the_least_reach_of_a_group_holds_for_all() -> None:
    group = [region(500, 2000), region(2500, 2560)]
    assert shared_reach(group, SR) == 60


@pytest.mark.parametrize(("low", "high"), [(500, 1500), (None, None)])
def test_a_change_is_kept_in_the_span_and_the_band(low: Any, high: Any) -> None:
    change = sine(1000) + sine(3000)
    kept = kept_change(change, [region(low, high)], segment(change + hushed(0.01)), SR)
    inside = slice(SPAN[0] + 400, SPAN[1] - 400)
    expected = sine(1000) if low else change
    np.testing.assert_allclose(kept[inside], expected[inside], atol=2e-3)
    assert not kept[: SPAN[0]].any()
    assert not kept[SPAN[1] :].any()


def test_regions_that_overlap_are_kept_once() -> None:
    group = [region(500, 1500), region(800, 1500, (SPAN[0], SPAN[1] - 800))]
    change = 0.01 * sine(1000)
    kept = kept_change(change, group, segment(change + hushed(1)), SR)
    inside = slice(SPAN[0] + 400, SPAN[1] - 1600)
    np.testing.assert_allclose(kept[inside], change[inside], atol=1e-4)


def test_fades_are_shorter_the_louder_the_change_is_at_the_edge() -> None:
    first = slice(SPAN[0], SPAN[0] + 250)
    passed = []
    for level in (1e3, 0.3, 1e-3):
        change = sine(1000)
        kept = kept_change(change, [region(None, None)], segment(hushed(level)), SR)
        passed.append(float(np.mean((change - kept)[first] ** 2) / np.mean(change[first] ** 2)))
    assert passed == sorted(passed, reverse=True)
    # The longest fade is 128 samples, of which 3/8 of the power pass.
    assert passed[0] == pytest.approx(128 / 250 * 3 / 8, abs=0.02)
    assert passed[-1] < 0.01


def test_there_is_no_fade_at_the_ends_of_the_recording() -> None:
    change = sine(1000) + 1
    kept = kept_change(change, [region(None, None, (0, SR))], segment(change, (0, SR)), SR)
    np.testing.assert_array_equal(kept[: SR // 2], change[: SR // 2])


def added(start: int, stop: int, low: float, high: float) -> NDArray[Any]:
    """Make noise of a band and a span, without fades."""
    x = np.zeros(N)
    X = np.fft.rfft(np.random.default_rng(1).standard_normal(stop - start))
    f = np.fft.rfftfreq(stop - start, 1 / SR)
    X[(f < low) | (f > high)] = 0
    x[start:stop] = np.fft.irfft(X, stop - start)
    return x


def said(x: NDArray[Any], event: NDArray[Any], box: DamagedRegion) -> str:
    kept = np.zeros(N)
    kept[slice(*box.span)] = event[slice(*box.span)]
    return beyond_region(segment(x + event, box.span), kept, [box], STFT(512, 128), SR)


def test_what_goes_on_before_and_after_is_said() -> None:
    event = added(SPAN[0] - 800, SPAN[1] + 400, 500, 1500)
    text = said(hushed(0.01), event, region(400, 1600))
    (found,) = re.findall(r"outside the region: draw it from (.*) to (.*) s$", text)
    assert [float(t) for t in found] == pytest.approx([1.9, 2.55], abs=0.015)


def test_what_goes_on_above_is_said() -> None:
    event = added(*SPAN, 500, 2500)
    event[slice(*SPAN)] *= np.hanning(SPAN[1] - SPAN[0])
    text = said(hushed(0.1), event, region(400, 1600))
    (found,) = re.findall(r"outside the region: draw it from 400 to (.*) Hz$", text)
    assert float(found) == pytest.approx(2500, abs=60)


def test_nothing_is_said_of_a_box_that_holds_the_event() -> None:
    assert said(hushed(0.01), added(*SPAN, 500, 1500), region(400, 1600)) == ""
    assert said(hushed(0.01), np.zeros(N), region(400, 1600)) == ""


def test_nothing_is_said_without_context() -> None:
    event = added(SPAN[0] - 800, SPAN[1] + 400, 500, 1500)
    whole = region(400, 1600, (800, N - 800))
    assert said(hushed(0.01), event, whole) == ""
