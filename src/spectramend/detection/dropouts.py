"""Dropouts: runs of one value amid sound, and packets that repeat the samples before them.

A run of one value is damage where sound stops at once. Digital silence that an editor or a noise
gate has left is not, and neither are the plateaus of soft sound on few quantisation steps. So a
dropout has sound right at both borders, not less than a share of what is there a little further
off; it is far longer than the plateaus around it; and where it lasts longer than plosives and
packets do, its borders are as loud as the recording.

A lost packet that was concealed by the one before is ``x[n] = x[n - lag]`` for a whole packet.
Chance cannot do that, but a synthesised tone does, for many periods; one packet follows the last
good one a few times at most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, join, runs

BORDER_S = 0.002  # how much sound next to a run is looked at
AROUND_S = 0.020  # and how much around it tells what is usual there
LONG_S = 0.120  # from here on a run is an edit unless its borders are loud
LOUD = 0.1  # of the recording's level
ABRUPT = 0.1  # a border has at least this share of the level around
STEP_QUANTILE = 0.05
PLATEAUS = 4  # a run is so many times longer than those around it
PACKET_S = (0.004, 0.1)  # shortest and longest packet
MOST_PACKETS = 6.5  # a good packet is repeated so often at most
WINDOW = 8  # samples that are hashed
DISTINCT = 6  # a repeated packet holds at least so many values
LOOKBACK = 4  # lengths of a region before it that `copied_share` looks at: two lags of two lengths


def flat_runs(x: NDArray[np.float64], shortest: int) -> list[Span]:
    """Find runs of one value."""
    spans = runs(x[1:] == x[:-1])
    spans[:, 1] += 1
    return [(int(a), int(b)) for a, b in spans[spans[:, 1] - spans[:, 0] >= shortest]]


def is_dropout(
    x: NDArray[np.float64], span: Span, sr: float, *, level: float, border_steps: float
) -> bool:
    """Tell whether sound stops at a run of one value, and goes on after it, at once."""
    start, stop = span
    border, around = max(4, round(BORDER_S * sr)), max(8, round(AROUND_S * sr))
    sides = (x[max(0, start - around) : start][::-1], x[stop : stop + around])
    if min(side.size for side in sides) < 2:
        return False
    steps = np.abs(np.concatenate([np.diff(side) for side in sides]))
    steps = steps[steps > 0]
    # Not the least: where something was added to coarse steps, a few lie between them.
    step = float(np.quantile(steps, STEP_QUANTILE)) if steps.size else np.inf
    plateau = max((b - a for side in sides for a, b in flat_runs(side, 2)), default=1)
    if stop - start < PLATEAUS * plateau:
        return False
    for side in sides:
        near, far = (_rms(side[:n] - x[start]) for n in (border, around))
        if near < border_steps * step or near < ABRUPT * far:
            return False
        if stop - start > LONG_S * sr and near < LOUD * level:
            return False
    return True


def repeated_packets(x: NDArray[np.float64], sr: float) -> list[Span]:
    """Find stretches that repeat, sample by sample, what is right before them."""
    shortest, longest = (round(s * sr) for s in PACKET_S)
    found: list[Span] = []
    done: dict[int, int] = {}  # for each lag, up to where it has been looked at
    for i, lag in _recurrences(x, longest):
        if lag < shortest or done.get(lag, 0) > i:
            continue
        start, stop = _agreement(x, i, lag, round(MOST_PACKETS * lag) + 1)
        done[lag] = stop
        whole = lag <= stop - start + 1 and stop - start <= MOST_PACKETS * lag
        if whole and np.unique(x[start:stop]).size >= DISTINCT:
            found.append((start, stop))
    return join(found)


def copied_share(x: NDArray[np.float64], start: int, stop: int) -> float:
    """Measure how much of a region repeats what is before it, if that does not repeat, too."""
    first = max(0, start - 2 * (stop - start))
    lags = [lag for i, lag in _recurrences(x[first:stop], start - first) if first + i >= start]
    if not lags:
        return 0.0
    lag = max(set(lags), key=lags.count)
    before = x[max(lag, start - lag) : start]
    periodic = before.size > 0 and np.mean(before == x[max(lag, start - lag) - lag : start - lag])
    if periodic > 0.5 or lag > start:
        return 0.0
    return float(np.mean(x[start:stop] == x[start - lag : stop - lag]))


def _rms(x: NDArray[np.float64]) -> float:
    """Measure the root of the mean square."""
    return float(np.sqrt(np.mean(x**2)))


def _recurrences(x: NDArray[np.float64], longest: int) -> list[tuple[int, int]]:
    """Find where a window occurs again, and after how many samples.

    Windows are compared by a hash of their bits, and only those are whose hash is divisible by 8:
    copies agree in that, so a packet keeps an eighth of its windows, and sorting is quick.
    """
    if x.size <= WINDOW:
        return []
    bits = (x + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
    factors = np.random.default_rng(0).integers(1, 2**63, WINDOW, dtype=np.uint64)
    count = x.size - WINDOW
    hashes = np.zeros(count, np.uint64)
    for k, factor in enumerate(factors | np.uint64(1)):
        hashes += bits[k : k + count] * factor
    hashes ^= hashes >> np.uint64(29)
    at = np.flatnonzero(hashes & np.uint64(7) == 0)
    order = at[np.argsort(hashes[at], kind="stable")]
    lags = np.diff(order)
    again = (hashes[order[1:]] == hashes[order[:-1]]) & (lags <= longest)
    return sorted(zip(order[1:][again].tolist(), lags[again].tolist(), strict=True))


def _agreement(x: NDArray[np.float64], i: int, lag: int, most: int) -> Span:
    """Find how far ``x[n] = x[n - lag]`` holds on both sides of a sample, looking so far."""
    ahead = x[i : i + most]
    differ = np.flatnonzero(ahead != x[i - lag : i - lag + ahead.size])
    stop = i + (int(differ[0]) if differ.size else ahead.size)
    first = max(lag, i - most)
    differ = np.flatnonzero(x[first:i] != x[first - lag : i - lag])
    return (first + int(differ[-1]) + 1 if differ.size else first), stop
