"""Iterations of EM and of alternating minimisation for a Gaussian model with NMF variances.

Bin f of the unitary DFT of windowed frame n is Gaussian with the variance

    V[f, n] = (W @ H)[f, n] + e,                                                              (1)

K components and a constant e far below the signal (Mokrý, Magron, Oberlin & Févotte 2023). In turn,
frames with missing samples are inferred from V (`frame_posterior`), and W and H are fitted to the
power P of all frames, by multiplicative updates for the Itakura-Saito divergence of V from P.
Where P is the posterior mean of the power,

    P[f, n] = |mean[f, n]|**2 + variance[f, n],                                               (2)

this is the EM algorithm for the likelihood of the known samples ("EM-tf"). Without the posterior
variance, missing samples are parameters too, and each step raises the likelihood of all samples
("AM", alternating minimisation), as if what it filled in was observed. AM may start EM-tf. The sum

    sum_n log det P_n  +  sum_fn log V[f, n] + |mean[f, n]|**2 / V[f, n],                     (3)

P_n being the precision of the missing samples of frame n, falls in every step of EM-tf; its second
part does in AM. That holds as far as the updates, with exponent 1, lower the divergence. The result
is the mean of the frames that contain a missing sample, weighted by the squared window.

We differ from the authors where a result would depend on the scale of the recording: e and the
start are relative to its power. Frames at its ends see zeros beside it, not its other end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT, bin_counts
from spectramend.errors import ParameterError
from spectramend.gaps.em.frame_posterior import infer_frames
from spectramend.gaps.em.framing import cut_frames, overlap_add_missing
from spectramend.nmf.solve import RngLike
from spectramend.nmf.updates import FACTOR_FLOOR, update

Status: TypeAlias = Literal["converged", "max_iter", "silence"]

N_FFT = 4096  # samples of a frame, as published by Mokrý et al.
# e in (1), relative to the mean power of known samples. Engineering choice: -60 dB.
NMF_OFFSET = 1e-6
# Added to components that are frames, relative to their mean, and to their activations, relative to
# the largest. Engineering choice: multiplicative updates cannot leave zero.
EXEMPLAR_MIXING = 1e-3


@dataclass(frozen=True)
class EMSettings:
    """Settings of the EM algorithms; model and iterations are by default those of Mokrý et al.

    Raises ParameterError if a value is out of its range, or the transform has no inverse.
    """

    n_components: int = 20  # components K of the NMF
    n_fft: int = N_FFT  # samples of a frame, under a sine window; a gap should be shorter
    hop_length: int = N_FFT // 2  # samples between two frames
    max_iter: int = 100  # iterations: how often missing samples are inferred
    am_iter: int = 5  # how many of these leave out the posterior variance, in "am_to_em_tf"
    nmf_iter: int = 10  # updates of both factors in each iteration
    tol: float = 1e-5  # change, relative to the norm of the signal, that ends iterations early

    def __post_init__(self) -> None:
        for name, least in (("n_components", 1), ("max_iter", 1), ("nmf_iter", 1), ("am_iter", 0)):
            if getattr(self, name) < least:
                raise ParameterError(f"{name}={getattr(self, name)}: give at least {least}.")
        if not self.tol >= 0:
            raise ParameterError(f"tol={self.tol}: give at least 0.")
        _ = self.stft

    @property
    def stft(self) -> STFT:
        """The transform whose frames are modelled."""
        return STFT(self.n_fft, self.hop_length, "sine")


@dataclass(frozen=True, eq=False)
class EMResult:
    """A signal without gaps, the model that they were inferred from, and how iterations went."""

    samples: NDArray[np.float64]  # [shape=(n,)] the signal
    V: NDArray[np.float64] | None  # [shape=(F, N)] variances (1); None without an iteration
    status: Status  # why iterations ended; "silence": all known samples are zero
    trace: NDArray[np.float64]  # [shape=(n_iter,)] the sum (3), its second part only while AM runs

    @property
    def n_iter(self) -> int:
        """Number of iterations."""
        return self.trace.size


def infer_and_update(
    known: NDArray[np.float64],
    lost: NDArray[np.bool_],
    settings: EMSettings,
    *,
    rng: RngLike = None,
    guess: NDArray[np.float64] | None = None,
) -> EMResult:
    """Infer missing samples and update the model in turn.

    known [shape=(n,)] is zero where samples are lost and has a power of about 1 elsewhere; some
    samples are lost, but not all. The first ``settings.am_iter`` iterations leave out the posterior
    variance. If a guess [shape=(n,)] is given, the signal with a first estimate of lost samples,
    components start from its frames, otherwise at random from rng.
    """
    import scipy.fft

    stft, L = settings.stft, settings.n_fft
    P = np.abs(stft.forward(known if guess is None else guess)) ** 2 / L
    touched = np.flatnonzero(cut_frames(lost, np.arange(P.shape[1]), stft).any(axis=1))
    lost_frames = cut_frames(lost, touched, stft)
    frames = cut_frames(known, touched, stft) * stft.window_samples
    power = float(np.mean(known[~lost] ** 2))
    M = np.broadcast_to(bin_counts(L)[:, None], P.shape)
    K = settings.n_components
    if guess is None:
        W, H = _random_start(P.shape, power, K, rng)
    else:
        W, H = _update_factors(P, *_exemplar_start(P, power, K), M, 2 * settings.nmf_iter)
    samples, trace = known, []
    status: Status = "max_iter"
    for i in range(settings.max_iter):
        if i > 0:  # M-step
            W, H = _update_factors(P, W, H, M, settings.nmf_iter)
        V = W @ H  # (1): the last component is the constant
        found = infer_frames(frames, lost_frames, V[:, touched])  # E-step
        before, samples = samples, overlap_add_missing(found.mean, touched, known, lost, stft)
        P[:, touched] = np.abs(scipy.fft.rfft(found.mean).T) ** 2 / L
        trace.append(float(np.sum(M * (np.log(V) + P / V))))
        with_variance = i >= settings.am_iter
        if with_variance:
            trace[-1] += float(found.log_det.sum())
            P[:, touched] += found.variance  # (2)
        settled = np.linalg.norm(samples - before) <= settings.tol * np.linalg.norm(samples)
        if settled and (with_variance or settings.am_iter >= settings.max_iter):
            status = "converged"
            break
    return EMResult(samples, V, status, np.array(trace))


def _random_start(
    shape: tuple[int, ...], power: float, K: int, rng: RngLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw W [shape=(F, K + 1)] and H [shape=(K + 1, N)]; the constant is the last component."""
    F, N = shape
    rng = np.random.default_rng(rng)
    W, H = (0.25 + 0.75 * np.abs(rng.standard_normal(size)) for size in ((F, K), (K, N)))
    return (
        np.hstack([W, np.ones((F, 1))]),
        power * np.vstack([H / K, np.full((1, N), NMF_OFFSET)]),
    )


