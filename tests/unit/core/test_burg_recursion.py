"""Burg's recursion: against itself written out, known processes, several segments."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import autoregressive, moving_resonance
from reference import gaps as reference
from spectramend.core.burg_recursion import burg, dither, limited_order


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_recursion_is_the_one_written_out(rng: np.random.Generator) -> None:
    x = autoregressive(200, rng)
    np.testing.assert_allclose(burg([x], 12).a, reference.burg(x, 12), rtol=1e-9, atol=1e-12)


def test_a_known_process_is_found(rng: np.random.Generator) -> None:
    a = burg([autoregressive(20000, rng)], 4).a
    assert np.sort(np.abs(np.roots(a))) == pytest.approx([0.95, 0.95, 0.98, 0.98], abs=0.01)


def test_several_segments_share_a_model(rng: np.random.Generator) -> None:
    x = autoregressive(20000, rng)
    pieces = burg([x[:700], x[5000:5003], x[9000:19000]], 4)
    np.testing.assert_allclose(pieces.a, burg([x], 4).a, atol=0.05)
    np.testing.assert_allclose(burg([x[:700], x[:700]], 4).a, burg([x[:700]], 4).a, rtol=1e-12)


def test_a_model_of_silence_is_of_order_zero() -> None:
    assert burg([np.zeros(9)], 3).a.tolist() == [1.0]


def test_the_error_is_the_power_of_the_residual(rng: np.random.Generator) -> None:
    x = moving_resonance(4000, rng)
    model = burg([x], 6)
    assert model.error == pytest.approx(np.mean(np.convolve(x, model.a)[6:4000] ** 2), rel=0.01)
    perfect = burg([np.cos(0.3 * np.arange(400))], 4)
    assert 0 < perfect.error < 1e-4


def test_an_order_is_at_most_a_third_of_the_samples() -> None:
    assert [limited_order(p, 100) for p in (5, 33, 34)] == [5, 33, 33]
    assert limited_order(5, 2) == 1


def test_dither_is_the_same_every_time_and_white() -> None:
    noise = dither(4096, 4.0)
    np.testing.assert_array_equal(noise, dither(4096, 4.0))
    assert np.mean(noise**2) == pytest.approx(4e-12, rel=0.02)
    bands = np.abs(np.fft.rfft(noise)[1:]).reshape(8, -1)
    power = np.mean(bands**2, axis=1)
    assert power.max() < 2 * power.min()
