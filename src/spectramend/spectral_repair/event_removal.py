"""A sound under an event: something unknown was added for a while, in a band.

Nothing says which cells the target wins. What is known is where the event was (`Place`), and how
the target sounds before and after. With magnitudes A of the recording, semi-supervised NMF

    A ~ W_T @ H_T + W_N @ H_N                                                       (1)

explains them by exemplars W_T, frames of the target from where the event was not, and a few free
atoms W_N that live in the band of the event and nowhere else. What the frame shows beside the band
says which exemplars belong in it; with frames stacked, so does their order in time. The share of
the target in the power of a cell,

    G = lam_T / (lam_T + lam_N),    lam = (W @ H)**2,                               (2)

is averaged over two models, one of single frames and few free atoms, one of stacked frames and
more. Then ``G*X`` is the mean of the target, ``G*(1 - G)*|X|**2`` its variance, and the signal is
the one that agrees best with both in all cells (`consistent_wiener.consistent_mean`).

References: exemplars and stacked frames, J. F. Gemmeke, T. Virtanen and A. Hurmalainen, IEEE
Trans. ASLP 19(7), 2011; free atoms, P. Smaragdis, B. Raj and M. Shashanka, ICA 2007; (2) with
consistency, J. Le Roux and E. Vincent, IEEE Signal Processing Letters 20(3), 2013.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.nmf import learn_rest
from spectramend.reconstruction.consistent_wiener import consistent_mean

KULLBACK_LEIBLER = 1.0
MODELS = ((1, 4), (5, 8))  # frames stacked, and free atoms
MAX_ITER = 30
PIECE_S = 10.0  # of an event that is solved at once, at least 16 frames; bounds memory
MARGIN_BINS = 8  # an event reaches beyond the band that was drawn, at least by its window's lobes
RELIABLE_VARIANCE = 0.03  # of the power of a cell: the least that is uncertain
SILENCE = 1e-200  # power of cells, where the loudest sample is about 1
FLOOR = 1e-5  # of magnitudes, in units of their mean


@dataclass(frozen=True)
class Place:
    """Where an event is in a spectrum, and where it is not.

    Parameters
    ----------
    cells : ndarray [shape=(F, N), bool]
        Its band, in the frames that see it.
    intact : ndarray [shape=(N,), bool]
        Frames that see nothing of it, nor other damage.
    """

    cells: NDArray[np.bool_]
    intact: NDArray[np.bool_]

    @property
    def frames(self) -> slice:
        """The frames from the first that sees it to the last."""
        seen = np.flatnonzero(self.cells.any(axis=0))
        return slice(int(seen[0]), int(seen[-1]) + 1)

    def widened(self) -> NDArray[np.bool_]:
        """Widen the band by the margin [shape=(F, frames)]."""
        from scipy.ndimage import maximum_filter1d

        cells = self.cells[:, self.frames].astype(np.uint8)
        return maximum_filter1d(cells, 2 * MARGIN_BINS + 1, axis=0).astype(bool)


def remove_event(
    x: NDArray[Any],
    place: Place,
    *,
    stft: STFT,
    exemplars: NDArray[Any] | None = None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Estimate a signal without an event.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The event with some of the recording on either side, finite.
    place : Place
        Where the event is.
    stft : STFT
        The transform that `place` refers to.
    exemplars : ndarray [shape=(F, K), >= 0], optional
        Power of the target in further frames, such as a dictionary's.
    rng : Generator
        Source of random starts.

    Returns
    -------
    ndarray [shape=(n,)]
        The signal; meant to be used where the event was.
    """
    # Without its exponent, which changes no digit, no power overflows or vanishes.
    exponent = int(np.frexp(np.abs(x).max())[1])
    x = np.ldexp(np.asarray(x, np.float64), -exponent)
    if exemplars is not None:
        exemplars = np.ldexp(np.asarray(exemplars, np.float64), -2 * exponent)
    X = stft.forward(x)
    G = np.ones(X.shape)
    frames = place.frames
    G[:, frames] = target_share(np.abs(X), place, exemplars=exemplars, rng=rng)

    # The rest of the signal stays as it is: solve for the event and a frame on either side.
    reach = -(-stft.n_fft // stft.hop_length)
    first = max(0, frames.start - reach)
    stop = min(X.shape[1], frames.stop + reach)
    start = first * stft.hop_length
    end = min(x.size, max(start + stft.n_fft, (stop - 1) * stft.hop_length))
    part = stft.forward(x[start:end])
    share = np.ones(part.shape)
    width = min(stop - first, part.shape[1])
    share[:, :width] = G[:, first : first + width]
    P = np.abs(part) ** 2
    if not P.max() > SILENCE:
        return np.ldexp(x, exponent)
    variance = np.maximum(share * (1 - share), RELIABLE_VARIANCE) * P
    variance = np.maximum(variance, 1e-9 * P.max())
    y = x.copy()
    y[start:end] = consistent_mean(
        share * part, variance, stft=stft, length=end - start, max_iter=15
    )
    return np.ldexp(y, exponent)


def target_share(
    A: NDArray[Any],
    place: Place,
    *,
    exemplars: NDArray[Any] | None = None,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Estimate which part of the power is the target's.

    Parameters
    ----------
    A : ndarray [shape=(F, N), >= 0]
        Magnitudes.
    place : Place
        Where the event is.
    exemplars : ndarray [shape=(F, K), >= 0], optional
        Power of the target in further frames.
    rng : Generator
        Source of random starts.

    Returns
    -------
    ndarray [shape=(F, frames), 0 to 1]
        G of (2) for the frames that see the event.
    """
    # A power of two keeps every digit, so that scaling the recording changes nothing.
    scale = 2.0 ** np.round(np.log2(max(A.mean(), np.finfo(np.float64).tiny)))
    A = np.maximum(A / scale, FLOOR).astype(np.float32)
    heard = None if exemplars is None else np.maximum(np.sqrt(exemplars / scale**2), FLOOR)
    shares = []
    for stacked, n_free in MODELS:
        W_T, level = _exemplars(A, place.intact, stacked)
        if heard is not None and stacked == 1:
            W_T = np.hstack([W_T, heard.astype(np.float32)])
        if W_T.shape[1]:
            shares.append(_share(A, place, W_T / W_T.sum(axis=0), level, stacked, n_free, rng))
    if not shares:
        shares = [_share_by_surroundings(A[:, place.frames].astype(np.float64), place)]
    return np.where(place.widened(), np.mean(shares, axis=0), 1.0)


def pieces(
    span: tuple[int, int], sr: int, stft: STFT
) -> Iterator[tuple[tuple[int, int], NDArray[np.float64]]]:
    """Cut the span of a long event into pieces that overlap.

    Parameters
    ----------
    span : tuple of int
        First sample and the one after the last.
    sr : int
        Sample rate in Hz.
    stft : STFT
        The transform.

    Yields
    ------
    piece : tuple of int
        Its first sample and the one after the last.
    weight : ndarray [shape=(n,)]
        How much each sample counts; the sum over pieces is 1.
    """
    piece = max(PIECE_S * sr, 16 * stft.n_fft)
    count = max(1, round((span[1] - span[0]) / piece))
    edges = np.linspace(*span, count + 1).round().astype(int).tolist()
    ramp = (np.arange(stft.n_fft) + 0.5) / stft.n_fft
    for i, (left, right) in enumerate(pairwise(edges)):
        # A frame and a half on either side, of which the half next to the edge is a cross-fade.
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


def sees(span: tuple[int, int], first: int, stft: STFT, n_frames: int) -> slice:
    """Find the frames that see a span of samples.

    Parameters
    ----------
    span : tuple of int
        First sample and the one after the last.
    first : int
        The first sample of the segment that was transformed.
    stft : STFT
        The transform.
    n_frames : int
        Its frames.

    Returns
    -------
    slice
        The frames, none if no one sees them.
    """
    pad = stft.n_fft // 2
    start = max(0, -(-(span[0] - first - pad + 1) // stft.hop_length))
    stop = min(n_frames, -(-(span[1] - first + pad) // stft.hop_length))
    return slice(start, max(start, stop))


def _exemplars(
    A: NDArray[Any], intact: NDArray[np.bool_], stacked: int
) -> tuple[NDArray[Any], float]:
    """Take stacks of intact frames [shape=(stacked*F, K)], and the level of a typical one."""
    reach = stacked // 2
    whole = np.lib.stride_tricks.sliding_window_view(np.pad(intact, reach), stacked).all(axis=1)
    W = _stack(A, stacked)[:, whole]
    return W, float(np.median(W.sum(axis=0))) if W.size else 0.0


def _share(
    A: NDArray[Any],
    place: Place,
    W_T: NDArray[Any],
    level: float,
    stacked: int,
    n_free: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Fit (1) to stacks of frames, and compare the parts: G of (2) [shape=(F, frames)]."""
    V = _stack(A, stacked)[:, place.frames]
    N = V.shape[1]
    in_band = np.tile(place.widened().any(axis=1).astype(np.float32), stacked)[:, None]
    event = V * in_band
    # Frames of the event, each with some of the mean, so that no atom begins with a zero.
    start = event[:, np.linspace(0, N - 1, n_free).astype(int)] + event.mean(axis=1, keepdims=True)
    start *= np.exp(0.3 * rng.standard_normal(start.shape, np.float32))
    K = W_T.shape[1]
    total = V.sum(axis=0)
    # Exemplars begin no louder than the target was heard; the rest is the event's.
    H_T = np.tile(np.minimum(total, level or np.inf) / K, (K, 1))
    H_N = np.tile(event.sum(axis=0) / n_free, (n_free, 1))
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


def _share_by_surroundings(A: NDArray[np.float64], place: Place) -> NDArray[np.float64]:
    """Compare with what is above and below the band, where no frame is intact [shape=(F, frames)].

    Levels between the edges of the band lie on a straight line, in the logarithm; what is louder is
    the event's.
    """
    share = np.ones(A.shape)
    for n, hidden in enumerate(place.widened().T):
        known = np.flatnonzero(~hidden)
        if known.size:
            level = np.interp(np.arange(len(A)), known, np.log(A[known, n]))
            share[:, n] = np.minimum(1, np.exp(level) / A[:, n]) ** 2
    return share


def _stack(A: NDArray[Any], stacked: int) -> NDArray[Any]:
    """Put every frame under its neighbours [shape=(stacked*F, N)]; ends are repeated."""
    reach = stacked // 2
    padded = np.pad(A, ((0, 0), (reach, reach)), "edge")
    return np.concatenate([padded[:, i : i + A.shape[1]] for i in range(stacked)])


def _unstack(V_hat: NDArray[Any], stacked: int) -> NDArray[np.float64]:
    """Average what stacks say of each frame [shape=(F, N)]."""
    reach, N = stacked // 2, V_hat.shape[1]
    parts = np.split(V_hat.astype(np.float64), stacked)
    total, count = np.zeros(parts[0].shape), np.zeros(N)
    for shift, part in enumerate(parts, -reach):
        # Column n of this part models frame n + shift.
        kept = slice(max(0, -shift), N - max(0, shift))
        total[:, kept.start + shift : kept.stop + shift] += part[:, kept]
        count[kept.start + shift : kept.stop + shift] += 1
    return total / count
