"""Lost packets that a decoder concealed by what was before them, times a gain that falls.

``x[n] = g(n) x[n - lag]`` with a gain g that changes slowly, down to the rounding of the samples.
A voice or a note repeats itself, too, but not as exactly, and it does so before and after; in a
concealed packet the error of this prediction is small all at once, and large again all at once.

Candidates have equal signs: a gain leaves the zero crossings of sound where they are, so that a few
intervals between them in a row recur, and their hash finds the lag.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, join
from spectramend.detection.dropouts import LONGEST_PACKET_S, SHORTEST_PACKET_S

INTERVALS = (4, 16)  # counts that are hashed, in voices and noise; engineering choice: rarely recur
SHORTEST_SEED_S = 0.001  # s of those intervals; engineering choice: noise has shorter ones
WINDOW_S = 0.001  # s in which the gain is fitted; engineering choice: it falls little
LEAST_WINDOW = 12  # samples of it; engineering choice: six for each parameter
EXACT = 0.01  # most RMS error over that of the sound in a packet; engineering choice: -40 dB
TYPICAL = 0.003  # most median of that; engineering choice: -50 dB, voices stay above -46 dB
CONTRAST = 6.0  # least error outside over that inside; engineering choice: 16 dB
UNLIKE = 0.05  # least error outside over the level inside; engineering choice: -26 dB
INNOVATION = 0.5  # most error over the residual of prediction; engineering choice: -6 dB
ORDER = 12  # of that prediction; engineering choice: six resonances
MAX_GAIN = 1.05  # of a concealed packet; engineering choice: gains fall
OCCURRENCES = 3  # lags of each seed that are tried; engineering choice: pitch periods of a packet
SHORTEST_LAG_S = 0.0025  # s; engineering choice: the pitch period of high voices
SHORTEST_HEARD_S = 0.003  # s above `AUDIBLE`; engineering choice: what rounding does not explain
# RMS value in steps of quantisation. Engineering choice: in softer sound rounding hides how exactly
# it repeats.
AUDIBLE = 50.0
BATCH = 4096  # candidates that are compared at once; engineering choice: bounds the memory
LONGEST_S = 0.3  # s of a concealed stretch; engineering choice: concealment fades out before that

Samples: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class _Repetition:
    """How well samples around a place are a multiple of those `lag` before, window by window."""

    first: int  # first sample of the first window
    size: int  # samples of a window
    gains: Samples  # (windows, 2): at the middle of a window, and slope per sample
    errors: Samples  # (windows,) RMS values
    levels: Samples  # (windows,) RMS values of the samples


def concealed_packets(x: Samples, sr: float, *, step: float) -> list[Span]:
    """Find the spans that repeat what is before them with a gain that changes slowly.

    `step` is that of the quantisation of the recording.
    """
    rounding = step if np.isfinite(step) else 0.0
    found: list[Span] = []
    examined: dict[int, int] = {}  # by lag: the end of the last span
    for i, lag in _similar(x, sr, *_seeds(x, sr), rounding):
        if examined.get(lag, 0) > i:
            continue
        span, is_concealed = _examine(x, i, lag, sr, rounding)
        examined[lag] = max(span[1], i + 1)
        if is_concealed:
            found.append(span)
    return join(found)


def _seeds(x: Samples, sr: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find places whose zero crossings, or those of the slope, recur: samples and lags."""
    found = []
    for samples in (x, np.diff(x, prepend=x[:1])):
        rising = samples >= 0
        at = np.flatnonzero(rising[1:] != rising[:-1]) + 1
        found += [_recurring_crossings(at, sr, count) for count in INTERVALS]
    starts, lags = np.concatenate(found, axis=1)
    return starts, lags


def _recurring_crossings(at: NDArray[np.intp], sr: float, intervals: int) -> NDArray[np.intp]:
    """Find crossings `at` after which intervals follow as after an earlier one, and lags (2, m)."""
    widths = np.diff(at).astype(np.uint64)
    count = widths.size - intervals + 1
    found = [np.zeros((2, 0), np.intp)]
    if count < 2:
        return found[0]
    factors = np.random.default_rng(0).integers(1, 2**63, intervals, dtype=np.uint64)
    hashes = np.zeros(count, np.uint64)
    for k, factor in enumerate(factors | np.uint64(1)):
        hashes += widths[k : k + count] * factor
    kept = np.flatnonzero(at[intervals:] - at[:count] >= SHORTEST_SEED_S * sr)
    order = kept[np.argsort(hashes[kept], kind="stable")]
    for back in range(1, OCCURRENCES + 1):
        same = hashes[order[back:]] == hashes[order[:-back]]
        later, earlier = at[order[back:][same]], at[order[:-back][same]]
        lags = later - earlier
        near = (lags <= LONGEST_PACKET_S * sr) & (lags >= SHORTEST_LAG_S * sr)
        found.append(np.stack((later[near], lags[near])))
    return np.concatenate(found, axis=1)


