"""A-SPADE: sparsity in a Fourier transform, of windowed frames that are restored apart.

Kitić, Bertin and Gribonval ("Sparsity and cosparsity for audio declipping: a flexible non-convex
approach", LVA/ICA 2015), in the form of Záviška, Rajmic, Ozerov and Rencker ("A survey and an
extensive evaluation of popular audio declipping methods", IEEE JSTSP 15(1), 2021). The sparsity k
grows by one coefficient in each iteration of `declipping.sparse_windows`, from the clipped samples
on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.declipping.sparse_windows import sparse_frames
from spectramend.experiments._baselines.survey_frame import survey_frame

# As in the survey.
REDUNDANCY = 2  # factor, length of the Fourier transform to that of a frame


def a_spade(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Restore y [shape=(n,)] within bounds [shape=(n,)]; frames without freedom stay as they are.

    Examples
    --------
    >>> n = np.arange(4000)
    >>> x = 0.6 * np.sin(0.05 * n) + 0.4 * np.sin(0.137 * n + 1)
    >>> y = np.clip(x, -0.8, 0.8)
    >>> upper, lower = np.where(y == 0.8, np.inf, y), np.where(y == -0.8, -np.inf, y)
    >>> bool(np.abs(a_spade(y, lower, upper, 8000) - x).max() < 0.1)
    True
    """
    gabor = survey_frame(y.size, sr, REDUNDANCY)
    start, L, U = (b.astype(np.float32) for b in (y, lower, upper))
    x = sparse_frames(gabor, start, L, U, range(1, gabor.n_bins + 1))
    return np.clip(x.astype(np.float64), lower, upper)
