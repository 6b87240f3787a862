"""Windowed frames of a signal, and a Gaussian model of them in which the bins are independent.

Let bin f of the unitary DFT of windowed frame n have the variance ``V[f, n]``, and let frames be
independent (Mokrý, Magron, Oberlin & Févotte 2023). With the circulant precision C_n of frame n and
its window D_n on a gap, the most probable samples y of the gap solve ``matrix @ y = right``,

    matrix = sum_n D_n C_n[m, m] D_n,    right = -sum_n D_n (C_n @ s_n)[m],                   (1)

where s_n is the windowed frame with zeros for the gap, m. Each ``C_n[m, m]`` is Toeplitz; their sum
under windows is not. Equations of other Gaussian models may be added to these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.gaps.em.frame_posterior import circulant_precision

# Least variance, relative to the largest of its frame. Engineering choice: precisions of a smaller
# one are singular in double precision.
LEAST_VARIANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Variances:
    """Independent Gaussian bins of windowed frames.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Variance of each bin of the unitary DFT: squared magnitudes of `stft` over ``n_fft``. The
        least is 1e-10 of the largest of the frame, or of all frames where that is zero.
    stft : STFT
        Frames and window.

    Raises
    ------
    ParameterError
        If a variance is negative or not finite.
    MismatchError
        If `V` does not have the bins of `stft`.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=32, window="sine")
    >>> x = np.cos(0.5 * np.arange(256))
    >>> model = Variances(np.abs(stft.forward(x)) ** 2 / 64, stft)
    >>> matrix, right = model.normal_equations(x, 100, 5)
    >>> np.abs(np.linalg.solve(matrix, right) - x[100:105]).max().round(2).item()
    0.0
    """

    V: NDArray[np.float64]
    stft: STFT

    def __post_init__(self) -> None:
        V = np.asarray(self.V, np.float64)
        if V.ndim != 2 or V.shape[0] != self.stft.n_bins or V.shape[1] < 1:
            raise MismatchError(
                f"V has shape {V.shape}: n_fft={self.stft.n_fft} needs ({self.stft.n_bins}, N)."
            )
        if not (np.isfinite(V).all() and (V >= 0).all()):
            raise ParameterError("V has negative, NaN or infinite variances: give values >= 0.")
        largest = V.max(axis=0)
        largest[largest == 0] = largest.max() or 1.0
        object.__setattr__(self, "V", np.maximum(V, LEAST_VARIANCE * largest))

    def normal_equations(
        self, x: ArrayLike, start: int, h: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Set up the equations of the most probable samples of a gap, (1).

        Parameters
        ----------
        x : array_like [shape=(n,), real]
            The signal; values in the gap are ignored, all others are known.
        start : int
            First missing sample.
        h : int, >= 1
            Missing samples.

        Returns
        -------
        matrix : ndarray [shape=(h, h)]
            Their precision, symmetric and positive definite.
        right : ndarray [shape=(h,)]
            The right side.

        Raises
        ------
        ParameterError
            If the gap does not lie in the signal.
        MismatchError
            If the signal has another number of frames than `V`.
        """
        from scipy.linalg import toeplitz

        known = np.array(x, np.float64)
        if known.ndim != 1 or not 0 <= start < start + h <= known.size:
            raise ParameterError(f"start={start}, h={h}: no gap in x of shape {known.shape}.")
        N, n_frames = self.V.shape[1], self.stft.n_frames(known.size)
        if n_frames != N:
            raise MismatchError(f"V has {N} frames: {known.size} samples have {n_frames}.")
        known[start : start + h] = 0.0
        L = self.stft.n_fft
        begins = frame_starts(N, self.stft)
        touched = np.flatnonzero((begins < start + h) & (begins + L > start))
        frames = cut_frames(known, touched, self.stft) * self.stft.window_samples
        matrix, right = np.zeros((h, h)), np.zeros(h)
        for begin, lags, product in zip(
            begins[touched], *circulant_precision(self.V[:, touched], frames), strict=True
        ):
            first, last = max(start, begin), min(start + h, begin + L)
            within, own = slice(first - begin, last - begin), slice(first - start, last - start)
            D = self.stft.window_samples[within]
            matrix[own, own] += D[:, None] * toeplitz(lags[: D.size]) * D
            right[own] -= D * product[within]
        return matrix, right


def frame_starts(n_frames: int, stft: STFT) -> NDArray[np.intp]:
    """Locate the first sample of each frame.

    Parameters
    ----------
    n_frames : int
        Number of frames.
    stft : STFT
        Their transform.

    Returns
    -------
    ndarray [shape=(n_frames,), int]
        The first sample of each, below 0 in a frame that begins before the signal.

    Examples
    --------
    >>> frame_starts(3, STFT(n_fft=8, hop_length=4)).tolist()
    [-4, 0, 4]
    """
    return np.arange(n_frames) * stft.hop_length - (stft.n_fft // 2 if stft.center else 0)


def cut_frames(x: NDArray[Any], frames: NDArray[np.intp], stft: STFT) -> NDArray[Any]:
    """Cut frames out of a signal, without a window.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The signal, or its mask; zero, or False, lies outside.
    frames : ndarray [shape=(B,), int]
        Which frames.
    stft : STFT
        Their transform.

    Returns
    -------
    ndarray [shape=(B, n_fft)]
        The frames.

    Examples
    --------
    >>> cut_frames(np.arange(1, 5), np.arange(2), STFT(n_fft=4, hop_length=2)).tolist()
    [[0, 0, 1, 2], [1, 2, 3, 4]]
    """
    starts = frame_starts(int(frames.max(initial=0)) + 1, stft)[frames]
    sample = starts[:, None] + np.arange(stft.n_fft)
    inside = (sample >= 0) & (sample < x.size)
    return np.where(inside, x[np.clip(sample, 0, x.size - 1)], x.dtype.type(0))
