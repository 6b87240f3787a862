"""Gaps filled from a model of all frames whose variances are a product of nonnegative factors.

Bin f of the unitary DFT of windowed frame n is Gaussian with the variance

    V[f, n] = (W @ H)[f, n] + e,                                                              (1)

K atoms and a constant e far below the signal (Mokrý, Magron, Oberlin & Févotte 2023). In turn,
frames with missing samples are inferred from the model, see `spectramend.gaps.frames`, and the
model from the power P of all frames, by multiplicative updates of W and of H for the
Itakura-Saito divergence of V from P. Where P is the mean power given what is known,

    P[f, n] = |mean[f, n]|**2 + spread[f, n],                                                 (2)

this is the EM algorithm for the likelihood of what is known ("EM-tf"). Without the spread, missing
samples are parameters, too, and each step raises the likelihood of all samples ("AM", alternating
minimisation): it takes what it filled in for observed. Some steps of AM may start EM-tf. The sum

    sum_n log det P_n  +  sum_fn log V[f, n] + |mean[f, n]|**2 / V[f, n],                     (3)

P_n being the precision of what is missing of frame n, then falls in every step; for AM its second
part does. That holds as far as the updates, with exponent 1, lower the divergence. In the end each
missing sample is the mean of what the frames say of it, weighted by the squared window.

We differ from the authors where a result would depend on the scale of the recording: e and the
start are relative to its power. Frames at its ends see zeros beside it, not its other end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import ParameterError
from spectramend.gaps.autoregression import runs_of
from spectramend.gaps.frames import bin_counts, infer
from spectramend.gaps.variances import cut_frames, frame_starts
from spectramend.nmf.solve import FACTOR_FLOOR, RngLike
from spectramend.nmf.updates import update
from spectramend.stft import STFT

Status: TypeAlias = Literal["converged", "max_iter", "silence"]

LEAST_VARIANCE = 1e-4  # e in (1), relative to the mean power of known samples


@dataclass(frozen=True)
class Filled:
    """A signal without gaps, and how it came about.

    Parameters
    ----------
    samples : ndarray [shape=(n,)]
        The signal.
    status : {"converged", "max_iter", "silence"}
        Why the iteration ended: the missing samples no longer changed, there was no iteration
        left, or all that is known is silence.
    n_iter : int
        How often missing samples were inferred.
    trace : ndarray [shape=(n_iter,)]
        The sum (3) of the module at each of these.
    """

    samples: NDArray[np.float64]
    status: Status
    n_iter: int
    trace: NDArray[np.float64]


@dataclass(frozen=True)
class _Settings:
    """How to iterate."""

    n_components: int
    n_fft: int
    hop_length: int
    max_iter: int
    am_iter: int
    nmf_iter: int
    tol: float
    rng: RngLike


def em_tf(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    n_components: int = 20,
    n_fft: int = 4096,
    hop_length: int = 2048,
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
    settings = _Settings(n_components, n_fft, hop_length, max_iter, 0, nmf_iter, tol, rng)
    return _fill(x, missing, settings)


def am(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    n_components: int = 20,
    n_fft: int = 4096,
    hop_length: int = 2048,
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
    settings = _Settings(n_components, n_fft, hop_length, max_iter, max_iter, nmf_iter, tol, rng)
    return _fill(x, missing, settings)


def am_to_em_tf(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    n_components: int = 20,
    n_fft: int = 4096,
    hop_length: int = 2048,
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
    settings = _Settings(n_components, n_fft, hop_length, max_iter, am_iter, nmf_iter, tol, rng)
    return _fill(x, missing, settings)


def _fill(x: ArrayLike, missing: ArrayLike, settings: _Settings) -> Filled:
    """Check what was given, fill it on a scale of its own, and keep it from being loud."""
    lost = np.asarray(missing, bool)
    known = _known(x, lost)
    stft = STFT(settings.n_fft, settings.hop_length, "sine")
    for name, least in (("n_components", 1), ("max_iter", 1), ("nmf_iter", 1), ("am_iter", 0)):
        if getattr(settings, name) < least:
            raise ParameterError(f"{name}={getattr(settings, name)}: give at least {least}.")
    if not settings.tol >= 0:
        raise ParameterError(f"tol={settings.tol}: give at least 0.")
    peak = np.abs(known).max()
    if not lost.any() or not peak:
        return Filled(known, "silence" if lost.any() else "converged", 0, np.zeros(0))
    # A power of two keeps every digit.
    level = peak * np.sqrt(np.mean((known[~lost] / peak) ** 2))
    unit = 2.0 ** np.round(np.log2(level))
    samples, status, trace = _iterate(known / unit, lost, stft, settings)
    for run in runs_of(lost):
        _bound(samples, lost, run, settings.n_fft)
    return Filled(np.where(lost, unit * samples, known), status, len(trace), np.array(trace))


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


def _iterate(
    known: NDArray[np.float64], lost: NDArray[np.bool_], stft: STFT, settings: _Settings
) -> tuple[NDArray[np.float64], Status, list[float]]:
    """Alternate inference and updates of the model; the known samples have a power near 1."""
    import scipy.fft

    L, K = stft.n_fft, settings.n_components
    P = np.abs(stft.forward(known)) ** 2 / L
    F, N = P.shape
    touched = np.flatnonzero(cut_frames(lost, np.arange(N), stft).any(axis=1))
    lost_frames = cut_frames(lost, touched, stft)
    frames = cut_frames(known, touched, stft) * stft.window_samples
    power = np.mean(known[~lost] ** 2)
    rng = np.random.default_rng(settings.rng)
    W, H = (0.25 + 0.75 * np.abs(rng.standard_normal(shape)) for shape in ((F, K), (K, N)))
    # The constant is an atom that is not learned.
    W = np.hstack([W, np.ones((F, 1))])
    H = power * np.vstack([H / K, np.full((1, N), LEAST_VARIANCE)])
    M = np.broadcast_to(bin_counts(L)[:, None], (F, N))
    samples, trace = known, []
    status: Status = "max_iter"
    for i in range(settings.max_iter):
        found = infer(frames, lost_frames, W @ H[:, touched])
        before, samples = samples, _overlapped(found.mean, touched, known, lost, stft)
        P[:, touched] = np.abs(scipy.fft.rfft(found.mean).T) ** 2 / L
        trace.append(_objective(P, W @ H, M))
        spreads = i >= settings.am_iter
        if spreads:
            trace[-1] += float(found.log_det.sum())
            P[:, touched] += found.spread
        change = np.linalg.norm(samples - before)
        last_stage = spreads or settings.am_iter >= settings.max_iter
        if last_stage and change <= settings.tol * np.linalg.norm(samples):
            status = "converged"
            break
        for _ in range(settings.nmf_iter):
            W = np.maximum(update(P.T, H.T, W.T, step="heuristic", atoms=slice(K)), FACTOR_FLOOR).T
            H = np.maximum(update(P, W, H, M, step="heuristic", atoms=slice(K)), FACTOR_FLOOR)
        scale = W[:, :K].mean(axis=0)
        W[:, :K] /= scale
        H[:K] *= scale[:, None]
    return samples, status, trace


def _objective(P: NDArray[Any], V: NDArray[Any], M: NDArray[Any]) -> float:
    """Evaluate the second sum of (3)."""
    return float(np.sum(M * (np.log(V) + P / V)))


def _overlapped(
    frames: NDArray[Any],
    touched: NDArray[np.intp],
    known: NDArray[np.float64],
    lost: NDArray[np.bool_],
    stft: STFT,
) -> NDArray[np.float64]:
    """Give the missing samples that agree best with all frames: their means, by the window."""
    L, w = stft.n_fft, stft.window_samples
    summed, coverage = np.zeros((2, known.size + 2 * L))
    starts = frame_starts(int(touched[-1]) + 1, stft)[touched] + L
    for start, frame in zip(starts, frames, strict=True):
        summed[start : start + L] += w * frame
        coverage[start : start + L] += w**2
    inside = slice(L, L + known.size)
    samples = known.copy()
    samples[lost] = summed[inside][lost] / coverage[inside][lost]
    return samples


def _bound(
    filled: NDArray[np.float64], lost: NDArray[np.bool_], run: NDArray[np.intp], reach: int
) -> None:
    """Keep a gap from being louder, in the mean, than the loudest known sample around is."""
    around = slice(max(0, run[0] - reach), run[-1] + 1 + reach)
    loudest = np.abs(filled[around][~lost[around]]).max(initial=0.0)
    loudness = np.sqrt(np.mean(filled[run] ** 2))
    if not loudness <= loudest:
        filled[run] = filled[run] * (loudest / loudness) if np.isfinite(loudness) else 0.0
