"""Gaps filled from nonnegative factors of the power of all frames: checks, scale and bounds.

The algorithms are in `spectramend.gaps.em.iterations`. What they find is bounded: it can be silent,
but not louder, in the mean, than the loudest sample around.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.stft import STFT
from spectramend.core.threads import limited_threads
from spectramend.errors import ParameterError
from spectramend.gaps.ar.janssen_ar import runs_of
from spectramend.gaps.em.iterations import Settings, Status, alternate
from spectramend.gaps.limits import bound
from spectramend.nmf.solve import RngLike

N_FFT = 4096  # samples of a frame, as published


@dataclass(frozen=True, eq=False)
class Filled:
    """A signal without gaps, and how it came about.

    Parameters
    ----------
    samples : ndarray [shape=(n,)]
        The signal.
    V : ndarray [shape=(F, N), >= 0] or None
        The model from which missing samples were inferred: the variance of each bin of the unitary
        DFT of each windowed frame, see `spectramend.gaps.Variances`. None without an iteration.
    status : {"converged", "max_iter", "silence"}
        Why the iteration ended: the missing samples no longer changed, there was no iteration
        left, or all that is known is silence.
    n_iter : int
        How often missing samples were inferred.
    trace : ndarray [shape=(n_iter,)]
        At each of these, minus twice a log-likelihood but for a constant: of known samples, and
        while minimisation alternates of all.
    """

    samples: NDArray[np.float64]
    V: NDArray[Any] | None
    status: Status
    n_iter: int
    trace: NDArray[np.float64]


def em_tf(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    n_components: int = 20,
    n_fft: int = N_FFT,
    hop_length: int = N_FFT // 2,
    max_iter: int = 100,
    nmf_iter: int = 10,
    tol: float = 1e-5,
    rng: RngLike = None,
) -> Filled:
    """Fill gaps by the EM algorithm for the factors of the power of all frames.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The signal; what stands in missing samples is never looked at.
    missing : array_like [shape=(n,), bool]
        Which samples are missing; any number of gaps.
    n_components : int, >= 1
        Atoms of the model.
    n_fft : int
        Samples of a frame, under a sine window. A gap should be shorter.
    hop_length : int
        Samples between two frames.
    max_iter : int, >= 1
        How often missing samples are inferred.
    nmf_iter : int, >= 1
        Updates of both factors between two of these.
    tol : float, >= 0
        Stop when the signal changes by less than this, relative to its norm; 0 does all iterations.
    rng : int, Generator or None
        Source of the random start.

    Returns
    -------
    Filled
        The signal, status and trace. Known samples are as they were.

    Raises
    ------
    ParameterError
        If nothing is known, what is known is not finite, shapes differ or a setting cannot work.

    References
    ----------
    .. [1] O. Mokrý, P. Magron, T. Oberlin and C. Févotte, "Algorithms for audio inpainting based on
       probabilistic nonnegative matrix factorization", Signal Processing 206, 2023.

    Examples
    --------
    >>> t = np.arange(4000)
    >>> x = np.sin(0.1 * t) + np.sin(0.25 * t)
    >>> gap = (t >= 2000) & (t < 2030)
    >>> found = em_tf(x, gap, n_components=2, n_fft=256, hop_length=128, rng=0)
    >>> bool(np.abs(found.samples - x).max() < 0.1)
    True
    """
    settings = Settings(n_components, max_iter, 0, nmf_iter, tol, rng)
    return _fill(x, missing, STFT(n_fft, hop_length, "sine"), settings)


def am(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    n_components: int = 20,
    n_fft: int = N_FFT,
    hop_length: int = N_FFT // 2,
    max_iter: int = 100,
    nmf_iter: int = 10,
    tol: float = 1e-5,
    rng: RngLike = None,
) -> Filled:
    """Fill gaps by maximising the likelihood of missing samples and factors in turn.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The signal; what stands in missing samples is never looked at.
    missing : array_like [shape=(n,), bool]
        Which samples are missing; any number of gaps.
    n_components : int, >= 1
        Atoms of the model.
    n_fft : int
        Samples of a frame, under a sine window. A gap should be shorter.
    hop_length : int
        Samples between two frames.
    max_iter : int, >= 1
        How often missing samples are inferred.
    nmf_iter : int, >= 1
        Updates of both factors between two of these.
    tol : float, >= 0
        Stop when the signal changes by less than this, relative to its norm; 0 does all iterations.
    rng : int, Generator or None
        Source of the random start.

    Returns
    -------
    Filled
        The signal, status and trace. Known samples are as they were.

    Raises
    ------
    ParameterError
        If nothing is known, what is known is not finite, shapes differ or a setting cannot work.

    References
    ----------
    .. [1] O. Mokrý, P. Magron, T. Oberlin and C. Févotte, "Algorithms for audio inpainting based on
       probabilistic nonnegative matrix factorization", Signal Processing 206, 2023.

    Examples
    --------
    >>> t = np.arange(4000)
    >>> x = np.sin(0.1 * t) + np.sin(0.25 * t)
    >>> gap = (t >= 2000) & (t < 2030)
    >>> found = am(x, gap, n_components=2, n_fft=256, hop_length=128, rng=0)
    >>> bool(np.abs(found.samples - x).max() < 0.1)
    True
    """
    settings = Settings(n_components, max_iter, max_iter, nmf_iter, tol, rng)
    return _fill(x, missing, STFT(n_fft, hop_length, "sine"), settings)


def am_to_em_tf(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    n_components: int = 20,
    n_fft: int = N_FFT,
    hop_length: int = N_FFT // 2,
    max_iter: int = 100,
    am_iter: int = 5,
    nmf_iter: int = 10,
    tol: float = 1e-5,
    rng: RngLike = None,
) -> Filled:
    """Fill gaps by the EM algorithm, started by some steps of alternating minimisation.

    Parameters
    ----------
    x : array_like [shape=(n,), real]
        The signal; what stands in missing samples is never looked at.
    missing : array_like [shape=(n,), bool]
        Which samples are missing; any number of gaps.
    n_components : int, >= 1
        Atoms of the model.
    n_fft : int
        Samples of a frame, under a sine window. A gap should be shorter.
    hop_length : int
        Samples between two frames.
    max_iter : int, >= 1
        How often missing samples are inferred.
    am_iter : int, >= 0
        How many of these belong to `am`.
    nmf_iter : int, >= 1
        Updates of both factors between two of these.
    tol : float, >= 0
        Stop when the signal changes by less than this, relative to its norm; 0 does all iterations.
    rng : int, Generator or None
        Source of the random start.

    Returns
    -------
    Filled
        The signal, status and trace. Known samples are as they were.

    Raises
    ------
    ParameterError
        If nothing is known, what is known is not finite, shapes differ or a setting cannot work.

    References
    ----------
    .. [1] O. Mokrý, P. Magron, T. Oberlin and C. Févotte, "Algorithms for audio inpainting based on
       probabilistic nonnegative matrix factorization", Signal Processing 206, 2023.

    Examples
    --------
    >>> t = np.arange(4000)
    >>> x = np.sin(0.1 * t) + np.sin(0.25 * t)
    >>> gap = (t >= 2000) & (t < 2030)
    >>> found = am_to_em_tf(x, gap, n_components=2, n_fft=256, hop_length=128, rng=0)
    >>> bool(np.abs(found.samples - x).max() < 0.1)
    True
    """
    settings = Settings(n_components, max_iter, am_iter, nmf_iter, tol, rng)
    return _fill(x, missing, STFT(n_fft, hop_length, "sine"), settings)


def _fill(x: ArrayLike, missing: ArrayLike, stft: STFT, settings: Settings) -> Filled:
    """Check what was given, fill it on a scale of its own, and keep it from being loud."""
    lost = np.asarray(missing, bool)
    known = _known(x, lost)
    for name, least in (("n_components", 1), ("max_iter", 1), ("nmf_iter", 1), ("am_iter", 0)):
        if getattr(settings, name) < least:
            raise ParameterError(f"{name}={getattr(settings, name)}: give at least {least}.")
    if not settings.tol >= 0:
        raise ParameterError(f"tol={settings.tol}: give at least 0.")
    peak = np.abs(known).max()
    if not lost.any() or not peak:
        return Filled(known, None, "silence" if lost.any() else "converged", 0, np.zeros(0))
    # A power of two keeps every digit.
    level = peak * np.sqrt(np.mean((known[~lost] / peak) ** 2))
    unit = 2.0 ** np.round(np.log2(level))
    # Matrices are thin: beside other processes, a second thread waits more than it works.
    with limited_threads(1):
        found = alternate(known / unit, lost, stft, settings)
    for run in runs_of(lost):
        bound(found.samples, lost, int(run[0]), int(run[-1]) + 1, stft.n_fft)
    with np.errstate(over="ignore", under="ignore"):
        V = unit * (unit * found.V)
    filled = np.where(lost, unit * found.samples, known)
    return Filled(filled, V, found.status, len(found.trace), np.array(found.trace))


def _known(x: ArrayLike, lost: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Check a signal and silence what is missing of it."""
    given = np.asarray(x, np.float64)
    if given.ndim != 1 or lost.shape != given.shape or not given.size:
        raise ParameterError(
            f"x has shape {given.shape}, missing {lost.shape}: give two equal vectors."
        )
    if lost.all():
        raise ParameterError("every sample is missing: nothing is left to build on.")
    known = np.where(lost, 0.0, given)
    if not np.isfinite(known).all():
        raise ParameterError("x has NaN or infinite samples that are not missing: mark them.")
    return known
