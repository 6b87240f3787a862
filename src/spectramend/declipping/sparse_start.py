"""A start for heavy clipping: the sparsest spectrum whose signal is within the bounds.

Where most samples are clipped, quadratic penalties keep the estimate near its bounds: they charge
for amplitude. Counting cells does not. With the Parseval frame S, cells are kept if the mean power
of three frames around them is among the k largest of their frame, and k grows (after A-SPADE,
Kitic, Bertin & Gribonval 2015; the neighbourhood is that of social sparsity, Kowalski et al. 2013):

    Z = H_k(S x + U)
    x = projection of S^T (Z - U) onto the bounds                                          (1)
    U = U + S x - Z

A-SPADE solves windows one by one; here all share one signal, whose frames agree at each step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from spectramend.declipping.parseval_frame import ParsevalFrame

# Chosen on the development music at 1 and 3 dB input SDR.
NEIGHBOURS = 3  # frames
FIRST_KEPT = 60 / 4096  # of the bins of a frame
LAST_KEPT = 0.5  # of the bins of a frame
GROWTH = 0.0015  # of k in a step, relative; twice as fast costs 0.3 dB
FEWEST_GROWTH = 0.3 / 4096  # of k in a step, in bins of a frame, at least
ENOUGH = 1e-3  # norm of S x - Z over that of the signal: nothing is left to be added


def sparse_estimate(
    S: ParsevalFrame,
    start: NDArray[np.float32],
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    *,
    growth: float = GROWTH,
) -> NDArray[np.float32]:
    """Iterate (1) from a start within the bounds [shape=(n,)]."""
    x, SX = start, S.forward(start)
    U = np.zeros_like(SX)
    bins = SX.shape[1]
    enough = ENOUGH * float(np.linalg.norm(start))
    k = FIRST_KEPT * bins
    while k < LAST_KEPT * bins:
        k += max(growth * k, FEWEST_GROWTH * bins)
        Z = SX + U
        power = uniform_filter1d(Z.real**2 + Z.imag**2, NEIGHBOURS, axis=0, mode="nearest")
        largest = bins - 1 - int(k)
        least = np.partition(power, largest, axis=1)[:, largest, np.newaxis]
        Z *= power > least
        x = np.clip(S.adjoint(Z - U), lower, upper)
        SX = S.forward(x)
        residual = SX - Z
        U += residual
        if np.sqrt(2) * float(np.linalg.norm(residual)) < enough:
            break
    return x
