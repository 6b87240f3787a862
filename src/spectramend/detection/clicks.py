"""Click candidates: short disturbances that linear prediction explains in neither direction.

At an onset the residual e of forward prediction is large, but not the residual b of backward
prediction, since ringing is predicted from its end. At a click, e is large where it begins and b
where it ends, which gives its span. The second kind of candidate is a peak far above the sound on
either side. Most candidates are glottal pulses of a voice: `click_classifier` finds the clicks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.detection.click_features import FEATURES, SIDE, candidate_features, widened
from spectramend.detection.linear_prediction import (
    FLOOR,
    GUARD,
    HOP,
    Prediction,
    Samples,
    cells,
    predict_robustly,
)

CLICK_CONTEXT_S = 0.25  # s on either side of a candidate; engineering choice: several frames
CELL_S = 0.001  # s, at least 4 samples; engineering choice: the width of most clicks
EDGE = SIDE + 3  # cells at the ends of a recording that have no candidates: a side and the guard
MIN_RESIDUAL_RATIO = 1.0  # peak over background; engineering choice: low, the classifier decides
MIN_HEIGHT_RATIO = 3.5  # peak over RMS value of the louder side; engineering choice: as above
SPAN_HEIGHT = 1.5  # RMS values of the louder side, in a span; engineering choice: above most sound


def find_candidates(
    x: Samples, sr: float, *, level: float, offset: int = 0
) -> tuple[list[Span], Samples]:
    """Find the candidates in a part `x` of a recording that begins at the sample `offset` of it.

    `level` is the RMS value of the recording. Candidates depend on `CLICK_CONTEXT_S` around them.
    Returns their spans in the part, and their features [shape=(candidates, len(FEATURES))].
    """
    if level <= 0 or x.size < 4 * SIDE * max(4, round(CELL_S * sr)):
        return [], np.zeros((0, len(FEATURES)))
    p, lead = predict_on_grid(x, sr, level=level, offset=offset)
    found, features = candidates_of(p, sr, lead=lead)
    return [widened(span, -lead) for span in found], features


def predict_on_grid(
    x: Samples, sr: float, *, level: float, offset: int = 0, quartiles: float | None = None
) -> tuple[Prediction, int]:
    """Predict a part of a recording, after so many zeros that its frames lie on one grid over it.

    Returns the prediction and the number of zeros; see `predict_robustly` for `quartiles`.
    """
    cell = max(4, round(CELL_S * sr))
    lead = offset % (HOP * cell)
    padded, floor = np.concatenate((np.zeros(lead), x)), FLOOR * level
    return predict_robustly(padded, cell, _order(sr), floor, quartiles=quartiles), lead


def candidates_of(
    p: Prediction, sr: float, *, lead: int = 0, allowed: NDArray[np.bool_] | None = None
) -> tuple[list[Span], Samples]:
    """Find the spans and features of the candidates in allowed cells, but not near the ends.

    The first `lead` samples are none of the recording; all cells are allowed if None.
    """
    inside = np.zeros(p.forward.peaks.size, bool)
    inside[EDGE + lead // p.cell : -EDGE] = True
    found = list(_candidates(p, inside if allowed is None else inside & allowed))
    spans, background = [span for _, span in found], p.forward.background[[j for j, _ in found]]
    return spans, candidate_features(p, spans, background, sr)


def _order(sr: float) -> int:
    """Choose the order of prediction by a rule of thumb: the rate in kHz and 4, from 16 to 32."""
    return round(min(32.0, max(16.0, sr / 1000 + 4)))


def _candidates(p: Prediction, allowed: NDArray[np.bool_]) -> Iterator[tuple[int, Span]]:
    """Find the cells and spans of candidates of both kinds among the allowed cells."""
    residual_ratio = np.maximum(p.forward.ratio, p.backward.ratio)
    for j in _maxima(residual_ratio, MIN_RESIDUAL_RATIO, allowed):
        yield j, _span_of_residual(p, j)
    height_ratio, sides = _height_ratio(p)
    for j in _maxima(height_ratio, MIN_HEIGHT_RATIO, allowed):
        yield j, _span_of_height(p, j, SPAN_HEIGHT * sides[j])


def _maxima(score: Samples, least: float, allowed: NDArray[np.bool_]) -> list[int]:
    """Find the allowed cells with a score above `least` that is the highest within the guard."""
    highest = sliding_window_view(np.pad(score, GUARD), 2 * GUARD + 1).max(axis=1)
    return [int(j) for j in np.flatnonzero((score > least) & (score >= highest) & allowed)]


def _height_ratio(p: Prediction) -> tuple[Samples, Samples]:
    """Compute the ratio of the peak of each cell to the RMS value of its louder side, and that."""
    in_cells = cells(p.x, p.cell)
    power = np.pad(np.mean(in_cells**2, axis=1), SIDE + 1)
    means = np.mean(sliding_window_view(power, SIDE - 1), axis=1)
    count = len(in_cells)
    before, after = means[:count], means[SIDE + 3 : SIDE + 3 + count]
    sides = np.sqrt(np.maximum(before, np.pad(after, (0, count - after.size)))) + p.floor
    return np.max(np.abs(in_cells), axis=1) / sides, sides


def _span_of_residual(p: Prediction, j: int) -> Span:
    """Find the span from the first large value of e to the last one of b around a cell."""
    first, last = (j - GUARD) * p.cell, (j + GUARD + 1) * p.cell
    # Large is what exceeds the background, but not less than 0.2 of the peak, nor more than 0.8.
    e, b = np.abs(p.forward.samples[first:last]), np.abs(p.backward.samples[first:last])
    usual_e, usual_b = p.forward.background[j], p.backward.background[j]
    start = first + int(np.argmax(e > min(max(0.2 * e.max(), usual_e), 0.8 * e.max())))
    large = b > min(max(0.2 * b.max(), usual_b), 0.8 * b.max())
    stop = last - int(np.argmax(large[::-1]))
    if stop <= start:  # no click: b is large before e
        highest = e if e.max() / usual_e > b.max() / usual_b else b
        peak = first + int(np.argmax(highest))
        start, stop = min(peak, stop - 1), max(peak + 1, start + 1)
        if stop - start > 12:
            start, stop = peak - 1, peak + 2
    return start - 1, stop + 1


def _span_of_height(p: Prediction, j: int, least: float) -> Span:
    """Find the span of the samples around a cell that are above `least`."""
    first, last = (j - GUARD) * p.cell, (j + GUARD + 1) * p.cell
    height = np.abs(p.x[first:last])
    high = np.flatnonzero(height > min(max(0.15 * height.max(), least), 0.9 * height.max()))
    return first + int(high[0]) - GUARD, first + int(high[-1]) + 1 + GUARD
