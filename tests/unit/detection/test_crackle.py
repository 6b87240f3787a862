"""Dense crackle: found in passes where it is, and nowhere else."""

from __future__ import annotations

import numpy as np

from damaged_signals import SR, tone
from spectramend.detection.crackle import NEAR_S, dense_spans, find_crackle


def crackled(per_second: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """A tone with clicks of 4 samples in its second half, and their spans."""
    rng, x = np.random.default_rng(3), tone(2.0)
    step = round(SR / per_second)
    starts = np.arange(SR, 2 * SR - SR // 10, step) + rng.integers(0, step // 2)
    for start in starts:
        x[start : start + 4] += rng.choice([-1, 1]) * np.array([1.0, -0.7, 0.5, -0.3])
    return x, [(int(start), int(start) + 4) for start in starts]


def test_clicks_that_are_each_others_background_are_found() -> None:
    x, true = crackled(150.0)
    level = float(np.sqrt(np.mean(x**2)))
    found = find_crackle(x, SR, [(SR, 2 * SR)], level=level, least=0.0)
    hits = [any(a < stop and start < b for a, b in found) for start, stop in true]
    assert np.mean(hits) > 0.95
    assert all(any(a < stop and start < b for start, stop in true) for a, b in found)


def test_parts_of_a_recording_have_the_clicks_of_the_whole() -> None:
    x, _ = crackled(50.0)
    level = float(np.sqrt(np.mean(x**2)))
    whole = find_crackle(x, SR, [(SR, 2 * SR)], level=level, least=0.0)
    offset = SR // 2
    part = find_crackle(
        x[offset:], SR, [(SR - offset, 2 * SR - offset)], level=level, least=0.0, offset=offset
    )
    assert [(a + offset, b + offset) for a, b in part] == whole


def test_no_input_is_changed() -> None:
    x, _ = crackled(50.0)
    before = x.copy()
    find_crackle(x, SR, [(SR, 2 * SR)], level=0.5, least=0.0)
    np.testing.assert_array_equal(x, before)


def test_only_several_likely_candidates_nearby_are_crackle() -> None:
    spans = [(1000, 1010), (1300, 1310), (1600, 1610), (9000, 9010), (9005, 9020), (9010, 9030)]
    near = round(NEAR_S * SR)
    likely = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    expected = [(a - near, b + near) for a, b in spans[:3]]
    assert dense_spans(spans, likely, SR) == expected  # candidates that overlap are one click
    assert dense_spans(spans, likely - 10.0, SR) == []
    assert dense_spans([], np.zeros(0), SR) == []
