"""Least weighted l1 norm in a Parseval Gabor frame A within bounds, by Chambolle and Pock (2011).

    minimise ||w * A x||_1  subject to  lower <= x <= upper                                    (1)

Rajmic, Rencker, Záviška and Plumbley ("Psychoacoustically motivated audio declipping based on
weighted l1 minimization", TSP 2019) take as weights w of bins a parabola, with the settings of
Záviška et al. (2021). Without weights it is the baseline of the literature on dequantization, with
the settings of Záviška, Rajmic and Mokrý ("Audio dequantization using (co)sparse (non)convex
methods", ICASSP 2021): steps so short that samples stay far from a minimum of (1). It is worse: on
excerpts of music, 3000 steps of length 1 gave lower SDR.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.experiments._baselines.survey_frame import survey_frame

# As in the survey.
REDUNDANCY = 2  # factor, length of the Fourier transform to that of a window
N_ITER = 3000  # iterations of declipping
STEP = 1.0  # step of declipping
# As in the program of 2021 for 2 to 8 bits.
N_ITER_OF_STEPS = 500  # iterations
STEPS = (3.8e-3, 2.3e-3, 1.2e-3, 9.4e-5, 3.2e-5, 1.3e-5, 5.5e-6)  # steps by bits


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
    gabor = survey_frame(y.size, sr, REDUNDANCY)
    weights = np.linspace(0, 1, gabor.n_bins) ** 2
    return _least_l1(y, lower, upper, gabor, weights, STEP, N_ITER)


def l1_unweighted(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Restore quantized samples y [shape=(n,)] within bounds [shape=(n,)] with equal weights.

    Examples
    --------
    >>> x = np.sin(0.05 * np.arange(4000))
    >>> y = np.round(4 * x) / 4
    >>> better = l1_unweighted(y, y - 0.125, y + 0.125, 8000)
    >>> bool(np.abs(better - x).mean() < 0.5 * np.abs(y - x).mean())
    True
    """
    gabor = survey_frame(y.size, sr, REDUNDANCY)
    weights = np.ones(gabor.n_bins)
    bits = round(1 - np.log2(max(float(np.max(upper - lower)), 2.0**-7)))
    step = STEPS[max(0, bits - 2)]
    return _least_l1(y, lower, upper, gabor, weights, step, N_ITER_OF_STEPS)


def _least_l1(
    y: NDArray[Any],
    lower: NDArray[Any],
    upper: NDArray[Any],
    gabor: ParsevalFrame,
    weights: NDArray[np.float64],
    step: float,
    n_iter: int,
) -> NDArray[np.float64]:
    """Approach (1) with the primal step `step` and the dual 1/step; weights have shape (F,)."""
    L, U, x = (a.astype(np.float32) for a in (lower, upper, y))
    w = weights.astype(np.float32)
    extrapolated, dual = x, gabor.analysis(x)
    for _ in range(n_iter):
        dual = dual + np.float32(1 / step) * gabor.analysis(extrapolated)
        # Projection onto |dual| <= w.
        dual *= np.minimum(1, w / np.maximum(np.abs(dual), np.finfo(np.float32).tiny))
        before, x = x, np.clip(x - np.float32(step) * gabor.synthesis(dual), L, U)
        extrapolated = 2 * x - before
    return np.clip(x, lower, upper)
