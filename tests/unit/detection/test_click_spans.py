"""Spans of clicks: tails of known length, no more than that, and next to other clicks."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, Array, spans, tone
from spectramend.detection import detect
from spectramend.detection.click_spans import likely_span


def ringing(width: int) -> Array:
    """Make a click that falls by 30 dB in `width` samples."""
    n = np.arange(width)
    return np.exp(-3.5 * n / width) * np.cos(1.9 * n)


def clicked(starts: list[int], width: int, height: float = 2.0) -> Array:
    """Add ringing clicks to a tone."""
    x = tone()
    for start in starts:
        x[start : start + width] += height * ringing(width)
    return x


@pytest.mark.parametrize("width", [4, 16, 40, 80])
def test_a_span_ends_where_the_tail_ends(width: int) -> None:
    x = clicked([16000], width)
    span = likely_span(x, np.zeros(x.size, bool), (16000, 16003), SR, 1e-6)
    assert span is not None
    assert abs(span[0] - 16000) <= 2
    assert abs(span[1] - (16000 + width)) <= 5


def test_a_candidate_within_the_tail_gets_the_beginning_too() -> None:
    x = clicked([16000], 40)
    span = likely_span(x, np.zeros(x.size, bool), (16010, 16014), SR, 1e-6)
    assert span is not None
    assert abs(span[0] - 16000) <= 2


def test_a_span_of_a_wide_candidate_is_not_longer_than_that_of_a_click() -> None:
    x = tone()
    width = round(0.008 * SR)
    x[16000 : 16000 + width] += 2 * np.cos(1.9 * np.arange(width))
    span = likely_span(x, np.zeros(x.size, bool), (16000, 16000 + width // 2), SR, 1e-6)
    assert span is not None
    assert span[0] == span[1]


def test_no_span_without_sound_around_it() -> None:
    x = tone()
    lost = np.ones(x.size, bool)
    assert likely_span(x, lost, (16000, 16003), SR, 1e-6) is None
    assert likely_span(x[:30], np.zeros(30, bool), (10, 12), SR, 1e-6) is None


def test_detected_clicks_have_their_tails() -> None:
    starts = [4000, 9000, 15000, 22000, 28000]
    found = detect(clicked(starts, 40), SR)
    assert [r.label for r in found] == ["click"] * 5
    for (start, stop), truth in zip(spans(found), starts, strict=True):
        assert truth - 16 <= start <= truth + 2
        assert truth + 32 <= stop <= truth + 56


def test_in_crackle_too_clicks_have_their_tails_and_no_more() -> None:
    starts = [9000, 9200, 15000, 15200]
    found = spans(detect(clicked(starts, 40), SR))
    for truth, (start, stop) in zip(starts, found, strict=True):
        assert truth - 16 <= start <= truth + 2
        assert truth + 32 <= stop <= truth + 56


def test_a_sound_that_begins_and_does_not_end_is_no_click() -> None:
    x = tone()
    noise = np.random.default_rng(0).standard_normal(1600)
    x[16000:17600] += np.exp(-np.arange(1600) / 250) * noise
    span = likely_span(x, np.zeros(x.size, bool), (16000, 16003), SR, 1e-6)
    assert span is not None
    assert span[0] == span[1]
    assert detect(x, SR, kinds=("click",)) == []
