"""The waveform that repeating pulses share, with the amplitude and the delay of each.

A recording s with K pulses of the period T is

    x(n)  =  s(n) + sum_k a_k p(n - t_k),      t_k = t_0 + k T + d_k.                          (1)

With Y_k the spectrum of the samples about t_k, shifted by its fraction of a sample, P the spectrum
of the template p, and sigma_k(f)**2 the power of s there, weighted least squares give in turn

    P(f)  =  sum_k a_k Y_k(f) / sigma_k(f)**2  /  sum_k a_k**2 / sigma_k(f)**2,                (2)
    a_k   =  sum_f Re(P* Y_k) / sigma_k**2  /  sum_f |P|**2 / sigma_k**2,                      (3)
    d_k   +=  sum_f Re((a_k D)* R_k) / sigma_k**2  /  sum_f |a_k D|**2 / sigma_k**2,           (4)

R_k = Y_k - a_k P being the residual and D = -i omega P the derivative of a shift. sigma_k(f)**2 is
the power of R_k about f, so that pulses and bands in which the recording is loud count little. Each
estimate is shrunk towards what is expected of it by its own variance, the inverse of its
denominator, and the variance tau**2 of all of them beyond that:

    a_k  ->  mu_k + tau**2 / (tau**2 + var a_k) (a_k - mu_k)                                   (5)

times the posterior probability that the pulse is there at all (a phone leaves out one burst in 26);
mu_k is the mean amplitude nearby. Delays are shrunk towards a straight line in the same way, which
corrects T. Samples of the template that do not exceed its noise are removed by Wiener's gain.

Reference: averaging by periods, S. Braun, "The extraction of periodic waveforms by time domain
averaging", Acustica 32, 1975.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.spectral_repair.pulse_trains import CELL_S, PulseTrain, folded, log_envelope

Vector: TypeAlias = NDArray[np.float64]

LONGEST_S = 0.04  # s, longest template; engineering choice: pulses of a strobe ring no longer
MARGIN = 16  # samples on either side of a template, for shifts and cross-fades; engineering choice
LEAD_S = 0.004  # s before the peak of the envelope at most; engineering choice
LEAD_PART = 0.25  # part of the template before the peak at most; engineering choice
ROUNDS = 6  # rounds of (2) to (4); engineering choice: more change nothing
SMOOTHING_HZ = 250.0  # Hz to either side, of sigma**2; engineering choice: half a formant
FLOOR = 0.1  # of sigma**2, relative to its median over pulses; engineering choice
GATE_S = 0.0004  # s, over which the power of the template is smoothed; engineering choice
GATE_EXCESS = 2.0  # noise that the gain removes, over its expected power; engineering choice
SKEW_SAMPLES = 10.0  # samples of the first search for delays at both ends; engineering choice
SKEW_STEP = 0.25  # samples of its grid; engineering choice
SKEW_MIN_HZ = 300.0  # Hz, from which delays are searched for; engineering choice: above a hump
PRESENT = 0.5  # amplitude, relative to the median, of a pulse that is there; engineering choice
NEARBY = 17  # pulses in the mean mu of (5); engineering choice: two thirds of a GSM multiframe
DELAY_NOISE = 0.02  # samples**2, least variance of a delay in the line; engineering choice
LINE_ROUNDS = 5  # rounds of reweighting of the line; engineering choice
TINY = float(np.finfo(np.float64).tiny ** 0.5)


@dataclass(frozen=True, eq=False)
class PulseEstimate:
    """The pulses of some samples."""

    samples: Vector  # [shape=(n,)] the sum in (1)
    times: Vector  # [shape=(K,)] t_k in samples
    error: float  # variance of these samples, summed
    length: int  # samples of the template


class _Snippets(NamedTuple):
    """Spectra Y_k [shape=(K, F)] of what is about the pulses, and where they lie."""

    Y: NDArray[np.complex128]
    omega: Vector  # [shape=(F,)] radians per sample
    first: NDArray[np.intp]  # [shape=(K,)] floor of t_k
    fraction: Vector  # [shape=(K,)] t_k less its floor


def estimate_pulses(x: Vector, sr: int, train: PulseTrain) -> PulseEstimate:
    """Estimate the pulses of a train in x [shape=(n,), finite], by (1) to (5)."""
    T = train.period
    L = min(int(np.ceil(T)), round(LONGEST_S * sr))
    k, t = _first_times(x, sr, T, L)
    window = _window(L, min(T, L))
    smooth = 2 * max(1, int(SMOOTHING_HZ * (L + 2 * MARGIN) / sr)) + 1
    t = t + _skew(_snippets(x, t, L), k, sr)
    a = np.ones(k.size)
    snippets = _snippets(x, t, L)
    P = np.fft.rfft(np.median(np.fft.irfft(snippets.Y, L + 2 * MARGIN, axis=1), axis=0))
    for _ in range(ROUNDS):
        Y = snippets.Y
        power = _power(Y - a[:, None] * P, smooth)
        inverse = 1 / (power + FLOOR * np.median(power, axis=0) + TINY)
        precision = (a**2) @ inverse + TINY
        P = (a[:, None] * Y * inverse).sum(axis=0) / precision
        P, through = _gated(P, precision, sr, window)
        a = _amplitudes(Y, P, inverse)
        t = _delays(snippets, a, P, inverse, k) + t
        snippets = _snippets(x, t, L)
    # The variance of (2), where the gain lets it through.
    noise = float(np.sum(1 / precision)) * 2 / (L + 2 * MARGIN) * through
    return PulseEstimate(_train_of(x.size, snippets, P, a, L), t, noise * float(np.sum(a**2)), L)


def _first_times(x: Vector, sr: int, T: float, L: int) -> tuple[NDArray[np.intp], Vector]:
    """Find the pulses on the envelope folded at the period: numbers k and times t_k."""
    v, _ = log_envelope(x, sr)
    mean = folded(v, max(1, round(CELL_S * sr)), T)
    peak = (np.argmax(mean) + 0.5) / mean.size * T
    t_0 = peak - min(LEAD_PART * L, LEAD_S * sr)
    k = np.arange(int(-(L + t_0) // T), int((x.size - t_0) // T) + 1)
    t = t_0 + k * T
    inside = (t > -0.7 * L) & (t < x.size - 0.3 * L)
    return k[inside], t[inside]


def _snippets(x: Vector, t: Vector, L: int) -> _Snippets:
    """Cut out L samples and a margin at each time, and align them."""
    first = np.floor(t).astype(int)
    n = L + 2 * MARGIN
    padded = np.pad(x, (MARGIN + L, n))
    Y = np.fft.rfft(padded[first[:, None] + L + np.arange(n)], axis=1)
    omega = 2 * np.pi * np.arange(Y.shape[1]) / n
    fraction = t - first
    return _Snippets(Y * np.exp(1j * omega * fraction[:, None]), omega, first, fraction)


def _train_of(n: int, snippets: _Snippets, P: NDArray[np.complex128], a: Vector, L: int) -> Vector:
    """Add the pulses of (1) up [shape=(n,)]."""
    size = L + 2 * MARGIN
    shifted = P * np.exp(-1j * snippets.omega * snippets.fraction[:, None])
    pulses = np.fft.irfft(shifted, size, axis=1) * a[:, None]
    total = np.zeros(n + L + MARGIN + size)
    np.add.at(total, snippets.first[:, None] + L + np.arange(size), pulses)
    return total[MARGIN + L : MARGIN + L + n]


def _window(L: int, T: float) -> Vector:
    """Make the window of a template, of which copies at intervals of T sum to 1."""
    n = np.arange(L + 2 * MARGIN) - MARGIN
    rise = np.clip((n + MARGIN / 2) / MARGIN, 0, 1)
    fall = np.clip((T + MARGIN / 2 - n) / MARGIN, 0, 1)
    return np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2


def _skew(snippets: _Snippets, k: NDArray[np.intp], sr: int) -> Vector:
    """Find delays q*(k - mean k) that make whitened spectra add up best [shape=(K,)]."""
    Y, omega = snippets.Y, snippets.omega
    U = Y / np.sqrt(np.median(np.abs(Y) ** 2, axis=0) + TINY)
    U = U / np.sqrt(1 + np.abs(U) ** 2)  # loud ones count no more than 1
    high = omega * sr / (2 * np.pi) > SKEW_MIN_HZ
    centred = k - k.mean()
    grid = np.arange(-SKEW_SAMPLES, SKEW_SAMPLES + SKEW_STEP, SKEW_STEP) / k.size
    sums = [
        (U[:, high] * np.exp(1j * omega[high] * q * centred[:, None])).sum(axis=0) for q in grid
    ]
    return grid[int(np.argmax([np.sum(np.abs(s) ** 2) for s in sums]))] * centred


def _power(R: NDArray[np.complex128], smooth: int) -> Vector:
    """Smooth the power of spectra along frequency [shape=(K, F)]."""
    from scipy.ndimage import uniform_filter1d

    return uniform_filter1d(np.abs(R) ** 2, smooth, axis=1, mode="nearest")


def _gated(
    P: NDArray[np.complex128], precision: Vector, sr: int, window: Vector
) -> tuple[NDArray[np.complex128], float]:
    """Remove what noise explains in a whitened template, sample by sample; give the mean gain."""
    from scipy.ndimage import uniform_filter1d

    n = window.size
    scale = np.sqrt(precision * n)
    q = np.fft.irfft(P * scale, n)  # noise in it has the power 1
    width = max(1, int(GATE_S * sr))
    power = uniform_filter1d(q**2, width, mode="nearest")
    gain = np.clip(1 - GATE_EXCESS / np.maximum(power, TINY), 0, 1)
    gain = uniform_filter1d(gain, max(1, width // 2)) * window
    return np.fft.rfft(gain * q) / scale, float(np.mean(gain))


def _amplitudes(Y: NDArray[np.complex128], P: NDArray[np.complex128], inverse: Vector) -> Vector:
    """Compute amplitudes by (3) and (5) [shape=(K,)], of which the median is 1."""
    from scipy.ndimage import uniform_filter1d

    precision = (np.abs(P) ** 2 * inverse).sum(axis=1) + TINY
    a = np.real(P.conj() * Y * inverse).sum(axis=1) / precision
    variance = 1 / precision
    there = a > PRESENT
    if np.count_nonzero(there) < 3:
        return np.clip(a, 0, None) * a**2 / (a**2 + variance)
    weight = np.where(there, 1 / (variance + DELAY_NOISE), 0.0)
    near = uniform_filter1d(weight, NEARBY, mode="constant")
    mean = uniform_filter1d(weight * np.where(there, a, 0.0), NEARBY, mode="constant")
    mu = np.where(near > TINY, mean / np.maximum(near, TINY), np.median(a[there]))
    excess = max(0.0, float(np.sum(weight * ((a - mu) ** 2 - variance)) / weight.sum()))
    share = np.clip(np.mean(there), 0.02, 0.98)
    total = variance + excess
    log_odds = np.log(share / (1 - share)) + 0.5 * (
        np.log(variance / total) - (a - mu) ** 2 / total + a**2 / variance
    )
    shrunk = mu + (a - mu) * excess / total
    a = shrunk / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    return a / np.median(a[a > PRESENT]) if np.any(a > PRESENT) else a


def _delays(
    snippets: _Snippets,
    a: Vector,
    P: NDArray[np.complex128],
    inverse: Vector,
    k: NDArray[np.intp],
) -> Vector:
    """Compute what (4) adds to the times, shrunk towards a straight line [shape=(K,)]."""
    D = a[:, None] * (-1j * snippets.omega * P)
    R = snippets.Y - a[:, None] * P
    precision = (np.abs(D) ** 2 * inverse).sum(axis=1) + TINY
    t = snippets.first + snippets.fraction
    late = np.clip(np.real(D.conj() * R * inverse).sum(axis=1) / precision, -1, 1)
    there, variance = a > PRESENT / 2, 1 / precision
    if np.count_nonzero(there) < 3:
        return np.zeros(k.size)
    A = np.stack([np.ones(k.size), k - k.mean()], axis=1)
    # (1) has a line in t_k, too: the fit is to the times themselves.
    time = t + late
    weight = there / (variance + np.median(variance[there]) + DELAY_NOISE)
    for _ in range(LINE_ROUNDS):
        root = np.sqrt(weight)
        line = A @ np.linalg.lstsq(A * root[:, None], time * root, rcond=None)[0]
        weight = there / (variance + DELAY_NOISE + (time - line) ** 2)
    off = time - line
    excess = max(0.0, float(np.sum(weight * (off**2 - np.where(there, variance, 0)))))
    excess /= float(weight.sum())
    return line + np.where(there, off * excess / (excess + variance), 0.0) - t
