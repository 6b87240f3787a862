"""Recovery of a signal from the reliable cells of its spectrum, exact where they determine it.

Frames overlap, so that a spectrum with missing columns or cells may still determine most samples,
or all of them. Let S be the transform, M the reliable cells and D how often a cell stands among the
n_fft frequencies: once at 0 Hz and at the Nyquist frequency, else twice. The least-squares signals
of the reliable cells X solve

    A x = S^H D M X,   A = S^H D M S,   A[n, n] = sum_t w_t[n]**2 c_t,   c_t = sum_f D M[f, t]   (1)

with the true adjoint S^H and the window w_t of frame t. If whole columns are missing, c_t is n_fft
or 0, A is diagonal, and (1) is weighted overlap-add over the reliable frames x_t,

    x[n] = sum_t w_t[n] x_t[n] / sum_t w_t[n]**2,                                                (2)

exact wherever the denominator, the coverage, is not zero. It amplifies rounding by the condition

    condition[n] = sqrt(most coverage of any sample by all frames / coverage of n that is left). (3)

For other masks, samples of small condition by (3) are computed by (2), and conjugate gradients with
the diagonal of A as preconditioner solve (1) for the others. The condition of these is measured:
known noise is recovered through the same mask, and condition[n] is its error in units of the
rounding of float64, which is (3) where (2) holds; or (3) with the diagonal of A as coverage, a
lower bound of what (1) amplifies, if that is more.

With a prior of the hidden cells, samples that remain unknown minimise the weighted squares (1) of
`consistent_wiener`, the known ones being fixed.

References: D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier
transform", IEEE Trans. ASSP 32(2), 1984, eq. 6, which is (2) if all frames are reliable; leaving
frames out is ours. C. Bekas, E. Kokiopoulou and Y. Saad, "An estimator for the diagonal of a
matrix", Applied Numerical Mathematics 57, 2007: known noise estimates the diagonal of a matrix,
here of the projector on what (1) leaves undetermined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import plain
from spectramend.core.stft import STFT, bin_counts
from spectramend.errors import MismatchError, ParameterError
from spectramend.reconstruction.consistent_wiener import (
    Prior,
    as_signal,
    coverage_of,
    energy,
    means_and_precisions,
    minimise,
)

Status: TypeAlias = Literal["exact", "converged", "max_iter"]

EPS = float(np.finfo(np.float64).eps)
# Condition, times that rounding is amplified, of known samples at most. Engineering choice: the
# outermost samples under a Hann window of 2048 have 5e5.
MAX_CONDITION = 1e6
# Condition, times that rounding is amplified, up to which (2) is preferred to (1): engineering
# choice, a digit of float64.
SMALL_CONDITION = 10.0
# Rates of the chirps, in half-turns over squared samples, that are the known noise. Engineering
# choice: irrational, so that no period stands out.
CHIRP_RATES = (0.5 * (1 + 5**0.5), 2**0.5)


class Determined(NamedTuple):
    """Which samples are determined, and their condition; both have shape (length,)."""

    known: NDArray[np.bool_]
    condition: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recovery:
    """A signal [shape=(length,)], and which of its samples the reliable cells determine.

    The condition is exact up to 10 and where only whole columns are missing, elsewhere estimated.
    Only unknown samples differ from the minimum where conjugate gradients did not converge.
    """

    samples: NDArray[np.float64]
    known: NDArray[np.bool_]
    condition: NDArray[np.float64]  # times that rounding is amplified; inf where nothing is seen
    status: Status  # "exact" by overlap-add alone, else how conjugate gradients ended
    n_iter: int  # of the slowest stretch, those with and without the prior together


def determined_samples(
    observed: ArrayLike, *, stft: STFT, length: int, max_condition: float = MAX_CONDITION
) -> Determined:
    """Find the samples that reliable frames determine, by (3), which is exact.

    In `observed` [shape=(F, N), bool] only frames without a hidden cell count. Samples are known up
    to `max_condition`. Relative to the level of the signal around, their error stays under ten
    times the condition times the rounding of the spectrum: by default under 3e-9 if that is
    float64. For more error give about that of samples over that of cells: 1e3 for float32.
    """
    reliable = _as_mask(observed, stft, length)
    _check_condition(max_condition)
    whole = np.all(reliable, axis=0, keepdims=True)[0]
    condition = _condition(coverage_of(whole, stft, length), stft, length)
    return Determined(condition <= max_condition, condition)


def recover(
    X: ArrayLike,
    observed: ArrayLike,
    *,
    stft: STFT,
    length: int,
    prior: Prior | None = None,
    max_condition: float = MAX_CONDITION,
    max_iter: int = 500,
    tol: float = 1e-14,
) -> Recovery:
    """Recover a signal from the reliable cells of a spectrum, and say where they determine it.

    Hidden cells of `X` [shape=(F, N), complex] are never used. Samples are known up to
    `max_condition`, see `determined_samples`. Unknown ones minimise (1) of `consistent_wiener` if
    there is a prior; without one they are 0 where only whole columns are missing (unless their
    condition is at most 10), else what conjugate gradients find from a start at 0. These stop after
    `max_iter` iterations or when the preconditioned residual has fallen to `tol` of its first norm.
    """
    reliable = _as_mask(observed, stft, length)
    _check_options(max_condition, max_iter, tol)
    cells = _reliable_cells(X, reliable)
    mean, precision = (
        (0 * cells, reliable) if prior is None else means_and_precisions(prior, reliable)
    )
    scale = _scale(cells, mean)
    cells = cells / scale
    estimate = _overlap_add(cells, reliable, stft, length, max(max_condition, SMALL_CONDITION))
    free = estimate.condition > SMALL_CONDITION
    if free.any() and (reliable.any(axis=0) & ~reliable.all(axis=0)).any():
        estimate = _least_squares(cells, reliable, estimate, free, stft, max_iter, tol)
    samples, condition, status, n_iter = estimate
    known = condition <= max_condition
    if prior is not None and not known.all():
        target = np.where(reliable, cells, mean / scale)
        fixed = np.where(known, samples, 0)
        filled = minimise(target, precision, fixed, ~known, stft, max_iter, tol)
        if prior.guess is not None and filled.status != "converged":
            start = np.where(known, samples, as_signal(prior.guess, length) / scale)
            other = minimise(target, precision, start, ~known, stft, max_iter, tol)
            filled = min((filled, other), key=lambda m: energy(m.samples, target, precision, stft))
        samples, n_iter = filled.samples, n_iter + filled.n_iter
        status = filled.status
    return Recovery(samples * scale, known, condition, status, n_iter)


class _Estimate(NamedTuple):
    """Samples, their condition, and how they were found, as in `Recovery`."""

    samples: NDArray[np.float64]
    condition: NDArray[np.float64]
    status: Status
    n_iter: int


def _overlap_add(
    cells: NDArray[Any], reliable: NDArray[np.bool_], stft: STFT, length: int, most: float
) -> _Estimate:
    """Evaluate (2) and (3) from whole frames; samples of a condition over `most` are 0."""
    whole = np.all(reliable, axis=0, keepdims=True)[0]
    coverage = coverage_of(whole, stft, length)
    condition = _condition(coverage, stft, length)
    weighted = np.where(whole, bin_counts(stft.n_fft)[:, None] * cells, 0)
    summed = stft.adjoint(weighted, length=length) / stft.n_fft
    samples = np.divide(summed, coverage, out=np.zeros(length), where=condition <= most)
    return _Estimate(samples, condition, "exact", 0)


def _least_squares(
    cells: NDArray[Any],
    reliable: NDArray[np.bool_],
    estimate: _Estimate,
    free: NDArray[np.bool_],
    stft: STFT,
    max_iter: int,
    tol: float,
) -> _Estimate:
    """Solve (1) for the free samples of an estimate, and measure their condition."""
    length = free.size
    fixed = np.where(free, 0, estimate.samples)
    rates = np.array(CHIRP_RATES)[:, None]
    noise = np.sqrt(2) * np.cos(np.pi * (rates * np.arange(1.0, length + 1) ** 2 % 2))
    found = minimise(cells, reliable, fixed, free, stft, max_iter, tol, noise)
    share = np.sum(bin_counts(stft.n_fft)[:, None] * reliable, axis=0) / stft.n_fft
    least = _condition(coverage_of(share, stft, length), stft, length)
    condition = np.where(free, np.maximum(least, found.error / EPS), estimate.condition)
    return _Estimate(found.samples, condition, found.status, found.n_iter)


def _condition(coverage: NDArray[np.float64], stft: STFT, length: int) -> NDArray[np.float64]:
    """Evaluate (3)."""
    most = coverage_of(np.ones(stft.n_frames(length)), stft, length).max()
    inf = np.full(length, np.inf)
    return np.sqrt(np.divide(most, coverage, out=inf, where=coverage > 0))


def _as_mask(observed: ArrayLike, stft: STFT, length: int) -> NDArray[np.bool_]:
    """Take a mask of one channel."""
    reliable = np.asarray(observed, bool)
    _check_matrix("observed", reliable)
    stft.check_shape(reliable, length)
    return reliable


def _check_matrix(name: str, matrix: NDArray[Any]) -> None:
    """Refuse several channels, and vectors."""
    if matrix.ndim != 2:
        raise MismatchError(f"{name} has shape {matrix.shape}: give a matrix (F, N).")


def _check_condition(max_condition: float) -> None:
    """Refuse a limit under the condition of samples that all frames cover, and infinity."""
    if not 1 <= max_condition < np.inf:
        raise ParameterError(f"max_condition={max_condition}: give at least 1, and no infinity.")


def _check_options(max_condition: float, max_iter: int, tol: float) -> None:
    """Refuse options that cannot work."""
    _check_condition(max_condition)
    if not max_iter >= 1:
        raise ParameterError(f"max_iter={max_iter}: give at least 1.")
    if not 0 <= tol < 1:
        raise ParameterError(f"tol={tol}: give a number from 0 to 1, 1 excluded.")


def _reliable_cells(X: ArrayLike, reliable: NDArray[np.bool_]) -> NDArray[np.complex128]:
    """Take a spectrum with 0 in its hidden cells."""
    given = plain("X", X)
    _check_matrix("X", given)
    if given.shape != reliable.shape:
        raise MismatchError(f"X has shape {given.shape}, observed {reliable.shape}: make equal.")
    cells = np.where(reliable, given, 0).astype(np.complex128)
    bad = np.count_nonzero(~np.isfinite(cells))
    if bad:
        raise ParameterError(f"X has {bad} reliable cells that are not finite: hide them.")
    return cells


def _scale(*spectra: NDArray[np.complex128]) -> float:
    """Find a power of two by which to divide, so that squares neither overflow nor vanish."""
    loudest = max(np.abs(part).max() for Y in spectra for part in (Y.real, Y.imag))
    return float(np.ldexp(0.5, np.frexp(loudest)[1])) if loudest > 0 else 1.0
