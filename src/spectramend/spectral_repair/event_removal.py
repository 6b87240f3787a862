"""Removal of an interfering event: an unknown sound that was added for a while, in a band.

Instead of reliable cells, the cells of the event are given (`EventMask`), and the target is known
before and after it. With magnitudes A of the recording, semi-supervised NMF

    A ~ W_T @ H_T + W_N @ H_N                                                       (1)

has exemplars W_T, frames of the target without the event, and a few free atoms W_N that are zero
outside the band of the event. The part of a frame outside the band determines the activations of
the exemplars; with frames stacked, so does their order in time. The Wiener gain of the target

    G = lam_T / (lam_T + lam_N),    lam = (W @ H)**2,                               (2)

is averaged over two models, one of single frames and few free atoms, one of stacked frames and
more. Where the recording is far louder than its context, with mean power M, the models are off by
more than the target is loud, and the gain falls towards that of a target as loud as its context:

    G <- G / (1 + E / (E + LOUD) * (R / KAPPA)**SLOPE).                                   (3)

R is the geometric mean of P / M over three neighbourhoods: near cells, cells less near, and the
whole frame within the band, as an event is louder in some frames than in others; E is mean P / mean
M of the whole region.

``G*X`` is the mean of the target, ``G*(1 - G)*|X|**2`` its variance, and the result is the
consistent Wiener estimate for both (`consistent_wiener.consistent_mean`).

References: exemplars and stacked frames, J. F. Gemmeke, T. Virtanen and A. Hurmalainen, IEEE
Trans. ASLP 19(7), 2011; free atoms, P. Smaragdis, B. Raj and M. Shashanka, ICA 2007; (2) with
consistency, J. Le Roux and E. Vincent, IEEE Signal Processing Letters 20(3), 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.nmf import learn_rest
from spectramend.reconstruction.consistent_wiener import consistent_mean
from spectramend.spectral_repair.event_mask import EventMask


class Mixture(NamedTuple):
    """A model (1) by its number of frames in a stack and of free atoms."""

    stacked: int
    n_free: int


KULLBACK_LEIBLER = 1.0  # beta of the divergence
# Chosen on every third scene of `spectramend experiment occlusion`:
MIXTURES = (Mixture(stacked=1, n_free=4), Mixture(stacked=5, n_free=8))
# Form fitted to cells of half of 250 scenes, the event 5 dB softer to 28 dB louder, like those of
# `spectramend experiment occlusion` and knocks and clatter of `everyday`, and checked on the other
# half; then KAPPA and LOUD by whole repairs of a quarter, checked on half of the scenes:
KAPPA = 25.0  # ratio of powers from which a cell is taken as the event's
SLOPE = 1.5  # exponent of that ratio
LOUD = 50.0  # ratio of powers of a region and its context from which the event is loud
NEAR = ((8, 1), (8, 2))  # standard deviations of the smoothing in bins and in frames
MIN_RELATIVE_VARIANCE = 0.1  # variance of a cell over its power, at least; of 0.001 to 0.1
# Engineering choices:
MAX_ITER = 30  # iterations of each fit, which bound the time
SIGNAL_ITER = 15  # iterations of conjugate gradients
VARIANCE_FLOOR = 1e-9  # variance over the power of the loudest cell, at least: bounds the condition
SILENCE = 1e-200  # power of a cell, the loudest sample being about 1: no precision overflows
MAGNITUDE_FLOOR = 1e-5  # magnitude over the mean, at least: no cell is zero
STEADY_QUANTILE = 0.25  # of the magnitudes of a bin over time: the share in which voices pause
PIECE_S = 10.0  # s, length of the pieces of a long event, at least 16 frames: bounds memory


def remove_event(
    x: NDArray[Any],
    event: EventMask,
    *,
    stft: STFT,
    exemplars: NDArray[Any] | None = None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Estimate a signal [shape=(n,)] without an event; outside the event it may differ a little.

    x [shape=(n,), finite] is the event with its context; further exemplars [shape=(F, K), >= 0] of
    the target are power.
    """
    # A power of two as unit is exact, and no power overflows or vanishes.
    exponent = int(np.frexp(np.abs(x).max())[1])
    x = np.ldexp(np.asarray(x, np.float64), -exponent)
    if exemplars is not None:
        exemplars = np.ldexp(np.asarray(exemplars, np.float64), -2 * exponent)
    X = stft.forward(x)
    G = np.ones(X.shape)
    frames = event.frames
    G[:, frames] = _target_gain(np.abs(X), event, exemplars=exemplars, rng=rng)

    # Solve for the event and a frame on either side; the rest of the signal stays as it is.
    reach = -(-stft.n_fft // stft.hop_length)
    first = max(0, frames.start - reach)
    stop = min(X.shape[1], frames.stop + reach)
    start = first * stft.hop_length
    end = min(x.size, max(start + stft.n_fft, (stop - 1) * stft.hop_length))
    part = stft.forward(x[start:end])
    gain = np.ones(part.shape)
    width = min(stop - first, part.shape[1])
    gain[:, :width] = G[:, first : first + width]
    P = np.abs(part) ** 2
    if not P.max() > SILENCE:
        return np.ldexp(x, exponent)
    variance = np.maximum(gain * (1 - gain), MIN_RELATIVE_VARIANCE) * P
    variance = np.maximum(variance, VARIANCE_FLOOR * P.max())
    y = x.copy()
    y[start:end] = consistent_mean(
        gain * part, variance, stft=stft, length=end - start, max_iter=SIGNAL_ITER
    )
    return np.ldexp(y, exponent)


def overlapping_pieces(
    span: tuple[int, int], sr: int, stft: STFT
) -> Iterator[tuple[tuple[int, int], NDArray[np.float64]]]:
    """Cut the span of a long event into pieces that overlap.

    Gives the span of each, and the weights of its samples, whose sum over the pieces is 1.
    """
    length = max(PIECE_S * sr, 16 * stft.n_fft)
    count = max(1, round((span[1] - span[0]) / length))
    edges = np.linspace(*span, count + 1).round().astype(int).tolist()
    ramp = (np.arange(stft.n_fft) + 0.5) / stft.n_fft
    for i, (left, right) in enumerate(pairwise(edges)):
        # A frame and a half on either side, of which a frame next to the edge is a cross-fade.
        half = stft.n_fft // 2
        start = left - (stft.n_fft + half if i else 0)
        stop = right + (2 * stft.n_fft - half if i < count - 1 else 0)
        weight = np.ones(stop - start)
        if i:
            weight[: stft.n_fft] = 0
            weight[stft.n_fft : 2 * stft.n_fft] = ramp
        if i < count - 1:
            weight[weight.size - stft.n_fft :] = 0
            weight[weight.size - 2 * stft.n_fft : weight.size - stft.n_fft] = ramp[::-1]
        yield (start, stop), weight


def _target_gain(
    A: NDArray[Any],
    event: EventMask,
    *,
    exemplars: NDArray[Any] | None = None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Estimate G of (2) in the frames of an event [shape=(F, frames), 0 to 1]."""
    # Division by a power of two is exact, so that scaling the recording changes nothing.
    unit = 2.0 ** np.round(np.log2(max(A.mean(), np.finfo(np.float64).tiny)))
    A = np.maximum(A / unit, MAGNITUDE_FLOOR).astype(np.float32)
    gains = []
    for mixture in MIXTURES:
        W_T, level = _exemplars(A, event.intact, mixture.stacked)
        if exemplars is not None and mixture.stacked == 1:
            further = np.maximum(np.sqrt(exemplars / unit**2), MAGNITUDE_FLOOR)
            W_T = np.hstack([W_T, further.astype(np.float32)])
        if W_T.shape[1]:
            gains.append(_fitted_gain(A, event, W_T / W_T.sum(axis=0), level, mixture, rng))
    if gains:
        gain = np.mean(gains, axis=0)
        if exemplars is None:  # else the target may be louder than its context
            gain = gain * _trust(A.astype(np.float64) ** 2, event)
    else:
        gain = _steady_gain(A[:, event.frames].astype(np.float64), event)
    return np.where(event.widened(), gain, 1.0)


def _trust(P: NDArray[np.float64], event: EventMask) -> NDArray[np.float64]:
    """Evaluate the factor of (3), 1 where no frame is intact [shape=(F, frames)]."""
    from scipy.ndimage import gaussian_filter

    inside = P[:, event.frames]
    if not event.intact.any():
        return np.ones(inside.shape)
    M = np.broadcast_to(P[:, event.intact].mean(axis=1, keepdims=True), inside.shape)
    bins = event.cells.any(axis=1)
    E = inside[bins].mean() / M[bins].mean()
    near = gaussian_filter(inside, NEAR[0]) / M
    less_near = gaussian_filter(inside, NEAR[1]) / gaussian_filter(M, (NEAR[1][0], 0))
    frame = inside[bins].sum(axis=0) / M[bins].sum(axis=0)
    R = np.cbrt(near * less_near * frame)
    return np.asarray(1 / (1 + E / (E + LOUD) * (R / KAPPA) ** SLOPE))


def _exemplars(
    A: NDArray[Any], intact: NDArray[np.bool_], stacked: int
) -> tuple[NDArray[Any], float]:
    """Take stacks of intact frames [shape=(stacked*F, K)], and the median of their sums."""
    reach = stacked // 2
    whole = np.lib.stride_tricks.sliding_window_view(np.pad(intact, reach), stacked).all(axis=1)
    W = _stack(A, stacked)[:, whole]
    return W, float(np.median(W.sum(axis=0))) if W.size else 0.0


def _fitted_gain(
    A: NDArray[Any],
    event: EventMask,
    W_T: NDArray[Any],
    level: float,
    mixture: Mixture,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Fit (1) to stacks of frames, and evaluate (2) [shape=(F, frames)]."""
    stacked, n_free = mixture
    V = _stack(A, stacked)[:, event.frames]
    N = V.shape[1]
    in_band = np.tile(event.widened().any(axis=1).astype(np.float32), stacked)[:, None]
    V_band = V * in_band
    # Frames of the event, each with some of the mean, so that no atom begins with a zero.
    start = V_band[:, np.linspace(0, N - 1, n_free).astype(int)]
    start = start + V_band.mean(axis=1, keepdims=True)
    start *= np.exp(0.3 * rng.standard_normal(start.shape, np.float32))
    K = W_T.shape[1]
    # The target starts no louder than in the intact frames; the event with all of its band.
    H_T = np.tile(np.minimum(V.sum(axis=0), level or np.inf) / K, (K, 1))
    H_N = np.tile(V_band.sum(axis=0) / n_free, (n_free, 1))
    W_N, H = learn_rest(
        V,
        W_T,
        start / start.sum(axis=0),
        np.vstack([H_T, H_N]).astype(np.float32),
        beta=KULLBACK_LEIBLER,
        max_iter=MAX_ITER,
    )
    lam_T = _unstack(W_T @ H[:K], stacked) ** 2
    lam_N = _unstack(W_N @ H[K:], stacked) ** 2
    return lam_T / (lam_T + lam_N)


def _steady_gain(A: NDArray[np.float64], event: EventMask) -> NDArray[np.float64]:
    """Take away a steady event, such as hum, where no frame is intact [shape=(F, frames)].

    Its power is what a low quantile over time has more than that of the bins beside the band, so
    that a target which comes and goes stays.
    """
    hidden = event.widened().any(axis=1)
    known = np.flatnonzero(~hidden)
    if not known.size:
        return np.ones(A.shape)
    usual = np.quantile(A, STEADY_QUANTILE, axis=1)
    beside = np.exp(np.interp(np.arange(len(A)), known, np.log(usual[known])))
    steady = np.maximum(usual**2 - beside**2, 0)[:, None]
    return np.asarray(np.maximum(1 - steady / A**2, 0))


def _stack(A: NDArray[Any], stacked: int) -> NDArray[Any]:
    """Put every frame under its neighbours [shape=(stacked*F, N)]; ends are repeated."""
    reach = stacked // 2
    padded = np.pad(A, ((0, 0), (reach, reach)), "edge")
    return np.concatenate([padded[:, i : i + A.shape[1]] for i in range(stacked)])


def _unstack(V_hat: NDArray[Any], stacked: int) -> NDArray[np.float64]:
    """Average the models of each frame in all stacks that contain it [shape=(F, N)]."""
    reach, N = stacked // 2, V_hat.shape[1]
    parts = np.split(V_hat.astype(np.float64), stacked)
    total, count = np.zeros(parts[0].shape), np.zeros(N)
    for shift, part in enumerate(parts, -reach):
        # Column n of this part models frame n + shift.
        kept = slice(max(0, -shift), N - max(0, shift))
        total[:, kept.start + shift : kept.stop + shift] += part[:, kept]
        count[kept.start + shift : kept.stop + shift] += 1
    return total / count
