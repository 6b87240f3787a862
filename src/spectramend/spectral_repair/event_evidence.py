"""Whether a sound acts in a region at all, and how far its removal can be expected to succeed.

The region is compared with its context by levels L [shape=(B, N), dB] of sub-bands in frames. Let
n be a frame of the region, m one of the context. Three excesses say how much the region is louder
than the target alone would be:

    frames   mean_n d(n) - mean_m d(m),  d(n) = rms_b max(L[b, n] - L[b, m'], 0),             (1)

for the frames m' of the context that are most like n, not near it: a target repeats itself, and a
sound that was added does not;

    valleys  max_b (q20_n L[b, n] - q50_m L[b, m]), less its mean over stretches of the context, (2)

as a sound that was added fills the pauses of the target, and the gaps between its partials;

    peaks    max_b (max_n L[b, n] - max_m L[b, m]).                                            (3)

The SNR in dB of a region that is left is taken to be linear in ``log(1 + max(excess, 0))`` of these
three; that of one whose event is removed follows from the model, whose gains G give the target the
power G |X|**2 with the variance G (1 - G) |X|**2:

    sum G |X|**2 / sum G (1 - G) |X|**2.                                                      (4)

Where (4) is low the model is hardly better than silence, and may be worse: the less it is, the
more the result is faded from that of the model to silence.

Removal of pretended events, laid over intact context, predicts it no better, at twice the time.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.spectral_repair.event_mask import EventMask

# Engineering choices:
SUB_BANDS = 12  # sub-bands of a region, at equal ratios of their frequencies, at most
LOWEST_HZ = 60.0  # Hz, edge of the lowest sub-band: below it recordings have little
RANGE_DB = 60.0  # dB below the loudest sub-band of the context: levels below it count as silence
SIMILAR = 3  # frames of the context that are most like a frame
DISTANCE_S = 0.25  # s between a frame and those like it, at least: neighbours share samples
MIN_FRAMES = 16  # frames of the context, at least: fewer say nothing about the target

# Fitted by least squares to the SNR in dB, from -20 to 20, of 700 scenes like those of `spectramend
# experiment occlusion`, the event absent or 15 dB softer to 30 dB louder than the recording:
LEFT = np.array([22.8, -2.8, -3.7, -4.3])  # dB: constant, frames, valleys, peaks
REMOVED_DB = -1.6  # dB, to be added to (4); on half of 430 scenes, with knocks and clatter, too
# Of four pairs, for the mean SNR of all of these scenes:
MUTED_DB = 0.3  # dB of (4) up to which a region is muted
TRUSTED_DB = 2.3  # dB of (4) from which the model is trusted in full
# Chosen on the same scenes, so that one in six clean regions changes, and few events are missed:
BIAS_DB = 3.0  # dB by which leaving must be better: who marks a region hears something in it
NOTHING_DB = 18.0  # dB of the SNR of a region from which it is left, whatever the model says
CERTAIN_DB = 12.0  # dB of an excess from which there is an event, whatever the others are
MOST_DB = 20.0  # dB, the most that is expected; engineering choice


class Excess(NamedTuple):
    """How much louder a region is than its context, in dB."""

    frames: float  # (1)
    valleys: float  # (2)
    peaks: float  # (3)


def excess_over_context(P: NDArray[Any], event: EventMask, *, stft: STFT, sr: int) -> Excess | None:
    """Compare the cells of an event with its context; None if the context is too short.

    P [shape=(F, N), >= 0] is the power of the recording.
    """
    inside, context = np.flatnonzero(event.cells.any(axis=0)), np.flatnonzero(event.intact)
    if context.size < MIN_FRAMES or not P[:, context].any():
        return None
    L = _levels(P, event, context, stft.frequencies(sr))
    distances = _distances(L, context, round(DISTANCE_S * sr / stft.hop_length))
    known = np.isfinite(distances)
    inside_known, context_known = inside[known[inside]], context[known[context]]
    if not (inside_known.size and context_known.size):
        return None
    middle = np.median(L[:, context], axis=1)

    def valley(frames: NDArray[np.intp]) -> float:
        return float(np.max(np.quantile(L[:, frames], 0.2, axis=1) - middle))

    step = max(1, inside.size // 4)
    starts = range(0, max(1, context.size - inside.size + 1), step)
    usual = np.mean([valley(context[i : i + inside.size]) for i in starts])
    return Excess(
        float(distances[inside_known].mean() - distances[context_known].mean()),
        valley(inside) - float(usual),
        float(np.max(L[:, inside].max(axis=1) - L[:, context].max(axis=1))),
    )


def _levels(
    P: NDArray[Any], event: EventMask, context: NDArray[np.intp], frequencies: NDArray[Any]
) -> NDArray[np.float64]:
    """Give the levels of sub-bands of an event [shape=(B, N), dB], with a floor."""
    bins = np.flatnonzero(event.cells.any(axis=1))
    low = max(float(frequencies[bins[0]]), LOWEST_HZ)
    edges = np.geomspace(low, max(float(frequencies[bins[-1]]), low * 1.01), SUB_BANDS + 1)
    band = np.clip(np.searchsorted(edges, frequencies[bins], "right") - 1, 0, SUB_BANDS - 1)
    power = np.array([P[bins[band == b]].mean(axis=0) for b in np.unique(band)])
    loudest = float(np.quantile(power[:, context], 0.9, axis=1).max()) or float(power.max())
    floor = max(loudest * 10 ** (-RANGE_DB / 10), np.finfo(np.float64).tiny)
    return np.asarray(10 * np.log10(np.maximum(power, floor)))


def _distances(
    L: NDArray[np.float64], context: NDArray[np.intp], apart: int
) -> NDArray[np.float64]:
    """Evaluate d(n) of (1) [shape=(N,), dB]; not finite where no frame is far enough away."""
    square = np.zeros((L.shape[1], context.size))
    for level in L:
        square += np.maximum(level[:, None] - level[context], 0) ** 2
    distance = np.sqrt(square / len(L))
    near = np.abs(np.arange(L.shape[1])[:, None] - context) < apart
    distance[near] = np.inf
    count = min(SIMILAR, context.size)
    return np.asarray(np.partition(distance, count - 1, axis=1)[:, :count].mean(axis=1))


class Outcome(NamedTuple):
    """What is done to a region, and what can be expected of it."""

    action: Literal["left", "removed", "muted"]
    share: float  # of the model in the result, the rest being silence
    snr_db: float | None  # expected SNR of the region in dB; None if nothing is known
    power: float  # expected power of the target


def expected_outcome(
    x: NDArray[Any], change: NDArray[Any], event: EventMask, *, stft: STFT, sr: int
) -> Outcome:
    """Decide between leaving a region, removing its event, and muting, by the SNR expected of each.

    x [shape=(n,)] is the event with its context, change [shape=(n,)] what the model takes away.
    Where the context is too short to tell, the event is removed.
    """
    cells = event.cells
    P, target = (np.abs(stft.forward(z)) ** 2 for z in (x, x - change))
    power, found = P[cells], target[cells]
    excess = excess_over_context(P, event, stft=stft, sr=sr)
    if excess is None or not power.any():
        return Outcome("removed" if change.any() else "left", 1.0, None, float(power.sum()))
    gain = np.minimum(np.sqrt(found / np.maximum(power, np.finfo(np.float64).tiny)), 1)
    mean, variance = float(np.sum(gain * power)), float(np.sum(gain * (1 - gain) * power))
    ratio_db = float(10 * np.log10(mean / max(variance, 1e-3 * mean))) if mean > 0 else 0.0
    share = float(np.clip((ratio_db - MUTED_DB) / (TRUSTED_DB - MUTED_DB), 0, 1))
    removed_db = REMOVED_DB + ratio_db
    left_db = float(LEFT @ [1, *np.log1p(np.maximum(excess, 0))])
    certain = max(excess.valleys, excess.peaks) > CERTAIN_DB
    action: Literal["left", "removed", "muted"] = "left"
    snr_db = left_db
    if certain or left_db < min(removed_db + BIAS_DB, NOTHING_DB):
        action = "removed" if share > 0 else "muted"
        snr_db = max(removed_db, 0)
    # Of the power of the region, the target has S / (1 + S), with the SNR S if it were left.
    of_target = float(power.sum()) / (1 + 10 ** (-left_db / 10))
    return Outcome(action, share, min(float(snr_db), MOST_DB), of_target)
