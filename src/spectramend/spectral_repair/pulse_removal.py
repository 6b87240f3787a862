"""Removal of repeating pulses: the template subtracted, or what it does not explain interpolated.

Bursts of noise come at a constant rate but have no common waveform. The residual of linear
prediction tells: its mean log energy, by the place after the start of a pulse, is higher where
something of the pulses is left. If such a place is short, its samples are interpolated at every
pulse by Janssen's method. With x what the subtraction leaves there, y the interpolation, and E_y
the mean error of interpolations as long between the pulses, where the truth is known,

    E_x  =  max(0, mean (x - y)**2 - E_y),                                                     (1)

as the errors of both are independent, and the mean of both by inverse variances,

    (E_y x + E_x y) / (E_x + E_y),                                                             (2)

has the error ``E_x E_y / (E_x + E_y)``. Without evidence of a train, or where its estimate has more
error than energy, the samples stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, runs
from spectramend.gaps import janssen
from spectramend.spectral_repair.pulse_template import PulseEstimate, estimate_pulses
from spectramend.spectral_repair.pulse_trains import PulseTrain, find_pulse_train, predicted

Vector: TypeAlias = NDArray[np.float64]

# S of `find_pulse_train` from which there is a train. Of 685 parts of recordings of `data/dev` none
# has more than 8.6; with pulses of equal energy it is 10 or more.
MIN_EVIDENCE = 9.0  # ratio of a sum to its deviation
PIECE_S = 4.0  # s, samples with one template; engineering choice: a clock drifts little
OVERLAP_S = 0.5  # s, overlap of such pieces; engineering choice: an eighth
HOT = 3.0  # residual power of a place over the median; engineering choice: 5 dB
WARM = 2.0  # residual power up to which a hot place extends; engineering choice: 3 dB
RESIDUAL_SMOOTH = 3  # samples of the mean of the residual power; engineering choice
LOCAL_S = 0.05  # s, over which the residual power is normalised; engineering choice
LONGEST_FILL_S = 0.006  # s, longest interpolation; engineering choice: a pitch period of a voice
LONGEST_FILL_PART = 0.45  # of the period; engineering choice: as much is known between the pulses
FILL_ORDER = 128  # order of the model; chosen on half of the recordings of `data/dev`, as are
FILL_BLOCK_S = 0.05  # s, samples of a block that is interpolated with one model,
FILL_CONTEXT_S = 0.04  # s, context on either side of a block, and
FILL_ITERATIONS = 3  # estimations of the model
# True error of a template over what its variance says: the median on half of the recordings of
# `data/dev`; the delays, and what the pulses do not have in common, have a part in it.
ERROR_FACTOR = 5.0  # ratio of powers
# Energy of the error that grows with the pulses, as no two are quite the same, over theirs; the
# same choice, at 10 dB more pulses than recording.
INACCURACY = 0.003


@dataclass(frozen=True, eq=False)
class PulseRemoval:
    """Samples without their repeating pulses."""

    samples: Vector  # [shape=(n,)]
    period: float | None  # samples; None if there is no train, and nothing changed
    filled: float  # part of the interpolation in the samples of pulses, 0 to 1
    error: float  # estimated energy of the error
    removed: float  # energy of what was removed


def remove_pulses(x: Vector, sr: int) -> PulseRemoval:
    """Remove the repeating pulses of x [shape=(n,), finite]."""
    y, weight_sum = np.zeros(x.size), np.zeros(x.size)
    periods, filled, error = [], 0.0, 0.0
    for piece in _pieces(x.size, sr):
        part = x[piece]
        weight = np.minimum(np.arange(part.size) + 1.0, np.arange(part.size)[::-1] + 1.0)
        weight = np.minimum(weight, round(OVERLAP_S * sr))
        train = find_pulse_train(part, sr)
        found = None if train is None else _remove_train(part, sr, train)
        y[piece] += weight * (part if found is None else found.samples)
        weight_sum[piece] += weight
        if found is not None:
            periods.append(found.period)
            filled = max(filled, found.filled)
            error += found.error
    y /= np.maximum(weight_sum, 1)
    period = float(np.median([p for p in periods if p])) if periods else None
    return PulseRemoval(
        y if periods else x.copy(), period, filled, error, float(np.sum((x - y) ** 2))
    )


def _pieces(n: int, sr: int) -> Iterator[slice]:
    """Cut n samples into pieces that overlap."""
    length, overlap = round(PIECE_S * sr), round(OVERLAP_S * sr)
    count = max(1, int(np.ceil((n - overlap) / (length - overlap))))
    hop = (n - overlap) / count
    for i in range(count):
        yield slice(int(i * hop), n if i == count - 1 else int((i + 1) * hop) + overlap)


def _remove_train(x: Vector, sr: int, train: PulseTrain) -> PulseRemoval | None:
    """Remove the pulses of a train; None if there is no evidence of them."""
    if train.evidence < MIN_EVIDENCE:
        return None
    pulses = estimate_pulses(x, sr, train)
    y = x - pulses.samples
    energy = float(np.sum(pulses.samples**2))
    error = ERROR_FACTOR * pulses.error + INACCURACY * energy
    if not energy > error:
        y, error = x.copy(), 0.0
    place = _unexplained(y, pulses, sr, train.period)
    filled = 0.0
    if place is not None:
        y, filled, left = _interpolated(y, pulses, place, sr, train.period)
        error += left
    if not np.any(y != x):
        return None
    return PulseRemoval(y, train.period, filled, error, float(np.sum((x - y) ** 2)))


def _unexplained(y: Vector, pulses: PulseEstimate, sr: int, period: float) -> Span | None:
    """Find the samples after the start of a pulse where something of it is left."""
    from scipy.ndimage import uniform_filter1d

    prediction = predicted(y, sr)
    forward, backward = (
        uniform_filter1d(residual.samples**2, RESIDUAL_SMOOTH)
        for residual in (prediction.forward, prediction.backward)
    )
    # Forwards in time the residual rises at once at the start of a burst, backwards at its end.
    e = np.minimum(forward, backward) + prediction.floor**2
    log_e = np.log(e / uniform_filter1d(e, int(LOCAL_S * sr) | 1))
    n = min(pulses.length, int(period))
    at = np.round(pulses.times).astype(int)[:, None] + np.arange(n)
    inside = (at >= 0) & (at < y.size)
    profile = np.sum(np.where(inside, log_e[np.clip(at, 0, y.size - 1)], 0), axis=0)
    profile = profile / np.maximum(inside.sum(axis=0), 1)
    profile = np.exp(uniform_filter1d(profile, RESIDUAL_SMOOTH))
    profile /= np.median(profile)
    hot = [(a, b) for a, b in runs(profile > WARM).tolist() if profile[a:b].max() > HOT]
    if not hot:
        return None
    place = max(0, hot[0][0] - 1), min(n, hot[-1][1] + 1)
    longest = min(LONGEST_FILL_S * sr, LONGEST_FILL_PART * period)
    return place if place[1] - place[0] <= longest else None


def _interpolated(
    y: Vector, pulses: PulseEstimate, place: Span, sr: int, period: float
) -> tuple[Vector, float, float]:
    """Interpolate a place of every pulse by (2): samples, part of the interpolation, error."""
    lost = _marked(y.size, pulses.times, place)
    known = _filled(y, lost, sr)
    between = _marked(y.size, pulses.times + period / 2, place) & ~lost
    if not (between.any() and lost.any()):
        return y, 0.0, 0.0
    E_y = float(np.mean((_filled(known, between, sr) - known)[between] ** 2))
    E_x = max(0.0, float(np.mean((y - known)[lost] ** 2)) - E_y)
    share = E_x / max(E_x + E_y, float(np.finfo(np.float64).tiny))
    return y + share * (known - y), share, share * E_y * np.count_nonzero(lost)


def _marked(n: int, times: Vector, place: Span) -> NDArray[np.bool_]:
    """Mark a place after each time [shape=(n,)]."""
    marks = np.zeros(n, bool)
    for t in times:
        marks[max(0, int(np.floor(t)) + place[0]) : max(0, int(np.ceil(t)) + place[1])] = True
    return marks


def _filled(y: Vector, lost: NDArray[np.bool_], sr: int) -> Vector:
    """Interpolate many short gaps, block by block."""
    filled = y.copy()
    block, context = round(FILL_BLOCK_S * sr), round(FILL_CONTEXT_S * sr)
    for start in range(0, y.size, block):
        near = slice(max(0, start - context), min(y.size, start + block + context))
        own = np.zeros(y.size, bool)
        own[start : start + block] = lost[start : start + block]
        if own.any() and not lost[near].all():
            found = janssen(
                y[near], lost[near], order=FILL_ORDER, n_iter=FILL_ITERATIONS, from_known=True
            )
            filled[own] = found[own[near]]
    return filled
