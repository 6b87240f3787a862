"""Consistent Wiener filtering: the posterior mean of a signal, given Gaussian cells of a spectrum.

Let S be the transform, and D how often a cell stands among the n_fft frequencies: once at 0 Hz and
at the Nyquist frequency, else twice. Reliable cells have the mean X and the variance eps, hidden
ones the mean mu and the variance lambda. Twice the negative log-likelihood of a signal x is, up to
a constant, the sum of weighted squares

    sum_reliable D |S x - X|**2 / eps  +  sum_hidden D |S x - mu|**2 / lambda,                   (1)

and with P for 1 / eps or 1 / lambda, and Y for X or mu, its minimiser solves

    S^H D P S x = S^H D P Y                                                                      (2)

with the true adjoint S^H. `minimise` does so by conjugate gradients with the diagonal of the matrix
as preconditioner, for the samples that are free, each stretch of them on its own. `consistent_mean`
does so for all samples, without D; there ``S^H P^-1 S`` is the preconditioner, which would be the
inverse of the matrix, up to a factor, if S were unitary.

Reference: J. Le Roux and E. Vincent, "Consistent Wiener filtering for audio source separation",
IEEE Signal Processing Letters 20(3), 2013. Fixed samples are our addition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.conjugate_gradients import Solution, preconditioned_cg
from spectramend.core.intervals import join, runs
from spectramend.core.stft import STFT, bin_counts
from spectramend.errors import MismatchError, ParameterError


@dataclass(frozen=True, eq=False)
class Prior:
    """Prior distribution of the hidden cells, and the noise of the reliable ones, for (1)."""

    mean: ArrayLike  # [shape=(F, N), or a number] mu; reliable cells are not used
    variance: ArrayLike  # [shape=(F, N), or a number, > 0] lambda; inf where nothing is known
    noise: float  # eps, > 0
    # [shape=(length,)] A second start, beside 0: if neither converges, the lower minimum is kept.
    guess: ArrayLike | None = None


def consistent_mean(
    mean: NDArray[Any],
    variance: NDArray[Any],
    *,
    stft: STFT,
    length: int,
    max_iter: int = 30,
    tol: float = 1e-4,
) -> NDArray[Any]:
    """Minimise ``sum |S x - mean|**2 / variance`` over signals x [shape=(length,)].

    mean [shape=(F, N), complex], variance [shape=(F, N), > 0]; S is `stft`. The iteration stops
    when the norm of the preconditioned residual has fallen to `tol` of its first value.
    """
    precision = 1 / variance
    return preconditioned_cg(
        lambda x: stft.adjoint(precision * stft.forward(x), length=length),
        stft.adjoint(precision * mean, length=length),
        precondition=lambda r: stft.adjoint(variance * stft.forward(r), length=length),
        start=stft.inverse(mean, length=length),
        max_iter=max_iter,
        tol=tol,
    ).x


def means_and_precisions(
    prior: Prior, reliable: NDArray[np.bool_]
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Give the means of hidden cells, and the precisions of all cells relative to the highest."""
    fields = []
    for name, value in (("mean", prior.mean), ("variance", prior.variance)):
        field = np.asarray(value)
        if field.ndim and field.shape != reliable.shape:
            raise MismatchError(
                f"prior.{name} has shape {field.shape}, observed {reliable.shape}: make equal."
            )
        fields.append(np.broadcast_to(field, reliable.shape))
    mean = np.where(reliable, 0, fields[0]).astype(np.complex128)
    variance = np.where(reliable, 1, fields[1]).astype(np.float64)
    if not np.isfinite(mean).all():
        raise ParameterError("prior.mean has hidden cells that are not finite: give numbers.")
    if not (variance > 0).all():
        raise ParameterError("prior.variance has hidden cells that are not positive.")
    if not 0 < prior.noise < np.inf:
        raise ParameterError(f"prior.noise={prior.noise}: give a positive number.")
    variance = np.where(reliable, prior.noise, variance)
    return mean, variance.min() / variance


def as_signal(guess: ArrayLike, length: int) -> NDArray[np.float64]:
    """Check the first guess of a prior [shape=(length,)]."""
    signal = np.asarray(guess, np.float64)
    if signal.shape != (length,) or not np.isfinite(signal).all():
        raise MismatchError(
            f"guess has shape {signal.shape}: give a vector of {length} finite samples."
        )
    return signal


