"""Gaussian-process regression of the cells of a band on the other bands.

A voice or an instrument excites all bands at once: the partials beside a band move with those in
it, and the pulses of a voice are at the same instants in every band. Gaussian-process regression
learns this from frames of which all bands are known. The features of a frame are taken from the
other bands about its centre: a patch p of their partly whitened waveform, and a patch q of their
envelope less its mean, in units of its norm. Cells of a band have, up to a factor, the covariance

    k(u, v) = sqrt(|p_u| |p_v|) * exp(-A/2 * |p_u/|p_u| - p_v/|p_v||**2 - B/2 * |q_u - q_v|**2). (1)

Waveforms determine phases; envelopes show pulses even where the other bands are noise. With the
known frames U, their cells Y and the inverse ``G = inv(k(U, U) + s*I)`` the mean at a frame v is

    z(v) = k(v, U) @ G @ Y.                                                                   (2)

Its accuracy is measured by cross-validation. The prediction of a block B of known frames from all
other frames needs no second inverse,

    Y_B - prediction_B = inv(G_BB) @ (G @ Y)_B,                                               (3)

and the factor of these predictions, between 0 and 1, that fits Y best in the bins around one scales
the mean of that bin.

References: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006,
eq. 2.23, and 5.12, which is (3) for blocks of one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Chosen on the scenes of `spectramend experiment occlusion --damage missing`:
WAVE_RATE = 16000.0  # Hz, of patches of the waveform: features reach up to half of it
ENVELOPE_RATE = 4000.0  # Hz, of patches of the envelope
PATCH_S = 0.01  # s, length of a patch
WHITENING = 0.5  # exponent of the amplitude spectrum by which the waveform is divided
WHITENING_HZ = 60.0  # Hz to either side, smoothing of the spectrum that whitens
WAVE_PRECISION = 4.0  # A of (1)
ENVELOPE_PRECISION = 5.0  # B of (1)
NOISE_VARIANCE = 0.3  # s of (2), in units of the mean variance of known frames
SHARED_BINS = 2  # bins to either side with which a bin shares its factor
# Engineering choices:
MARGIN_HZ = 20.0  # Hz beside the band that are no features, for a band has no sharp edges
WHITENING_FLOOR = 1e-5  # of the spectrum that whitens, over its maximum: quieter is inaudible
MAX_FRAMES = 1200  # known frames at most: the time is cubic in them
CORRELATION_BLOCK_S = 0.25  # s, length of the blocks of (3), longer than sounds are correlated
TINY = np.finfo(np.float64).tiny  # keeps quotients of silence finite


class Features(NamedTuple):
    """Features of frames: p [shape=(N, l)] and q [shape=(N, m)] of (1)."""

    wave: NDArray[np.float64]
    envelope: NDArray[np.float64]

    def take(self, frames: NDArray[np.intp] | slice) -> Features:
        """Take some of the frames."""
        return Features(self.wave[frames], self.envelope[frames])


class Prediction(NamedTuple):
    """Mean and power of cells [shapes=(F, n)], and the part of power explained [shape=(F,)]."""

    mean: NDArray[np.complex128]
    power: NDArray[np.float64]
    explained: NDArray[np.float64]

    def take(self, bins: slice) -> Prediction:
        """Take some of the bins."""
        return Prediction(self.mean[bins], self.power[bins], self.explained[bins])


def crossband_features(
    x: NDArray[Any], centers: NDArray[Any], low: float, high: float, *, sr: int
) -> Features:
    """Compute the features of N frames from the bands beside one.

    x [shape=(n,), finite] is the signal, of which the band from `low` to `high` Hz is never looked
    at; `centers` [shape=(N,)] are the samples at which the frames are centred.
    """
    import scipy.fft
    from scipy.ndimage import uniform_filter1d

    n = scipy.fft.next_fast_len(x.size, real=True)
    bin_hz = sr / n
    length = 2 * round(n * min(1.0, WAVE_RATE / sr) / 2)
    X = scipy.fft.rfft(x, n)[: length // 2 + 1]
    f = np.arange(X.size) * bin_hz
    X[(f > low - MARGIN_HZ) & (f < high + MARGIN_HZ)] = 0
    power = uniform_filter1d(np.abs(X) ** 2, 2 * int(WHITENING_HZ / bin_hz) + 1, mode="constant")
    loudest = power.max() + TINY
    power = np.maximum(power, 0) + WHITENING_FLOOR * loudest
    wave = scipy.fft.irfft(X * power ** (-WHITENING / 2), length)
    return Features(
        _patches(wave, centers * (length / n), length * bin_hz),
        _fluctuations(X / np.sqrt(power), centers, n, sr),
    )


def predict_band(
    features: Features,
    Z: NDArray[Any],
    known: NDArray[np.bool_],
    wanted: slice,
    frames_per_s: float,
) -> Prediction:
    """Predict cells of the wanted frames from their features, by (2) and (3).

    Z [shape=(F, N), complex] holds the band's cells, and only those of known frames [shape=(N,),
    bool] are used. The prediction is 0 where the other bands are silent.
    """
    U = np.flatnonzero(known)
    U = U[np.linspace(0, U.size, min(U.size, MAX_FRAMES), endpoint=False).astype(int)]
    F, n = Z.shape[0], wanted.stop - wanted.start
    loudness = np.linalg.norm(features.wave, axis=1)
    noise = NOISE_VARIANCE * loudness[U].mean() if U.size else 0.0
    if not noise > 0:
        return Prediction(np.zeros((F, n), complex), np.zeros((F, n)), np.zeros(F))
    Y = np.ascontiguousarray(Z[:, U].T, np.complex128)
    G = _inverse(_covariance(features.take(U), features.take(U)) + noise * np.eye(U.size))
    weights = (G @ Y.view(np.float64)).view(np.complex128)
    block = max(1, round(CORRELATION_BLOCK_S * frames_per_s * U.size / np.count_nonzero(known)))
    scale, explained = _calibration(Y, Y - _left_out_errors(G, weights, block))
    starts = range(wanted.start, wanted.stop, MAX_FRAMES)
    parts = [features.take(slice(i, min(i + MAX_FRAMES, wanted.stop))) for i in starts]
    mean = np.concatenate([_covariance(part, features.take(U)) @ weights for part in parts])
    power = np.mean(np.abs(Y) ** 2, axis=0)[:, None]
    power = power * (loudness[wanted] + noise) / (loudness[U].mean() + noise)
    return Prediction((scale * mean).T, power, explained)


def _covariance(u: Features, v: Features) -> NDArray[np.float64]:
    """Evaluate (1) for N and M frames [shape=(N, M)]."""
    loud_u, loud_v = (np.linalg.norm(w.wave, axis=1) for w in (u, v))
    p_u, p_v = u.wave / (loud_u[:, None] + TINY), v.wave / (loud_v[:, None] + TINY)
    exponent = WAVE_PRECISION * _square_distance(p_u, p_v)
    exponent = exponent + ENVELOPE_PRECISION * _square_distance(u.envelope, v.envelope)
    return np.sqrt(loud_u)[:, None] * np.sqrt(loud_v) * np.exp(-exponent / 2)


def _patches(w: NDArray[Any], centers: NDArray[Any], rate: float) -> NDArray[np.float64]:
    """Cut windowed patches about points of a signal [shape=(N, l)]."""
    half = max(1, round(PATCH_S * rate / 2))
    first = np.clip(np.round(centers).astype(int), 0, w.size)
    padded = np.pad(w, half)
    window = np.hanning(2 * half + 2)[1:-1]
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[first] * window


def _fluctuations(X: NDArray[Any], centers: NDArray[Any], n: int, sr: int) -> NDArray[np.float64]:
    """Cut patches of the envelope, less their mean, in units of their norm [shape=(N, m)]."""
    import scipy.fft

    length = 2 * round(n * min(1.0, WAVE_RATE / sr) / 2)
    analytic = np.zeros(length, complex)
    analytic[: X.size] = X
    E = scipy.fft.rfft(np.abs(scipy.fft.ifft(analytic)))
    shorter = min(length, 2 * round(n * ENVELOPE_RATE / sr / 2))
    E = E[: shorter // 2 + 1]
    E = E * np.exp(-((np.arange(E.size) * (sr / n) / (ENVELOPE_RATE / 4)) ** 2))
    e = _patches(scipy.fft.irfft(E, shorter), centers * (shorter / n), shorter * sr / n)
    window = np.hanning(e.shape[1] + 2)[1:-1]
    fluctuation = e - e.sum(axis=1, keepdims=True) / window.sum() * window
    norm = np.linalg.norm(e, axis=1, keepdims=True)
    return fluctuation / (norm + 1e-9 * norm.max() + TINY)


def _square_distance(u: NDArray[Any], v: NDArray[Any]) -> NDArray[np.float64]:
    """Evaluate squared distances between the rows of two matrices [shape=(N, M)]."""
    squares = np.sum(u**2, axis=1)[:, None] + np.sum(v**2, axis=1)
    return np.maximum(squares - 2 * (u @ v.T), 0)


def _inverse(K: NDArray[Any]) -> NDArray[np.float64]:
    """Invert a positive definite matrix."""
    from scipy.linalg import cho_factor, cho_solve

    return cho_solve(cho_factor(K, check_finite=False), np.eye(len(K)), check_finite=False)


def _left_out_errors(G: NDArray[Any], weights: NDArray[Any], block: int) -> NDArray[np.complex128]:
    """Evaluate (3) for blocks of so many frames [shape=(U, F)]."""
    error = np.empty_like(weights)
    for B in np.array_split(np.arange(len(G)), max(2, round(len(G) / block))):
        right = np.ascontiguousarray(weights[B]).view(np.float64)
        error[B] = np.linalg.solve(G[np.ix_(B, B)], right).view(np.complex128)
    return error


def _calibration(
    Y: NDArray[Any], predicted: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the factors of predictions, and measure the part of power they explain [shapes=(F,)]."""
    around = np.ones(2 * SHARED_BINS + 1)
    inside = slice(SHARED_BINS, SHARED_BINS + Y.shape[1])
    common = np.convolve(np.sum((predicted.conj() * Y).real, axis=0), around)[inside]
    power = np.convolve(np.sum(np.abs(predicted) ** 2, axis=0), around)[inside]
    scale = np.clip(common / (power + TINY), 0, 1)
    error = np.sum(np.abs(Y - scale * predicted) ** 2, axis=0)
    return scale, np.maximum(0, 1 - error / (np.sum(np.abs(Y) ** 2, axis=0) + TINY))
