"""The posterior of windowed frames with missing samples, given the variances of their bins.

Bins f of the unitary DFT of a frame s of L samples are Gaussian and independent, with variances
``V[f]``. Precision C and covariance S are then circulant,

    C[i, j] = ifft(1 / V)[(i - j) % L],    C @ s = ifft(fft(s) / V),    S = inv(C),           (1)

S with V in place of ``1 / V``. Given the known samples k, the missing ones m have the precision
``P = C[m, m]`` and

    mean[m] = -inv(P) @ (C @ s_known)[m],                                                     (2)
    E |fft(s)[f]|**2 / L = |fft(mean)[f]|**2 / L  +  (F_m @ inv(P) @ F_m.H)[f, f],            (3)

where ``s_known`` is the frame with zeros for missing samples and F_m are the columns of the unitary
DFT that belong to m. Equally, by the covariance Q = S[k, k] of the known samples (Bilen, Ozerov &
Pérez, "Audio declipping via nonnegative matrix factorization", WASPAA, 2015, by dense matrices),

    mean = S[:, k] @ inv(Q) @ s[k],                                                           (4)
    (F_m @ inv(P) @ F_m.H)[f, f] = V[f] - V[f]**2 * (F_k @ inv(Q) @ F_k.H)[f, f],             (5)
    log det P = log det Q - sum_f log V[f].                                                   (6)

One run of missing samples leaves one run of known ones, the frame being a circle; so P and Q are
Toeplitz, and the smaller of them is inverted, see `spectramend.gaps.em.toeplitz`. Where several
runs are missing, P is inverted by Cholesky's factorisation. By (6), the likelihood of the known
samples is

    -2 log p(s[k])  =  sum_f log V[f] + |fft(mean)[f]|**2 / L / V[f]  +  log det P  +  const. (7)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.levinson import RIDGES
from spectramend.core.stft import bin_counts
from spectramend.gaps.em.toeplitz import invert_toeplitz

BATCH = 32  # frames inferred at once. Engineering choice: as many as stay in the processor's cache


@dataclass(frozen=True)
class Posterior:
    """Windowed frames, given their known samples."""

    mean: NDArray[np.float64]  # [shape=(N, L)] known samples are unchanged
    variance: NDArray[np.float64]  # [shape=(F, N)] of each bin, the last term of (3)
    log_det: NDArray[np.float64]  # [shape=(N,)] log det P, 0 if no sample is missing


def infer_frames(frames: NDArray[Any], lost: NDArray[np.bool_], V: NDArray[Any]) -> Posterior:
    """Infer the missing samples of windowed frames [shape=(N, L)], of each frame by itself.

    lost [shape=(N, L)] is true for missing samples; V [shape=(F, N), > 0] are variances of bins.
    """
    L = frames.shape[1]
    mean = np.where(lost, 0.0, frames)
    variance, log_det = np.zeros(V.shape), np.zeros(V.shape[1])
    counts, first = lost.sum(axis=1), lost.argmax(axis=1)
    whole = counts == L
    variance[:, whole] = V[:, whole]
    log_det[whole] = -bin_counts(L) @ np.log(V[:, whole])
    some = (counts > 0) & ~whole
    one_run = some & (counts == L - lost[:, ::-1].argmax(axis=1) - first)
    rows = np.flatnonzero(one_run)
    rows = rows[np.argsort(np.minimum(counts, L - counts)[rows], kind="stable")]
    for i in range(0, rows.size, BATCH):
        batch = rows[i : i + BATCH]
        mean[batch], variance[:, batch], log_det[batch] = _one_run(
            mean[batch], lost[batch], first[batch], V[:, batch]
        )
    for n in np.flatnonzero(some & ~one_run):
        mean[n], variance[:, n], log_det[n] = _several_runs(mean[n], lost[n], V[:, n])
    return Posterior(mean, variance, log_det)


def _circulant_precision(
    V: NDArray[Any], frames: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute by (1) the first column of each C, and C @ s for its frame s, both [shape=(N, L)]."""
    import scipy.fft

    L, precision = frames.shape[1], 1 / V.T
    product = scipy.fft.irfft(scipy.fft.rfft(frames) * precision, L)
    return scipy.fft.irfft(precision, L), product


def _one_run(
    known: NDArray[Any], lost: NDArray[np.bool_], first: NDArray[np.intp], V: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Infer one run of missing samples in each frame, from `first` on: the fields of Posterior."""
    import scipy.fft

    L, counts = lost.shape[1], lost.sum(axis=1)
    of_known = 2 * counts > L  # whether Q is smaller than P
    lags, product = _circulant_precision(V, known)
    lags[of_known] = scipy.fft.irfft(V.T[of_known], L)
    sizes = np.where(of_known, L - counts, counts)
    start = np.where(of_known, first + counts, first)
    h = int(sizes.max())
    run = (start[:, None] + np.arange(h)) % L
    inverses = invert_toeplitz(lags[:, :h], sizes)
    right = np.take_along_axis(np.where(of_known[:, None], known, -product), run, axis=1)
    solved = np.zeros(known.shape)
    np.put_along_axis(solved, run, inverses.solve(right), axis=1)  # zeros beyond the run
    by_covariance = scipy.fft.irfft(scipy.fft.rfft(solved) * V.T, L)
    mean = np.where(lost, np.where(of_known[:, None], by_covariance, solved), known)
    own = inverses.spectra(L).T
    variance = np.where(of_known, np.maximum(V - V**2 * own, 0.0), own)
    log_det = inverses.log_det - of_known * (bin_counts(L) @ np.log(V))
    return mean, variance, log_det


def _several_runs(
    known: NDArray[Any], lost: NDArray[np.bool_], V: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Infer several runs of missing samples in one frame [shape=(L,)]: the fields of Posterior."""
    import scipy.fft
    from scipy.linalg import cho_factor, cho_solve

    m = np.flatnonzero(lost)
    lags, product = _circulant_precision(V[:, None], known[None])
    distance = np.abs(m[:, None] - m)
    mean = known.copy()
    for ridge in (0.0, *RIDGES):
        P = lags[0][distance]
        P[np.diag_indices(m.size)] *= 1 + ridge
        try:
            factor = cho_factor(P, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            continue
        mean[m] = cho_solve(factor, -product[0, m], check_finite=False)
        inverse = cho_solve(factor, np.eye(m.size), overwrite_b=True, check_finite=False)
        sums = np.bincount(distance.ravel(), inverse.ravel(), minlength=known.size)
        variance = np.maximum(scipy.fft.rfft(sums).real, 0.0) / known.size
        return mean, variance, 2 * float(np.log(np.diag(factor[0])).sum())
    return mean, np.zeros(V.size), 0.0
