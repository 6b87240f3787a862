"""Least weighted l1 norm in a Parseval Gabor frame A within bounds, by Chambolle and Pock (2011).

    minimise ||w * A x||_1  subject to  lower <= x <= upper                                    (1)

Rajmic, Rencker, Záviška and Plumbley ("Psychoacoustically motivated audio declipping based on
weighted l1 minimization", TSP 2019) take as weights w of bins a parabola; without weights it is the
baseline of the literature on dequantization. Settings are those of Záviška et al. (2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.experiments._baselines.gabor import GaborFrame, window_length

# As in the survey.
REDUNDANCY = 2  # factor, length of the Fourier transform to that of a window
MAX_ITER = 3000  # iterations


def l1_parabola(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Restore y [shape=(n,)] within bounds [shape=(n,)] with weights that grow as f**2.

    Examples
    --------
    >>> n = np.arange(4000)
    >>> x = 0.6 * np.sin(0.05 * n) + 0.4 * np.sin(0.137 * n + 1)
    >>> y = np.clip(x, -0.8, 0.8)
    >>> upper, lower = np.where(y == 0.8, np.inf, y), np.where(y == -0.8, -np.inf, y)
    >>> bool(np.abs(l1_parabola(y, lower, upper, 8000) - x).max() < 0.1)
    True
    """
    gabor = _gabor(y.size, sr)
    return _least_l1(y, lower, upper, gabor, np.linspace(0, 1, gabor.n_fft // 2 + 1) ** 2)


def l1_unweighted(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Restore y [shape=(n,)] within bounds [shape=(n,)] with equal weights.

    Examples
    --------
    >>> x = np.sin(0.05 * np.arange(4000))
    >>> y = np.round(4 * x) / 4
    >>> better = l1_unweighted(y, y - 0.125, y + 0.125, 8000)
    >>> bool(np.abs(better - x).mean() < 0.5 * np.abs(y - x).mean())
    True
    """
    gabor = _gabor(y.size, sr)
    return _least_l1(y, lower, upper, gabor, np.ones(gabor.n_fft // 2 + 1))


def _gabor(length: int, sr: int) -> GaborFrame:
    """Make the frame of the survey."""
    n_window = window_length(sr)
    return GaborFrame(length, n_window, REDUNDANCY * n_window)


def _least_l1(
    y: NDArray[Any],
    lower: NDArray[Any],
    upper: NDArray[Any],
    gabor: GaborFrame,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Solve (1) with steps of length 1, of the largest sample; weights have shape (F,)."""
    L, U, x = (a.astype(np.float32) for a in (lower, upper, y))
    w = weights.astype(np.float32)
    extrapolated, dual = x, gabor.analysis(x)
    for _ in range(MAX_ITER):
        dual = dual + gabor.analysis(extrapolated)
        # Projection onto |dual| <= w.
        dual *= np.minimum(1, w / np.maximum(np.abs(dual), np.finfo(np.float32).tiny))
        before, x = x, np.clip(x - gabor.synthesis(dual), L, U)
        extrapolated = 2 * x - before
    return np.clip(x, lower, upper)
