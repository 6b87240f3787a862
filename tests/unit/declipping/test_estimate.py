"""Clipped and quantized sounds come back, and what is reliable stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.declipping import (
    EstimateOptions,
    SampleBounds,
    clipping_bounds,
    estimate_within,
    free_segments,
    quantization_bounds,
    quantization_step,
)
from spectramend.declipping.cubic_bridges import hermite_start
from spectramend.declipping.estimate import DEFAULT_OPTIONS
from spectramend.declipping.variances import (
    GeometricMeanVariance,
    NMFVariance,
    SocialVariance,
    VarianceModel,
)

SR = 16000


def sound(seconds: float = 1.0, seed: int = 0) -> NDArray[np.float64]:
    """Decaying notes with harmonics, in a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SR)) / SR
    x = 1e-4 * rng.standard_normal(t.size)
    for start, pitch in ((0.0, 220.0), (0.3, 330.0), (0.6, 277.0)):
        since = np.maximum(t - start, 0)
        note = sum(np.sin(2 * np.pi * k * pitch * since + k) / k**1.5 for k in range(1, 8))
        x += np.where(t >= start, np.exp(-3 * since) * np.minimum(1, since / 0.01), 0) * note
    return x / np.abs(x).max()


def sdr(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.sum(x**2) / np.sum((x - y) ** 2)))


def restored(
    y: NDArray[np.float64], bounds: SampleBounds, options: EstimateOptions = DEFAULT_OPTIONS
) -> NDArray[np.float64]:
    return estimate_within(y, bounds, SR, options=options, rng=np.random.default_rng(0)).samples


@pytest.mark.parametrize(("level", "gain"), [(0.08, 5.0), (0.2, 3.0), (0.5, 12.0)])
@pytest.mark.parametrize("fast", [False, True])
def test_clipped_notes_come_back(level: float, gain: float, fast: bool) -> None:
    x = sound()
    y = np.clip(x, -level, level)
    bounds = clipping_bounds(y, -level, level)
    z = restored(y, bounds, EstimateOptions(fast=fast))
    free = bounds.free
    np.testing.assert_array_equal(z[~free], y[~free])
    assert np.all((z >= bounds.lower) & (z <= bounds.upper))
    assert sdr(x[free], z[free]) - sdr(x[free], y[free]) > gain


def test_one_side_alone() -> None:
    x = sound()
    y = np.minimum(x, 0.3)
    z = restored(y, clipping_bounds(y, None, 0.3))
    assert sdr(x, z) > sdr(x, y) + 10
    np.testing.assert_array_equal(z[y < 0.3], y[y < 0.3])


@pytest.mark.parametrize("bits", [5, 8])
def test_quantized_notes_come_back(bits: int) -> None:
    x = sound()
    step = quantization_step(bits)
    y = np.clip((np.floor(x / step) + 0.5) * step, -1 + step / 2, 1 - step / 2)
    bounds = quantization_bounds(y, step)
    z = restored(y, bounds)
    assert np.all((z >= bounds.lower) & (z <= bounds.upper))
    assert sdr(x, z) > sdr(x, y) + 2


def test_scale_does_not_matter() -> None:
    y = np.clip(sound(0.5), -0.2, 0.2)
    one = restored(y, clipping_bounds(y, -0.2, 0.2))
    loud = restored(1024 * y, clipping_bounds(1024 * y, -204.8, 204.8))
    np.testing.assert_allclose(loud, 1024 * one, rtol=1e-6)


def test_same_seed_same_result_and_input_stays() -> None:
    y = np.clip(sound(0.5), -0.3, 0.3)
    before = y.copy()
    bounds = clipping_bounds(y, -0.3, 0.3)
    np.testing.assert_array_equal(restored(y, bounds), restored(y, bounds))
    np.testing.assert_array_equal(y, before)


def test_without_projection_samples_may_leave_their_bounds() -> None:
    x = sound()
    step = quantization_step(4)
    y = (np.floor(x / step) + 0.5) * step
    bounds = quantization_bounds(y, step)
    z = restored(y, bounds, EstimateOptions(consistent=False))
    assert sdr(x, z) > sdr(x, y)


def test_nothing_to_do_is_said() -> None:
    rng = np.random.default_rng(0)
    y = np.array([0.1, 0.2, 0.3])
    known = estimate_within(y, SampleBounds(y, y), SR, rng=rng)
    assert known.status == "nothing to restore"
    np.testing.assert_array_equal(known.samples, y)
    silent = np.zeros(100)
    open_bounds = SampleBounds(silent, np.full(100, np.inf))
    assert estimate_within(silent, open_bounds, SR, rng=rng).status == "nothing observed"
    y[1] = np.nan
    broken = estimate_within(y, SampleBounds(y, y + 1), SR, rng=rng)
    assert broken.status == "not finite"


def test_hermite_curve_of_a_clipped_sine() -> None:
    t = np.arange(400)
    x = np.sin(2 * np.pi * t / 100)
    y = np.clip(x, -0.1, 0.1)
    start = hermite_start(y, clipping_bounds(y, -0.1, 0.1))
    assert 0.6 < start[120:130].max() < 0.9
    np.testing.assert_array_equal(start[np.abs(y) < 0.1], y[np.abs(y) < 0.1])


def test_segments_own_every_free_sample_once() -> None:
    rng = np.random.default_rng(0)
    free = rng.random(30 * SR) < 0.01
    free[5 * SR : 8 * SR] = False
    free[10 * SR : 24 * SR] = True
    owned = np.zeros(free.size, int)
    for part in free_segments(free, SR):
        owned[part.start : part.stop] += 1
        assert part.first <= part.start < part.stop <= part.last
        assert part.stop - part.start <= 6.0 * SR
    assert np.all(owned[free] == 1)
    assert owned.max() == 1
    assert free_segments(np.zeros(10, bool), SR) == []


@pytest.mark.parametrize(
    "model",
    [
        SocialVariance(),
        NMFVariance(np.random.default_rng(0)),
        GeometricMeanVariance(SocialVariance(), NMFVariance(np.random.default_rng(0))),
    ],
)
def test_variances_follow_the_powers(model: VarianceModel) -> None:
    P = np.zeros((30, 65), np.float32)
    P[:, 20] = 1.0
    for _ in range(3):
        V = model.variances(P, 1e-6)
    assert V.shape == P.shape
    assert np.all(V > 0)
    assert V[:, 20].min() > 100 * V[:, 50].max()