def _similar(
    x: Samples, sr: float, starts: NDArray[np.intp], lags: NDArray[np.intp], rounding: float
) -> list[tuple[int, int]]:
    """Keep the places from which on 2 ms are exactly a multiple of those a lag before, in order."""
    size = max(8, round(2 * WINDOW_S * sr))
    inside = (starts - lags >= 0) & (starts + size <= x.size)
    starts, lags = starts[inside], lags[inside]
    kept: list[tuple[int, int]] = []
    for part in range(0, starts.size, BATCH):
        at, lag = starts[part : part + BATCH], lags[part : part + BATCH]
        index = at[:, None] + np.arange(size)
        _, errors, levels = _fitted(x[index], x[index - lag[:, None]])
        good = (errors <= EXACT * levels + rounding) & (levels >= AUDIBLE * rounding) & (levels > 0)
        kept += zip(at[good].tolist(), lag[good].tolist(), strict=True)
    return sorted(kept)


def _fitted(u: Samples, v: Samples) -> tuple[Samples, Samples, Samples]:
    """Fit ``u = (g + h t) v`` in each row: (g, h) (m, 2), RMS values of the error and of u (m,)."""
    t = np.arange(u.shape[1]) - (u.shape[1] - 1) / 2
    w = t * v
    vv, vw, ww, uv, uw = (_dot(*pair) for pair in ((v, v), (v, w), (w, w), (u, v), (u, w)))
    determinant = vv * ww - vw**2
    safe = np.where(determinant > 1e-12 * vv * ww, determinant, np.inf)
    g, h = (uv * ww - uw * vw) / safe, (uw * vv - uv * vw) / safe
    error = u - g[:, None] * v - h[:, None] * w
    return (
        np.stack((g, h), axis=1),
        np.sqrt(_dot(error, error) / t.size),
        np.sqrt(_dot(u, u) / t.size),
    )


def _dot(u: Samples, v: Samples) -> Samples:
    """Compute the inner products of rows (m, n), without their products in memory: (m,)."""
    dots: Samples = np.einsum("mn,mn->m", u, v)
    return dots


def _repetition(x: Samples, i: int, lag: int, sr: float) -> _Repetition:
    """Fit gains in windows from `LONGEST_S` before the sample i to as much after it."""
    size = max(LEAST_WINDOW, round(WINDOW_S * sr))
    before = min((i - lag) // size, round(LONGEST_S * sr) // size)
    after = min((x.size - i) // size, round(LONGEST_S * sr) // size)
    first = i - before * size
    shape = (before + after, size)
    u = x[first : first + shape[0] * size].reshape(shape)
    v = x[first - lag : first - lag + shape[0] * size].reshape(shape)
    return _Repetition(first, size, *_fitted(u, v))


def _examine(x: Samples, i: int, lag: int, sr: float, rounding: float) -> tuple[Span, bool]:
    """Find the span around sample i that repeats what is `lag` before, and if it is a packet."""
    r = _repetition(x, i, lag, sr)
    gain = r.gains[:, 0]
    good = (r.errors <= EXACT * r.levels + rounding) & (gain <= MAX_GAIN)
    good &= (gain > 0) | (r.levels < AUDIBLE * rounding)
    at = (i - r.first) // r.size
    first, last = _around(good, at)
    span = _exact_span(x, r, lag, (first, last), rounding)
    heard = r.levels[first:last] >= AUDIBLE * rounding
    if span[1] - span[0] < SHORTEST_PACKET_S * sr or np.sum(heard) * r.size < SHORTEST_HEARD_S * sr:
        return span, False
    errors, levels = r.errors[first:last][heard], r.levels[first:last][heard]
    if np.median(errors / levels) > TYPICAL + 0.5 * rounding / np.median(levels):
        return span, False
    inside = float(np.median(errors)) + 0.5 * rounding
    if inside > INNOVATION * _innovation(x[span[0] : span[1]]):
        return span, False
    least = max(CONTRAST * inside, UNLIKE * float(np.median(levels)))
    outside = [r.errors[max(0, first - 3) : first], r.errors[last : last + 3]]
    return span, all(e.size and float(np.max(e)) >= least for e in outside)


def _innovation(x: Samples) -> float:
    """Measure the median of what samples before do not predict: ringing repeats by itself."""
    past = np.lib.stride_tricks.sliding_window_view(x[:-1], ORDER)
    residual = x[ORDER:] - past @ np.linalg.lstsq(past, x[ORDER:], rcond=None)[0]
    return float(np.median(np.abs(residual)))


def _around(good: NDArray[np.bool_], at: int) -> Span:
    """Find the run of good windows around one, past single bad ones, where a gain jumps."""
    bridged = good.copy()
    bridged[1:-1] |= good[:-2] & good[2:]
    bad = np.flatnonzero(~bridged)
    before, after = bad[bad < at], bad[bad > at]
    return (
        int(before[-1]) + 1 if before.size else 0,
        int(after[0]) if after.size else good.size,
    )


def _exact_span(x: Samples, r: _Repetition, lag: int, windows: Span, rounding: float) -> Span:
    """Extend a run of windows, by the gains of its ends, up to the samples that differ."""
    first, last = windows
    edges = []
    for window, sign in ((first, -1), (last - 1, 1)):
        g, h = r.gains[window]
        middle = r.first + window * r.size + (r.size - 1) / 2
        edge = r.first + (first * r.size - 1 if sign < 0 else last * r.size)
        n = edge + sign * np.arange(2 * r.size)
        n = n[(n >= lag) & (n < x.size)]
        error = np.abs(x[n] - (g + h * (n - middle)) * x[n - lag])
        differ = np.flatnonzero(error > 3 * EXACT * r.levels[window] + 1.5 * rounding)
        edges.append(int(differ[0]) if differ.size else n.size)
    return r.first + first * r.size - edges[0], r.first + last * r.size + edges[1]
