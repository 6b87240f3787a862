"""What is known of clipped and quantized samples."""

from __future__ import annotations

import numpy as np
import pytest

from spectramend.declipping import clipping_bounds, quantization_bounds, quantization_step
from spectramend.errors import ParameterError


def test_clipped_samples_are_open_beyond_their_level() -> None:
    y = np.array([-0.5, -0.2, 0.0, 0.3, 0.4])
    bounds = clipping_bounds(y, -0.5, 0.4)
    assert bounds.free.tolist() == [True, False, False, False, True]
    assert bounds.upper[0] == -0.5
    assert bounds.lower[0] == -np.inf
    assert bounds.lower[4] == 0.4
    assert bounds.upper[4] == np.inf


def test_a_side_without_level_is_reliable() -> None:
    y = np.array([-1.0, 0.4])
    assert clipping_bounds(y, None, 0.4).free.tolist() == [False, True]


def test_tolerance_widens_what_counts_as_clipped_and_its_bound() -> None:
    bounds = clipping_bounds(np.array([0.39, 0.41, 0.2]), None, 0.4, tolerance=0.02)
    assert bounds.free.tolist() == [True, True, False]
    np.testing.assert_allclose(bounds.lower[:2], 0.38)


def test_samples_elsewhere_do_not_count() -> None:
    within = np.array([False, True])
    assert clipping_bounds(np.array([0.5, 0.5]), None, 0.5, within=within).free.tolist() == [
        False,
        True,
    ]


def test_levels_must_leave_room() -> None:
    with pytest.raises(ParameterError, match="levels"):
        clipping_bounds(np.zeros(3), 0.1, 0.1)


def test_input_is_not_mutated() -> None:
    y = np.array([0.5, 0.1])
    clipping_bounds(y, None, 0.5)
    assert y.tolist() == [0.5, 0.1]


def test_quantized_samples_hold_the_truth() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, 1000)
    step = quantization_step(6)
    y = (np.floor(x / step) + 0.5) * step
    bounds = quantization_bounds(y, step)
    assert np.all((bounds.lower <= x) & (x <= bounds.upper))
    assert bounds.free.all()


@pytest.mark.parametrize("bits", [1, 25])
def test_bits_out_of_range_are_refused(bits: int) -> None:
    with pytest.raises(ParameterError, match="bits"):
        quantization_step(bits)
