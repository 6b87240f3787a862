"""Features of click candidates, most of them of the disturbance that would explain one.

The disturbance d of a span is what is to be subtracted from its samples so that the energy of the
residual e is least:

    d = R^-1 m,   m[n] = sum_k a[k] e[n + k],   R[i, j] = sum_k a[k] a[k + |i - j|]        (1)

The energy falls by ``d @ m`` (Godsill & Rayner 1998, chapter 5). Without an additive click the
residual is like that around it; without the peak of a glottal pulse the ringing remains.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.detection.linear_prediction import (
    BACKGROUND_RANK,
    FLOOR,
    Prediction,
    Samples,
)

FEATURES = (
    "share of the residual's energy that a disturbance of the span explains",
    "remaining residual over the background",
    "disturbance over the residual of 5 ms on either side",
    "disturbance over the third largest peak of 30 ms on either side",
    "width",
    "residual after the span over that before it",
    "roughness of the disturbance",
    "roughness of the disturbance over that of the sides",
    "height of the disturbance over the RMS value of the louder side",
    "height of the disturbance over the peak of the sides",
    "height of the disturbance over the level of the recording",
)

SIDE = 9  # cells of sound on either side of a span; engineering choice: about a pitch period
WIDENING = 5  # samples at each end of a span; engineering choice: clicks begin and end softly
SIDE_RESIDUAL = 5  # cells of residual on either side; engineering choice: less than a pitch period
SIDE_PEAKS = 30  # cells on either side whose peaks count; engineering choice: several pitch periods
WIDTH_SR = 16000  # Hz; the feature "width" is in samples at this rate
MIN_FEATURE = 1e-4  # least value before the logarithm; engineering choice: rarely reached
OFFSET = 1e-6  # added to a share of energy and to a roughness; engineering choice: either may be 0


def candidate_features(
    p: Prediction, spans: list[Span], background: Samples, sr: float
) -> NDArray[np.float64]:
    """Compute the logarithms of `FEATURES` of candidates: (m, len(FEATURES)).

    `background` (m,) is that of their cells.
    """
    cell, floor = p.cell, p.floor
    start, stop = np.array(spans, np.intp).reshape(-1, 2).T
    found = [least_disturbance(p, widened(span)) for span in spans]
    energy, fall, height, roughness = np.array(
        [(f.energy, f.fall, _peak(f.d), _roughness(f.d, floor)) for f in found]
    ).T.reshape(4, -1)
    sizes = np.array([f.d.size for f in found])
    remaining = np.sqrt(np.maximum(energy - fall, 0.0) / (sizes + p.order))
    norm = np.sqrt(np.maximum(fall, 0.0))

    near, rings = cell // 2, stop + p.order
    before = _cut(p.x, start - SIDE * cell, SIDE * cell - near)
    after = _cut(p.x, stop + near, SIDE * cell - near)
    sides = np.concatenate((before, after), axis=1)
    e_before = _cut(p.forward.samples, start - SIDE_RESIDUAL * cell, SIDE_RESIDUAL * cell - near)
    e_after = _cut(p.forward.samples, rings, SIDE_RESIDUAL * cell)
    features = (
        fall / (energy + floor**2) + OFFSET,
        remaining / background,
        norm / (np.maximum(_peak(e_before), _peak(e_after)) + floor),
        norm / (_third_peak(p, start // cell, rings // cell) + floor),
        (stop - start) / sr * WIDTH_SR,
        (_rms(e_after) + floor) / (_rms(e_before) + floor),
        roughness,
        roughness / (_roughness(sides, floor) + OFFSET),
        height / (np.maximum(_rms(before), _rms(after)) + floor),
        height / (_peak(sides) + floor),
        height / floor * FLOOR,
    )
    return np.log(np.maximum(np.stack(features, axis=1), MIN_FEATURE))


def widened(span: Span, shift: int = 0) -> Span:
    """Shift a span, and widen it by the samples in which a click may begin and end softly."""
    return span[0] - WIDENING + shift, span[1] + WIDENING + shift


class Disturbance(NamedTuple):
    """The least disturbance of a span."""

    first: int  # sample of the span
    d: Samples  # (width,)
    energy: float  # of the residual that depends on the span
    fall: float  # of that energy without d


def least_disturbance(p: Prediction, span: Span) -> Disturbance:
    """Solve (1) for a span."""
    first, last = max(p.order, span[0]), min(p.x.size - p.order, span[1])
    a = p.coefficients_at((span[0] + span[1]) // 2)
    return Disturbance(first, *_least_disturbance(p.x, a, (first, last)))


def normal_equations(x: Samples, a: Samples, span: Span) -> tuple[Samples, Samples, Samples]:
    """Set up (1) for a span: e that depends on it, m (width,), and the first column of R (width,).

    The span is at least the order of the model `a` (order + 1,) away from the ends of x.
    """
    order, width = a.size - 1, span[1] - span[0]
    e = np.convolve(x[span[0] - order : span[1] + order], a)[order : 2 * order + width]
    column = np.zeros(width)
    column[: order + 1] = np.correlate(a, a, "full")[order:][:width]
    return e, np.correlate(e, a, "valid"), column


def _least_disturbance(x: Samples, a: Samples, span: Span) -> tuple[Samples, float, float]:
    """Solve (1) for a span: d (width,), the energy of the residual, and its fall."""
    from scipy.linalg import solve_toeplitz
    from scipy.linalg.lapack import dpbsv

    e, m, column = normal_equations(x, a, span)
    # The matrix is banded; by its Cholesky factor unless it is singular but for rounding.
    band = np.repeat(column[: a.size, None], m.size, axis=1)
    _, d, failed = dpbsv(band, m, lower=1, overwrite_ab=1)
    if failed:
        d = solve_toeplitz(column, m)
    return d, float(e @ e), float(d @ m)


def _cut(x: Samples, first: NDArray[np.intp], length: int) -> Samples:
    """Cut parts of one length out of samples, beyond whose ends there is silence: (m, length)."""
    padded = np.pad(x, length)
    begins = np.clip(first + length, 0, x.size + length)
    return sliding_window_view(padded, length)[begins]


def _third_peak(p: Prediction, first: NDArray[np.intp], last: NDArray[np.intp]) -> Samples:
    """Find the third largest peaks of e in the cells on either side of spans, or the limits."""
    peaks = p.forward.peaks
    sides = [_cut(peaks, begin, SIDE_PEAKS) for begin in (first - SIDE_PEAKS, last + 1)]
    near = np.sort(np.concatenate(sides, axis=1), axis=1)
    if p.quartiles is None:
        return near[:, -BACKGROUND_RANK]
    missing = np.count_nonzero(near == 0, axis=1)  # beyond the ends
    quartile = near[np.arange(first.size), missing + (2 * SIDE_PEAKS - missing) // 4]
    return np.minimum(near[:, -BACKGROUND_RANK], p.quartiles * quartile)


def _peak(x: Samples) -> Samples:
    """Find the largest magnitude of the last axis."""
    return np.max(np.abs(x), axis=-1)


def _rms(x: Samples) -> Samples:
    """Compute the RMS value of the last axis."""
    return np.sqrt(np.mean(x**2, axis=-1))


def _roughness(x: Samples, floor: float) -> Samples:
    """Divide the energy of the differences by that of the samples, of the last axis."""
    return np.sum(np.diff(x) ** 2, axis=-1) / (np.sum(x**2, axis=-1) + floor**2)
