"""Segments: damaged samples with their context, as they are read for one job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.core.stft import STFT
from spectramend.errors import ParameterError
from spectramend.restoration.jobs import Channel, DamagedRegion, span_of


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of a channel around a damaged span; `first` and `span` count in the recording."""

    samples: NDArray[np.float64]  # [shape=(n,)]
    first: int  # its first sample
    span: Span  # damaged samples
    length: int  # samples of the recording

    @property
    def inside(self) -> slice:
        """The damaged samples, counted from the start of the segment."""
        return slice(self.span[0] - self.first, self.span[1] - self.first)


def read_segment(
    channel: Channel, group: Sequence[DamagedRegion], context: int, stft: STFT
) -> Segment:
    """Read damaged regions with `context` samples on either side.

    Raises ParameterError if the segment is shorter than a frame, or holds NaN.
    """
    span = span_of(group)
    first, last = channel.around(span, context)
    if last - first < stft.n_fft:
        raise ParameterError(
            f"region {group[0].region}: with its context has {last - first} samples, fewer than "
            f"n_fft={stft.n_fft}: give more context or a smaller n_fft."
        )
    x = channel.samples(first, last)
    check_finite(x, group)
    return Segment(x, first, span, channel.length)


def check_finite(x: NDArray[Any], group: Sequence[DamagedRegion]) -> None:
    """Refuse NaN and infinity in samples from which regions are to be repaired."""
    if not np.isfinite(x).all():
        raise ParameterError(
            f"region {group[0].region}: NaN or infinite samples are in it or around it: mark "
            f"them as a missing region over the whole band."
        )
