"""Missing cells of a band, predicted along time from both sides and across the other bands.

Along time a bin of the transform is a narrow-band complex signal, and a tone in it a rotating
phasor, which a few coefficients predict. With the models of both sides, a_L forwards in time and
a_R backwards, and their residual powers e_L and e_R, missing cells z cost

    sum_t  w(t) * |(a_L * z)(t)|**2 / e_L  +  (1 - w(t)) * |(a_R * z)(t)|**2 / e_R,           (1)

the weight w falling from 1 to 0 across the gap, as predictions are best near their own side. What
cannot be predicted fades to zero, its mean. All bins are solved at once.

Such prediction reaches some hundredths of a second into a voice. Farther from the edges only the
other bands, which go on through the gap, determine the cells: `crossband_regression` predicts
their mean m, the power P of the bin, and the part g of it that is explained. From there on (1) is
the cost of ``z - s*m`` instead, the factor s rising from 0 at the edges to 1, and

    RHO * sum_t  g / (1 - g) * |z(t) - m(t)|**2 / P(t)                                        (2)

is added: where the other bands explain nothing, (1) remains, and where both sides predict nothing,
m does.

References: autoregressive interpolation, A. J. E. M. Janssen, R. N. J. Veldhuis and L. B. Vries,
IEEE Trans. ASSP 34(2), 1986; models of both sides, W. Etter, IEEE Trans. Signal Processing 44(5),
1996.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT, frame_length
from spectramend.spectral_repair.crossband_regression import (
    Prediction,
    crossband_features,
    predict_band,
)

# Chosen on the scenes of `spectramend experiment occlusion --damage missing`:
BIN_FRAME_S = 0.008  # s, length of a frame of the transform, unless one is given
ORDER_S = 0.032  # s, order of a model
MEMORY_S = 0.1  # s, age at which a frame has the weight 1/e in the estimation of a model
RHO = 3.0  # weight of (2); above 1, as models are less accurate than their residual powers
REACH_S = 0.05  # s from the edges, where s of (2) has risen to 1 - 1/e
# Engineering choices:
MIN_SUBBAND_BINS = 2  # bins in a band, as the neighbours of fewer bins would be changed with them
# Added to the diagonal of the covariance, over its mean, so that it has an inverse.
PREDICTOR_RIDGE = 1e-2
MAX_EXPLAINED = 0.99  # part g of the power in (2), at most, so that (2) is finite
BINS_AT_ONCE = 16  # bins that are solved at once, to bound memory


class Predictor(NamedTuple):
    """Prediction filters [shape=(F, order + 1)] and residual powers [shape=(F,)]."""

    a: NDArray[np.complex128]
    e: NDArray[np.float64]


def fill_band(
    x: NDArray[Any],
    start: int,
    stop: int,
    low: float,
    high: float,
    *,
    sr: int,
    stft: STFT | None = None,
) -> NDArray[np.float64]:
    """Interpolate a band of some samples; outside them the signal may differ a little.

    x [shape=(n,), finite]; the gap is x[start:stop], between `low` and `high` Hz, and what it holds
    there is never used. The transform is that of `stft_for_band` if None.
    """
    stft = stft or stft_for_band(sr, stop - start, high - low)
    Z = stft.forward(np.asarray(x, np.float64))
    centers = np.arange(Z.shape[1]) * stft.hop_length
    bins, frames = lost_cells(Z.shape[1], start, stop, low, high, sr=sr, stft=stft)
    first, end = frames.start, frames.stop
    lost = (np.arange(Z.shape[1]) >= first) & (np.arange(Z.shape[1]) < end)
    frames_per_s = sr / stft.hop_length
    order = max(2, round(ORDER_S * frames_per_s))
    band = Z[bins]
    features = crossband_features(x, centers, low, high, sr=sr)
    prediction = predict_band(features, band, ~lost, slice(first, end), frames_per_s)
    for b in range(0, band.shape[0], BINS_AT_ONCE):
        bins = slice(b, b + BINS_AT_ONCE)
        band[bins] = _fill_frames(
            band[bins],
            first,
            end,
            order,
            MEMORY_S * frames_per_s,
            prediction=prediction.take(bins),
            reach=REACH_S * frames_per_s,
        )
    return stft.inverse(Z, length=x.size)


def lost_cells(
    n_frames: int, start: int, stop: int, low: float, high: float, *, sr: int, stft: STFT
) -> tuple[slice, slice]:
    """Give the bins and the frames of which `fill_band` takes the cells for lost."""
    pad = stft.n_fft // 2
    centers = np.arange(n_frames) * stft.hop_length
    lost = (centers + pad > start) & (centers - pad < stop)
    frames = slice(int(np.argmax(lost)), n_frames - int(np.argmax(lost[::-1])))
    return slice(int(low * stft.n_fft / sr), int(high * stft.n_fft / sr) + 2), frames


def stft_for_band(sr: int, samples: int, width_hz: float) -> STFT:
    """Choose the transform of whose bins missing cells are predicted.

    A frame is about 8 ms, so that few frames at the edges are lost; longer where the band is
    narrower than two bins and the gap of so many samples is long.
    """
    n_fft = frame_length(BIN_FRAME_S, sr)
    while width_hz * n_fft / sr < MIN_SUBBAND_BINS and 8 * n_fft <= samples:
        n_fft *= 2
    return STFT(n_fft, n_fft // 4)


def _fill_frames(
    Z: NDArray[Any],
    first: int,
    stop: int,
    order: int,
    memory: float,
    *,
    prediction: Prediction | None = None,
    reach: float = 1.0,
) -> NDArray[np.complex128]:
    """Fill the missing frames from `first` to `stop` of bins (F, N), by (1) and (2).

    Models have this order where there are frames enough; a frame has the weight 1/e after so many
    frames of memory; s of (2) is ``1 - 1/e`` so many frames of reach from the edges. Without any
    model or prediction the frames are zero. Missing frames are never used.
    """
    n = stop - first
    bands, right = _both_sides(Z, first, stop, order, memory)
    base: Any = 0  # s*m
    if prediction is not None:
        g = np.clip(prediction.explained, 0, MAX_EXPLAINED)[:, None]
        weight = RHO * g / (1 - g) / (prediction.power + np.finfo(np.float64).tiny)
        edge = np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5
        base = (1 - np.exp(-edge / reach)) * prediction.mean
        bands[:, 0] += weight
        right += weight * (prediction.mean - base)
    filled = Z.astype(complex)
    filled[:, first:stop] = base + _solve_banded(bands, right)
    return filled


def _both_sides(
    Z: NDArray[Any], first: int, stop: int, order: int, memory: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Set up (1): diagonals [shape=(F, order + 1, n)] and right-hand side [shape=(F, n)]."""
    n = stop - first
    bands = np.zeros((Z.shape[0], order + 1, n), complex)
    right = np.zeros((Z.shape[0], n), complex)
    # Backwards in time and conjugated, a phasor rotates as before.
    sides = (Z[:, :first], Z[:, stop:][:, ::-1].conj())
    for backwards, known in enumerate(sides):
        p = min(order, (known.shape[1] - 1) // 3)
        if p < 1:
            continue
        ahead = sides[1 - backwards][:, ::-1].conj()[:, :p]
        A, b = _normal_equations(_predictor(known, p, memory), known[:, -p:], ahead, n)
        if backwards:
            # Back to the order in time; the matrix is Hermitian.
            A = np.stack([np.roll(row[:, ::-1], -d, axis=1) for d, row in enumerate(A)])
            b = b[:, ::-1].conj()
        bands[:, : p + 1] += A.swapaxes(0, 1)
        right += b
    return bands, right


def _predictor(known: NDArray[Any], p: int, memory: float) -> Predictor:
    """Fit filters of order p in both directions of time, with weights that grow to the end."""
    N = known.shape[1]
    weight = np.exp(-np.arange(N)[::-1] / memory)
    G: Any = 0
    c: Any = 0
    power: Any = 0
    for z, w in ((known, weight), (known[:, ::-1].conj(), weight[::-1])):
        frames = np.lib.stride_tricks.sliding_window_view(z, p + 1, axis=1)
        past, now = frames[..., -2::-1], frames[..., -1]
        # The weight of an equation is the least of its frames.
        w = np.minimum(w[p:], w[: N - p])
        weighted = past.conj() * w[:, None]
        G = G + np.einsum("fmi,fmj->fij", weighted, past)
        c = c + np.einsum("fmi,fm->fi", weighted, now)
        power = power + (np.abs(now) ** 2) @ w
    trace = np.trace(G, axis1=1, axis2=2).real / p
    tiny = np.finfo(np.float64).tiny
    G = G + (PREDICTOR_RIDGE * trace + tiny)[:, None, None] * np.eye(p)
    a = np.linalg.solve(G, c[..., None])[..., 0]
    # Residual energy of a ridge solution, over the sum of the weights.
    power = power / (2 * w.sum())
    e = power - np.einsum("fi,fi->f", a.conj(), c).real / (2 * w.sum())
    return Predictor(
        np.concatenate([np.ones((len(a), 1)), -a], axis=1), np.maximum(e, 1e-9 * power + tiny)
    )


def _normal_equations(
    model: Predictor, behind: NDArray[Any], ahead: NDArray[Any], n: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Set up one sum of (1) for n missing frames.

    Gives the diagonals ``A[d][:, i]``, elements (i, i + d) of a Hermitian matrix [shape=(p + 1, F,
    n)], and the right-hand side [shape=(F, n)].
    """
    F, p = behind.shape
    rows = n + ahead.shape[1]
    weight = (1 - (np.arange(rows) + 0.5) / rows) / model.e[:, None]
    z = np.concatenate([behind, np.zeros((F, n)), ahead], axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(z, p + 1, axis=1)
    residual = weight * np.einsum("fti,fi->ft", frames[..., ::-1], model.a)
    # Frame i enters the residuals t = i + k with the coefficient a[k].
    ends = np.pad(weight, ((0, 0), (0, p)))
    after = np.pad(residual, ((0, 0), (0, p)))
    a = model.a[..., None]
    A = np.zeros((p + 1, F, n), complex)
    b = np.zeros((F, n), complex)
    for k in range(p + 1):
        b -= a[:, k].conj() * after[:, k : k + n]
        for d in range(k + 1):
            A[d] += ends[:, k : k + n] * a[:, k].conj() * a[:, k - d]
    for d in range(1, p + 1):
        A[d][:, max(0, n - d) :] = 0
    return A, b


def _solve_banded(bands: NDArray[Any], right: NDArray[Any]) -> NDArray[np.complex128]:
    """Solve Hermitian systems, given their diagonals [shape=(F, p + 1, n)], for all bins."""
    from scipy.linalg import solveh_banded

    solution = np.zeros(right.shape, complex)
    for z, diagonals, b in zip(solution, bands, right, strict=True):
        largest = diagonals[0].real.max()
        if largest > 0:
            lower = diagonals / largest
            lower[0] += 1e-9
            # In lower form row d holds elements (i + d, i).
            z[:] = solveh_banded(lower.conj(), b / largest, lower=True)
    return solution
