"""Signals that agree best with weighted cells: consistent Wiener filtering.

Let S be the transform, and D how often a cell stands among the n_fft frequencies: once at 0 Hz and
at the Nyquist frequency, else twice. Cells are complex Gaussian, the reliable ones X with variance
eps, the hidden ones mu with variance lambda. Twice the negative logarithm of their density is, up
to a constant,

    sum_reliable D |S x - X|**2 / eps  +  sum_hidden D |S x - mu|**2 / lambda,                   (1)

and with P for 1 / eps or 1 / lambda, and Y for X or mu, the signal that minimises it solves

    S^H D P S x = S^H D P Y                                                                      (2)

with the true adjoint S^H. Conjugate gradients do so with the diagonal of the matrix as
preconditioner, for those samples that are free, and for each stretch of them on its own.
`consistent_mean` does so for all samples, without D and with another preconditioner.

References: J. Le Roux and E. Vincent, "Consistent Wiener filtering for audio source separation",
IEEE Signal Processing Letters 20(3), 2013. Fixed samples are our addition. M. R. Hestenes and
E. Stiefel, J. Res. Natl. Bur. Stand. 49(6), 1952.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.conjugate_gradients import preconditioned_cg
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError


@dataclass(frozen=True, eq=False)
class Prior:
    """What is believed of the cells, for (1).

    Parameters
    ----------
    mean : array_like [shape=(F, N), complex] or complex
        What each hidden cell is expected to be; reliable cells are not looked at.
    variance : array_like [shape=(F, N), > 0] or float
        How uncertain that is, ``E|z - mean|**2``; ``inf`` where nothing is believed.
    noise : float, > 0
        Variance of the reliable cells.
    guess : array_like [shape=(length,)], optional
        A signal from which to start as well as from 0; where neither converges, the lower minimum
        of both is kept.

    Examples
    --------
    Eight hidden columns, and a prior that knows the power of their cells, but no phase:

    >>> from spectramend.reconstruction.stft_recovery import recover
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> x = np.sin(0.3 * np.arange(400))
    >>> X = stft.forward(x)
    >>> observed = np.ones(X.shape, bool)
    >>> observed[:, 10:18] = False
    >>> prior = Prior(mean=0.0, variance=np.abs(X) ** 2 + 1e-6, noise=1e-9)
    >>> for belief in (None, prior):
    ...     found = recover(X, observed, stft=stft, length=400, prior=belief)
    ...     print(np.sum(~found.known), f"{np.abs(found.samples - x).max():.2f}")
    81 1.00
    81 0.03
    """

    mean: ArrayLike
    variance: ArrayLike
    noise: float
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
    """Find the signal that fits the mean and variance of all cells best.

    Parameters
    ----------
    mean : ndarray [shape=(F, N), complex]
        Mean of each cell.
    variance : ndarray [shape=(F, N), > 0]
        Its variance.
    stft : STFT
        The transform S.
    length : int
        Samples of the signal.
    max_iter : int
        Iterations of conjugate gradients at most.
    tol : float
        Part of its first value to which the norm of the preconditioned residual has to fall.

    Returns
    -------
    ndarray [shape=(length,)]
        The minimiser x of ``sum |S x - mean|**2 / variance``.

    Notes
    -----
    The normal equations are ``S^H v^-1 S x = S^H v^-1 mean`` with the true adjoint S^H; the
    preconditioner ``S^H v S`` would be their inverse, up to a factor, if S were unitary.

    References
    ----------
    .. [1] J. Le Roux and E. Vincent, "Consistent Wiener filtering for audio source separation",
       IEEE Signal Processing Letters 20(3), 2013.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> x = np.sin(0.3 * np.arange(400))
    >>> X = stft.forward(x)
    >>> found = consistent_mean(X, np.ones(X.shape), stft=stft, length=400)
    >>> bool(np.allclose(found, x))
    True
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
    """Give the means of hidden cells, and the precision of all, in units of the highest."""
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
    """Take a first guess."""
    signal = np.asarray(guess, np.float64)
    if signal.shape != (length,) or not np.isfinite(signal).all():
        raise MismatchError(
            f"guess has shape {signal.shape}: give a vector of {length} finite samples."
        )
    return signal


