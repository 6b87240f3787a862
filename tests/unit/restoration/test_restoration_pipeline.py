"""Which job is done when, and on what it builds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from damaged_scenes import SR, scene, with_value
from spectramend import STFT, Region, repair
from spectramend.errors import ParameterError


def test_damage_decides_the_method() -> None:
    for damage, region, method, model, size in (
        ("missing", Region(1, 1.05), "autoregression", "ar", (None, 1024)),
        ("missing", Region(1, 1.05, 500, 1500), "subband prediction", "subband", (64, None)),
        ("occluded", Region(1, 1.05), "semi-supervised NMF", "semisupervised_nmf", (512, None)),
    ):
        options: dict[str, Any] = {"damage": damage}
        x = scene()
        x[SR : SR + 400] += 0.5 * np.hanning(400) * np.random.default_rng(1).standard_normal(400)
        (job,) = repair(x, SR, region, rng=0, **options).jobs
        assert (job.method, job.model, job.status) == (method, model, "done")
        assert (job.n_fft, job.order) == size
        assert job.regions == (region,)


@pytest.mark.parametrize("damage", ["missing", "occluded"])
def test_regions_that_overlap_or_touch_share_a_job(damage: Any) -> None:
    regions = [
        Region(2, 2.1, 500, 900),
        Region(1, 1.1, 500, 900),
        Region(1.1, 1.2, 500, 900),
        Region(1.05, 1.15, 2000, 2500),
    ]
    found = repair(scene(), SR, regions, damage=damage, rng=0).jobs
    assert [(j.start, j.stop, len(j.regions)) for j in found] == [
        (SR, SR + 1600, 3),
        (2 * SR, 2 * SR + 800, 1),
    ]


def test_each_job_builds_on_those_before() -> None:
    x = with_value(0.0, SR + 3000, SR + 3200)
    gap, event = Region(1.375, 1.4), Region(1, 1.2, 500, 1500)
    both = repair(x, SR, [event, gap], rng=0)
    assert [job.method for job in both.jobs] == ["autoregression", "semi-supervised NMF"]
    first = repair(x, SR, gap, rng=0).samples
    np.testing.assert_array_equal(both.samples, repair(first, SR, event, rng=0).samples)


def test_nan_outside_of_regions_is_refused() -> None:
    x = with_value(np.nan, SR, SR + 10)
    for region, damage in (
        (Region(1.01, 1.02), "missing"),
        (Region(1.1, 1.2, 500, 900), "missing"),
        (Region(0.9, 1.2, 500, 900), "auto"),
        (Region(1.1, 1.2), "occluded"),
    ):
        options: dict[str, Any] = {"damage": damage}
        with pytest.raises(ParameterError, match="NaN or infinite samples are in it or around it"):
            repair(x, SR, region, **options)
    gap = Region(1, (SR + 10) / SR)
    assert np.isfinite(repair(x, SR, [Region(1.1, 1.2, 500, 900), gap], rng=0).samples).all()


def test_a_transform_that_is_given_is_used() -> None:
    for damage in ("missing", "occluded"):
        options: dict[str, Any] = {"damage": damage, "stft": STFT(128, 32), "rng": 0}
        assert repair(scene(), SR, Region(1, 1.2, 500, 900), **options).jobs[0].n_fft == 128
