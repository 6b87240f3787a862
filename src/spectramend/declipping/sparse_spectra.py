"""A start for heavy clipping: the sparsest spectrum whose signal is within the bounds.

Where most samples are clipped, quadratic penalties keep the estimate near its bounds: they charge
for amplitude. Counting cells does not. With the Parseval frame S, cells are kept if the mean power
of three frames around them is among the k largest of their frame, and k grows (after A-SPADE,
Kitic, Bertin & Gribonval 2015; the neighbourhood is that of social sparsity, Kowalski et al. 2013):

    Z = H_k(S x + U)
    x = projection of S^T (Z - U) onto the bounds                                          (1)
    U = U + S x - Z

A-SPADE solves windows one by one (`sparse_windows`); here all share one signal, whose frames agree
at each step. The first is better for dense music, the second for single voices, and the mean of
both for either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.declipping.sparse_windows import sparse_frames

# Chosen on the development music at 1 and 3 dB input SDR.
NEIGHBOURS = 3  # frames
FIRST_KEPT = 60 / 8192  # cells of a frame, for each sample of a window
LAST_KEPT = 0.5  # of the bins of a frame
GROWTH = 0.003  # of k in a step, relative; half of it gains a little
LEAST_GROWTH = 0.3 / 8192  # of k in a step, in cells, for each sample of a window
FRAMES_LEAST_GROWTH = 1 / 8192  # the same of frames that are restored apart
ENOUGH = 1e-3  # norm of S x - Z over that of the signal: nothing is left to be added


def kept_cells(n_window: int, last: float, growth: float, least: float) -> Iterator[int]:
    """Give how many cells of a frame are kept in each step, up to `last` of them.

    k grows by the factor `growth`, and by `least` for each sample of a window at least.

    >>> list(kept_cells(2048, 19.0, 0.01, 1 / 2048))
    [16, 17, 18, 19]
    """
    k = FIRST_KEPT * n_window
    while k + max(growth * k, least * n_window) <= last:
        k += max(growth * k, least * n_window)
        yield max(1, int(k))


def told(kept: Iterable[int], tick: Callable[[], None]) -> Iterator[int]:
    """Call `tick`, which may raise an exception to stop, before each step."""
    for k in kept:
        tick()
        yield k


def sparse_start(
    frame: ParsevalFrame,
    start: NDArray[np.float32],
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    *,
    growth: float = GROWTH,
    tick: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Average the estimate of (1) and that of frames restored apart, from a start [shape=(n,)]."""
    padded = ParsevalFrame(frame.n_window, frame.length, 2 * frame.n_window)
    kept = kept_cells(frame.n_window, padded.n_bins, growth, FRAMES_LEAST_GROWTH)
    apart = sparse_frames(padded, start, lower, upper, told(kept, tick))
    together = sparse_estimate(frame, start, lower, upper, growth=growth, tick=tick)
    mean: NDArray[np.float32] = np.clip((apart + together) / 2, lower, upper)
    return mean


def sparse_estimate(
    S: ParsevalFrame,
    start: NDArray[np.float32],
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    *,
    growth: float = GROWTH,
    tick: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Iterate (1) from a start within the bounds [shape=(n,)]."""
    x, SX = start, S.analysis(start)
    U = np.zeros_like(SX)
    bins = SX.shape[1]
    enough = ENOUGH * float(np.linalg.norm(start))
    for k in told(kept_cells(S.n_window, LAST_KEPT * bins, growth, LEAST_GROWTH), tick):
        Z = SX + U
        power = uniform_filter1d(Z.real**2 + Z.imag**2, NEIGHBOURS, axis=0, mode="nearest")
        largest = bins - 1 - k
        least = np.partition(power, largest, axis=1)[:, largest, np.newaxis]
        Z *= power > least
        x = np.clip(S.synthesis(Z - U), lower, upper)
        SX = S.analysis(x)
        residual = SX - Z
        U += residual
        if np.sqrt(2) * float(np.linalg.norm(residual)) < enough:
            break
    return x
