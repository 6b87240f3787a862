"""Levels of clipping, by side and channel, and a stated tolerance."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, clipped, spans, tone
from spectramend.detection import (
    ClippingLevel,
    Thresholds,
    clipping_levels,
    detect,
    scan_blocks,
    scan_levels,
)
from spectramend.errors import ParameterError


def test_levels_are_those_of_each_side_and_channel() -> None:
    x = np.stack([tone(2.0), tone(2.0, seed=1), tone(2.0, seed=2)])
    y = np.stack([np.clip(x[0], -0.4, 0.5), np.minimum(x[1], 0.3), x[2]])
    before = y.copy()
    first, second, third = clipping_levels(y, SR)
    np.testing.assert_array_equal(y, before)
    assert (first.low, first.high) == (-0.4, 0.5)
    assert (second.low, second.high) == (None, 0.3)
    assert third == ClippingLevel()
    assert second.share == pytest.approx(np.mean(x[1] >= 0.3), rel=0.02)
    assert first.is_clipped
    assert second.is_clipped
    assert not third.is_clipped
    assert 0 <= first.tolerance < 1e-3


def test_channels_that_are_alike_have_the_same_level() -> None:
    y = clipped(tone(2.0), 0.4)
    levels = clipping_levels(np.stack([y, y]), SR)
    assert len(levels) == 2
    assert levels[0] == levels[1]


def test_levels_alone_are_those_found_with_the_regions() -> None:
    y = np.stack([clipped(tone(2.0), 0.4), 0.2 * tone(2.0, seed=1)])
    seen: list[int] = []
    found = scan_levels(
        lambda a, b: y[:, a:b], length=y.shape[1], channels=2, sr=SR, progress=seen.append
    )
    both = scan_blocks(lambda a, b: y[:, a:b], length=y.shape[1], channels=2, sr=SR)
    assert found == both.clipping
    assert seen[-1] == 2 * y.shape[1]


def test_no_level_is_given_for_other_kinds() -> None:
    y = clipped(tone(2.0), 0.4)[None]
    found = scan_blocks(
        lambda a, b: y[:, a:b], length=y.shape[1], channels=1, sr=SR, kinds=("dropout",)
    )
    assert found.clipping == ()


def test_what_is_as_near_as_stated_counts_as_clipped() -> None:
    x = tone(4.0)
    noise = 1 + 0.05 * np.random.default_rng(0).standard_normal(x.size)
    y = np.where(np.abs(x) >= 0.5, np.sign(x) * 0.5 * np.clip(noise, 0.9, 1.0), x)
    tolerance_db = -20 * np.log10(0.88)
    stated = Thresholds(clip_tolerance_db=tolerance_db)
    found = spans(detect(y, SR, thresholds=stated, kinds=("clipping",)))
    at = np.zeros(x.size, bool)
    for a, b in found:
        at[a:b] = True
    assert np.all(np.abs(y[at]) >= 0.88 * 0.5 - 1e-9)
    assert np.mean(at[np.abs(x) >= 0.5]) > 0.95
    (level,) = clipping_levels(y, SR, thresholds=stated)
    assert level.tolerance == pytest.approx(0.12 * 0.5, rel=1e-6)
    silence = np.zeros(SR)
    silence[::50] = -0.1
    assert detect(silence, SR, thresholds=stated, kinds=("clipping",)) == []
    few = Thresholds(clip_tolerance_db=tolerance_db, clip_tops=100000)
    assert detect(y, SR, thresholds=few, kinds=("clipping",)) == []


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(ParameterError, match="clip_tolerance_db=-1: give a number of at least 0"):
        Thresholds(clip_tolerance_db=-1)
