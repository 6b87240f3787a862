"""The fade at the edges of a region."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import STFT
from spectramend.restoration.crossfade import crossfaded
from spectramend.restoration.segments import Segment


def test_repairs_fade_in_and_out_but_not_at_the_ends_of_the_recording() -> None:
    def fade(start: int, stop: int) -> NDArray[Any]:
        return crossfaded(Segment(np.zeros(100), 0, (start, stop), 100), np.ones(100), STFT(64, 16))

    middle = fade(20, 60)
    np.testing.assert_allclose(middle, middle[::-1])
    assert (np.diff(middle[:9]) >= 0).all()
    assert 0 < middle[0] < 0.05
    assert (middle[8:32] == 1).all()
    np.testing.assert_array_equal(fade(0, 40), np.where(np.arange(40) < 20, 1, middle))
    np.testing.assert_array_equal(fade(60, 100), np.where(np.arange(40) < 20, middle, 1))
    assert fade(20, 23).tolist() == [1, 1, 1]


def test_a_segment_need_not_start_with_the_recording() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 100))
    whole = crossfaded(Segment(x, 0, (20, 60), 200), y, STFT(64, 16))
    part = crossfaded(Segment(x[10:], 10, (20, 60), 200), y[10:], STFT(64, 16))
    np.testing.assert_array_equal(part, whole)
