"""A limit on the level of interpolated samples, by the known samples around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Peak of a gap, relative to the largest known sample around it. Engineering choice: clipped peaks
# may be as high.
MAX_PEAK = 2.0


def limit_level(
    filled: NDArray[np.float64], lost: NDArray[np.bool_], start: int, stop: int, reach: int
) -> None:
    """Scale a gap down in place where it is too loud.

    Its RMS level stays below the largest magnitude of known samples around it, its peak below twice
    that.

    Parameters
    ----------
    filled : ndarray [shape=(n,)]
        The signal; a gap that is not finite becomes silent.
    lost : ndarray [shape=(n,), bool]
        Which samples are missing.
    start : int
        First sample of the gap.
    stop : int
        One after the last.
    reach : int
        Samples on either side among which known ones count.

    Examples
    --------
    >>> x = np.array([1.0, 30.0, -1.0])
    >>> limit_level(x, np.array([False, True, False]), 1, 2, 1)
    >>> x.tolist()
    [1.0, 1.0, -1.0]
    """
    around = slice(max(0, start - reach), stop + reach)
    limit = np.abs(filled[around][~lost[around]]).max(initial=0.0)
    gap = filled[start:stop]
    with np.errstate(over="ignore"):
        level = max(np.sqrt(np.mean(gap**2)), np.abs(gap).max() / MAX_PEAK)
    if not level <= limit:
        filled[start:stop] = gap * (limit / level) if np.isfinite(level) else 0.0
