"""Clicks: short disturbances that prediction explains neither forward nor backward.

An autoregressive model of order p with coefficients ``a`` predicts each sample from those before it
(residual e) and from those after it (residual b). An onset surprises e alone, as what follows rings
on from it; a click surprises e where it begins and b where it ends, which gives its span. Most
candidates are pulses of a voice. Whether one is a click is weighed by signs (`weighing`), most of
them of the least disturbance that would explain it: with the span's samples unknown, the residual's
energy is least after taking

    d = R^-1 m,   m[n] = sum_k a[k] e[n + k],   R[i, j] = sum_k a[k] a[k + |i - j|]        (1)

off them, and falls by ``d @ m`` (Godsill & Rayner 1998, chapter 5). A click that was added leaves
nothing but what is usual around it; a pulse leaves its ringing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.core.levinson import levinson_durbin
from spectramend.detection.click_classifier import SIGNS

AROUND_S = 0.25  # frames and peaks of both predictions
CELL_S = 0.001  # peaks are compared by cells
HOP = 16  # cells of a frame's own part; frames are three times as long
REACH = 40  # cells on both sides that a peak is compared with,
GUARD = 3  # but for those next to it,
RANK = 3  # by their third largest: two more clicks may be near
MASKED = 1.5  # peaks this much above that do not take part in the second prediction
UNUSUAL = 1.0  # and these are candidates of the first kind;
TALL = 3.5  # of the second kind is what rises so far above the RMS value of either side
SIDE = 9  # cells of a side
WIDER = 5  # samples that a span is widened by on either side: what is soft there is damage, too
FLOOR = 1e-4  # of the recording's level: what is softer does not count

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class _Prediction:
    """Residuals of a recording, and what they are made with."""

    forward: Samples
    backward: Samples
    coefficients: Samples  # (frames, p + 1)
    cell: int

    @property
    def order(self) -> int:
        """How many samples a prediction is made from."""
        return self.coefficients.shape[1] - 1


def candidates(
    x: Samples, sr: float, *, level: float, offset: int = 0, inside: Span | None = None
) -> tuple[list[Span], Samples]:
    """Find what may be a click in a part of a recording of this level that begins at a sample.

    Returns spans that begin inside a span of the part, and the signs of each, (n, len(SIGNS)). What
    is found depends on `AROUND_S` around it.
    """
    cell = max(4, round(CELL_S * sr))
    if level <= 0 or x.size < 4 * SIDE * cell:
        return [], np.zeros((0, len(SIGNS)))
    # Frames lie on one grid over the recording, whatever part of it this is.
    lead = offset % (HOP * cell)
    x = np.concatenate((np.zeros(lead), x))
    floor = FLOOR * level
    made = _predict_robustly(x, cell, _order(sr), floor)
    peaks = [_peaks(r, cell) for r in (made.forward, made.backward)]
    usual = [_usual(p) + floor for p in peaks]
    unusual = np.maximum(peaks[0] / usual[0], peaks[1] / usual[1])
    tall, sides = _heights(x, cell, floor)
    edge = SIDE + 3
    start, stop = inside or (0, x.size - lead)
    spans: list[Span] = []
    signs: list[list[float]] = []
    for score, least in ((unusual, UNUSUAL), (tall, TALL)):
        for j in _maxima(score, least):
            if not edge + lead // cell <= j < score.size - edge:
                continue
            if not start - edge * cell <= j * cell - lead < stop + edge * cell:
                continue
            if score is unusual:
                span = _span_of_surprise(made, j, (usual[0][j], usual[1][j]))
            else:
                span = _span_of_height(x, j, cell, 1.5 * sides[j])
            wide = (span[0] - WIDER - lead, span[1] + WIDER - lead)
            if not start <= wide[0] < stop:
                continue
            spans.append(wide)
            signs.append(_signs(x, made, peaks[0], span, usual[0][j], floor, sr))
    return spans, np.array(signs).reshape(-1, len(SIGNS))


def _order(sr: float) -> int:
    """Choose the order of prediction: two for each formant or partial of a kilohertz."""
    return round(min(32.0, max(16.0, sr / 1000 + 4)))


def _predict_robustly(x: Samples, cell: int, order: int, floor: float) -> _Prediction:
    """Predict with coefficients that peaks of a first prediction take no part in."""
    first = _predict(x, np.ones(x.size), cell, order, floor)
    high = np.zeros(-(-x.size // cell), dtype=bool)
    for residual in (first.forward, first.backward):
        peaks = _peaks(residual, cell)
        high |= peaks > MASKED * (_usual(peaks) + floor)
    near = high.copy()
    near[1:] |= high[:-1]
    near[:-1] |= high[1:]
    taper = np.hanning(2 * (cell // 2) + 3)[1:-1]
    weights = np.convolve(1.0 - np.repeat(near, cell)[: x.size], taper / taper.sum(), "same")
    return _predict(x, weights, cell, order, floor)


def _predict(x: Samples, weights: Samples, cell: int, order: int, floor: float) -> _Prediction:
    """Predict each sample from those before and from those after it, frame by frame."""
    from scipy.fft import irfft, next_fast_len, rfft

    hop = HOP * cell
    count = -(-x.size // hop)
    ends = (np.zeros(hop + order), np.zeros((count + 1) * hop + order - x.size))
    padded = np.concatenate((ends[0], x, ends[1]))
    weighted = np.concatenate((ends[0], x * weights, ends[1]))
    frames = sliding_window_view(weighted[order:], 3 * hop)[::hop][:count]
    size = next_fast_len(3 * hop + order, real=True)
    power = np.abs(rfft(frames * np.hanning(3 * hop + 2)[1:-1], size)) ** 2
    correlation = irfft(power, size)[:, : order + 1]
    correlation[:, 0] = correlation[:, 0] * (1 + 1e-9) + 1e-3 * floor**2 * hop
    a, _ = levinson_durbin(correlation, summation="pairwise")

    size = next_fast_len(hop + 3 * order, real=True)
    spectra = rfft(sliding_window_view(padded[hop:], hop + 2 * order)[::hop][:count], size)
    filters = rfft(a, size)
    # Both begin where a whole prediction does: p samples in, or none out of the p ahead.
    own = slice(order, order + hop)
    forward = irfft(spectra * filters, size)[:, own].ravel()[: x.size]
    backward = irfft(spectra * filters.conj(), size)[:, own].ravel()[: x.size]
    return _Prediction(forward, backward, a, cell)


def _peaks(residual: Samples, cell: int) -> Samples:
    """Find the largest magnitude of each cell."""
    return np.max(np.abs(_cells(residual, cell)), axis=1)


def _cells(x: Samples, cell: int) -> Samples:
    """Cut into cells, the last one filled with zeros."""
    return np.concatenate((x, np.zeros(-x.size % cell))).reshape(-1, cell)


def _usual(peaks: Samples) -> Samples:
    """Find how high peaks around each cell are: the third largest of them."""
    around = sliding_window_view(np.pad(peaks, REACH), 2 * REACH + 1).copy()
    around[:, REACH - GUARD : REACH + GUARD + 1] = 0.0
    return np.partition(around, -RANK, axis=1)[:, -RANK]


def _heights(x: Samples, cell: int, floor: float) -> tuple[Samples, Samples]:
    """Compare each cell with the louder one of its sides: the ratio, and the RMS value of that."""
    cells = _cells(x, cell)
    power = np.pad(np.mean(cells**2, axis=1), SIDE + 1)
    means = np.mean(sliding_window_view(power, SIDE - 1), axis=1)
    count = len(cells)
    before, after = means[:count], means[SIDE + 3 : SIDE + 3 + count]
    sides = np.sqrt(np.maximum(before, np.pad(after, (0, count - after.size)))) + floor
    return np.max(np.abs(cells), axis=1) / sides, sides


def _maxima(score: Samples, least: float) -> list[int]:
    """Find cells that are the highest of seven, and high enough."""
    around = sliding_window_view(np.pad(score, GUARD), 2 * GUARD + 1).max(axis=1)
    return [int(j) for j in np.flatnonzero((score > least) & (score >= around))]


def _span_of_surprise(made: _Prediction, j: int, usual: tuple[float, float]) -> Span:
    """Find the span of a click: from where e is surprised to where b is."""
    first, last = (j - GUARD) * made.cell, (j + GUARD + 1) * made.cell
    e, b = np.abs(made.forward[first:last]), np.abs(made.backward[first:last])
    limits = [min(max(0.2 * r.max(), u), 0.8 * r.max()) for r, u in ((e, usual[0]), (b, usual[1]))]
    start = first + int(np.argmax(e > limits[0]))
    stop = last - int(np.argmax(b[::-1] > limits[1]))
    if stop <= start:  # no click: b is surprised before e
        peak = first + int(
            np.argmax(e) if e.max() / usual[0] > b.max() / usual[1] else np.argmax(b)
        )
        start, stop = min(peak, stop - 1), max(peak + 1, start + 1)
        if stop - start > 12:
            start, stop = peak - 1, peak + 2
    return start - 1, stop + 1


def _span_of_height(x: Samples, j: int, cell: int, least: float) -> Span:
    """Find the span of something tall."""
    first, last = (j - GUARD) * cell, (j + GUARD + 1) * cell
    height = np.abs(x[first:last])
    high = np.flatnonzero(height > min(max(0.15 * height.max(), least), 0.9 * height.max()))
    return first + int(high[0]) - GUARD, first + int(high[-1]) + 1 + GUARD


def _disturbance(x: Samples, a: Samples, span: Span) -> tuple[Samples, float, float]:
    """Solve (1) for a span: d, the residual's energy, and by how much it falls."""
    from scipy.linalg import solve_toeplitz

    order, width = a.size - 1, span[1] - span[0]
    e = np.convolve(x[span[0] - order : span[1] + order], a)[order : 2 * order + width]
    m = np.correlate(e, a, "valid")
    column = np.zeros(width)
    lags = np.correlate(a, a, "full")[order:]
    column[: min(width, order + 1)] = lags[:width]
    d = solve_toeplitz(column, m)
    return d, float(e @ e), float(d @ m)


