"""Autoregressive models of a signal at lower rates, as models of the signal.

Most of the power of sounds lies at low frequencies, where a model of the whole band spends few of
its coefficients. At an M-th of the rate a model looks back M times as far with as many. With its
prediction filter a and a low-pass filter f, what it cannot predict of the signal x is

    sum_k a[k] (f * x)(n - M k)  =  (c * x)(n),    c = f * (a, with M - 1 zeros between taps),  (1)

so that c stands in the sum of a fill as any prediction filter does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.gaps.ar.janssen_ar import Prediction, predictor

LOBES = 6  # of the low-pass filter, on either side
PASSED = 0.9  # of the band that the lower rate holds
KAISER = 6.0


def lower_predictor(segments: Sequence[NDArray[Any]], order: int, factor: int) -> Prediction:
    """Estimate one model of several segments at a lower rate.

    Parameters
    ----------
    segments : sequence of ndarray [shape=(n_i,)]
        Pieces of a signal, each longer than the low-pass filter, of ``12 * factor + 1`` taps.
    order : int
        Order of the model; a third of the samples at the lower rate at most is taken.
    factor : int
        By what the rate is divided.

    Returns
    -------
    Prediction
        The filter c of (1), and the power of what it leaves of the signal.

    Examples
    --------
    >>> model = lower_predictor([np.sin(0.02 * np.arange(4000))], 4, 8)
    >>> model.order, model.error < 1e-6
    (128, True)
    """
    f = lowpass(factor)
    lower = [np.convolve(x, f, "valid")[::factor] for x in segments]
    most = (max(x.size for x in lower) - 1) // 3
    model = predictor(lower, max(1, min(order, most)))
    spread = np.zeros(model.order * factor + 1)
    spread[::factor] = model.a
    return Prediction(np.convolve(spread, f), model.error)


def lowpass(factor: int) -> NDArray[np.float64]:
    """Give a low-pass filter for a lower rate.

    Parameters
    ----------
    factor : int
        By what the rate is divided.

    Returns
    -------
    ndarray [shape=(12 * factor + 1,)]
        A windowed sinc, symmetric; what is constant passes unchanged.

    Examples
    --------
    >>> lowpass(4).size, lowpass(4).sum().round(6).item()
    (49, 1.0)
    """
    n = np.arange(-LOBES * factor, LOBES * factor + 1)
    f = np.sinc(PASSED * n / factor) * np.kaiser(n.size, KAISER)
    return f / f.sum()
