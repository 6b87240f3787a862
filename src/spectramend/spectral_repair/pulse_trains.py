"""Pulses that repeat at a constant rate: evidence that there are any, and their period.

A phone's bursts, a projector or a strobe make broadband pulses at exactly constant intervals. The
residual of linear prediction shows each as a peak, and its log energy in cells of a quarter of a
millisecond, less its mean over 0.2 s, is the envelope v. With the periodogram V of v and its local
mean N, the evidence of the rate f is

    S(f)  =  sum_{h = 1..H} (log(V(h f) / N(h f)) + gamma) / sqrt(H),    H = floor(B / f),     (1)

Euler's constant gamma making the mean of a term zero for noise. The logarithm keeps one strong
harmonic, such as the pitch of a voice, from counting as much as many. Rates that fit no harmonic of
a pulse add noise to the sum, and those that miss some lose their terms, so that S is largest at the
rate or, where pulses are left out in a pattern, at a submultiple. The rate is the largest multiple
of it that keeps most of ``sum_h (V - N)(h f)``.

Reference: harmonic sums of log spectra, M. R. Schroeder, "Period histogram and product spectrum",
Journal of the Acoustical Society of America 43, 1968.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.detection.linear_prediction import Prediction, predict_robustly

LOWEST_HZ = 8.0  # Hz, lowest rate; engineering choice: slower pulses are single events
HIGHEST_HZ = 300.0  # Hz, highest rate; engineering choice: above GSM's 217 Hz
MIN_PULSES = 6  # periods in a region at least; engineering choice: fewer show no constant rate
CELL_S = 0.00025  # s, cell of the envelope; engineering choice: half of a GSM burst
MEAN_S = 0.2  # s, of the mean that the envelope loses; engineering choice: two periods of 8 Hz
BAND_HZ = 1500.0  # Hz, B of (1); engineering choice: below half of the rate of the cells
NOISE_HZ = 60.0  # Hz, width of the local mean N; engineering choice: wider than a harmonic
LEAST_RATIO = 0.05  # V / N at least; engineering choice: bounds the logarithm
KEPT = 0.62  # part of the power a multiple of the rate keeps; engineering choice: 2 f keeps 0.5
ORDER = 32  # order of the prediction; engineering choice: formants, but no pitch
PREDICTION_CELL_S = 0.001  # s, cell of the background of the prediction, as in `detection.clicks`
SILENCE = 1e-4  # of the level; engineering choice: softer than -80 dB is silence
STEPS_PER_CYCLE = 4  # grid of rates: steps for a cycle of h f at the end; engineering choice
FOLDED_PARTS = (8, 256)  # parts of a folded period, least and most; engineering choice
FOLDED_SMOOTH = 2  # parts in a moving mean of them; engineering choice
PADDING = 8  # length of the transform, in lengths of the envelope; engineering choice


class PulseTrain(NamedTuple):
    """The period of a train in samples, the evidence S of (1), and the shape of its envelope."""

    period: float
    evidence: float
    rise_db: float  # of the folded envelope, from its median to its peak
    asymmetry: float  # ratio of this to the fall from the median to the minimum


def find_pulse_train(x: NDArray[np.float64], sr: int) -> PulseTrain | None:
    """Find the period of repeating pulses in x [shape=(n,), finite]; None if it is too short."""
    from scipy.ndimage import uniform_filter1d

    if x.size < MIN_PULSES / HIGHEST_HZ * sr:
        return None
    v, rate = log_envelope(x, sr)
    lowest = max(LOWEST_HZ, MIN_PULSES * rate / max(v.size, 1))
    band = min(BAND_HZ, 0.45 * rate)
    if lowest >= HIGHEST_HZ or not v.any():
        return None
    n_fft = PADDING * 2 ** int(np.ceil(np.log2(v.size)))
    V = np.abs(np.fft.rfft(v * np.hanning(v.size), n_fft)) ** 2
    bin_hz = rate / n_fft
    width = int(NOISE_HZ / bin_hz) | 1
    # Harmonics are limited before the second mean, so that N is that of the noise.
    N = uniform_filter1d(np.minimum(V, 4 * uniform_filter1d(V, width)), width)
    N += np.finfo(np.float64).tiny
    terms = np.log(np.maximum(V / N, LEAST_RATIO)) + np.euler_gamma
    resolution = rate / v.size
    step = resolution / (STEPS_PER_CYCLE * band)
    rates = np.exp(np.arange(np.log(lowest), np.log(HIGHEST_HZ), step))
    S = _harmonic_sum(terms, rates, bin_hz, band) / np.sqrt(np.floor(band / rates))
    first = float(rates[np.argmax(S)])

    def strongest_near(f: float) -> tuple[float, float]:
        near = f + np.linspace(-0.5, 0.5, 401) * resolution
        power = _harmonic_sum(V - N, near, bin_hz, band)
        return float(near[np.argmax(power)]), float(power.max())

    found, power = strongest_near(first)
    for multiple in range(2, int(HIGHEST_HZ / first) + 1):
        f, kept = strongest_near(multiple * first)
        if kept >= KEPT * power:
            found = f
    mean = folded(v, sr / rate, sr / found)
    middle = np.median(mean)
    rise, fall = mean.max() - middle, middle - mean.min()
    rise_db = 10 / np.log(10) * rise
    return PulseTrain(sr / found, float(S.max()), float(rise_db), float(rise / max(fall, 1e-9)))


def folded(v: NDArray[np.float64], cell: float, period: float) -> NDArray[np.float64]:
    """Average an envelope over periods, given a cell and the period in samples [shape=(m,)]."""
    from scipy.ndimage import uniform_filter1d

    m = int(np.clip(period / cell, *FOLDED_PARTS))
    phase = ((np.arange(v.size) + 0.5) * cell / period) % 1
    part = np.minimum((phase * m).astype(int), m - 1)
    mean = np.bincount(part, v, m) / np.maximum(np.bincount(part, minlength=m), 1)
    return uniform_filter1d(mean, FOLDED_SMOOTH, mode="wrap")


def predicted(x: NDArray[np.float64], sr: int) -> Prediction:
    """Predict samples x [shape=(n,), finite] in both directions of time."""
    cell = max(1, round(PREDICTION_CELL_S * sr))
    floor = SILENCE * float(np.sqrt(np.mean(x**2))) + float(np.finfo(np.float64).tiny ** 0.25)
    return predict_robustly(x, cell, min(ORDER, 2 * cell), floor)


def log_envelope(x: NDArray[np.float64], sr: int) -> tuple[NDArray[np.float64], float]:
    """Compute the envelope v [shape=(n,)] and its rate in Hz."""
    from scipy.ndimage import uniform_filter1d

    cell = max(1, round(CELL_S * sr))
    m = x.size // cell
    if not m or not x.any():
        return np.zeros(0), sr / cell
    prediction = predicted(x, sr)
    e = prediction.forward.samples[: m * cell].reshape(m, cell)
    v = np.log(np.mean(e**2, axis=1) + prediction.floor**2)
    return v - uniform_filter1d(v, int(MEAN_S * sr / cell) | 1), sr / cell


def _harmonic_sum(
    A: NDArray[np.float64], rates: NDArray[np.float64], bin_hz: float, band: float
) -> NDArray[np.float64]:
    """Sum a spectrum A over the harmonics of each rate up to a band's end [shape=(rates,)]."""
    H = np.floor(band / rates).astype(int)
    total = np.zeros(rates.size)
    for h in range(1, int(H.max()) + 1):
        inside = h <= H
        total[inside] += A[np.round(h * rates[inside] / bin_hz).astype(int)]
    return total
