"""How good the prediction of a lost band is, measured on pretended holes beside the real one.

A hole of at most the same length is pretended on either side, where the band is known, and filled
like the real one. With p the prediction there and t the truth, the factor

    g  =  sum p t / sum p**2,                                                                  (1)

limited to 0 and 1, makes the error of ``g p`` least. The prediction of the real hole is multiplied
by it, and ``1 - (sum (t - g p)**2) / sum t**2`` is the part of the power that is expected to be
recovered, where each pretended hole has the factor of the other.

Pretended holes lie within what sounds on one side. Where another note sounds on the other side the
real hole is harder, and the spectra u and v of the band beside its edges differ. Their similarity

    rho  =  u @ v / (|u| |v|)                                                                  (2)

limits both the factor and the part to ``rho / SIMILAR``. In a pause, the other bands are softer in
the hole than beside it, in the ratio r of their RMS values; both are multiplied by r where it is
less than 1. Without a side that is long enough there is no measurement, and the prediction is used
as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.spectral_repair.subband_interpolation import fill_band, lost_cells

Vector: TypeAlias = NDArray[np.float64]

PRETENDED_PART = 0.5  # longest pretended hole, as a part of its side; engineering choice
MIN_PRETENDED = 4  # hops in a pretended hole at least; engineering choice
SPECTRUM_S = 0.1  # s beside an edge of which (2) compares spectra; engineering choice
SIMILAR = 0.25  # rho of (2) from which nothing is limited; on half of the recordings of `data/dev`
LEVEL_S = 0.02  # s, blocks of which the level in a hole is the median; engineering choice
# Power in a hole, over that of the band around it, up to which what is there is kept and the
# prediction added. Engineering choice: 15 dB below, it changes the error by less than 0.2 dB.
KEPT_LEVEL = 10**-1.5


class BandFill(NamedTuple):
    """A signal with a predicted band [shape=(n,)], and what is expected of it."""

    samples: Vector
    power: float | None  # of the band on average around the hole; None without a measurement
    error: float  # expected power of the error in the hole
    empty: bool  # whether the hole holds next to nothing, which is kept

    @property
    def snr_db(self) -> float | None:
        """Expected SNR in dB; None without a measurement."""
        if self.power is None:
            return None
        return float(10 * np.log10(self.power / max(self.error, 1e-12 * self.power)))


class Hole(NamedTuple):
    """A hole in a band: samples, and lowest and highest Hz."""

    start: int
    stop: int
    low: float
    high: float


class _Trial(NamedTuple):
    """Sums over a pretended hole."""

    cross: float  # p*t
    predicted: float  # p**2
    true: float  # t**2
    within: float  # the part of it within the band, without the rest of its outermost bins
    size: int  # samples


def fill_validated(x: Vector, hole: Hole, *, sr: int, stft: STFT) -> BandFill:
    """Interpolate a band of some samples as far as pretended holes show that it helps."""
    kept, p = _prediction(x, hole, sr, stft)
    trials = [_trial(side, own, sr, stft) for side, own in _pretended_holes(x, hole, stft)]
    if not any(trial.true > 0 for trial in trials):
        return BandFill(kept + p, None, 0.0, False)
    *_, true, within, size = np.sum(trials, axis=0)
    limit = min(1.0, _similarity(x, hole, sr) / SIMILAR) * min(1.0, _loudness(x, hole, sr))
    # Each hole with the factor of the other, if there are two: its own would promise too much.
    others = [[u for u in trials if u is not t] or trials for t in trials]
    parts = [_recovered(t, _factor(other)) for t, other in zip(trials, others, strict=True)]
    recovered = limit * sum(parts) / true
    power = true / size
    found = _within(x - kept, hole, sr)[hole.start : hole.stop] ** 2
    blocks = np.array_split(found, max(1, round(found.size / (LEVEL_S * sr))))
    empty = bool(np.median([b.mean() for b in blocks]) < KEPT_LEVEL * within / size)
    base = x if empty else kept
    return BandFill(base + limit * _factor(trials) * p, power, power * (1 - recovered), empty)


def _factor(trials: Sequence[_Trial]) -> float:
    """Compute (1) from pretended holes."""
    cross, predicted = sum(t.cross for t in trials), sum(t.predicted for t in trials)
    return float(np.clip(cross / predicted, 0, 1)) if predicted > 0 else 0.0


def _recovered(trial: _Trial, g: float) -> float:
    """Compute ``sum t**2 - sum (t - g p)**2`` in a pretended hole."""
    return 2 * g * trial.cross - g**2 * trial.predicted


def _prediction(x: Vector, hole: Hole, sr: int, stft: STFT) -> tuple[Vector, Vector]:
    """Empty the band in a hole, and predict it: what remains, and the prediction."""
    start, stop, low, high = hole
    Z = stft.forward(x)
    bins, frames = lost_cells(Z.shape[1], start, stop, low, high, sr=sr, stft=stft)
    Z[bins, frames] = 0
    kept = stft.inverse(Z, length=x.size)
    return kept, fill_band(x, start, stop, low, high, sr=sr, stft=stft) - kept


def _pretended_holes(x: Vector, hole: Hole, stft: STFT) -> Iterator[tuple[Vector, Hole]]:
    """Give each side of a hole with a hole in its middle."""
    for side in (x[: hole.start], x[hole.stop :]):
        length = min(hole.stop - hole.start, int(PRETENDED_PART * side.size))
        start = (side.size - length) // 2
        room = start >= stft.n_fft and length >= MIN_PRETENDED * stft.hop_length
        if room and side.any():
            yield side, hole._replace(start=start, stop=start + length)


def _trial(x: Vector, hole: Hole, sr: int, stft: STFT) -> _Trial:
    """Compare the prediction of a pretended hole with the truth."""
    kept, p = _prediction(x, hole, sr, stft)
    inside = slice(hole.start, hole.stop)
    p, t = p[inside], (x - kept)[inside]
    w = _within(x - kept, hole, sr)[inside]
    return _Trial(float(p @ t), float(p @ p), float(t @ t), float(w @ w), t.size)


def _within(v: Vector, hole: Hole, sr: int) -> Vector:
    """Limit a signal [shape=(n,)] to the band of a hole."""
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(v.size, real=True)
    f = scipy.fft.rfftfreq(n_fft, 1 / sr)
    V = scipy.fft.rfft(v, n_fft) * ((f >= hole.low) & (f <= hole.high))
    return scipy.fft.irfft(V, n_fft)[: v.size]


def _loudness(x: Vector, hole: Hole, sr: int) -> float:
    """Compare RMS values of the other bands in a hole and as long on either side; 1 in silence."""
    rest, n = x - _within(x, hole, sr), hole.stop - hole.start
    sides = np.concatenate((rest[max(0, hole.start - n) : hole.start], rest[hole.stop :][:n]))
    inside, beside = np.mean(rest[hole.start : hole.stop] ** 2), np.mean(sides**2)
    return float(np.sqrt(inside / beside)) if beside > 0 else 1.0


def _similarity(x: Vector, hole: Hole, sr: int) -> float:
    """Compute (2); 1 at the ends of the recording."""
    from scipy.ndimage import uniform_filter1d

    n = round(SPECTRUM_S * sr)
    sides = x[max(0, hole.start - n) : hole.start], x[hole.stop : hole.stop + n]
    if min(side.size for side in sides) < n // 2:
        return 1.0
    f = np.fft.rfftfreq(2 * n, 1 / sr)
    inside = (f >= hole.low) & (f <= hole.high)
    u, v = (
        uniform_filter1d(np.abs(np.fft.rfft(side * np.hanning(side.size), 2 * n))[inside], 3)
        for side in sides
    )
    return float(u @ v / (np.linalg.norm(u) * np.linalg.norm(v) + np.finfo(np.float64).tiny))
