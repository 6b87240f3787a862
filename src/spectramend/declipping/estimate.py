"""The free samples of a channel: which start, frames and course estimate them.

The share of clipped samples says little of how hard a recording is clipped: a chord has half of its
samples clipped at an input SDR where a struck piano has a tenth. What decides is the input SDR
itself, the ratio of the signal to what clipping took, as the starts estimate it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectramend.declipping.bounds import SampleBounds
from spectramend.declipping.cubic_bridges import hermite_start
from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.declipping.posterior_mean import wiener_estimate
from spectramend.declipping.posterior_mode import Continuation, map_estimate
from spectramend.declipping.segmentation import free_segments
from spectramend.declipping.sparse_spectra import GROWTH, sparse_start
from spectramend.declipping.variances import (
    NEIGHBOURHOOD,
    GeometricMeanVariance,
    NMFVariance,
    SocialVariance,
    VarianceModel,
)

Status = Literal["done", "nothing to restore", "nothing observed", "not finite"]

# Chosen on excerpts of the development music and voices, at 1 to 15 dB input SDR.
SHORTEST_S, LONGEST_S = 0.02, 0.4  # s, of the windows that are compared
NEAR_LEAST = 1.015  # of the least l1 norm
SHORT_S = 0.1  # s: shorter windows fit voices and noise, whose powers change from frame to frame
SMALL_NEIGHBOURHOOD = (3, 3)  # frames and bins, for these and for quantized samples
# Input SDR in dB: as the Hermite start tells it, 0 to 4 dB too much, and as the sparse one does.
SPARSE_DB = 8.0  # below, by the Hermite start: a sparse start is tried
HEAVY_DB = 2.0  # below: the sparse start is the only good one
MODERATE_DB = 4.0  # below: the other one needs a concave penalty
MIXED_DB = 6.0  # below: the mean of what comes of both starts is better than either
# Courses of e and p. From a sparse start e begins late, so that what was found is kept.
FROM_SPARSE = Continuation(4e-3, 1e-4, -1.0, 0.0, steps=10, products=60)  # relative
CONCAVE = Continuation(5e-2, 1e-4, -1.0, 0.0, steps=25, products=60)  # relative
PLAIN = Continuation(2e-2, 1e-4, 0.0, 0.0, steps=20, products=60)  # relative
FAST = Continuation(2e-2, 1e-4, -0.5, 0.0, steps=10, products=40)  # relative; engineering choice
FAST_GROWTH = 4 * GROWTH  # of k in a step, relative; engineering choice: a quarter of the time


@dataclass(frozen=True)
class EstimateOptions:
    """How samples are estimated within their bounds.

    Attributes
    ----------
    fast : bool
        Do with fewer steps where samples are clipped: weaker, see docs/declipping.md. Quantized
        ones take little time as it is.
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
        How samples are estimated.
    rng : numpy.random.Generator
        Source of the start of NMF.
    tick : callable
        Is told the share of the work that is done, from 0 to 1.

    Returns
    -------
    Estimate
        Samples [shape=(n,)], of which the reliable ones are those of `y` bit for bit. Its status is
        ``"nothing to restore"``, ``"nothing observed"`` (silence) or ``"not finite"`` where `y` is
        returned as it was.

    Examples
    --------
    >>> from spectramend.declipping import clipping_bounds
    >>> x = np.sin(0.05 * np.arange(4000))
    >>> y = np.clip(x, -0.6, 0.6)
    >>> rng = np.random.default_rng(0)
    >>> found = estimate_within(y, clipping_bounds(y, -0.6, 0.6), 8000, rng=rng)
    >>> found.status, bool(np.abs(found.samples - x)[500:-500].max() < 0.01)
    ('done', True)
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
    width = bounds.upper - bounds.lower
    quantized = bool(np.isfinite(width).all())
    start = y if quantized else hermite_start(y, bounds)
    # Single precision, and the residual of `sparse_windows`, need samples up to about 1.
    peak = float(np.abs(start).max()) or 1.0
    problem = _Problem(
        (start / peak).astype(np.float32),
        (bounds.lower / peak).astype(np.float32),
        (bounds.upper / peak).astype(np.float32),
        (y / peak).astype(np.float32),
        rng,
        tick,
    )
    n_window = best_window(problem.start, sr)
    if quantized:
        error_variance = float(np.mean((width / peak) ** 2)) / 12
        return peak * problem.posterior_mean(n_window, error_variance).astype(np.float64)
    estimates = _estimates(problem, n_window, n_window < SHORT_S * sr, options.fast)
    mean = np.asarray(np.mean(estimates, axis=0, dtype=np.float64))
    return peak * mean


