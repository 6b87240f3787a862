"""The free samples of a channel: which start, frames and course estimate them.

The share of clipped samples says little of how hard a recording is clipped: a chord has half of its
samples clipped at an input SDR where a struck piano has a tenth. What decides is the input SDR
itself, the ratio of the signal to what clipping took, as the Hermite start estimates it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectramend.declipping.bounds import SampleBounds
from spectramend.declipping.hermite_start import hermite_start
from spectramend.declipping.map_estimate import Continuation, map_estimate
from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.declipping.segments import free_segments
from spectramend.declipping.sparse_start import GROWTH, sparse_estimate
from spectramend.declipping.variances import (
    NEIGHBOURHOOD,
    GeometricMeanVariance,
    NMFVariance,
    SocialVariance,
    VarianceModel,
)
from spectramend.declipping.wiener_estimate import wiener_estimate

Status = Literal["done", "nothing to restore", "nothing observed", "not finite"]

# Chosen on excerpts of four pieces of the development music, at 1 to 15 dB input SDR.
LONGEST_WINDOW_S = 0.186  # s, 8192 samples at 44.1 kHz
LONG_WINDOWS = (1, 2)  # parts of the longest window
SHORT_WINDOWS = (2, 4)
QUANTIZED_NEIGHBOURHOOD = (3, 3)  # frames and bins
# Input SDR in dB as the Hermite start tells it, which is 0 to 3 dB too much.
HEAVY_DB = 2.0  # below: the sparsest spectrum is the only good start
MODERATE_DB = 4.0  # below: both starts are good, and their mean is better
LIGHT_DB = 8.0  # from here on shorter windows are as good, and the mean is better
# Courses of e and p. From a sparse estimate e starts late, so that what was found is kept.
FROM_SPARSE = Continuation(4e-3, 1e-4, -1.0, 0.0, steps=10, products=60)
CONCAVE = Continuation(5e-2, 1e-4, -1.0, 0.0, steps=25, products=60)
PLAIN = Continuation(2e-2, 1e-4, 0.0, 0.0, steps=20, products=60)
FAST = Continuation(2e-2, 1e-4, -0.5, 0.0, steps=10, products=40)
FAST_GROWTH = 4 * GROWTH


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
) -> NDArray[np.float64]:
    """Estimate all samples of a stretch [shape=(n,)] at once; see `estimate_within`."""
    peak = float(np.abs(y).max()) or 1.0
    # Single precision needs samples of about 1.
    near = bounds.scaled(1 / peak)
    width = near.upper - near.lower
    quantized = bool(np.isfinite(width).all())
    start = y / peak if quantized else hermite_start(y / peak, near)
    problem = _Problem(
        start.astype(np.float32),
        near.lower.astype(np.float32),
        near.upper.astype(np.float32),
        2 ** round(np.log2(LONGEST_WINDOW_S * sr)),
        rng,
    )
    if quantized:
        return peak * problem.posterior_mean(float(np.mean(width**2)) / 12).astype(np.float64)
    estimates = _estimates(problem, input_sdr(start, y / peak), options.fast)
    return peak * np.mean(estimates, axis=0, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is known of a stretch, in single precision."""

    start: NDArray[np.float32]  # [shape=(n,)]
    lower: NDArray[np.float32]  # [shape=(n,)]
    upper: NDArray[np.float32]  # [shape=(n,)]
    longest: int  # samples of the longest window
    rng: np.random.Generator

    def frames(self, parts: Sequence[int]) -> list[ParsevalFrame]:
        """Make frames of windows that are these parts of the longest."""
        return [ParsevalFrame(self.longest // part, self.start.size) for part in parts]

    def sparse(self, growth: float) -> NDArray[np.float32]:
        """Estimate the sparsest spectrum in the longest window."""
        S = ParsevalFrame(self.longest, self.start.size)
        return sparse_estimate(S, self.start, self.lower, self.upper, growth=growth)

    def most_probable(
        self,
        start: NDArray[np.float32],
        parts: Sequence[int],
        course: Continuation,
        *,
        nmf: bool = True,
    ) -> NDArray[np.float32]:
        """Maximise the posterior from a start, under variances of a neighbourhood and of NMF."""
        frames = self.frames(parts)
        models: list[VarianceModel] = [
            self._geometric_mean(NEIGHBOURHOOD) if nmf else SocialVariance() for _ in frames
        ]
        return map_estimate(frames, models, start, self.lower, self.upper, course)

    def posterior_mean(self, error_variance: float) -> NDArray[np.float32]:
        """Estimate quantized samples whose errors have this variance."""
        frames = self.frames(SHORT_WINDOWS)
        models = [self._geometric_mean(QUANTIZED_NEIGHBOURHOOD) for _ in frames]
        return wiener_estimate(frames, models, self.start, self.lower, self.upper, error_variance)

    def _geometric_mean(self, neighbourhood: tuple[int, int]) -> GeometricMeanVariance:
        return GeometricMeanVariance(SocialVariance(neighbourhood), NMFVariance(self.rng))


def _estimates(problem: _Problem, sdr: float, fast: bool) -> list[NDArray[np.float32]]:
    """Make the estimates that are averaged at an input SDR in dB; one of them if `fast`."""
    if sdr < HEAVY_DB:
        start = problem.sparse(FAST_GROWTH if fast else GROWTH)
        return [problem.most_probable(start, LONG_WINDOWS, FROM_SPARSE, nmf=False)]
    if fast:
        return [problem.most_probable(problem.start, LONG_WINDOWS, FAST)]
    if sdr < MODERATE_DB:
        sparse = problem.sparse(GROWTH)
        return [
            problem.most_probable(problem.start, LONG_WINDOWS, CONCAVE),
            problem.most_probable(sparse, LONG_WINDOWS, FROM_SPARSE),
        ]
    estimates = [problem.most_probable(problem.start, LONG_WINDOWS, PLAIN)]
    if sdr >= LIGHT_DB:
        estimates.append(problem.most_probable(problem.start, SHORT_WINDOWS, PLAIN))
    return estimates


def input_sdr(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Estimate the SDR of clipped samples y in dB from an estimate x of the signal."""
    lost = float(np.sum((x - y) ** 2))
    return 10 * float(np.log10(np.sum(x**2) / lost)) if lost > 0 else np.inf