def _exemplar_start(
    P: NDArray[np.float64], power: float, K: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Start from K evenly spaced frames of P [shape=(F, N)], each active around its own place."""
    F, N = P.shape
    frames = np.linspace(0, N - 1, K).round().astype(int)
    floor = NMF_OFFSET * power
    W = P[:, frames] + EXEMPLAR_MIXING * P[:, frames].mean(axis=0) + floor
    nearness = np.exp(-np.abs(frames[:, None] - np.arange(N))) + EXEMPLAR_MIXING
    H = (P.mean(axis=0) + floor) * nearness / nearness.sum(axis=0)
    return (
        np.hstack([W / W.mean(axis=0), np.ones((F, 1))]),
        np.vstack([H, np.full((1, N), floor)]),
    )


def _update_factors(
    P: NDArray[Any], W: NDArray[Any], H: NDArray[Any], M: NDArray[Any], n_iter: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Update W [shape=(F, K + 1)] and H, but for the constant; scale the columns of W to mean 1."""
    atoms = slice(H.shape[0] - 1)
    for _ in range(n_iter):
        # M is the same in all of a row, so that it cancels in the update of W.
        W = np.maximum(update(P.T, H.T, W.T, step="heuristic", atoms=atoms), FACTOR_FLOOR).T
        H = np.maximum(update(P, W, H, M, step="heuristic", atoms=atoms), FACTOR_FLOOR)
    scale = W[:, atoms].mean(axis=0)
    W[:, atoms] /= scale
    H[atoms] *= scale[:, None]
    return W, H
