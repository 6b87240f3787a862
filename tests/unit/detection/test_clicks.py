"""Click candidates, and which of them are taken for clicks."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, spans, tone
from spectramend.detection import detect
from spectramend.detection.clicks import CLICK_CONTEXT_S, find_candidates


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("width", [1, 4, 20])
def test_clicks_of_both_signs_are_found_where_they_are(sign: int, width: int) -> None:
    x = tone()
    rng = np.random.default_rng(1)
    at = [4000, 9000, 15000, 22000, 28000]
    for start in at:
        x[start : start + width] += sign * np.abs(rng.standard_normal(width) + 2)
    found = detect(x, SR)
    assert [r.label for r in found] == ["click"] * 5
    for (start, stop), truth in zip(spans(found), at, strict=True):
        assert truth - 16 <= start <= truth
        assert truth + width <= stop <= truth + width + 16


def test_an_onset_is_no_click() -> None:
    x = 0.01 * tone(seed=1)
    for at in range(3000, 30000, 3000):
        x[at : at + 2000] += tone()[:2000] * np.exp(-np.arange(2000) / 300)
    assert detect(x, SR) == []


def test_pulses_of_a_voice_are_no_clicks() -> None:
    pulses = np.zeros(2 * SR)
    pulses[np.cumsum(np.random.default_rng(0).integers(120, 180, 200))] = 1.0
    ring = 0.97 ** np.arange(300) * np.sin(np.arange(300) * 0.3)
    x = np.convolve(pulses, ring)[: 2 * SR] + 1e-3 * tone()
    assert detect(x, SR) == []


def test_candidates_of_parts_are_those_of_the_whole() -> None:
    x = tone(3.0)
    x[[20000, 20001, 30000]] += 2.0
    level = float(np.sqrt(np.mean(x**2)))
    whole, features = find_candidates(x, SR, level=level)
    context = round(CLICK_CONTEXT_S * SR)
    first = 16000 - context
    part, some = find_candidates(x[first : 32000 + context], SR, level=level, offset=first)
    own = [i for i, span in enumerate(part) if context <= span[0] < context + 16000]
    inside = [i for i, span in enumerate(whole) if 16000 <= span[0] < 32000]
    assert len(inside) > 2
    assert [(part[i][0] + first, part[i][1] + first) for i in own] == [whole[i] for i in inside]
    np.testing.assert_allclose(some[own], features[inside], rtol=1e-6)
