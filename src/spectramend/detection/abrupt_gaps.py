"""Dropouts by their level: sound stops within a sample or two, and goes on as abruptly.

What is left in a dropout may be noise of the converter, an offset, the sound at a fraction of its
level, or what a lossy codec made of silence: it is soft, and so are the pauses of speech. But
before a pause the sound rings out, as an autoregressive model of it predicts. With ``y`` predicted
from the samples on one side of a span alone, ``x`` what is there, and ``c`` its mean,

    S = max( |y|^2 / |x|^2,  min( |y - c|^2 / |x - c|^2,  var(y) / var(x) ) )                  (1)

over the first 2 ms is about 1 where sound rings out or something else begins, and large where
something is cut off; with the second term, also beside an offset c. The ratio of a span is the
lesser of both sides: the burst after a plosive's closure begins abruptly, but the vowel before it
has rung out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spectramend.core.intervals import Span
from spectramend.core.levinson import levinson_durbin
from spectramend.detection.dropouts import BORDER_S, LONG_S, LOUD

CELL_S = 0.0005  # s whose peaks are compared; engineering choice: a quarter of the shortest dropout
BEFORE = 4  # cells before a fall whose peak counts; engineering choice: half a pitch period
AFTER = 3  # cells after a fall that are soft; engineering choice: less than the shortest dropout
FALL = 3.0  # least ratio of the peaks before and after a fall; engineering choice: low, (1) decides
# Limits of the magnitude at an edge over the largest one inside. Engineering choice: noise exceeds
# it by chance.
CREST, MAX_CREST = 1.15, 2.0
CONTEXT_S = 0.03  # s of a model's samples; engineering choice: three pitch periods
PREDICTED_S = 0.002  # s that are predicted; engineering choice: formants ring longer
ORDER = 32  # of the models at `ORDER_SR`; engineering choice: all formants
ORDER_SR = 16000  # Hz; the order grows with the root of the rate
RIDGE = 1e-7  # relative to the power; engineering choice: rounding of 16 bits
# Level just before an edge over that of the context, at least. Engineering choice: -30 dB, a fade.
FADED = 0.03
SHORT_S = 0.005  # s; engineering choice: pitch periods of low voices hold softer stretches
EVEN_CELL_S = 0.001  # s whose powers are compared; engineering choice: a few periods of formants
END_CELLS = 4  # cells at an end; engineering choice: a tail of a voice is longer
UNEVEN = 2.0  # weight of unevenness in dB against (1) in dB; chosen as those below
# Least (1) in dB: of a dropout shorter than `SHORT_S`; of a longer one, less its unevenness; of one
# however uneven; of one with the floor of others. Chosen by benchmarks/detection.py on half of the
# recordings.
SHORT_DB, LONG_DB, SURE_DB, SAME_DB = 25.0, 13.0, 21.0, 6.0
SAME_FLOOR_DB = 3.0  # dB between floors that are the same; engineering choice: of short noise
FEWEST_SAME = 2  # certain dropouts that others are compared with; engineering choice: one may err
SAME_SHARE = 0.5  # of the certain dropouts; engineering choice: most of them
TOLERANCE = 0.9  # of the shortest dropout; engineering choice: its ends may look like the sound
FLOOR = 1e-4  # of the level of a recording: softer is silence; engineering choice: -80 dB
SOFTER_DB = 10.0  # dB from the context to a span, at least; engineering choice: saves time

Samples: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """A candidate, and what is measured of it."""

    span: Span
    cut_off_db: float  # (1)
    unevenness_db: float  # mean power over the geometric mean of the powers of cells
    floor_db: float  # power of its softer cells

    @property
    def length(self) -> int:
        """The number of its samples."""
        return self.span[1] - self.span[0]

    def is_certain(self, sr: float) -> bool:
        """Return whether it is a dropout without regard to others."""
        if self.length < SHORT_S * sr:
            return self.cut_off_db >= SHORT_DB
        even = self.cut_off_db - UNEVEN * self.unevenness_db >= LONG_DB
        return even or self.cut_off_db >= SURE_DB


def quiet_spans(
    x: Samples, sr: float, *, longest: int, floor: float, offset: int = 0
) -> list[Span]:
    """Find spans of at most `longest` samples that are much softer than 2 ms on either side.

    They are soft by themselves or by their differences, which an offset does not raise. `floor` is
    the amplitude of silence, `offset` the place of `x` in the recording: cells lie on one grid.
    """
    cell = max(3, round(CELL_S * sr))
    lead = -offset % cell
    found: set[Span] = set()
    for samples in (x, np.diff(x, prepend=x[:1])):
        count = (x.size - lead) // cell
        if count <= BEFORE + AFTER:
            return []
        peaks = np.abs(samples[lead : lead + count * cell]).reshape(count, cell).max(axis=1)
        found |= {
            (first * cell + lead, last * cell + lead)
            for first, last in _quiet_cells(peaks, longest // cell + 2, floor)
        }
    refined = {_to_samples(x, span, cell, floor) for span in found}
    return sorted((a, b) for a, b in refined if 2 * cell <= b - a <= longest)


def _quiet_cells(peaks: Samples, longest: int, floor: float) -> list[Span]:
    """Find runs of cells, at most `longest`, whose peaks fall and rise again abruptly."""
    before = np.zeros(peaks.size)
    before[BEFORE:] = sliding_window_view(peaks, BEFORE).max(axis=1)[:-1]
    after = np.full(peaks.size, np.inf)
    after[: 1 - AFTER] = sliding_window_view(peaks, AFTER).max(axis=1)
    ratio = before / np.maximum(after, floor)
    falls = np.flatnonzero(ratio > FALL)
    found = []
    for group in np.split(falls, np.flatnonzero(np.diff(falls) > 1) + 1) if falls.size else []:
        first = int(group[np.argmax(ratio[group])])
        soft = max(float(after[first]), floor)
        # Half way, in dB, to what was before; noise may be twice the peak of its beginning.
        limit = max(2 * soft, (soft * before[first]) ** 0.5)
        rises = np.flatnonzero(peaks[first + AFTER : first + longest] > limit)
        if not rises.size:
            continue
        last = first + AFTER + int(rises[0])
        inside = max(float(peaks[first:last].max()), floor)
        if min(before[first], peaks[last : last + BEFORE].max()) >= FALL * inside:
            found.append((first, last))
    return found


def _to_samples(x: Samples, span: Span, cell: int, floor: float) -> Span:
    """Widen a span of cells to the first and last sample that are as soft as its ends."""
    first, last = span[0] + cell // 2, span[1] - cell // 2
    ends = min(4 * cell, last - first)
    edges = []
    for y in (x[first - 4 * cell : first + ends][::-1], x[last - ends : last + 4 * cell]):
        inside, outside = y[:ends], y[ends:]
        c = float(np.partition(inside, ends // 2)[ends // 2])  # np.median takes longer
        soft = float(np.max(np.abs(inside - c))) + 0.5 * floor
        ratio = float(np.max(np.abs(outside - c), initial=0.0)) / soft
        loud = np.flatnonzero(np.abs(outside - c) > min(max(ratio**0.5, CREST), MAX_CREST) * soft)
        edges.append(int(loud[0]) if loud.size else outside.size)
    return first - edges[0], last + edges[1]


def cut_off_db(
    x: Samples, spans: list[Span], sr: float, *, floor: float, marked: Span | None = None
) -> Samples:
    """Measure (1) for spans of a part of a recording: dB of the lesser side (spans,).

    -inf where a side is not `SOFTER_DB` louder than the span, shorter than a model needs, or,
    unless the span is the one that is `marked`, fades before the edge.
    """
    size, reach = round(CONTEXT_S * sr), max(4, round(PREDICTED_S * sr))
    border, order = round(BORDER_S * sr), round(ORDER * max(1.0, (sr / ORDER_SR) ** 0.5))
    ratios = np.full((len(spans), 2), -np.inf)
    sides, rows = list[tuple[Samples, Samples, float]](), list[tuple[int, int]]()
    for i, (start, stop) in enumerate(spans):
        inside = x[start:stop]
        c = float(inside.mean())
        power = max(float(np.var(inside)), floor**2) * 10 ** (SOFTER_DB / 10)
        contexts = (x[max(0, start - size) : start], x[stop : stop + size][::-1])
        fade = 0.0 if (start, stop) == marked else FADED
        if any(s.size < 3 * order or _is_faded(s - c, border, power, fade) for s in contexts):
            continue
        sides += [(contexts[0], inside[:reach], c), (contexts[1], inside[::-1][:reach], c)]
        rows += [(i, 0), (i, 1)]
    if sides:
        ratios[tuple(np.array(rows).T)] = _side_ratios(sides, order, size, reach, floor)
    return ratios.min(axis=1)


def _is_faded(context: Samples, border: int, least: float, fade: float) -> bool:
    """Return whether the power of samples before an edge is below `least`, or falls before it."""
    power = float(np.mean(context**2))
    return power < least or float(np.mean(context[-border:] ** 2)) < fade**2 * power


def _side_ratios(
    sides: list[tuple[Samples, Samples, float]], order: int, size: int, reach: int, floor: float
) -> Samples:
    """Measure (1) in dB for sides: samples that end at an edge, those after it, their mean."""
    past, actual = np.zeros((len(sides), size)), np.zeros((len(sides), reach))
    for i, (context, inside, _) in enumerate(sides):
        past[i, size - context.size :] = context
        actual[i, : inside.size] = inside
    widths = np.array([inside.size for _, inside, _ in sides])
    weights = (np.arange(reach) < widths[:, None]) / widths[:, None]
    c = np.array([[mean] for *_, mean in sides])
    y = _continued(past, order, reach)

    def power(z: Samples) -> Samples:
        return np.sum(weights * z**2, axis=1)

    def about_mean(z: Samples) -> Samples:
        return power(z - np.sum(weights * z, axis=1)[:, None])

    least = floor**2
    offset = power(y - c) / (power(actual - c) + least)
    variance = about_mean(y) / (about_mean(actual) + least)
    ratio = np.maximum(power(y) / (power(actual) + least), np.minimum(offset, variance))
    return 10 * np.log10(np.maximum(ratio, 1e-12))


def _continued(past: Samples, order: int, reach: int) -> Samples:
    """Predict the samples after each row [shape=(m, n)]: (m, reach)."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = past.shape[1]
    # The window rises to the edge: the latest samples count most.
    window = np.sin(np.pi / 2 * (np.arange(size) + 0.5) / size)
    length = next_fast_len(size + order + 1, real=True)
    lags = irfft(np.abs(rfft(past * window, length)) ** 2, length)[:, : order + 1]
    lags[:, 0] = lags[:, 0] * (1 + RIDGE) + np.finfo(float).tiny
    a, _ = levinson_durbin(lags, summation="pairwise")
    y = np.concatenate((past[:, size - order :], np.zeros((len(past), reach))), axis=1)
    backwards = a[:, :0:-1]
    for n in range(reach):
        y[:, order + n] = -np.sum(backwards * y[:, n : order + n], axis=1)
    return y[:, order:]