def best_window(x: NDArray[np.float32], sr: float) -> int:
    """Find the longest power of two for which the l1 norm of the spectrum of x is about the least.

    x has the shape (n,). What is left of clipping favours short windows by a little.
    """
    exponents = range(
        max(3, round(np.log2(SHORTEST_S * sr))), max(3, int(np.log2(LONGEST_S * sr))) + 1
    )
    frames = [ParsevalFrame(1 << exponent, x.size) for exponent in exponents]
    norms = [float(np.abs(S.analysis(x)).sum()) for S in frames]
    near = np.flatnonzero(np.array(norms) <= NEAR_LEAST * min(norms))
    return frames[int(near[-1])].n_window


@dataclass(frozen=True, eq=False)
class _Problem:
    """What is known of a stretch, in single precision."""

    start: NDArray[np.float32]  # [shape=(n,)]
    lower: NDArray[np.float32]  # [shape=(n,)]
    upper: NDArray[np.float32]  # [shape=(n,)]
    recorded: NDArray[np.float32]  # [shape=(n,)]
    rng: np.random.Generator
    tick: Callable[[], None]

    def frames(self, n_window: int) -> list[ParsevalFrame]:
        """Make the frames of a window and of its half."""
        return [ParsevalFrame(n, self.start.size) for n in (n_window, n_window // 2)]

    def sparse(self, n_window: int, growth: float) -> NDArray[np.float32]:
        """Estimate a sparse spectrum."""
        S = ParsevalFrame(n_window, self.start.size)
        return sparse_start(S, self.start, self.lower, self.upper, growth=growth, tick=self.tick)

    def most_probable(
        self,
        n_window: int,
        course: Continuation,
        *,
        start: NDArray[np.float32] | None = None,
        neighbourhood: tuple[int, int] = NEIGHBOURHOOD,
        nmf: bool = True,
    ) -> NDArray[np.float32]:
        """Maximise the posterior from a start, the problem's if none is given."""
        frames = self.frames(n_window)
        models = [self._model(neighbourhood, nmf) for _ in frames]
        x = self.start if start is None else start
        return map_estimate(frames, models, x, self.lower, self.upper, course, self.tick)

    def posterior_mean(self, n_window: int, error_variance: float) -> NDArray[np.float32]:
        """Estimate quantized samples whose errors have this variance."""
        frames = self.frames(n_window // 2)
        models = [self._model(SMALL_NEIGHBOURHOOD, True) for _ in frames]
        return wiener_estimate(frames, models, self.start, self.lower, self.upper, error_variance)

    def _model(self, neighbourhood: tuple[int, int], nmf: bool) -> VarianceModel:
        social = SocialVariance(neighbourhood)
        return GeometricMeanVariance(social, NMFVariance(self.rng)) if nmf else social


def _estimates(
    problem: _Problem, n_window: int, short: bool, fast: bool
) -> list[NDArray[np.float32]]:
    """Make the estimates that are averaged; one of them if `fast`."""
    sdr = input_sdr(problem.start, problem.recorded)
    sparse = None
    if sdr < (HEAVY_DB if fast else SPARSE_DB):
        sparse = problem.sparse(n_window, FAST_GROWTH if fast else GROWTH)
        sdr = input_sdr(sparse, problem.recorded)
    if sparse is not None and (fast or sdr < HEAVY_DB):
        return [problem.most_probable(n_window, FROM_SPARSE, start=sparse, nmf=False)]
    if fast:
        return [problem.most_probable(n_window, FAST)]
    estimates = []
    if sparse is not None and sdr < MIXED_DB:
        estimates.append(
            problem.most_probable(n_window, FROM_SPARSE, start=sparse, nmf=sdr >= MODERATE_DB)
        )
    concave = sparse is not None and sdr < MODERATE_DB
    estimates.append(problem.most_probable(n_window, CONCAVE if concave else PLAIN))
    if short:
        estimates.append(
            problem.most_probable(n_window, CONCAVE, neighbourhood=SMALL_NEIGHBOURHOOD, nmf=False)
        )
    elif sparse is None:
        estimates.append(problem.most_probable(n_window // 2, PLAIN))
    return estimates


def input_sdr(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Estimate the SDR of clipped samples y in dB from an estimate x of the signal."""
    lost = float(np.sum((x - y) ** 2))
    return 10 * float(np.log10(np.sum(x**2) / lost)) if lost > 0 else np.inf
