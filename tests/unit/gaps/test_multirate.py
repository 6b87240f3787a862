"""Models at lower rates: their filters by the equation, the low-pass filter, short segments."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import moving_resonance
from spectramend.core.burg_recursion import burg
from spectramend.gaps.ar.multirate import _lowpass, burg_decimated


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("factor", [1, 4, 8, 16])
def test_a_filter_at_a_lower_rate_is_that_of_the_equation(
    rng: np.random.Generator, factor: int
) -> None:
    segments = [moving_resonance(n, rng) for n in (900, 400, 12 * factor + 2)]
    order, f = 10, _lowpass(factor)
    decimated = [
        np.array([f @ x[n : n + f.size] for n in range(0, x.size - f.size + 1, factor)])
        for x in segments
    ]
    expected = burg(decimated, order)
    model = burg_decimated(segments, order, factor)
    assert model.error == pytest.approx(expected.error, rel=1e-9)
    assert model.order == order * factor + f.size - 1
    # The sum over k of a[k] (f * x)(n - M k).
    x = moving_resonance(700, rng)
    low = np.convolve(x, f)
    dense = sum(
        np.concatenate([np.zeros(factor * k), a * low, np.zeros(factor * (order - k))])
        for k, a in enumerate(expected.a)
    )
    np.testing.assert_allclose(np.convolve(x, model.a), dense, rtol=0, atol=1e-12)


def test_the_low_pass_filter_passes_the_band_of_the_lower_rate() -> None:
    for factor in (4, 8, 16):
        f = _lowpass(factor)
        np.testing.assert_array_equal(f, f[::-1])
        assert f.sum() == pytest.approx(1.0)
        n = np.arange(f.size)
        gain = np.abs(np.exp(-1j * np.pi * np.linspace(0, 1, 400)[:, None] * n) @ f)
        band = np.linspace(0, 1, 400) * factor
        assert np.abs(gain[band < 0.6] - 1).max() < 5e-3
        assert gain[band > 1.2].max() < 5e-3


@pytest.mark.parametrize("n", [194, 195, 210, 400])
def test_short_segments_give_short_models(n: int, rng: np.random.Generator) -> None:
    model = burg_decimated([moving_resonance(n, rng)], 50, 16)
    decimated = (n - 193) // 16 + 1
    assert model.order <= 16 * max(1, (decimated - 1) // 3) + 192
    assert np.isfinite(model.a).all()
    assert model.error > 0
