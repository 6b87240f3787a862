"""Removal of an interfering event: an unknown sound that was added for a while, in a band.

Instead of reliable cells, the cells of the event are given (`EventMask`), and the target is known
before and after it. With magnitudes A of the recording, semi-supervised NMF

    A ~ W_T @ H_T + W_N @ H_N                                                       (1)

has exemplars W_T, frames of the target without the event, and a few free atoms W_N that are zero
outside the band of the event. The part of a frame outside the band determines the activations of
the exemplars; with frames stacked, so does their order in time. The Wiener gain of the target

    G = lam_T / (lam_T + lam_N),    lam = (W @ H)**2,                               (2)

is averaged over two models, one of single frames and few free atoms, one of stacked frames and
more. ``G*X`` is the mean of the target, ``G*(1 - G)*|X|**2`` its variance, and the result is the
consistent Wiener estimate for both (`consistent_wiener.consistent_mean`).

References: exemplars and stacked frames, J. F. Gemmeke, T. Virtanen and A. Hurmalainen, IEEE
Trans. ASLP 19(7), 2011; free atoms, P. Smaragdis, B. Raj and M. Shashanka, ICA 2007; (2) with
consistency, J. Le Roux and E. Vincent, IEEE Signal Processing Letters 20(3), 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.nmf import learn_rest
from spectramend.reconstruction.consistent_wiener import consistent_mean


class Mixture(NamedTuple):
    """A model (1) by its number of frames in a stack and of free atoms."""

    stacked: int
    n_free: int


KULLBACK_LEIBLER = 1.0  # beta of the divergence
# Chosen on every third scene of `spectramend experiment occlusion`:
MIXTURES = (Mixture(stacked=1, n_free=4), Mixture(stacked=5, n_free=8))
MARGIN_BINS = 8  # bins by which an event reaches beyond its band, at least the lobes of the window
# Engineering choices:
MAX_ITER = 30  # iterations of each fit, which bound the time
SIGNAL_ITER = 15  # iterations of conjugate gradients
MIN_RELATIVE_VARIANCE = 0.03  # variance of a cell over its power, also beside the event
VARIANCE_FLOOR = 1e-9  # variance over the power of the loudest cell, at least: bounds the condition
SILENCE = 1e-200  # power of a cell, the loudest sample being about 1: no precision overflows
MAGNITUDE_FLOOR = 1e-5  # magnitude over the mean, at least: no cell is zero
PIECE_S = 10.0  # s, length of the pieces of a long event, at least 16 frames: bounds memory


@dataclass(frozen=True)
class EventMask:
    """Cells of an event, and frames without damage."""

    cells: NDArray[np.bool_]  # [shape=(F, N)] its band, in the frames that contain samples of it
    intact: NDArray[np.bool_]  # [shape=(N,)] frames without samples of it or of other damage

    @property
    def frames(self) -> slice:
        """From the first to the last frame of the event."""
        inside = np.flatnonzero(self.cells.any(axis=0))
        return slice(int(inside[0]), int(inside[-1]) + 1)

    def widened(self) -> NDArray[np.bool_]:
        """Widen the band by the margin [shape=(F, frames)]."""
        from scipy.ndimage import maximum_filter1d

        cells = self.cells[:, self.frames].astype(np.uint8)
        return maximum_filter1d(cells, 2 * MARGIN_BINS + 1, axis=0).astype(bool)


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


def frames_containing(span: tuple[int, int], first: int, stft: STFT, n_frames: int) -> slice:
    """Find the frames, maybe none, that contain samples of a span.

    The transform is centred; the transformed segment begins with the sample `first`.
    """
    pad = stft.n_fft // 2
    start = max(0, -(-(span[0] - first - pad + 1) // stft.hop_length))
    stop = min(n_frames, -(-(span[1] - first + pad) // stft.hop_length))
    return slice(start, max(start, stop))


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
    if not gains:
        gains = [_gain_by_interpolation(A[:, event.frames].astype(np.float64), event)]
    return np.where(event.widened(), np.mean(gains, axis=0), 1.0)


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


def _gain_by_interpolation(A: NDArray[np.float64], event: EventMask) -> NDArray[np.float64]:
    """Interpolate levels across the band, for where no frame is intact [shape=(F, frames)].

    The target's level in the band is taken to be linear in the logarithm between its edges.
    """
    gain = np.ones(A.shape)
    for n, hidden in enumerate(event.widened().T):
        known = np.flatnonzero(~hidden)
        if known.size:
            level = np.interp(np.arange(len(A)), known, np.log(A[known, n]))
            gain[:, n] = np.minimum(1, np.exp(level) / A[:, n]) ** 2
    return gain


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
