"""Samples that the reliable part of a spectrum determines, and their exact recovery.

Overlapping frames say everything several times, so that a spectrum with missing columns or cells
may still determine most samples, or all of them. Let S be the transform, M the reliable cells and
D how often a cell stands among the n_fft frequencies: once at 0 Hz and at the Nyquist frequency,
else twice. The signals that agree best with the reliable cells X solve

    A x = S^H D M X,   A = S^H D M S,   A[n, n] = sum_t w_t[n]**2 c_t,   c_t = sum_f D M[f, t]   (1)

with the true adjoint S^H and the window w_t of frame t. If whole columns are missing, c_t is n_fft
or 0, A is diagonal, and (1) is weighted overlap-add over the reliable frames x_t,

    x[n] = sum_t w_t[n] x_t[n] / sum_t w_t[n]**2,                                                (2)

exact wherever the denominator, the coverage, is not zero. It amplifies rounding by the condition

    condition[n] = sqrt(most coverage of any sample by all frames / coverage of n that is left). (3)

For other masks, samples that reliable frames tell well by (2) are taken from there, and conjugate
gradients with the diagonal of A as preconditioner solve (1) for the others. What they leave open
is measured: known noise is recovered through the same mask, and condition[n] is its error in units
of the rounding of float64, which is what (3) says where (2) holds, or the value of (3) for the
diagonal of A, which is less than what (1) amplifies, if that is more.

A prior says what hidden cells are expected to be. Samples that remain unknown then minimise the
weighted squares of `consistent_wiener`, (1) there, the known ones being fixed.

References: D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier
transform", IEEE Trans. ASSP 32(2), 1984, eq. 6, which is (2) if all frames are reliable.
C. Bekas, E. Kokiopoulou and Y. Saad, "An estimator for the diagonal of a matrix", Applied Numerical
Mathematics 57, 2007: known noise tells the diagonal of a matrix, here of the projector on what (1)
leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.reconstruction.consistent_wiener import (
    Prior,
    as_signal,
    coverage_of,
    energy,
    frequency_counts,
    means_and_precisions,
    minimise,
)

Status: TypeAlias = Literal["exact", "converged", "max_iter"]

EPS = float(np.finfo(np.float64).eps)
MAX_CONDITION = 1e6  # the outermost samples under a Hann window of 2048 have 5e5
SURE = 10.0  # condition up to which (2) is preferred to (1), and alone tells a sample
PROBES = (0.5 * (1 + 5**0.5), 2**0.5)  # rates of chirps that serve as known noise


class Determined(NamedTuple):
    """Which samples are determined, and how well: both have shape (length,)."""

    known: NDArray[np.bool_]
    condition: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recovery:
    """A signal, and which of its samples are told by the reliable cells.

    Parameters
    ----------
    samples : ndarray [shape=(length,), float64]
        The signal.
    known : ndarray [shape=(length,), bool]
        True where the reliable cells determine the sample.
    condition : ndarray [shape=(length,), >= 1]
        By how much rounding is amplified there; ``inf`` where no reliable cell sees a sample.
    status : {"exact", "converged", "max_iter"}
        Whether overlap-add was enough, or how the conjugate gradients ended that gave the samples:
        where they did not converge, only unknown samples differ from the minimum.
    n_iter : int
        Iterations of conjugate gradients in the slowest stretch of the signal, those with and
        without the prior together.
    """

    samples: NDArray[np.float64]
    known: NDArray[np.bool_]
    condition: NDArray[np.float64]
    status: Status
    n_iter: int


def determined_samples(
    observed: ArrayLike, *, stft: STFT, length: int, max_condition: float = MAX_CONDITION
) -> Determined:
    """Find the samples that reliable frames determine, by (3), which is exact.

    Parameters
    ----------
    observed : array_like [shape=(F, N), bool]
        True where a cell is reliable. Only frames without a hidden cell count; `recover` also says
        what the others tell.
    stft : STFT
        The transform.
    length : int
        Samples of the signal.
    max_condition : float, >= 1, finite
        Samples are known up to this condition. Relative to the level of the signal around, their
        error stays under ten times the condition times the rounding of the spectrum: by default
        under 3e-9 if that is float64. A spectrum with more error than rounding needs a lower
        threshold, about the error that samples may have over that of the cells: 1e3 in float32.

    Returns
    -------
    Determined
        ``known`` and ``condition`` of each sample; the condition is ``inf`` where no reliable
        frame sees it.

    Raises
    ------
    MismatchError
        If `observed` is not the shape of a spectrum of `length` samples.
    ParameterError
        If `max_condition` is less than 1 or infinite.

    References
    ----------
    .. [1] D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier
       transform", IEEE Trans. ASSP 32(2), 1984, eq. 6.

    Examples
    --------
    Two missing columns of a Hann window with three quarters of overlap hide nothing, three hide
    the sample in the middle, to which both windows beside them give no weight:

    >>> stft = STFT(n_fft=2048, hop_length=512)
    >>> for k in (1, 2, 3, 4, 6):
    ...     observed = np.ones((1025, 51), bool)
    ...     observed[:, 20 : 20 + k] = False
    ...     known, condition = determined_samples(observed, stft=stft, length=25600)
    ...     print(k, np.sum(~known), f"{condition[known].max():.2g}")
    1 0 1.7
    2 0 5.9
    3 1 5.2e+05
    4 513 5.2e+05
    6 1537 5.2e+05
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
    """Find the signal of a spectrum with missing columns or cells, and say where it is determined.

    Parameters
    ----------
    X : array_like [shape=(F, N), complex]
        The spectrum. Hidden cells are never looked at and may be NaN.
    observed : array_like [shape=(F, N), bool]
        True where a cell is reliable.
    stft : STFT
        The transform.
    length : int
        Samples of the signal.
    prior : Prior, optional
        What is believed of hidden cells. It moves no known sample.
    max_condition : float, >= 1, finite
        Samples are known up to this condition, see `determined_samples`.
    max_iter : int, >= 1
        Iterations of conjugate gradients at most, if some frames are hidden in part or there is a
        prior. What they leave open counts as unknown.
    tol : float, >= 0
        They stop when the preconditioned residual has fallen to this part of its first norm.

    Returns
    -------
    Recovery
        The signal in float64. Unknown samples agree best with cells and prior if there is one.
        Without one they are 0 where only whole columns are missing (unless their condition is at
        most 10), and otherwise what conjugate gradients make of the reliable cells, from a start at
        0.

    Raises
    ------
    MismatchError
        If the shapes do not fit `length`.
    ParameterError
        If a reliable cell is not finite, or a parameter cannot work.

    Notes
    -----
    Exact: `samples` up to rounding where they are known, and `condition` up to 10 and wherever only
    whole columns are missing. An estimate: other conditions, from the recovery of two chirps. If
    nothing is reliable, nothing is known, and the signal is 0 or what the prior says.

    References
    ----------
    .. [1] D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier
       transform", IEEE Trans. ASSP 32(2), 1984, eq. 6. Leaving frames out is ours.
    .. [2] J. Le Roux and E. Vincent, "Consistent Wiener filtering for audio source separation",
       IEEE Signal Processing Letters 20(3), 2013. Fixed samples are our addition.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> x = np.sin(0.3 * np.arange(400))
    >>> observed = np.ones((33, 26), bool)
    >>> observed[:, 10:12] = False
    >>> found = recover(stft.forward(x), observed, stft=stft, length=400)
    >>> found.status, bool(found.known.all()), bool(np.abs(found.samples - x).max() < 1e-13)
    ('exact', True, True)
    """
    reliable = _as_mask(observed, stft, length)
    _check_options(max_condition, max_iter, tol)
    cells = _reliable_cells(X, reliable)
    mean, precision = (
        (0 * cells, reliable) if prior is None else means_and_precisions(prior, reliable)
    )
    scale = _scale(cells, mean)
    cells = cells / scale
    told = _from_frames(cells, reliable, stft, length, max(max_condition, SURE))
    whole = reliable.all(axis=0)
    free = told.condition > SURE
    if free.any() and (reliable.any(axis=0) & ~whole).any():
        told = _from_cells(cells, reliable, told, free, stft, max_iter, tol)
    samples, condition, status, n_iter = told
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


