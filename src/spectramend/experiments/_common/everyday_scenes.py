"""Scenes of everyday damage: the damaged recording, where it is damaged, and what a user says.

A scene is damaged by steady tones over all of it, in a box of cells, or in spans of samples. The
measures follow from that: the whole recording, the cells of the box, or the samples of the spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, marked
from spectramend.core.regions import Region
from spectramend.experiments._common import events
from spectramend.experiments._common.conditions import decibels, pesq_of_speech
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments._common.results import Row

# Hz beside a tone or beyond the edge of a band in which a repair may act; engineering choice: the
# fades of boxes of 64 ms frames are 16 Hz wide, twice.
REACH_HZ = 32.0
FLOOR_DB = -200.0  # dB, given for a change outside of no energy; engineering choice: below rounding
MATCH_S = 1e-3  # seconds between edges that match; as in `benchmarks/detection.py`


@dataclass(frozen=True)
class EverydayScene:
    """A damaged recording; one of `tones_hz`, `box` and `spans` says where, none is undamaged."""

    recording: Recording  # T
    mix: NDArray[Any]  # [shape=(n,)] the damaged recording
    regions: tuple[Region, ...]  # what a user marks
    tones_hz: tuple[float, ...] = ()  # mean frequencies of steady tones over all of it
    box: events.Scene | None = None  # cells that are covered, or emptied
    spans: tuple[Span, ...] = ()  # damaged samples, in order

    @property
    def inside(self) -> NDArray[Any]:
        """Whether a sample belongs to a marked region [shape=(n,), bool]."""
        n, sr = self.mix.size, self.recording.sr
        return marked([r.samples(length=n, sr=sr) for r in self.regions], n)

    def snr_db(self, y: NDArray[Any]) -> float:
        """Ratio of the recording to the error of y [shape=(n,)] where it is damaged, in dB."""
        T, E = self.recording.samples, y - self.recording.samples
        if self.box is not None:
            T, E = (self.box.stft.forward(z)[self.box.box.cells] for z in (T, E))
        elif self.spans:
            damaged = marked(self.spans, T.size)
            T, E = T[damaged], E[damaged]
        return decibels(float(np.sum(np.abs(T) ** 2)), float(np.sum(np.abs(E) ** 2)))

    def outside_db(self, y: NDArray[Any]) -> float:
        """Power of the change outside samples and band relative to the recording's, in dB.

        With D = y - mix, the energy of D at samples of no region is added to that of its spectrum
        farther than `REACH_HZ` from the tones or the band. D is zero outside a box, so that its
        spectrum needs no window; changes of the whole recording have Hann's.
        """
        D, inside = y - self.mix, self.inside
        energy = float(np.sum(D[~inside] ** 2))
        bands = self.bands()
        if bands:
            n, window = D.size, np.hanning(D.size) if self.tones_hz else np.ones(D.size)
            f = np.fft.rfftfreq(n, 1 / self.recording.sr)
            far = np.all([(f < low - REACH_HZ) | (f > top + REACH_HZ) for low, top in bands], 0)
            P = np.abs(np.fft.rfft(D * inside * window)) ** 2
            # Parseval: both halves of the spectrum, over the mean power of the window.
            energy += 2 * float(np.sum(P[far])) / (n * float(np.mean(window**2)))
        power = float(np.sum(self.recording.samples**2))
        return max(FLOOR_DB, -decibels(power, energy))

    def bands(self) -> list[tuple[float, float]]:
        """Lowest and highest frequency of each tone, or of the box, in Hz; none of spans."""
        if self.box is not None:
            return [self.box.region.band(sr=self.recording.sr)]
        return [(hz, hz) for hz in self.tones_hz]

    def measures(self, y: NDArray[Any]) -> Row:
        """Measure a repaired scene, y [shape=(n,)]; ``pesq_wb`` is None of music."""
        damaged = bool(self.tones_hz or self.box or self.spans)
        return {
            "snr_db": self.snr_db(y) if damaged else None,
            "outside_db": self.outside_db(y),
            "pesq_wb": pesq_of_speech(self.recording, y),
        }


def hits(spans: Sequence[Span], found: Sequence[Span], margin: int, *, edges: bool) -> int:
    """Count the spans that are found, each by another one.

    With `edges` both edges must agree within `margin` samples; otherwise the spans may be as far
    apart.

    Examples
    --------
    >>> hits([(10, 20), (50, 60)], [(11, 19), (30, 40)], 2, edges=True)
    1
    >>> hits([(10, 20)], [(22, 30)], 2, edges=False)
    1
    """
    left, count = list(found), 0
    for first, stop in spans:
        for other in left:
            agree = abs(other[0] - first) <= margin and abs(other[1] - stop) <= margin
            near = other[0] <= stop + margin and other[1] >= first - margin
            if agree if edges else near:
                left.remove(other)
                count += 1
                break
    return count
