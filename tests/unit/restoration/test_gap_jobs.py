"""Gaps: what is used to fill them, which share a job, and that cost stays bounded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from damaged_scenes import SR, N, gaps_at, scene
from spectramend import Region, repair
from spectramend.gaps import (
    EM_ALGORITHMS,
    METHODS,
    GapFill,
    Method,
    SearchBuffer,
    context_length,
    fill_and_assess,
)
from spectramend.restoration import gap_jobs


@pytest.mark.parametrize("method", METHODS)
def test_a_model_has_an_order_or_a_frame(method: Method) -> None:
    gap = Region(1, 1.01)
    (job,) = repair(scene(), SR, gap, damage="missing", method=method, rng=0).jobs
    assert job.model == ("ar" if method == "auto" else method)
    assert (job.order is None) == (job.n_fft is not None) == (method in EM_ALGORITHMS)


def test_gaps_within_a_model_share_a_job_and_what_is_between_them_stays() -> None:
    x = scene()
    regions = [Region((SR + 40 * i) / SR, (SR + 40 * i + 8) / SR) for i in range(5)]
    (job,) = repaired = repair(x, SR, regions, damage="missing").jobs
    assert len(repaired) == 1
    assert (job.start, job.stop, job.method) == (SR, SR + 168, "autoregression")
    changed = np.flatnonzero(repair(x, SR, regions, damage="missing").samples != x) - SR
    assert changed.min() >= 0
    assert (changed % 40 < 8).all()


def test_missing_samples_are_never_used() -> None:
    regions = [Region(1, 1.02), Region(1.021, 1.03), Region(2.0, 2.1)]
    x = scene()
    y = repair(x, SR, regions, damage="missing").samples
    for value in (0.0, 1e9, np.nan, np.inf):
        spoiled = x.copy()
        for region in regions:
            spoiled[slice(*region.samples(length=N, sr=SR))] = value
        np.testing.assert_array_equal(repair(spoiled, SR, regions, damage="missing").samples, y)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_fills_gaps_and_uses_nothing_inside_them(method: Method) -> None:
    regions = [Region(0.5, 0.52), Region(0.8, 0.802)]
    regions += [Region(1.1, 1.25)] if method not in EM_ALGORITHMS else []
    band = Region(0.3, 0.35, 1000, 3000)
    x = scene()[: round(1.5 * SR)]
    spoiled, marked = x.copy(), np.zeros(x.size, bool)
    for region in regions:
        marked[slice(*region.samples(length=x.size, sr=SR))] = True
    spoiled[marked] = 1e3
    copy = spoiled.copy()
    spoiled.setflags(write=False)
    options: dict[str, Any] = {"damage": "missing", "method": method, "rng": 5, "context_s": 0.7}
    found = repair(spoiled, SR, regions, **options)
    np.testing.assert_array_equal(repair(x, SR, regions, **options).samples, found.samples)
    np.testing.assert_array_equal(spoiled, copy)
    np.testing.assert_array_equal(found.samples[~marked], x[~marked])
    assert np.isfinite(found.samples).all()
    assert np.abs(found.samples).max() < 4 * np.abs(x).max()
    assert {job.status for job in found.jobs} == {"done"}
    # Other damage has its own method.
    if method in ("auto", "am"):
        names = [job.method for job in repair(x, SR, [regions[0], band], **options).jobs]
        assert names[1:] == [job.method for job in repair(x, SR, band, damage="missing").jobs]


@pytest.mark.parametrize("method", ["auto", "hybrid"])
def test_similar_passages_come_from_far_but_not_from_damage(method: Method) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(8 * SR)
    gap, later, band = Region(4.0, 4.15), Region(5.75, 5.85), Region(2.1, 2.3, 500, 1000)
    inside = slice(*gap.samples(length=x.size, sr=SR))
    poisoned = x.copy()
    for region in (later, band):
        start, stop = region.samples(length=x.size, sr=SR)
        poisoned[start:stop] += 5 * rng.standard_normal(stop - start)
        far = min(abs(start - inside.stop), abs(stop - inside.start))
        assert context_length(inside.stop - inside.start) < far < 2 * SR
    fills = {
        (poison, marked): repair(
            y, SR, [gap, later, band] if marked else gap, damage="missing", method=method
        ).samples[inside]
        for poison, y in ((False, x), (True, poisoned))
        for marked in (True, False)
    }
    np.testing.assert_array_equal(fills[False, True], fills[True, True])
    assert not np.array_equal(fills[False, False], fills[True, False])


def test_the_search_buffer_is_the_recording_around_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal(8 * SR)
    gap, band = Region(4.0, 4.05), Region(2.1, 2.3, 500, 1000)
    start, stop = gap.samples(length=x.size, sr=SR)
    seen = []

    def watched(y: Any, missing: Any, *, search: SearchBuffer, **options: Any) -> GapFill:
        seen.append((y, missing, search))
        return fill_and_assess(y, missing, search=search, **options)

    monkeypatch.setattr(gap_jobs, "fill_and_assess", watched)
    repair(x, SR, [gap, band], damage="missing", method="hybrid")
    ((y, missing, buffer),) = seen
    known = x.copy()
    known[start:stop] = np.nan
    known[slice(*band.samples(length=x.size, sr=SR))] = np.nan
    np.testing.assert_array_equal(buffer.samples, known[start - 2 * SR : stop + 2 * SR])
    own = buffer.samples[buffer.offset : buffer.offset + y.size]
    np.testing.assert_array_equal(np.isnan(own), missing)
    np.testing.assert_array_equal(own[~missing], y[~missing])


def test_the_status_says_that_there_is_silence_around_a_gap() -> None:
    x = np.zeros(N)
    x[SR : SR + 400] = scene()[:400]
    found = repair(x, SR, Region(1, 1.05), damage="missing")
    assert not found.samples.any()
    assert found.jobs[0].status == "silence around it: filled with silence"


def test_thousands_of_gaps_take_seconds() -> None:
    x = np.tile(scene(), 4)
    starts = np.arange(SR, x.size - SR, 35)
    regions = [Region(s / SR, (s + 1 + s % 7) / SR, label="click") for s in starts]
    started = time.process_time()
    y = repair(x, SR, regions).samples
    assert len(regions) > 2000
    assert time.process_time() - started < 10
    assert np.sum((y - x) ** 2) < 0.1 * np.sum(x**2) * 4 / 35


def test_gaps_are_grouped_by_the_reach_of_their_models() -> None:
    def groups(*spans: tuple[int, int]) -> list[int]:
        return [len(group) for group in gap_jobs.group_gaps(gaps_at(*spans))]

    assert groups((0, 5), (37, 40), (73, 80)) == [2, 1]
    assert groups((0, 500), (10, 20), (510, 511)) == [3]
    assert groups((0, 700), (800, 1200)) == [1, 1]
    assert groups((0, 700), (700, 1200)) == [2]
    assert groups((0, 300), (400, 700), (800, 1100), (1200, 1500), (1530, 1540)) == [3, 2]


def test_a_job_says_what_is_expected_and_where_little_could_be_recovered() -> None:
    (tones,) = repair(scene(), SR, Region(1, 1.03), damage="missing").jobs
    assert tones.status == "done"
    assert tones.expected_snr_db is not None
    assert tones.expected_snr_db > 5
    assert gap_jobs._status(0.5).startswith("little could be recovered")
    assert gap_jobs._status(None) == "done"
