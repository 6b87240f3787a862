"""Laws of the repair of regions: what may change, what may be used, and the smallest box."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spectramend import Region, repair
from spectramend.experiments._common.events import loudest_part, smallest_box

SR = 8000
N = 4000
CONTEXT = 600
RNG = np.random.default_rng(0)
X = np.stack([np.sin(0.1 * k * np.arange(N)) + 0.05 * RNG.standard_normal(N) for k in (1, 2)])

laws = settings(derandomize=True, max_examples=40, deadline=None)
damages = st.sampled_from(["missing", "occluded", "auto"])


@st.composite
def regions(draw: st.DrawFn) -> Region:
    start = draw(st.integers(0, N - 1))
    stop = min(N, start + draw(st.one_of(st.integers(1, 40), st.integers(1, 2000))))
    band = draw(st.sampled_from([(None, None), (None, 900), (500, 1500), (2500, None), (700, 710)]))
    channel = draw(st.sampled_from([None, 1, 2]))
    return Region(start / SR, stop / SR, *band, channel=channel)


def options_of(damage: str) -> dict[str, Any]:
    return {"damage": damage, "context_s": CONTEXT / SR, "rng": 0}


@laws
@given(chosen=st.lists(regions(), min_size=1, max_size=5), damage=damages)
def test_nothing_changes_outside_the_regions(chosen: list[Region], damage: str) -> None:
    inside = np.zeros(X.shape, bool)
    for region in chosen:
        channel = slice(None) if region.channel is None else region.channel - 1
        inside[channel, slice(*region.samples(length=N, sr=SR))] = True
    assume(not inside.all(axis=1).any())
    result = repair(X, SR, chosen, **options_of(damage))
    np.testing.assert_array_equal(result.samples[~inside], X[~inside])
    assert np.isfinite(result.samples).all()
    assert np.abs(result.samples).max() < 20
    assert sum(len(job.regions) for job in result.jobs) == sum(
        1 if region.channel else 2 for region in chosen
    )
    again = repair(X, SR, chosen[::-1], **options_of(damage))
    np.testing.assert_array_equal(again.samples, result.samples)


@laws
@given(region=regions(), damage=damages, value=st.sampled_from([0.0, 3.0, 1e6, np.nan]))
def test_nothing_farther_than_the_context_is_used(
    region: Region, damage: str, value: float
) -> None:
    start, stop = region.samples(length=N, sr=SR)
    assume(stop - start < N)
    other = X.copy()
    other[:, : max(0, start - CONTEXT)] = value
    other[:, stop + CONTEXT :] = value
    one, two = (repair(x, SR, region, **options_of(damage)).samples for x in (X, other))
    np.testing.assert_array_equal(one[:, start:stop], two[:, start:stop])


@pytest.mark.slow
@laws
@given(
    spans=st.lists(st.tuples(st.integers(0, N - 1), st.integers(1, 300)), min_size=1, max_size=6),
    value=st.sampled_from([0.0, -5.0, 1e9, np.nan, np.inf]),
)
def test_missing_samples_are_never_used(spans: list[tuple[int, int]], value: float) -> None:
    chosen = [Region(a / SR, min(N, a + n) / SR) for a, n in spans]
    other = X.copy()
    for region in chosen:
        other[:, slice(*region.samples(length=N, sr=SR))] = value
    one, two = (repair(x, SR, chosen, damage="missing").samples for x in (X, other))
    np.testing.assert_array_equal(one, two)


def box_by_force(V: NDArray[Any], part: float) -> int:
    """Find how many cells the smallest rectangle has, by trying all."""
    F, T = V.shape
    return min(
        (f1 - f0) * (t1 - t0)
        for f0 in range(F) for f1 in range(f0 + 1, F + 1)
        for t0 in range(T) for t1 in range(t0 + 1, T + 1)
        if V[f0:f1, t0:t1].sum() >= part * V.sum() * (1 - 1e-9)
    )  # fmt: skip


@laws
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 7)),
    seed=st.integers(0, 2**32 - 1),
    part=st.sampled_from([0.1, 0.5, 0.9, 0.95, 1.0]),
    silent=st.booleans(),
)
def test_no_smaller_box_holds_as_much(
    shape: tuple[int, int], seed: int, part: float, silent: bool
) -> None:
    rng = np.random.default_rng(seed)
    V = 10 ** rng.uniform(-3, 3, shape)
    if silent:
        V[rng.uniform(size=shape) < 0.5] = 0
    assume(V.any())
    box = smallest_box(V, part)
    area = (box.stop_bin - box.first_bin) * (box.stop_frame - box.first_frame)
    assert V[box.cells].sum() >= part * V.sum() * (1 - 1e-6)
    assert area == box_by_force(V, part)


@laws
@given(n=st.integers(1, 40), length=st.integers(1, 45), seed=st.integers(0, 2**32 - 1))
def test_no_part_is_louder(n: int, length: int, seed: int) -> None:
    x = 10 ** np.random.default_rng(seed).uniform(-2, 2, n)
    part = loudest_part(x, length)
    assert part.size == min(n, length)
    loudest = max(np.sum(x[i : i + part.size] ** 2) for i in range(n - part.size + 1))
    np.testing.assert_allclose(np.sum(part**2), loudest)
