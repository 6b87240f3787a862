"""Janssen's method: missing samples and one autoregressive model of the signal, in turn.

Given the model, the missing samples minimise the energy of its residual, see `least_squares`; given
the samples, the model is estimated anew, here by Burg's recursion instead of Janssen's normal
equations.

A. J. E. M. Janssen, R. N. J. Veldhuis and L. B. Vries, "Adaptive interpolation of discrete-time
signals that can be modeled as autoregressive processes", IEEE Trans. ASSP 34(2), 1986, eq. 14 to
17.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.burg_recursion import burg, dither, limited_order
from spectramend.core.intervals import runs
from spectramend.gaps.ar.least_squares import LONG_GAP, least_squares_interpolation


def janssen(
    x: NDArray[Any],
    missing: NDArray[np.bool_],
    *,
    order: int,
    n_iter: int = 3,
    from_known: bool = False,
) -> NDArray[np.float64]:
    """Interpolate the missing samples of a signal [shape=(n,)], of which some are known.

    The model, of which the order is at most a third of the samples, is estimated n_iter times. With
    `from_known`, the first one is estimated from known samples only, instead of from zeros in the
    gaps, and all with dither: several gaps in a pure tone need it. Silence around a gap leaves
    silence.
    """
    lost = missing.copy()
    filled = np.where(lost, 0.0, x)
    if not lost.any() or not filled.any():
        return filled
    gaps = runs(lost)
    start, stop = gaps[np.argmax(gaps[:, 1] - gaps[:, 0])]
    if stop - start > LONG_GAP and len(gaps) > 1:
        # The gaps on both sides of a long one are interpolated first, each side by itself.
        for side in (slice(0, start), slice(stop, None)):
            if lost[side].any():
                filled[side] = janssen(
                    filled[side], lost[side], order=order, n_iter=n_iter, from_known=from_known
                )
                lost[side] = False
    p = limited_order(order, filled.size)
    noise = dither(filled.size, float(np.mean(filled[~lost] ** 2))) if from_known else 0.0
    for i in range(n_iter):
        seen = filled + noise
        a = _model_of_known(seen, lost, p) if from_known and i == 0 else burg([seen], p).a
        filled[lost] = least_squares_interpolation(filled, lost, a)
    return filled


def _model_of_known(x: NDArray[Any], lost: NDArray[np.bool_], order: int) -> NDArray[np.float64]:
    """Estimate a prediction filter [shape=(p + 1,)] from runs of known samples longer than p."""
    known = [x[start:stop] for start, stop in runs(~lost)]
    p = limited_order(order, max(run.size for run in known))
    long = [run for run in known if run.size > p]
    return burg(long, p).a if long else np.ones(1)
