"""Dropouts: runs of one value amid sound, and packets that repeat the samples before them.

A run of one value is damage where sound stops abruptly. Digital silence from an editor or a noise
gate is not, nor are the plateaus of soft sound on few quantisation steps. So a dropout has sound
right at both borders, not much softer than a little further away; it is much longer than the
plateaus around it; and if it is longer than plosives and packets, its borders are loud.

Where a decoder concealed a lost packet by the one before, ``x[n] = x[n - lag]`` for all samples of
it. This does not happen by chance; but a synthesised tone repeats itself for many periods, a packet
only a few times.

`abrupt_gaps` finds dropouts that hold other soft sound, `packet_concealment` those that fade.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, join, runs

BORDER_S = 0.002  # s of sound right next to a run; engineering choice: short against a fade
DROPOUT_CONTEXT_S = 0.020  # s of sound on either side of a run; engineering choice: ten borders
LONG_S = 0.120  # s of a run that needs loud borders; engineering choice: above plosives and packets
LOUD = 0.1  # least level of a loud border, over that of the recording; engineering choice: -20 dB
ABRUPT = 0.1  # least level of a border, over that of its context; engineering choice: -20 dB
STEP_QUANTILE = 0.05  # of the differences of samples: the quantisation step; see `is_dropout`
PLATEAUS = 4  # least length over that of other runs nearby; engineering choice: clearly longer
SHORTEST_PACKET_S = 0.004  # s; engineering choice: below the 5 ms of the shortest codec packets
LONGEST_PACKET_S = 0.1  # s; engineering choice: above the 60 ms of the longest codec packets
MAX_PACKETS = 6.5  # repeats of one packet; engineering choice: concealment fades out before that
WINDOW = 8  # samples that are hashed, a power of 2; engineering choice: rarely recur by chance
HASHED_AT_ONCE = 1 << 14  # windows; engineering choice: their hashes stay in the cache
PROBES = (0.2, 0.4, 0.6, 0.8, 1.0)  # parts of half a lag; engineering choice: few agree by chance
DISTINCT = 6  # least count of different values in a packet; engineering choice: it holds sound
PERIODIC = 0.5  # share of the samples before a region that repeat; engineering choice: most of them
PRECEDING_LENGTHS = 4  # samples before a region over its length, for `repeated_share`: two lags


def flat_runs(x: NDArray[np.float64], shortest: int) -> list[Span]:
    """Find runs of one value of at least `shortest` samples."""
    spans = runs(x[1:] == x[:-1])
    spans[:, 1] += 1
    return [(int(a), int(b)) for a, b in spans[spans[:, 1] - spans[:, 0] >= shortest]]


def is_dropout(
    x: NDArray[np.float64], span: Span, sr: float, *, level: float, border_steps: float
) -> bool:
    """Return whether sound stops abruptly at a run of one value and goes on abruptly after it.

    `level` is the RMS value of the recording, `border_steps` as in `Thresholds`.
    """
    start, stop = span
    border, context = max(4, round(BORDER_S * sr)), max(8, round(DROPOUT_CONTEXT_S * sr))
    sides = (x[max(0, start - context) : start][::-1], x[stop : stop + context])
    if min(side.size for side in sides) < 2:
        return False
    steps = np.abs(np.concatenate([np.diff(side) for side in sides]))
    steps = steps[steps > 0]
    # Not the smallest: where something was added to coarse sound, a few differences lie between.
    step = float(np.quantile(steps, STEP_QUANTILE)) if steps.size else np.inf
    plateau = max((b - a for side in sides for a, b in flat_runs(side, 2)), default=1)
    if stop - start < PLATEAUS * plateau:
        return False
    for side in sides:
        near, far = (np.sqrt(np.mean((side[:n] - x[start]) ** 2)) for n in (border, context))
        if near < border_steps * step or near < ABRUPT * far:
            return False
        if stop - start > LONG_S * sr and near < LOUD * level:
            return False
    return True


def repeated_packets(x: NDArray[np.float64], sr: float) -> list[Span]:
    """Find the spans that repeat, sample by sample, what is right before them."""
    shortest, longest = round(SHORTEST_PACKET_S * sr), round(LONGEST_PACKET_S * sr)
    found: list[Span] = []
    done: dict[int, int] = {}  # by lag: the end of the last span
    for i, lag in _recurrences(x, longest, shortest):
        if done.get(lag, 0) > i:
            continue
        start, stop = _agreement(x, i, lag, round(MAX_PACKETS * lag) + 1)
        done[lag] = stop
        whole = lag <= stop - start + 1 and stop - start <= MAX_PACKETS * lag
        if whole and np.unique(x[start:stop]).size >= DISTINCT:
            found.append((start, stop))
    return join(found)


def repeated_share(x: NDArray[np.float64], start: int, stop: int) -> float:
    """Measure the longest share of a region that repeats what is before it; 0 if that is periodic.

    `PRECEDING_LENGTHS` lengths of the region before it are used.
    """
    first = max(0, start - 2 * (stop - start))
    lags = [lag for i, lag in _recurrences(x[first:stop], start - first) if first + i >= start]
    if not lags:
        return 0.0
    lag = max(set(lags), key=lags.count)
    before = x[max(lag, start - lag) : start]
    periodic = before.size > 0 and np.mean(before == x[max(lag, start - lag) - lag : start - lag])
    if periodic > PERIODIC or lag > start:
        return 0.0
    spans = runs(x[start:stop] == x[start - lag : stop - lag])
    # Of coarse sound few values agree by chance, but not many samples in a row.
    return float(max((b - a for a, b in spans), default=0)) / (stop - start)


def _recurrences(x: NDArray[np.float64], longest: int, shortest: int = 1) -> list[tuple[int, int]]:
    """Find windows of samples that occurred at most `longest` samples before: starts and lags.

    Of those that occurred at least `shortest` samples before, the ones are left out whose packet
    cannot be as long as the lag: half of it lies before or after the window.

    Windows are compared by a hash of their bits. Only hashes below an eighth of their range are
    kept, for speed: an eighth of the windows of a packet, the same in its copies.
    """
    if x.size <= WINDOW:
        return []
    bits = (x + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
    count = x.size - WINDOW
    hashes = np.empty(count, np.uint64)
    for first in range(0, count, HASHED_AT_ONCE):
        part = hashes[first : first + HASHED_AT_ONCE]
        part[:] = _window_hashes(bits[first : first + part.size + WINDOW - 1])
    # Of the bits of samples only the upper ones differ, and so do those of the hashes.
    at = np.flatnonzero(hashes < np.uint64(1 << 61))
    # Runs of one value recur everywhere.
    at = at[(x[at] != x[at + 3]) | (x[at] != x[at + 5]) | (x[at] != x[at + WINDOW - 1])]
    # The low bits of a key are the place, so that one sort puts equal hashes in the order of time.
    low = np.uint64((1 << int(x.size).bit_length()) - 1)
    keys = np.sort((hashes[at] & ~low) | at.astype(np.uint64))
    order, hashed = (keys & low).astype(np.intp), keys & ~low
    lags = np.diff(order)
    again = (hashed[1:] == hashed[:-1]) & (lags <= longest) & (lags >= shortest)
    starts, lags = order[1:][again], lags[again]
    if shortest > 1:
        kept = _extends(x, starts, lags, 1) | _extends(x, starts, lags, -1)
        starts, lags = starts[kept], lags[kept]
    return sorted(zip(starts.tolist(), lags.tolist(), strict=True))


def _window_hashes(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash windows of `WINDOW` samples: those of 2, 4 and 8 from the hashes of their halves."""
    factors = np.random.default_rng(0).integers(1, 2**63, WINDOW, dtype=np.uint64) | np.uint64(1)
    half = 1
    while half < WINDOW:
        bits = bits[:-half] * factors[half] + bits[half:]
        half *= 2
    return bits


def _extends(
    x: NDArray[np.float64], starts: NDArray[np.intp], lags: NDArray[np.intp], sign: int
) -> NDArray[np.bool_]:
    """Return whether some samples up to half a lag after (or before) the starts recur, too."""
    kept = np.ones(starts.size, bool)
    for part in PROBES:
        at = starts + sign * np.floor(part * (lags // 2 - 1)).astype(np.intp)
        inside = (at >= lags) & (at < x.size)
        kept &= inside & (x[np.where(inside, at, 0)] == x[np.where(inside, at - lags, 0)])
    return kept


def _agreement(x: NDArray[np.float64], i: int, lag: int, most: int) -> Span:
    """Find the span around sample i in which ``x[n] = x[n - lag]``, `most` to either side."""
    ahead = x[i : i + most]
    differ = np.flatnonzero(ahead != x[i - lag : i - lag + ahead.size])
    stop = i + (int(differ[0]) if differ.size else ahead.size)
    first = max(lag, i - most)
    differ = np.flatnonzero(x[first:i] != x[first - lag : i - lag])
    return (first + int(differ[-1]) + 1 if differ.size else first), stop
