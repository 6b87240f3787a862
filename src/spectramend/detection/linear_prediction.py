"""Forward and backward linear prediction of a recording, and the background of its residuals.

An autoregressive model of order p with coefficients ``a`` predicts each sample from those before it
(residual e) and from those after it (residual b). Residuals are measured by their peaks in cells of
about a millisecond. The background of a cell is an order statistic of the peaks around it without
those next to it, as in CFAR detection [1]_: a few clicks nearby do not raise it.

References
----------
.. [1] H. Rohling, "Radar CFAR thresholding in clutter and multiple target situations", IEEE Trans.
   Aerospace and Electronic Systems 19 (1983), 608-621.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spectramend.core.levinson import levinson_durbin

HOP = 16  # cells from frame to frame, a third of a frame; engineering choice: frames of 48 ms
REACH = 40  # cells on either side in the background; engineering choice: several pitch periods
GUARD = 3  # cells on either side not in the background; engineering choice: clicks are shorter
BACKGROUND_RANK = (
    3  # of the background among the peaks; engineering choice: two more clicks may be near
)
STEP = 8  # cells from one quartile to the next; engineering choice: a fifth of those it is of
MASKED = 1.5  # peaks over background that the second fit leaves out; engineering choice: few others
FLOOR = 1e-4  # of the level of a recording: softer is silence; engineering choice: -80 dB

Samples: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Residual:
    """A residual, and its peaks."""

    samples: Samples  # (n,)
    peaks: Samples  # (cells,)
    background: Samples  # (cells,), of the peaks

    @property
    def ratio(self) -> Samples:
        """Ratio of the peaks to their background (cells,)."""
        return self.peaks / self.background


@dataclass(frozen=True)
class Prediction:
    """Samples and their residuals in both directions."""

    x: Samples  # (n,)
    cell: int  # samples
    floor: float  # amplitude below which there is silence
    coefficients: Samples  # (frames, p + 1)
    forward: Residual
    backward: Residual
    quartiles: float | None = None  # limit of the background, in lower quartiles of the peaks

    @property
    def order(self) -> int:
        """Order p of the prediction."""
        return self.coefficients.shape[1] - 1

    def coefficients_at(self, sample: int) -> Samples:
        """Give the coefficients (p + 1,) of the frame of a sample."""
        frame = min(sample // (HOP * self.cell), len(self.coefficients) - 1)
        return self.coefficients[frame]


def predict_robustly(
    x: Samples, cell: int, order: int, floor: float, *, quartiles: float | None = None
) -> Prediction:
    """Predict with coefficients fitted without the peaks of the residuals of a first prediction.

    `cell` is in samples; samples softer than the amplitude `floor` are silence. The background is
    at most `quartiles`, if any, times the lower quartile of the peaks, which no crackle raises.
    """
    measure = partial(_residual, size=x.size, cell=cell, floor=floor, quartiles=quartiles)
    frames = _Frames(x, cell, order)
    a = _coefficients(frames.around(x), order, floor)
    residuals = frames.residuals(a)
    high = np.any([r.peaks > MASKED * r.background for r in map(measure, residuals)], axis=0)
    near = high.copy()
    near[1:] |= high[:-1]
    near[:-1] |= high[1:]
    weights = 1.0 - _smoothed(near, cell)[: x.size]
    again = np.flatnonzero(np.any(frames.around(weights, 1.0) < 1, axis=1))
    a[again] = _coefficients(frames.around(x * weights)[again], order, floor)
    residuals[:, again] = frames.residuals(a[again], again)
    forward, backward = map(measure, residuals)
    return Prediction(x, cell, floor, a, forward, backward, quartiles)


def cells(x: Samples, cell: int) -> Samples:
    """Cut samples into cells, the last one padded with zeros: (cells, cell)."""
    return np.concatenate((x, np.zeros(-x.size % cell))).reshape(-1, cell)


class _Frames:
    """Frames of `HOP` cells of samples x, each predicted from as many on either side, too."""

    def __init__(self, x: Samples, cell: int, order: int) -> None:
        self.x, self.order, self.hop = x, order, HOP * cell
        self.count = -(-x.size // self.hop)

    def around(self, samples: Samples, outside: float = 0.0) -> Samples:
        """Cut samples into frames with one on either side: (n,) -> (frames, 3 hop), a view."""
        ends = (self.hop, (self.count + 1) * self.hop - samples.size)
        padded = np.pad(samples, ends, constant_values=outside)
        return sliding_window_view(padded, 3 * self.hop)[:: self.hop]

    def residuals(self, a: Samples, chosen: slice | NDArray[np.intp] = slice(None)) -> Samples:
        """Filter chosen frames by their coefficients, forward and backward: (2, frames, hop)."""
        from scipy.fft import irfft, next_fast_len, rfft

        order, length = self.order, self.hop + 2 * self.order
        padded = np.pad(self.x, (order, self.count * self.hop + order - self.x.size))
        # Each frame begins `order` samples early, and so does the backward residual.
        frames = sliding_window_view(padded, length)[:: self.hop][chosen]
        size = next_fast_len(length + order, real=True)
        spectra, filters = rfft(frames, size), rfft(a, size)
        own = slice(order, order + self.hop)
        both = (irfft(spectra * h, size)[:, own] for h in (filters, filters.conj()))
        return np.stack(tuple(both))


def _coefficients(frames: Samples, order: int, floor: float) -> Samples:
    """Fit models to windowed frames (m, n): (m, order + 1)."""
    from scipy.fft import next_fast_len, rfft

    length = frames.shape[1]
    size = next_fast_len(length + order, real=True)
    spectrum = rfft(frames * np.hanning(length + 2)[1:-1], size)
    power = spectrum.real**2 + spectrum.imag**2  # np.abs would take roots
    # The first of the inverse Fourier transform, of which few are needed.
    k = np.arange(size // 2 + 1)
    twice = np.where((k == 0) | (2 * k == size), 1.0, 2.0)[:, None]
    correlation = power @ (twice / size * np.cos(2 * np.pi / size * np.outer(k, range(order + 1))))
    correlation[:, 0] = correlation[:, 0] * (1 + 1e-9) + 1e-3 * floor**2 * length / 3
    a, _ = levinson_durbin(correlation, summation="pairwise")
    return a


def _smoothed(near: NDArray[np.bool_], cell: int) -> Samples:
    """Smooth what is true of cells over a cell: (cells,) -> (cells * cell,)."""
    taper = np.hanning(2 * (cell // 2) + 3)[1:-1]
    # Of a cell and its neighbours, the shares in each sample of it.
    shares = [
        np.convolve(np.repeat(one, cell), taper / taper.sum(), "same")[cell : 2 * cell]
        for one in np.eye(3)
    ]
    in_three = sliding_window_view(np.pad(near.astype(np.float64), 1), 3)
    return (in_three @ np.stack(shares)).ravel()


def _residual(
    frames: Samples, *, size: int, cell: int, floor: float, quartiles: float | None
) -> Residual:
    """Measure the peaks of a residual and their background, which is at least the floor."""
    samples = frames.ravel()[:size]
    peaks = np.max(np.abs(cells(samples, cell)), axis=1)
    background = _background(peaks)
    if quartiles is not None:
        background = np.minimum(background, quartiles * _louder_quartile(peaks))
    return Residual(samples, peaks, background + floor)


def _background(peaks: Samples) -> Samples:
    """Find the peak of rank `BACKGROUND_RANK` around each cell: (cells,) -> (cells,)."""
    side = REACH - GUARD
    highest = _highest_in_windows(np.pad(peaks, REACH), side)
    after = side + 2 * GUARD + 1
    return _merged(highest[:, : peaks.size], highest[:, after : after + peaks.size])[-1]


def _louder_quartile(peaks: Samples) -> Samples:
    """Find the lower quartiles of the peaks before and after, and the larger one: (cells,).

    Quartiles are those of `REACH` cells, for each `STEP` cells, at least `STEP` cells away.
    """
    count, beside = -(-peaks.size // STEP), REACH // STEP + 1
    padded = np.pad(peaks, (beside * STEP, (beside + 2) * STEP - peaks.size % STEP), "symmetric")
    windows = sliding_window_view(padded, REACH)[::STEP]
    quartiles = np.partition(windows, REACH // 4, axis=1)[:, REACH // 4]
    louder = np.maximum(quartiles[:count], quartiles[beside + 2 : beside + 2 + count])
    return np.repeat(louder, STEP)[: peaks.size]


def _highest_in_windows(peaks: Samples, length: int) -> Samples:
    """Find the `BACKGROUND_RANK` highest peaks in every window: (ranks, windows), falling.

    Windows of 1, 2, 4, ... cells are joined of two halves, and that of `length` of such ones.
    """
    doubled = np.zeros((BACKGROUND_RANK, peaks.size))
    doubled[0] = peaks
    found, covered = np.zeros((BACKGROUND_RANK, peaks.size)), 0
    for bit in range(length.bit_length()):
        size = 1 << bit
        if length & size:
            count = peaks.size - covered - size + 1
            found = _merged(found[:, :count], doubled[:, covered : covered + count])
            covered += size
        doubled = _merged(doubled[:, :-size], doubled[:, size:])
    return found


def _merged(u: Samples, v: Samples) -> Samples:
    """Merge columns of falling values (ranks, n) into their highest values, falling.

    The highest i + 1 of both have ``max(u[i], v[i], min(u[j], v[i - 1 - j]))`` as their least one.
    """
    merged = np.maximum(u, v)
    for i in range(1, len(u)):
        for j in range(i):
            np.maximum(merged[i], np.minimum(u[j], v[i - 1 - j]), out=merged[i])
    return merged
