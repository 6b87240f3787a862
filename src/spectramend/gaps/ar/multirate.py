"""Autoregressive models of a signal at lower sample rates.

Most of the power of audio lies at low frequencies, where a model of the whole band has few of its
poles. At an M-th of the rate a model of the same order looks back M times as far. With its
prediction filter a and the low-pass filter f of the decimation, its residual for the signal x is

    sum_k a[k] (f * x)(n - M k)  =  (c * x)(n),    c = f * (a, with M - 1 zeros between taps),  (1)

so that c is used as any other prediction filter is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.burg_recursion import ARModel, burg, limited_order

# Engineering choices for the low-pass filter: within 0.005, its gain is 1 up to 0.6 of the lower
# Nyquist frequency and 0 from 1.2 of it on.
LOBES = 6  # samples at the lower rate on either side
PASSBAND = 0.9  # cutoff, relative to the lower Nyquist frequency
KAISER_BETA = 6.0  # shape of the Kaiser window, no unit


def burg_decimated(segments: Sequence[NDArray[Any]], order: int, factor: int) -> ARModel:
    """Estimate one autoregressive model of several segments [shape=(n_i,)] at an M-th of the rate.

    Segments are longer than the low-pass filter, of ``12 * factor + 1`` taps; factor is M. The
    order is at most a third of the samples at the lower rate. Returns the filter c of (1) as a
    model.
    """
    f = _lowpass(factor)
    decimated = [np.convolve(x, f, "valid")[::factor] for x in segments]
    model = burg(decimated, limited_order(order, max(x.size for x in decimated)))
    upsampled = np.zeros(model.order * factor + 1)
    upsampled[::factor] = model.a
    return ARModel(np.convolve(upsampled, f), model.error)


def _lowpass(factor: int) -> NDArray[np.float64]:
    """Design a symmetric windowed sinc [shape=(12 * factor + 1,)] whose taps sum to 1."""
    n = np.arange(-LOBES * factor, LOBES * factor + 1)
    f = np.sinc(PASSBAND * n / factor) * np.kaiser(n.size, KAISER_BETA)
    return f / f.sum()
