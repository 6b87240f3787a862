"""Social sparsity: shrinkage by the persistent empirical Wiener rule.

Siedenburg, Kowalski and Dörfler ("Audio declipping with social sparsity", ICASSP 2014), with the
settings of Záviška, Rajmic, Ozerov and Rencker (2021). With the distance d(x) of a signal from its
bounds, coefficients z of a Parseval frame A minimise ``||d(A* z)||**2 / 2`` under the prior whose
shrinkage at a level lambda is

    S(z) = z * max(0, 1 - lambda**2 / (mean of |z|**2 over a neighbourhood))                   (1)

by proximal gradient steps of length 1 with momentum. Levels fall from one to the next, each
starting from the result of the last: with few levels, or few steps at each, the method fails.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from spectramend.experiments._baselines.survey_frame import survey_frame

# As in the survey; the largest sample is 1.
REDUNDANCY = 2  # factor, length of the Fourier transform to that of a window
NEIGHBOURHOOD = (7, 3)  # frames and bins
LEVELS = np.geomspace(1e-1, 1e-4, 20)  # relative to the largest sample, lambda of (1)
MAX_ITER = 500  # iterations at a level
MIN_CHANGE = 1e-4  # relative to the largest sample, norm of a change at which a level ends


def social_sparsity(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Restore y [shape=(n,)] towards bounds [shape=(n,)], and then project it onto them.

    The published method does not project, and is therefore not better than this.

    Examples
    --------
    >>> n = np.arange(4000)
    >>> x = 0.6 * np.sin(0.05 * n) + 0.4 * np.sin(0.137 * n + 1)
    >>> y = np.clip(x, -0.8, 0.8)
    >>> upper, lower = np.where(y == 0.8, np.inf, y), np.where(y == -0.8, -np.inf, y)
    >>> bool(np.abs(social_sparsity(y, lower, upper, 8000) - x).max() < 0.1)
    True
    """
    gabor = survey_frame(y.size, sr, REDUNDANCY)
    L, U = lower.astype(np.float32), upper.astype(np.float32)
    x = np.zeros(y.size, np.float32)
    z = gabor.analysis(x)
    for level in LEVELS:
        # Point x_m = A* z_m of the momentum.
        z_m, x_m = z, x
        for i in range(MAX_ITER):
            before, x_before = z, x
            z = shrunk(z_m + gabor.analysis(np.clip(x_m, L, U) - x_m), level)
            x = gabor.synthesis(z)
            if np.linalg.norm(x - x_before) < MIN_CHANGE:
                break
            momentum = np.float32(i / (i + 6))
            z_m, x_m = z + momentum * (z - before), x + momentum * (x - x_before)
    return np.clip(x, lower, upper)


def shrunk(z: NDArray[np.complex64], level: float) -> NDArray[np.complex64]:
    """Apply (1) to coefficients [shape=(N, F)].

    Examples
    --------
    >>> z = np.full((9, 9), 2 + 0j)
    >>> shrunk(z, 1.0)[4, 4].real.item(), shrunk(z, 3.0).any().item()
    (1.5, False)
    """
    power = uniform_filter(z.real**2 + z.imag**2, NEIGHBOURHOOD, mode="mirror")
    gain = 1 - level**2 / np.maximum(power, np.finfo(power.dtype).tiny)
    return z * np.maximum(gain, 0).astype(power.dtype)
