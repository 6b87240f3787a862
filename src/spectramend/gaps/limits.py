"""What models find for a gap is bounded by what is known around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PEAK = 2.0  # of a gap, relative to the loudest known sample: what was clipped may be so loud


def bound(
    filled: NDArray[np.float64], lost: NDArray[np.bool_], start: int, stop: int, reach: int
) -> None:
    """Keep a gap, in place, from being louder in the mean than the loudest known sample around it.

    Parameters
    ----------
    filled : ndarray [shape=(n,)]
        The signal; its gap is made quieter if need be, or silent if it is not finite.
    lost : ndarray [shape=(n,), bool]
        Which samples are not known.
    start : int
        First sample of the gap.
    stop : int
        One after the last.
    reach : int
        Samples on either side that count. Peaks may be twice as loud as those.

    Examples
    --------
    >>> x = np.array([1.0, 30.0, -1.0])
    >>> bound(x, np.array([False, True, False]), 1, 2, 1)
    >>> x.tolist()
    [1.0, 1.0, -1.0]
    """
    around = slice(max(0, start - reach), stop + reach)
    loudest = np.abs(filled[around][~lost[around]]).max(initial=0.0)
    gap = filled[start:stop]
    with np.errstate(over="ignore"):
        loudness = max(np.sqrt(np.mean(gap**2)), np.abs(gap).max() / PEAK)
    if not loudness <= loudest:
        filled[start:stop] = gap * (loudest / loudness) if np.isfinite(loudness) else 0.0