def find_gaps(
    x: Samples,
    sr: float,
    *,
    level: float,
    step: float,
    longest: int,
    border: float = 0.0,
    offset: int = 0,
    marked: Span | None = None,
) -> list[Gap]:
    """Find the candidates in a part of a recording, at most `longest` samples each, and measure.

    `level` is the RMS value of the recording, `step` that of its quantisation, `border` the least
    RMS value right next to a dropout; `offset` is the place of `x` in the recording; `marked` is a
    candidate, too.
    """
    if not level > 0:
        return []
    floor = max(step if np.isfinite(step) else 0.0, FLOOR * level)
    candidates = quiet_spans(x, sr, longest=longest, floor=floor, offset=offset)
    spans = [
        (a, b)
        for a, b in sorted({*candidates, *([marked] if marked else [])})
        if _is_loud_beside(x, (a, b), round(BORDER_S * sr), border)
        and (
            b - a <= LONG_S * sr or _is_loud_beside(x, (a, b), round(CONTEXT_S * sr), LOUD * level)
        )
    ]
    ratios = cut_off_db(x, spans, sr, floor=floor, marked=marked)
    return [
        Gap((a, b), float(ratio), *_evenness(x[a:b], sr, floor))
        for (a, b), ratio in zip(spans, ratios, strict=True)
        if ratio >= SAME_DB
    ]


