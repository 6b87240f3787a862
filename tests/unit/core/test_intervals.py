"""Runs of masks, and unions, groups and distances of spans."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectramend.core.intervals import Span, SpanSet, apart, hull, join, marked, runs, touching

laws = settings(derandomize=True, max_examples=300, deadline=None)
spans_of_samples = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 8)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=12,
)


def covered(spans: list[Span]) -> set[int]:
    return {i for start, stop in spans for i in range(start, stop)}


@laws
@given(st.lists(st.booleans(), max_size=20))
def test_runs_are_those_of_a_loop(values: list[bool]) -> None:
    expected: list[list[int]] = []
    for i, value in enumerate(values):
        if value and (i == 0 or not values[i - 1]):
            expected.append([i, i])
        if value:
            expected[-1][1] = i + 1
    found = runs(np.array(values, bool))
    assert found.shape == (len(expected), 2)
    assert found.tolist() == expected
    spans = [(start, stop) for start, stop in expected]
    assert marked(spans, len(values)).tolist() == values


@laws
@given(spans_of_samples, st.integers(0, 3))
def test_joined_spans_cover_the_same_samples_and_lie_apart(spans: list[Span], gap: int) -> None:
    joined = join(spans, gap)
    assert covered(spans) <= covered(joined)
    if not gap:
        assert covered(spans) == covered(joined)
    assert all(a[1] + gap < b[0] for a, b in pairwise(joined))


@laws
@given(spans_of_samples, st.integers(0, 3))
def test_groups_are_what_is_joined(spans: list[Span], gap: int) -> None:
    groups = touching(spans, gap)
    assert sorted(i for group in groups for i in group) == list(range(len(spans)))
    assert [hull(spans[i] for i in group) for group in groups] == join(spans, gap)
    assert all(spans[i] <= spans[j] for group in groups for i, j in pairwise(group))


@pytest.mark.parametrize(
    ("spans", "groups"),
    [
        ([], []),
        ([(0, 1)], [[0]]),
        ([(0, 2), (2, 3)], [[0, 1]]),
        ([(0, 2), (3, 4)], [[0], [1]]),
        ([(0, 9), (1, 2), (8, 10), (11, 12)], [[0, 1, 2], [3]]),
        ([(5, 6), (0, 9)], [[1, 0]]),
    ],
)
def test_spans_that_touch_are_grouped(spans: list[Span], groups: list[list[int]]) -> None:
    assert touching(spans) == groups


@laws
@given(spans_of_samples, spans_of_samples, st.integers(0, 4))
def test_spans_apart_are_those_at_a_distance_from_all(
    spans: list[Span], others: list[Span], distance: int
) -> None:
    expected = [
        (start, stop)
        for start, stop in spans
        if all(stop + distance <= a or b + distance <= start for a, b in others)
    ]
    assert apart(spans, others, distance) == expected


def test_a_set_of_spans_takes_none_that_overlaps() -> None:
    found = SpanSet()
    for span in [(5, 9), (0, 5), (8, 10), (4, 6), (9, 11)]:
        found.add(span)
    assert found.spans == [(0, 5), (5, 9), (9, 11)]
