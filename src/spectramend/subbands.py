"""Missing cells of a band, predicted bin by bin from both sides.

Along time a bin of the transform is a narrow-band complex signal, and a tone in it a rotating
phasor, which a few coefficients predict. With the models of both sides, a_L forwards in time and
a_R backwards, and their residual powers e_L and e_R, the missing cells z minimise

    sum_t  w(t) * |(a_L * z)(t)|**2 / e_L  +  (1 - w(t)) * |(a_R * z)(t)|**2 / e_R,     (1)

the weight w falling from 1 to 0 across the hole: each side is believed near itself. What cannot be
predicted fades to zero, its mean. All bins are solved at once.

References: autoregressive interpolation, A. J. E. M. Janssen, R. N. J. Veldhuis and L. B. Vries,
IEEE Trans. ASSP 34(2), 1986; models of both sides, W. Etter, IEEE Trans. Signal Processing 44(5),
1996.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.stft import STFT

ORDER_S = 0.064  # how far back a model looks
MEMORY_S = 0.64  # of which the model is estimated; what is farther away counts ever less
RIDGE = 1e-2  # added to the diagonal of the covariance, in units of its mean


class Model(NamedTuple):
    """Prediction filters [shape=(F, order + 1)] and residual powers [shape=(F,)]."""

    a: NDArray[np.complex128]
    e: NDArray[np.float64]


def fill_band(
    x: NDArray[Any], start: int, stop: int, low: float, high: float, *, sr: int, stft: STFT
) -> NDArray[np.float64]:
    """Fill a band of some samples.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The hole with its context, finite. What is in the hole is never looked at.
    start, stop : int
        Samples of the hole, half-open.
    low, high : float
        Its band in Hz.
    sr : int
        Sample rate in Hz.
    stft : STFT
        The transform.

    Returns
    -------
    ndarray [shape=(n,)]
        The signal; meant to be used in the hole.
    """
    Z = stft.forward(x)
    pad = stft.n_fft // 2
    center = np.arange(Z.shape[1]) * stft.hop_length
    seen = np.flatnonzero((center + pad > start) & (center - pad < stop))
    bins = slice(int(low * stft.n_fft / sr), int(high * stft.n_fft / sr) + 2)
    order = max(2, round(ORDER_S * sr / stft.hop_length))
    memory = MEMORY_S * sr / stft.hop_length
    Z[bins] = fill_frames(Z[bins], int(seen[0]), int(seen[-1]) + 1, order, memory)
    return stft.inverse(Z, length=x.size)


def fill_frames(
    Z: NDArray[Any], first: int, stop: int, order: int, memory: float
) -> NDArray[np.complex128]:
    """Predict missing frames by (1).

    Parameters
    ----------
    Z : ndarray [shape=(F, N), complex]
        Bins; the missing frames are never looked at.
    first, stop : int
        The missing frames, half-open.
    order : int
        Order of the models, where there are frames enough.
    memory : float
        Frames after which what is known counts 1/e.

    Returns
    -------
    ndarray [shape=(F, N)]
        Bins with all frames; zero where no side has a few frames.

    Examples
    --------
    >>> Z = np.exp(0.3j * np.arange(60))[None]
    >>> bool(np.abs(fill_frames(Z, 28, 32, order=2, memory=20) - Z).max() < 0.05)
    True
    """
    n = stop - first
    bands = np.zeros((Z.shape[0], order + 1, n), complex)
    right = np.zeros((Z.shape[0], n), complex)
    # Backwards in time and conjugated, a phasor rotates as it did.
    sides = (Z[:, :first], Z[:, stop:][:, ::-1].conj())
    for backwards, known in enumerate(sides):
        p = min(order, (known.shape[1] - 1) // 3)
        if p < 1:
            continue
        ahead = sides[1 - backwards][:, ::-1].conj()[:, :p]
        A, b = _normal_equations(_predictor(known, p, memory), known[:, -p:], ahead, n)
        if backwards:
            # Frames are turned round and conjugated; the matrix is Hermitian.
            A = np.stack([np.roll(row[:, ::-1], -d, axis=1) for d, row in enumerate(A)])
            b = b[:, ::-1].conj()
        bands[:, : p + 1] += A.swapaxes(0, 1)
        right += b
    filled = Z.astype(complex)
    filled[:, first:stop] = _solve_banded(bands, right)
    return filled


def _predictor(known: NDArray[Any], p: int, memory: float) -> Model:
    """Estimate models by least squares, forwards and backwards; later frames count more."""
    N = known.shape[1]
    weight = np.exp(-np.arange(N)[::-1] / memory)
    G: Any = 0
    c: Any = 0
    power: Any = 0
    for z, w in ((known, weight), (known[:, ::-1].conj(), weight[::-1])):
        frames = np.lib.stride_tricks.sliding_window_view(z, p + 1, axis=1)
        past, now = frames[..., -2::-1], frames[..., -1]
        # The weight of an equation is that of its farthest frame.
        w = np.minimum(w[p:], w[: N - p])
        weighted = past.conj() * w[:, None]
        G = G + np.einsum("fmi,fmj->fij", weighted, past)
        c = c + np.einsum("fmi,fm->fi", weighted, now)
        power = power + (np.abs(now) ** 2) @ w
    trace = np.trace(G, axis1=1, axis2=2).real / p
    tiny = np.finfo(np.float64).tiny
    G = G + (RIDGE * trace + tiny)[:, None, None] * np.eye(p)
    a = np.linalg.solve(G, c[..., None])[..., 0]
    # Residual energy of a ridge solution; all over the sum of the weights, which is the same.
    e = power - np.einsum("fi,fi->f", a.conj(), c).real
    return Model(
        np.concatenate([np.ones((len(a), 1)), -a], axis=1), np.maximum(e, 1e-9 * power + tiny)
    )


def _normal_equations(
    model: Model, behind: NDArray[Any], ahead: NDArray[Any], n: int
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