def choose_gaps(gaps: list[Gap], sr: float, shortest: float) -> list[Span]:
    """Choose the dropouts of at least `shortest` samples among the candidates of a recording.

    A soft stretch of a voice is less even than a dropout. Where some are certain and most of them
    have one floor, others with that floor need less evidence.
    """
    gaps = [gap for gap in gaps if gap.length >= TOLERANCE * shortest]
    certain = [gap for gap in gaps if gap.is_certain(sr)]
    floors = np.array([gap.floor_db for gap in certain])
    most = max(FEWEST_SAME, SAME_SHARE * floors.size)
    return [
        gap.span
        for gap in gaps
        if gap.is_certain(sr)
        or (
            (gap.length >= SHORT_S * sr)
            and np.sum(np.abs(floors - gap.floor_db) < SAME_FLOOR_DB) >= most
        )
    ]


def _is_loud_beside(x: Samples, span: Span, size: int, least: float) -> bool:
    """Return whether the RMS value of `size` samples on both sides of a span is high enough."""
    sides = (x[max(0, span[0] - size) : span[0]], x[span[1] : span[1] + size])
    return all(side.size and np.mean(side**2) >= least**2 for side in sides)


def _evenness(inside: Samples, sr: float, floor: float) -> tuple[float, float]:
    """Measure in dB how uneven the power of 1 ms cells is, and the lower quartile of it."""
    cell = min(inside.size, max(4, round(EVEN_CELL_S * sr)))
    z = inside - inside.mean()
    power = np.mean(z[: z.size // cell * cell].reshape(-1, cell) ** 2, axis=1) + floor**2
    levels = 10 * np.log10(power)
    spread = 10 * np.log10(power.mean()) - levels.mean()
    ends = max(levels[:END_CELLS].mean(), levels[-END_CELLS:].mean()) - levels.mean()
    return float(max(spread, ends / UNEVEN)), float(np.quantile(levels, 0.25))
