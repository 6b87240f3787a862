"""Clipped tops that slope, after a high-pass filter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, lfilter, sosfilt

from damaged_signals import SR, Array, clipped, share_met, spans, tone
from spectramend.core.intervals import runs
from spectramend.detection import clipping_levels, detect, scan
from spectramend.detection.clipping_drift import (
    InverseFit,
    LeakySums,
    TopSearch,
    find_tops,
)

HZ = 30.0


def first_order(x: Array) -> Array:
    """Block direct current by a pole and a zero."""
    return np.asarray(lfilter([1, -1], [1, -np.exp(-2 * np.pi * HZ / SR)], x))


def second_order(x: Array) -> Array:
    """Block direct current by a Butterworth filter."""
    return np.asarray(sosfilt(butter(2, HZ, "highpass", fs=SR, output="sos"), x))


def rounded(x: Array) -> Array:
    """Round to 16 bits."""
    return np.round(x * 2**15) / 2**15


@pytest.mark.parametrize("high_pass", [first_order, second_order])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_tops_that_slope_are_clipped(high_pass, share: float) -> None:  # type: ignore[no-untyped-def]
    x = 0.5 * tone(6.0)
    level = float(np.quantile(np.abs(x), 1 - share))
    y = rounded(high_pass(clipped(x, level)))
    found = spans(detect(y, SR, kinds=("clipping",)))
    truth = runs(np.abs(x) >= level).tolist()
    assert share_met(truth, found) > 0.95
    assert share_met(found, truth, 1) > 0.95
    (stated,) = clipping_levels(y, SR)
    assert stated.is_clipped
    reached = np.zeros(x.size, bool)
    for a, b in found:
        reached[a:b] = True
    high, low = stated.high or np.inf, stated.low or -np.inf
    bound = (y >= high - stated.tolerance) | (y <= low + stated.tolerance)
    assert np.mean(bound[reached]) > 0.9


@pytest.mark.parametrize("high_pass", [first_order, second_order])
def test_filtered_sound_without_clipping_has_no_level(high_pass) -> None:  # type: ignore[no-untyped-def]
    (level,) = clipping_levels(rounded(high_pass(0.5 * tone(6.0))), SR)
    assert not level.is_clipped
    assert not level.saturated


def test_blocks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = 0.5 * tone(6.0)
    y = rounded(second_order(clipped(x, 0.15)))
    whole = detect(y, SR, kinds=("clipping",))
    assert len(whole) > 50
    for block in (8192, 30011):
        monkeypatch.setattr(scan, "SCAN_BLOCK", block)
        assert detect(y, SR, kinds=("clipping",)) == whole


def test_tops_are_straight_between_two_bends() -> None:
    n = np.arange(40.0)
    wave = np.sin(2 * np.pi * (n + 0.5) / 40)
    sloping = np.minimum(wave, 0.6 - 0.002 * n)
    found = find_tops(sloping)
    assert len(found.spans) == 1
    start, stop = found.spans[0]
    assert np.all(sloping[start:stop] < wave[start:stop] + 1e-12)
    assert found.slopes[0] == pytest.approx(-0.002)
    assert len(find_tops(wave).spans) == 0
    assert len(find_tops(np.zeros(3)).spans) == 0


def test_each_top_is_found_once_whatever_the_blocks() -> None:
    y = first_order(clipped(tone(), 0.3))
    whole, parts = TopSearch(), TopSearch()
    whole.add(y)
    for part in np.split(y, [5, 5000, 5003, 20000]):
        parts.add(part)
    expected = whole.drifting(1.0)
    found = parts.drifting(1.0)
    assert expected is not None
    assert found is not None
    np.testing.assert_array_equal(found.spans, expected.spans)
    assert TopSearch().drifting(1.0) is None
    flat = TopSearch()
    flat.add(clipped(tone(), 0.3))
    assert flat.drifting(1.0) is None


def test_sums_of_blocks_are_those_of_the_whole() -> None:
    x = np.random.default_rng(0).standard_normal(1000)
    whole, parts = LeakySums(SR), LeakySums(SR)
    expected = whole.add(x)
    found = np.concatenate([parts.add(part) for part in np.split(x, [0, 3, 700])], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    plain = np.concatenate([[0], np.cumsum(x)[:-1]]) / SR
    np.testing.assert_allclose(expected[0], plain, atol=1e-2 * np.abs(plain).max())


def test_the_inverse_makes_tops_flat() -> None:
    x = clipped(tone(6.0), 0.3)
    y = second_order(x)
    search = TopSearch()
    search.add(y)
    tops = search.drifting(float(np.abs(y).max()))
    assert tops is not None
    fit = InverseFit(tops, SR, [0])
    fit.add(y)
    inverse = fit.result()
    assert inverse is not None
    assert inverse.levels[1] == pytest.approx(0.3, rel=0.02)
    assert inverse.levels[-1] == pytest.approx(0.3, rel=0.02)
    flat = inverse.apply(y, SR, 0)
    assert np.std(flat[x == 0.3]) < 0.2 * np.std(y[x == 0.3])
