"""Checks of a signal and its mask."""

from __future__ import annotations

import numpy as np
import pytest

from gap_signals import mask_of
from spectramend.errors import ParameterError
from spectramend.gaps.inputs import known_samples


def test_missing_samples_become_zeros_of_a_copy() -> None:
    x, missing = np.array([1, 2, 3], np.float32), [False, True, False]
    known, lost = known_samples(x, missing)
    assert known.dtype == np.float64
    assert (known.tolist(), lost.tolist()) == ([1, 0, 3], missing)
    known[0] = 9
    assert x[0] == 1


def test_unequal_shapes_and_masks_of_everything_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"x has shape \(4,\), missing \(5,\): give two equal"):
        known_samples(np.ones(4), np.ones(5, bool))
    with pytest.raises(ParameterError, match=r"x has shape \(1, 4\)"):
        known_samples(np.ones((1, 4)), np.ones((1, 4), bool))
    with pytest.raises(ParameterError, match="every sample is missing"):
        known_samples(np.ones(4), mask_of(4, (0, 4)))