def _signs(
    x: Samples,
    made: _Prediction,
    peaks: Samples,
    span: Span,
    usual: float,
    floor: float,
    sr: float,
) -> list[float]:
    """Weigh a candidate: logarithms in the order of `SIGNS`."""
    cell, order = made.cell, made.order
    start, stop = span
    frame = min((start + stop) // 2 // (HOP * cell), len(made.coefficients) - 1)
    wide = (max(order, start - WIDER), min(x.size - order, stop + WIDER))
    d, energy, fall = _disturbance(x, made.coefficients[frame], wide)
    left = max(energy - fall, 0.0) / (d.size + order)
    before = x[max(0, start - SIDE * cell) : start - cell // 2]
    after = x[stop + cell // 2 : stop + SIDE * cell]
    sides = np.concatenate((before, after))
    pre = made.forward[max(0, start - 5 * cell) : start - cell // 2]
    post = made.forward[stop + order : stop + order + 5 * cell]
    first, last = start // cell, (stop + order) // cell
    near = np.concatenate((peaks[max(0, first - 30) : first], peaks[last + 1 : last + 31]))
    third = float(np.sort(near)[-RANK]) if near.size >= RANK else 0.0
    height, root = float(np.max(np.abs(d))), np.sqrt(max(fall, 0.0))
    signs = (
        fall / (energy + floor**2) + 1e-6,
        np.sqrt(left) / usual,
        root / (max(_highest(pre), _highest(post)) + floor),
        root / (third + floor),
        (stop - start) / sr * 16000,
        (_rms(post) + floor) / (_rms(pre) + floor),
        _roughness(d, floor),
        _roughness(d, floor) / (_roughness(sides, floor) + 1e-6),
        height / (max(_rms(before), _rms(after)) + floor),
        height / (_highest(sides) + floor),
        height / floor * FLOOR,
    )
    return [float(np.log(max(sign, 1e-4))) for sign in signs]


def _highest(x: Samples) -> float:
    """Find the largest magnitude."""
    return float(np.max(np.abs(x), initial=0.0))


def _rms(x: Samples) -> float:
    """Measure the root of the mean square, 0 of nothing."""
    return float(np.sqrt(np.mean(x**2))) if x.size else 0.0


def _roughness(x: Samples, floor: float) -> float:
    """Compare the energy of the differences with that of the samples."""
    return float(np.sum(np.diff(x) ** 2) / (np.sum(x**2) + floor**2))
