"""Gaps filled from a model of all frames whose variances are a product of nonnegative factors.

Bin f of the unitary DFT of windowed frame n is Gaussian with the variance

    V[f, n] = (W @ H)[f, n] + e,                                                              (1)

K atoms and a constant e far below the signal (Mokrý, Magron, Oberlin & Févotte 2023). In turn,
frames with missing samples are inferred from the model, see
`spectramend.gaps.em.frame_posterior`, and the model from the power P of all
frames, by multiplicative updates of W and of H for the Itakura-Saito divergence of V from P.
Where P is the mean power given what is known,

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
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.gaps.em.frame_posterior import bin_counts, infer
from spectramend.gaps.em.frame_variances import cut_frames, frame_starts
from spectramend.nmf.solve import RngLike
from spectramend.nmf.sweep import FACTOR_FLOOR
from spectramend.nmf.updates import update

Status: TypeAlias = Literal["converged", "max_iter", "silence"]

LEAST_VARIANCE = 1e-6  # e in (1), relative to the mean power of known samples
EXEMPLAR_FLOOR = 1e-3  # of atoms that are frames, and of their activations, so that none is locked


@dataclass(frozen=True)
class Settings:
    """How to alternate.

    Parameters
    ----------
    n_components : int, >= 1
        Atoms K.
    max_iter : int, >= 1
        How often missing samples are inferred.
    am_iter : int, >= 0
        How many of these leave out the spread.
    nmf_iter : int, >= 1
        Updates of both factors between two of these.
    tol : float, >= 0
        Relative change of the signal at which to stop.
    rng : int, Generator or None
        Source of the start.
    """

    n_components: int
    max_iter: int
    am_iter: int
    nmf_iter: int
    tol: float
    rng: RngLike


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Parameters
    ----------
    samples : ndarray [shape=(n,)]
        The signal with its missing samples.
    V : ndarray [shape=(F, N), > 0]
        Variances (1) from which they were inferred.
    status : {"converged", "max_iter"}
        Whether they still changed.
    trace : list of float
        The sum (3) at each inference.
    """

    samples: NDArray[np.float64]
    V: NDArray[np.float64]
    status: Status
    trace: list[float]


def alternate(
    known: NDArray[np.float64],
    lost: NDArray[np.bool_],
    stft: STFT,
    settings: Settings,
    guess: NDArray[np.float64] | None = None,
) -> Outcome:
    """Infer missing samples and learn the model in turn.

    Parameters
    ----------
    known : ndarray [shape=(n,)]
        The signal, zero where samples are missing, of a power of about 1 elsewhere.
    lost : ndarray [shape=(n,), bool]
        Which samples are missing; not all are, nor none.
    stft : STFT
        Frames and window.
    settings : Settings
        How.
    guess : ndarray [shape=(n,)], optional
        The signal with a first fill. If given, the start is learned from it: its frames are the
        atoms, and nothing is drawn.

    Returns
    -------
    Outcome
        Missing samples, model, status and trace.

    References
    ----------
    .. [1] O. Mokrý, P. Magron, T. Oberlin and C. Févotte, "Algorithms for audio inpainting based on
       probabilistic nonnegative matrix factorization", Signal Processing 206, 2023.
    """
    import scipy.fft

    L = stft.n_fft
    P = np.abs(stft.forward(known if guess is None else guess)) ** 2 / L
    touched = np.flatnonzero(cut_frames(lost, np.arange(P.shape[1]), stft).any(axis=1))
    lost_frames = cut_frames(lost, touched, stft)
    frames = cut_frames(known, touched, stft) * stft.window_samples
    power = float(np.mean(known[~lost] ** 2))
    M = np.broadcast_to(bin_counts(L)[:, None], P.shape)
    if guess is None:
        W, H = _start(P.shape, power, settings)
    else:
        W, H = _learned(P, *_exemplars(P, power, settings), M, 2 * settings.nmf_iter)
    samples, trace = known, []
    status: Status = "max_iter"
    for i in range(settings.max_iter):
        if i > 0:
            W, H = _learned(P, W, H, M, settings.nmf_iter)
        V = W @ H
        found = infer(frames, lost_frames, V[:, touched])
        before, samples = samples, _overlapped(found.mean, touched, known, lost, stft)
        P[:, touched] = np.abs(scipy.fft.rfft(found.mean).T) ** 2 / L
        trace.append(float(np.sum(M * (np.log(V) + P / V))))
        with_spread = i >= settings.am_iter
        if with_spread:
            trace[-1] += float(found.log_det.sum())
            P[:, touched] += found.spread
        settled = np.linalg.norm(samples - before) <= settings.tol * np.linalg.norm(samples)
        if settled and (with_spread or settings.am_iter >= settings.max_iter):
            status = "converged"
            break
    return Outcome(samples, V, status, trace)


def _start(
    shape: tuple[int, ...], power: float, settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw W [shape=(F, K + 1)] and H [shape=(K + 1, N)]; the constant is the last atom."""
    (F, N), K = shape, settings.n_components
    rng = np.random.default_rng(settings.rng)
    W, H = (0.25 + 0.75 * np.abs(rng.standard_normal(size)) for size in ((F, K), (K, N)))
    return (
        np.hstack([W, np.ones((F, 1))]),
        power * np.vstack([H / K, np.full((1, N), LEAST_VARIANCE)]),
    )


def _exemplars(
    P: NDArray[np.float64], power: float, settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take frames for atoms, evenly spaced, each active around its own; the constant is last."""
    F, N = P.shape
    frames = np.linspace(0, N - 1, settings.n_components).round().astype(int)
    floor = LEAST_VARIANCE * power
    W = P[:, frames] + EXEMPLAR_FLOOR * P[:, frames].mean(axis=0) + floor
    nearness = np.exp(-np.abs(frames[:, None] - np.arange(N))) + EXEMPLAR_FLOOR
    H = (P.mean(axis=0) + floor) * nearness / nearness.sum(axis=0)
    return (
        np.hstack([W / W.mean(axis=0), np.ones((F, 1))]),
        np.vstack([H, np.full((1, N), floor)]),
    )


def _learned(
    P: NDArray[Any], W: NDArray[Any], H: NDArray[Any], M: NDArray[Any], n_iter: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Update all atoms but the constant, which stays, and give them the mean 1."""
    atoms = slice(H.shape[0] - 1)
    for _ in range(n_iter):
        # M is the same in all of a row, so that it plays no part in the update of W.
        W = np.maximum(update(P.T, H.T, W.T, step="heuristic", atoms=atoms), FACTOR_FLOOR).T
        H = np.maximum(update(P, W, H, M, step="heuristic", atoms=atoms), FACTOR_FLOOR)
    scale = W[:, atoms].mean(axis=0)
    W[:, atoms] /= scale
    H[atoms] *= scale[:, None]
    return W, H


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
