"""The free samples of a channel: which start, frames and course estimate them.

The share of clipped samples says little of how hard a recording is clipped: a chord has half of its
samples clipped at an input SDR where a struck piano has a tenth. What decides is the input SDR
itself, the ratio of the signal to what clipping took, as the Hermite start estimates it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectramend.declipping.bounds import SampleBounds
from spectramend.declipping.hermite_start import hermite_start
from spectramend.declipping.map_estimate import Continuation, map_estimate
from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.declipping.segments import free_segments
from spectramend.declipping.sparse_start import sparse_estimate
from spectramend.declipping.variances import (
    GeometricMeanVariance,
    NMFVariance,
    SocialVariance,
    VarianceModel,
)

Status = Literal["done", "nothing to restore", "nothing observed", "not finite"]

LONGEST_WINDOW_S = 0.186  # s, 8192 samples at 44.1 kHz


@dataclass(frozen=True)
class EstimateOptions:
    """How samples are estimated within their bounds.

    Attributes
    ----------
    fast : bool
        Do with fewer steps: weaker, see the table of docs/declipping.md.
    consistent : bool
        Project the estimate onto the bounds.
    """

    fast: bool = False
    consistent: bool = True


@dataclass(frozen=True, eq=False)
class Estimate:
    """Samples within their bounds, and how the estimation ended."""

    samples: NDArray[np.float64]  # [shape=(n,)]
    status: Status


DEFAULT_OPTIONS = EstimateOptions()


def estimate_within(
    y: NDArray[np.float64],
    bounds: SampleBounds,
    sr: float,
    *,
    options: EstimateOptions = DEFAULT_OPTIONS,
    rng: np.random.Generator,
    tick: Callable[[float], None] = lambda share: None,
) -> Estimate:
    """Estimate the samples of a channel that are known to an interval only.

    Parameters
    ----------
    y : numpy.ndarray [shape=(n,), dtype=float64]
        The recorded samples.
    bounds : SampleBounds
        Where each true sample lies.
    sr : float
        Sample rate in Hz.
    options : EstimateOptions
    rng : numpy.random.Generator
        Source of the start of NMF.
    tick : callable
        Is told the share of the work that is done, from 0 to 1.

    Returns
    -------
    Estimate
    """
    free = bounds.free
    if not free.any():
        return Estimate(y.copy(), "nothing to restore")
    if not np.isfinite(y).all():
        return Estimate(y.copy(), "not finite")
    if not np.any(y):
        return Estimate(y.copy(), "nothing observed")
    x = y.copy()
    planned = free_segments(free, sr)
    for i, segment in enumerate(planned):
        seen = bounds.part(segment.first, segment.last)
        own = slice(segment.start - segment.first, segment.stop - segment.first)
        part = estimate_segment(y[segment.first : segment.last], seen, sr, options=options, rng=rng)
        x[segment.start : segment.stop] = part[own]
        tick((i + 1) / len(planned))
    x[~free] = y[~free]
    return Estimate(bounds.nearest(x) if options.consistent else x, "done")


def estimate_segment(
    y: NDArray[np.float64],
    bounds: SampleBounds,
    sr: float,
    *,
    options: EstimateOptions = DEFAULT_OPTIONS,
    rng: np.random.Generator,
    tick: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Estimate all samples of a stretch [shape=(n,)] at once; see `estimate_within`.

    `tick` is called at each outer step, and may raise an exception to stop.
    """
    peak = float(np.abs(y).max()) or 1.0
    # Single precision needs samples of about 1.
    near = bounds.scaled(1 / peak)
    start = hermite_start(y / peak, near)
    lower, upper = (b.astype(np.float32) for b in (near.lower, near.upper))
    longest = 2 ** round(np.log2(LONGEST_WINDOW_S * sr))
    frames = [ParsevalFrame(length, start.size) for length in (longest, longest // 2)]
    x = start.astype(np.float32)
    models: list[VarianceModel] = [
        GeometricMeanVariance(SocialVariance(), NMFVariance(rng)) for _ in frames
    ]
    sdr = input_sdr(start, y / peak)
    if sdr < 4.0:
        x = sparse_estimate(frames[0], x, lower, upper)
        course = Continuation(4e-3, 1e-4, -1.0, 0.0, 10, 60)
    else:
        course = Continuation(2e-2, 1e-4, -1.0, 0.0, 20, 60)
    x = map_estimate(frames, models, x, lower, upper, course, tick)
    return peak * x.astype(np.float64)


def input_sdr(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Estimate the SDR of clipped samples y in dB from an estimate x of the signal."""
    lost = float(np.sum((x - y) ** 2))
    return 10 * float(np.log10(np.sum(x**2) / lost)) if lost > 0 else np.inf