class _Told(NamedTuple):
    """Samples, their condition, and how they were found, as in `Recovery`."""

    samples: NDArray[np.float64]
    condition: NDArray[np.float64]
    status: Status
    n_iter: int


def _from_frames(
    cells: NDArray[Any], reliable: NDArray[np.bool_], stft: STFT, length: int, most: float
) -> _Told:
    """Evaluate (2) and (3) from whole frames; samples with more than the condition `most` are 0."""
    whole = np.all(reliable, axis=0, keepdims=True)[0]
    coverage = coverage_of(whole, stft, length)
    condition = _condition(coverage, stft, length)
    summed = (
        stft.adjoint(np.where(whole, frequency_counts(stft) * cells, 0), length=length) / stft.n_fft
    )
    samples = np.divide(summed, coverage, out=np.zeros(length), where=condition <= most)
    return _Told(samples, condition, "exact", 0)


def _from_cells(
    cells: NDArray[Any],
    reliable: NDArray[np.bool_],
    told: _Told,
    free: NDArray[np.bool_],
    stft: STFT,
    max_iter: int,
    tol: float,
) -> _Told:
    """Solve (1) for the free samples, and measure their condition."""
    length = free.size
    fixed = np.where(free, 0, told.samples)
    rates = np.array(PROBES)[:, None]
    noise = np.sqrt(2) * np.cos(np.pi * (rates * np.arange(1.0, length + 1) ** 2 % 2))
    found = minimise(cells, reliable, fixed, free, stft, max_iter, tol, noise)
    share = np.sum(frequency_counts(stft) * reliable, axis=0) / stft.n_fft
    least = _condition(coverage_of(share, stft, length), stft, length)
    condition = np.where(free, np.maximum(least, found.error / EPS), told.condition)
    return _Told(found.samples, condition, found.status, found.n_iter)


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
    """Refuse less than the condition of samples that all frames tell, and that of unseen ones."""
    if not 1 <= max_condition < np.inf:
        raise ParameterError(f"max_condition={max_condition}: give at least 1, and no infinity.")


def _check_options(max_condition: float, max_iter: int, tol: float) -> None:
    """Refuse numbers that cannot work."""
    _check_condition(max_condition)
    if not max_iter >= 1:
        raise ParameterError(f"max_iter={max_iter}: give at least 1.")
    if not 0 <= tol < 1:
        raise ParameterError(f"tol={tol}: give a number from 0 to 1, 1 excluded.")


def _reliable_cells(X: ArrayLike, reliable: NDArray[np.bool_]) -> NDArray[np.complex128]:
    """Take a spectrum with 0 in its hidden cells."""
    given = np.asarray(X)
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
