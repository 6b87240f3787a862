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
    """Scale the gap filled[start:stop] down in place where it is too loud.

    Its RMS level stays below the largest magnitude of known samples at most `reach` samples away,
    its peak below twice that. A gap that is not finite becomes silent.
    """
    around = slice(max(0, start - reach), stop + reach)
    limit = np.abs(filled[around][~lost[around]]).max(initial=0.0)
    gap = filled[start:stop]
    with np.errstate(over="ignore"):
        level = max(np.sqrt(np.mean(gap**2)), np.abs(gap).max() / MAX_PEAK)
    if not level <= limit:
        filled[start:stop] = gap * (limit / level) if np.isfinite(level) else 0.0