class Minimum(NamedTuple):
    """Result of `minimise`, and the error with which noise was recovered [shape=(length,)]."""

    samples: NDArray[np.float64]
    error: NDArray[np.float64]
    status: Literal["converged", "max_iter"]
    n_iter: int


def minimise(
    target: NDArray[Any],
    precision: NDArray[Any],
    fixed: NDArray[np.float64],
    free: NDArray[np.bool_],
    stft: STFT,
    max_iter: int,
    tol: float,
    noise: NDArray[np.float64] | None = None,
) -> Minimum:
    """Minimise ``sum D*precision*|S x - target|**2`` over the free samples, stretch by stretch.

    target, precision [shape=(F, N)]; fixed, free [shape=(length,)], `fixed` being the first
    iterate. Rows of `noise` [shape=(R, length)] are recovered through the same cells, to measure
    the error.
    """
    rest = target - stft.forward(fixed)
    weight = bin_counts(stft.n_fft)[:, None] * precision
    samples, error = fixed.copy(), np.zeros(free.size)
    converged, n_iter = True, 0
    for part, frames, inside in _stretches(free, stft):
        targets = rest[None, :, frames]
        if noise is not None:
            known = inside * noise[:, part]
            targets = np.concatenate([targets, stft.forward(known)])
        found = _solve(targets, weight[:, frames], inside, stft, max_iter, tol)
        samples[part] += found.x[0]
        if noise is not None:
            error[part] += np.sqrt(np.mean((found.x[1:] - known) ** 2, axis=0))
        converged, n_iter = converged and found.converged, max(n_iter, found.n_iter)
    return Minimum(samples, error, "converged" if converged else "max_iter", n_iter)


def energy(
    x: NDArray[np.float64], target: NDArray[Any], precision: NDArray[Any], stft: STFT
) -> float:
    """Evaluate (1)."""
    weight = bin_counts(stft.n_fft)[:, None] * precision
    return float(np.sum(weight * np.abs(stft.forward(x) - target) ** 2))


def _stretches(
    free: NDArray[np.bool_], stft: STFT
) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """Split a signal between free samples that share no frame: samples, frames, and which are free.

    A stretch begins with a hop and has a frame of fixed samples on both sides, so that its
    transform has all frames that cover its free samples.
    """
    for begin, end in join(((a, b) for a, b in runs(free).tolist()), stft.n_fft - 2):
        first = max(0, begin - stft.n_fft) // stft.hop_length
        start, stop = first * stft.hop_length, min(free.size, end + stft.n_fft)
        inside = np.zeros(stop - start, bool)
        inside[begin - start : end - start] = free[begin:end]
        yield slice(start, stop), slice(first, first + stft.n_frames(stop - start)), inside


def _solve(
    targets: NDArray[Any],
    weight: NDArray[Any],
    free: NDArray[np.bool_],
    stft: STFT,
    max_iter: int,
    tol: float,
) -> Solution:
    """Solve (2) for R target spectra [shape=(R, F, N)]."""
    length = free.size
    diagonal = coverage_of(np.sum(weight, axis=0), stft, length)
    inverse = np.divide(1.0, diagonal, out=np.zeros(length), where=free & (diagonal > 0))
    return preconditioned_cg(
        lambda p: stft.adjoint(weight * stft.forward(p), length=length),
        stft.adjoint(weight * targets, length=length),
        precondition=lambda r: inverse * r,
        dot=lambda a, b: np.sum(a * b, axis=-1, keepdims=True),
        max_iter=max_iter,
        tol=tol,
    )


def coverage_of(weight: NDArray[Any], stft: STFT, length: int) -> NDArray[np.float64]:
    """Sum the squared windows of frames with these weights [shape=(N,)] over samples (length,)."""
    w2 = stft.window_samples**2
    before = stft.n_fft // 2 if stft.center else 0
    coverage = np.zeros((weight.size - 1) * stft.hop_length + stft.n_fft)
    for t in np.flatnonzero(weight):
        start = t * stft.hop_length
        coverage[start : start + stft.n_fft] += weight[t] * w2
    return coverage[before : before + length]
