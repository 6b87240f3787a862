"""Features of click candidates, most of them of the disturbance that would explain one.

The disturbance d of a span is what is to be subtracted from its samples so that the energy of the
residual e is least:

    d = R^-1 m,   m[n] = sum_k a[k] e[n + k],   R[i, j] = sum_k a[k] a[k + |i - j|]        (1)

The energy falls by ``d @ m`` (Godsill & Rayner 1998, chapter 5). Without an additive click the
residual is like that around it; without the peak of a glottal pulse the ringing remains.
"""

from __future__ import annotations

import numpy as np

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


def candidate_features(p: Prediction, span: Span, background: float, sr: float) -> list[float]:
    """Compute the logarithms of `FEATURES` of a candidate; `background` is that of its cell."""
    cell, floor = p.cell, p.floor
    start, stop = span
    _, d, energy, fall = least_disturbance(p, widened(span))
    remaining = np.sqrt(max(energy - fall, 0.0) / (d.size + p.order))
    height, norm = _peak(d), np.sqrt(max(fall, 0.0))

    before = p.x[max(0, start - SIDE * cell) : start - cell // 2]
    after = p.x[stop + cell // 2 : stop + SIDE * cell]
    sides = np.concatenate((before, after))
    e, rings = p.forward.samples, stop + p.order
    e_before = e[max(0, start - SIDE_RESIDUAL * cell) : start - cell // 2]
    e_after = e[rings : rings + SIDE_RESIDUAL * cell]
    roughness = _roughness(d, floor)
    features = (
        fall / (energy + floor**2) + OFFSET,
        remaining / background,
        norm / (max(_peak(e_before), _peak(e_after)) + floor),
        norm / (_third_peak(p, start, rings) + floor),
        (stop - start) / sr * WIDTH_SR,
        (_rms(e_after) + floor) / (_rms(e_before) + floor),
        roughness,
        roughness / (_roughness(sides, floor) + OFFSET),
        height / (max(_rms(before), _rms(after)) + floor),
        height / (_peak(sides) + floor),
        height / floor * FLOOR,
    )
    return [float(np.log(max(feature, MIN_FEATURE))) for feature in features]


def widened(span: Span, shift: int = 0) -> Span:
    """Shift a span, and widen it by the samples in which a click may begin and end softly."""
    return span[0] - WIDENING + shift, span[1] + WIDENING + shift


def least_disturbance(p: Prediction, span: Span) -> tuple[int, Samples, float, float]:
    """Solve (1) for a span: the first sample of d, d itself, the energy of e, and its fall."""
    first, last = max(p.order, span[0]), min(p.x.size - p.order, span[1])
    a = p.coefficients_at((span[0] + span[1]) // 2)
    return first, *_least_disturbance(p.x, a, (first, last))


def _least_disturbance(x: Samples, a: Samples, span: Span) -> tuple[Samples, float, float]:
    """Solve (1) for a span: d (width,), the energy of the residual, and its fall."""
    from scipy.linalg import solve_toeplitz

    order, width = a.size - 1, span[1] - span[0]
    e = np.convolve(x[span[0] - order : span[1] + order], a)[order : 2 * order + width]
    m = np.correlate(e, a, "valid")
    column = np.zeros(width)
    column[: order + 1] = np.correlate(a, a, "full")[order:][:width]
    d = solve_toeplitz(column, m)
    return d, float(e @ e), float(d @ m)


def _third_peak(p: Prediction, start: int, stop: int) -> float:
    """Find the third largest peak of e in the cells on either side of a span, or the limit."""
    peaks, first, last = p.forward.peaks, start // p.cell, stop // p.cell
    sides = (peaks[max(0, first - SIDE_PEAKS) : first], peaks[last + 1 : last + 1 + SIDE_PEAKS])
    near = np.concatenate(sides)
    if near.size < BACKGROUND_RANK:
        return 0.0
    near.sort()
    limit = np.inf if p.quartiles is None else p.quartiles * near[near.size // 4]
    return float(min(near[-BACKGROUND_RANK], limit))


def _peak(x: Samples) -> float:
    """Find the largest magnitude; 0 without samples."""
    return float(np.abs(x).max(initial=0.0))


def _rms(x: Samples) -> float:
    """Compute the RMS value; 0 without samples."""
    return float(np.sqrt(x @ x / x.size)) if x.size else 0.0


def _roughness(x: Samples, floor: float) -> float:
    """Divide the energy of the differences by that of the samples."""
    differences = x[1:] - x[:-1]
    return float(differences @ differences / (x @ x + floor**2))
