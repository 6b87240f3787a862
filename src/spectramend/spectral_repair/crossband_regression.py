"""What a band holds, told from the other bands.

A voice or an instrument excites all bands at once: the partials beside a band say how the partials
in it move, and the pulses of a voice stand in every band at the same instants. Gaussian-process
regression learns this from where all bands are known. A frame is seen through the other bands
about its centre, as a patch p of their partly whitened waveform, and a patch q of their envelope
less its mean, in units of its norm; cells of a band have, up to a factor, the covariance

    k(u, v) = sqrt(|p_u| |p_v|) * exp(-A/2 * |p_u/|p_u| - p_v/|p_v||**2 - B/2 * |q_u - q_v|**2). (1)

Waveforms tell phases; envelopes still tell pulses where the other bands hold but noise. With the
known frames U, their cells Y and the inverse ``G = inv(k(U, U) + s*I)`` the mean at a frame v is

    z(v) = k(v, U) @ G @ Y.                                                                   (2)

How far to believe it is measured, not assumed. What frames B would have been told by all others
needs no second inverse,

    Y_B - told_B = inv(G_BB) @ (G @ Y)_B,                                                     (3)

and the factor that fits Y best, between 0 and 1, scales what bins about it are told.

References: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, 2006,
eq. 2.23, and 5.12, which is (3) for blocks of one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 16000.0  # Hz, of patches of the waveform: the other bands are seen up to half of it
ENVELOPE_RATE = 4000.0  # Hz
PATCH_S = 0.01
MARGIN = 20.0  # Hz beside the band that are not looked at
WHITENING = 0.5  # the power of amplitudes that is divided out of the waveform
SMOOTHING = 60.0  # Hz to either side, of the spectrum that whitens
FLOOR = 1e-5  # of that spectrum, relative to its maximum
WAVE, ENVELOPE = 4.0, 5.0  # A and B of (1)
NOISE = 0.3  # s of (2), in units of the mean variance
MOST = 1200  # known frames, at most
BLOCK_S = 0.25  # length of the blocks of (3)
NEIGHBOURS = 2  # bins to either side with which a bin shares its factor
TINY = np.finfo(np.float64).tiny


class View(NamedTuple):
    """Frames as the other bands show them: p [shape=(N, l)] and q [shape=(N, m)] of (1)."""

    wave: NDArray[np.float64]
    envelope: NDArray[np.float64]

    def take(self, frames: NDArray[np.intp] | slice) -> View:
        """Take some of the frames."""
        return View(self.wave[frames], self.envelope[frames])


class Told(NamedTuple):
    """Cells of a band: their mean and power, and the part of the power that was told.

    Shapes are (F, n), (F, n) and (F,).
    """

    mean: NDArray[np.complex128]
    power: NDArray[np.float64]
    share: NDArray[np.float64]

    def take(self, bins: slice) -> Told:
        """Take some of the bins."""
        return Told(self.mean[bins], self.power[bins], self.share[bins])


def view(x: NDArray[Any], centers: NDArray[Any], low: float, high: float, *, sr: int) -> View:
    """See frames through the other bands.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The signal, finite. What is in the band is never looked at.
    centers : ndarray [shape=(N,)]
        Samples at which the frames are centred.
    low, high : float
        The band in Hz.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    View
        All frames.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal(8000)
    >>> seen = view(x, np.arange(0, 8000, 100), 500, 900, sr=8000)
    >>> seen.wave.shape, seen.envelope.shape
    ((80, 80), (80, 40))
    """
    import scipy.fft
    from scipy.ndimage import uniform_filter1d

    n = scipy.fft.next_fast_len(x.size, real=True)
    bin_hz = sr / n
    length = 2 * round(n * min(1.0, RATE / sr) / 2)
    X = scipy.fft.rfft(x, n)[: length // 2 + 1]
    f = np.arange(X.size) * bin_hz
    X[(f > low - MARGIN) & (f < high + MARGIN)] = 0
    power = uniform_filter1d(np.abs(X) ** 2, 2 * int(SMOOTHING / bin_hz) + 1, mode="constant")
    loudest = power.max() + TINY
    power = np.maximum(power, 0) + FLOOR * loudest
    wave = scipy.fft.irfft(X * power ** (-WHITENING / 2), length)
    return View(
        _patches(wave, centers * (length / n), length * bin_hz),
        _fluctuations(X / np.sqrt(power), centers, n, sr),
    )


def covariance(u: View, v: View) -> NDArray[np.float64]:
    """Evaluate (1).

    Parameters
    ----------
    u, v : View
        N and M frames.

    Returns
    -------
    ndarray [shape=(N, M)]
        Covariances.
    """
    loud_u, loud_v = (np.linalg.norm(w.wave, axis=1) for w in (u, v))
    p_u, p_v = u.wave / (loud_u[:, None] + TINY), v.wave / (loud_v[:, None] + TINY)
    exponent = WAVE * _distance(p_u, p_v) + ENVELOPE * _distance(u.envelope, v.envelope)
    return np.sqrt(loud_u)[:, None] * np.sqrt(loud_v) * np.exp(-exponent / 2)


def tell(
    seen: View, Z: NDArray[Any], known: NDArray[np.bool_], asked: slice, frames_per_s: float
) -> Told:
    """Tell cells of frames from their views, by (2) and (3).

    Parameters
    ----------
    seen : View
        N frames.
    Z : ndarray [shape=(F, N), complex]
        The band's cells; only those of known frames are looked at.
    known : ndarray [shape=(N,), bool]
        Which frames are known.
    asked : slice
        The frames to tell.
    frames_per_s : float
        How many frames are in a second.

    Returns
    -------
    Told
        The frames that were asked for; nothing is told from silence.

    Examples
    --------
    A partial at three times the frequency of another one, which is known throughout:

    >>> t = np.arange(400) / 400
    >>> phase = 2 * np.pi * (9 * t + 3 * np.sin(2 * np.pi * t))
    >>> seen = View(np.stack([np.cos(phase), np.sin(phase)], axis=1), np.zeros((400, 1)))
    >>> Z = np.exp(3j * phase)[None]
    >>> told = tell(seen, Z, abs(t - 0.5) > 0.1, slice(180, 220), 400)
    >>> bool(np.abs(told.mean - Z[:, 180:220]).max() < 0.05)
    True
    """
    U = np.flatnonzero(known)
    U = U[np.linspace(0, U.size, min(U.size, MOST), endpoint=False).astype(int)]
    F, n = Z.shape[0], asked.stop - asked.start
    loud = np.linalg.norm(seen.wave, axis=1)
    noise = NOISE * loud[U].mean() if U.size else 0.0
    if not noise > 0:
        return Told(np.zeros((F, n), complex), np.zeros((F, n)), np.zeros(F))
    Y = np.ascontiguousarray(Z[:, U].T, np.complex128)
    G = _inverse(covariance(seen.take(U), seen.take(U)) + noise * np.eye(U.size))
    weights = (G @ Y.view(np.float64)).view(np.complex128)
    block = max(1, round(BLOCK_S * frames_per_s * U.size / np.count_nonzero(known)))
    scale, share = _reliability(Y, Y - _left_out(G, weights, block))
    mean = np.concatenate(
        [
            (covariance(seen.take(slice(i, min(i + MOST, asked.stop))), seen.take(U)) @ weights)
            for i in range(asked.start, asked.stop, MOST)
        ]
    )
    power = np.mean(np.abs(Y) ** 2, axis=0)[:, None]
    return Told((scale * mean).T, power * (loud[asked] + noise) / (loud[U].mean() + noise), share)


def _patches(w: NDArray[Any], centers: NDArray[Any], rate: float) -> NDArray[np.float64]:
    """Cut windowed patches about points of a signal."""
    half = max(1, round(PATCH_S * rate / 2))
    first = np.clip(np.round(centers).astype(int), 0, w.size)
    padded = np.pad(w, half)
    window = np.hanning(2 * half + 2)[1:-1]
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[first] * window


def _fluctuations(W: NDArray[Any], centers: NDArray[Any], n: int, sr: int) -> NDArray[np.float64]:
    """Cut patches of the envelope of a spectrum, less their mean, in units of their norm."""
    import scipy.fft

    length = 2 * round(n * min(1.0, RATE / sr) / 2)
    analytic = np.zeros(length, complex)
    analytic[: W.size] = W
    E = scipy.fft.rfft(np.abs(scipy.fft.ifft(analytic)))
    shorter = min(length, 2 * round(n * ENVELOPE_RATE / sr / 2))
    E = E[: shorter // 2 + 1]
    E = E * np.exp(-((np.arange(E.size) * (sr / n) / (ENVELOPE_RATE / 4)) ** 2))
    e = _patches(scipy.fft.irfft(E, shorter), centers * (shorter / n), shorter * sr / n)
    window = np.hanning(e.shape[1] + 2)[1:-1]
    fluctuation = e - e.sum(axis=1, keepdims=True) / window.sum() * window
    norm = np.linalg.norm(e, axis=1, keepdims=True)
    return fluctuation / (norm + 1e-9 * norm.max() + TINY)


def _distance(u: NDArray[Any], v: NDArray[Any]) -> NDArray[np.float64]:
    """Square the distances between the rows of two matrices."""
    squares = np.sum(u**2, axis=1)[:, None] + np.sum(v**2, axis=1)
    return np.maximum(squares - 2 * (u @ v.T), 0)


def _inverse(K: NDArray[Any]) -> NDArray[np.float64]:
    """Invert a positive definite matrix."""
    from scipy.linalg import cho_factor, cho_solve

    return cho_solve(cho_factor(K, check_finite=False), np.eye(len(K)), check_finite=False)


def _left_out(G: NDArray[Any], weights: NDArray[Any], block: int) -> NDArray[np.complex128]:
    """Give the errors (3) of frames that are left out by blocks."""
    error = np.empty_like(weights)
    for B in np.array_split(np.arange(len(G)), max(2, round(len(G) / block))):
        right = np.ascontiguousarray(weights[B]).view(np.float64)
        error[B] = np.linalg.solve(G[np.ix_(B, B)], right).view(np.complex128)
    return error


def _reliability(
    Y: NDArray[Any], told: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit factors [shape=(F,)] of what was told, and give the parts of power that they explain."""
    around = np.ones(2 * NEIGHBOURS + 1)
    inside = slice(NEIGHBOURS, NEIGHBOURS + Y.shape[1])
    common = np.convolve(np.sum((told.conj() * Y).real, axis=0), around)[inside]
    power = np.convolve(np.sum(np.abs(told) ** 2, axis=0), around)[inside]
    scale = np.clip(common / (power + TINY), 0, 1)
    error = np.sum(np.abs(Y - scale * told) ** 2, axis=0)
    return scale, np.maximum(0, 1 - error / (np.sum(np.abs(Y) ** 2, axis=0) + TINY))