class Minimum(NamedTuple):
    """What `minimise` finds, and the error with which noise came back [shape=(length,)]."""

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
    """Minimise ``sum D*precision*|S x - target|**2`` over the free samples, stretch by stretch."""
    rest = target - stft.forward(fixed)
    weight = frequency_counts(stft) * precision
    samples, error = fixed.copy(), np.zeros(free.size)
    converged, n_iter = True, 0
    for part, frames, inside in _stretches(free, stft):
        goals = rest[None, :, frames]
        if noise is not None:
            known = inside * noise[:, part]
            goals = np.concatenate([goals, stft.forward(known)])
        found, done, count = _solve(goals, weight[:, frames], inside, stft, max_iter, tol)
        samples[part] += found[0]
        if noise is not None:
            error[part] += np.sqrt(np.mean((found[1:] - known) ** 2, axis=0))
        converged, n_iter = converged and done, max(n_iter, count)
    return Minimum(samples, error, "converged" if converged else "max_iter", n_iter)


def energy(
    x: NDArray[np.float64], target: NDArray[Any], precision: NDArray[Any], stft: STFT
) -> float:
    """Evaluate (1)."""
    return float(np.sum(frequency_counts(stft) * precision * np.abs(stft.forward(x) - target) ** 2))


def _stretches(
    free: NDArray[np.bool_], stft: STFT
) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """Cut a signal between free samples that share no frame: samples, frames, and which are free.

    A part begins with a hop and has a frame of fixed samples on both sides, so that its transform
    has all frames that see its free samples.
    """
    at = np.flatnonzero(free)
    for run in np.split(at, np.flatnonzero(np.diff(at) >= stft.n_fft) + 1):
        first = max(0, int(run[0]) - stft.n_fft) // stft.hop_length
        start = first * stft.hop_length
        stop = min(free.size, int(run[-1]) + stft.n_fft + 1)
        inside = np.zeros(stop - start, bool)
        inside[run - start] = True
        yield slice(start, stop), slice(first, first + stft.n_frames(stop - start)), inside


def _solve(
    goals: NDArray[Any],
    weight: NDArray[Any],
    free: NDArray[np.bool_],
    stft: STFT,
    max_iter: int,
    tol: float,
) -> tuple[NDArray[np.float64], bool, int]:
    """Solve (2) for spectra [shape=(R, F, N)]; tell whether that converged, and in n steps."""
    length = free.size
    diagonal = coverage_of(np.sum(weight, axis=0), stft, length)
    inverse = np.divide(1.0, diagonal, out=np.zeros(length), where=free & (diagonal > 0))

    found = preconditioned_cg(
        lambda p: stft.adjoint(weight * stft.forward(p), length=length),
        stft.adjoint(weight * goals, length=length),
        precondition=lambda r: inverse * r,
        dot=lambda a, b: np.sum(a * b, axis=-1, keepdims=True),
        max_iter=max_iter,
        tol=tol,
    )
    return found.x, found.converged, found.n_iter


def frequency_counts(stft: STFT) -> NDArray[np.float64]:
    """Count how often each cell stands among the n_fft frequencies: D of (1) [shape=(F, 1)]."""
    D = np.full((stft.n_bins, 1), 2.0)
    D[0] = 1
    if stft.n_fft % 2 == 0:
        D[-1] = 1
    return D


def coverage_of(share: NDArray[Any], stft: STFT, length: int) -> NDArray[np.float64]:
    """Sum the squared window over frames that count by these shares [shape=(N,)]."""
    w2 = stft.window_samples**2
    before = stft.n_fft // 2 if stft.center else 0
    coverage = np.zeros((share.size - 1) * stft.hop_length + stft.n_fft)
    for t in np.flatnonzero(share):
        start = t * stft.hop_length
        coverage[start : start + stft.n_fft] += share[t] * w2
    return coverage[before : before + length]
