"""Segments: damaged samples with their context."""

from __future__ import annotations

import numpy as np
import pytest

from spectramend import STFT, Region
from spectramend.audio import PatchedSource
from spectramend.errors import ParameterError
from spectramend.restoration.jobs import Channel, DamagedRegion
from spectramend.restoration.segments import read_segment

X = np.arange(100.0)
CHANNEL = Channel(PatchedSource(lambda a, b: X[None, a:b], length=100, channels=1), 0, 8000)
REGION = DamagedRegion(Region(), (40, 50), "occluded", "", True)


@pytest.mark.parametrize(("context", "first", "stop"), [(5, 35, 55), (45, 0, 95), (60, 0, 100)])
def test_a_segment_holds_regions_and_their_context(context: int, first: int, stop: int) -> None:
    segment = read_segment(CHANNEL, [REGION], context, STFT(16, 4))
    assert (segment.first, segment.span, segment.length) == (first, (40, 50), 100)
    np.testing.assert_array_equal(segment.samples, X[first:stop])
    np.testing.assert_array_equal(segment.samples[segment.inside], X[40:50])


def test_a_segment_shorter_than_a_frame_is_refused() -> None:
    with pytest.raises(ParameterError, match="has 20 samples, fewer than n_fft=64: give more"):
        read_segment(CHANNEL, [REGION], 5, STFT(64, 16))
