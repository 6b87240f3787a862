"""A Markov chain over exemplars: each frame of the target is one that was heard in training.

Sums of atoms can say nearly anything, also what no voice says, such as two pitches at once. The
chain cannot: its states are frames of the training speech, at a few gains, and it prefers to go on
as the training went on. With lambda = gain*w, a frame has the log-likelihood

    sum over reliable cells  of  -log(lambda) - P/lambda
  + sum over hidden cells    of  log Z(lambda/P),                                         (1)

Z being the probability that the target lost there (`posterior`). The second sum is not separable,
but log Z depends on the difference of levels alone: on a grid of decibels it is a matrix
``Z[i, j] = z(i - j)`` of low rank, so that both sums are matrix products over frequency.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.inpainting.occlusion_posterior import RHO_DB, Occluded, table

LEVELS_DB = np.arange(-70, 71)  # of a cell, about the mean of its frame
RANK = 8
GAINS_DB = np.arange(-9, 10, 3)  # about the level of the reference
TEMPERATURE = 0.3  # overlapping frames and neighbouring bins are no independent witnesses
STAY, ADVANCE, RETURN, JUMP = 0.54, 0.27, 0.09, 0.1


def chain_model(
    P: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: Occluded,
    exemplars: NDArray[Any],
    follows: NDArray[np.bool_],
    reference: NDArray[Any],
) -> NDArray[Any]:
    """Model a spectrogram by a Markov chain over exemplars.

    Parameters
    ----------
    P : ndarray [shape=(F, N), >= 0]
        Power of the mix.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    hidden : Occluded
        What is known of the others.
    exemplars : ndarray [shape=(F, K), >= 0]
        Frames of training speech, in their order.
    follows : ndarray [shape=(K,), bool]
        Whether a frame was spoken right after the one before it.
    reference : ndarray [shape=(F, N), > 0]
        Another model, which says about how loud each frame is.

    Returns
    -------
    ndarray [shape=(F, N), > 0]
        ``exp(E log lambda)`` under the posterior of the chain.

    References
    ----------
    .. [1] G. J. Mysore, P. Smaragdis and B. Raj, "Non-negative hidden Markov modeling of audio
       with application to source separation", LVA/ICA 2010; here with exemplars for dictionaries
       and (1) for the likelihood.
    .. [2] L. R. Rabiner, Proc. IEEE 77(2), 1989, eq. 19 to 27.
    """
    level = reference.mean(axis=0, dtype=np.float64)
    P_db = np.clip(10 * np.log10(P / level + 1e-7), -70, 70)
    mean = exemplars.mean(axis=0, dtype=np.float64)
    W_db = np.clip(10 * np.log10(exemplars / mean + 1e-7), -70, 70)

    log_likelihood = TEMPERATURE * frame_log_likelihood(P_db, W_db, observed, hidden.ratio)
    log_likelihood -= log_likelihood.max(axis=(0, 1))
    likelihood = np.exp(log_likelihood)
    of_exemplar = likelihood.sum(axis=0) + np.finfo(np.float32).tiny
    gamma = state_posterior(of_exemplar, follows)
    gain_db = np.einsum("gkn,g->kn", likelihood, GAINS_DB.astype(np.float32)) / of_exemplar
    return level * 10 ** ((W_db @ gamma + (gain_db * gamma).sum(axis=0)) / 10)


def frame_log_likelihood(
    P_db: NDArray[Any], W_db: NDArray[Any], observed: NDArray[np.bool_], ratio: float
) -> NDArray[Any]:
    """Evaluate (1) for every gain, exemplar and frame, by matrix products.

    Parameters
    ----------
    P_db : ndarray [shape=(F, N)]
        Levels of the mix, about those of the frames.
    W_db : ndarray [shape=(F, K)]
        Levels of the exemplars, about their means.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    ratio : float
        What the mask means.

    Returns
    -------
    ndarray [shape=(gains, K, N), float32]
        Log-likelihoods.
    """
    M = observed.astype(np.float32)
    nepers = np.log(10) / 10
    sum_log_w = (nepers * W_db).astype(np.float32).T @ M
    sum_ratio = (10 ** (-W_db / 10)).astype(np.float32).T @ (10 ** (P_db / 10) * M).astype("f4")
    left, right = _low_rank(ratio)
    at_P = np.rint(P_db).astype(np.intp) - LEVELS_DB[0]
    factors_P = [(column[at_P] * ~observed).astype(np.float32) for column in left.T]
    at_W = np.rint(W_db).astype(np.intp) - LEVELS_DB[0]
    result = np.empty((GAINS_DB.size, W_db.shape[1], P_db.shape[1]), np.float32)
    for values, gain_db in zip(result, GAINS_DB, strict=True):
        values[:] = (
            -sum_log_w - nepers * gain_db * M.sum(axis=0) - sum_ratio * 10 ** (-gain_db / 10)
        )
        at_gain = np.clip(at_W + gain_db, 0, LEVELS_DB.size - 1)
        for factor, column in zip(factors_P, right.T, strict=True):
            values += column[at_gain].T @ factor
    return result


@lru_cache(maxsize=8)
def _low_rank(ratio: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Factorize ``log Z`` over levels of mix and model [shapes=(levels, RANK)]."""
    difference = LEVELS_DB[None, :] - LEVELS_DB[:, None]
    log_Z = np.interp(difference, RHO_DB, table(ratio).log_evidence[0])
    U, s, V = np.linalg.svd(log_Z)
    return (U[:, :RANK] * s[:RANK]).astype(np.float32), V[:RANK].T.astype(np.float32)


def state_posterior(likelihood: NDArray[Any], follows: NDArray[np.bool_]) -> NDArray[Any]:
    """Run the forward-backward algorithm over exemplars.

    Parameters
    ----------
    likelihood : ndarray [shape=(K, N), > 0]
        Of each exemplar in each frame, up to a factor for each frame.
    follows : ndarray [shape=(K,), bool]
        Whether an exemplar comes right after the one before it.

    Returns
    -------
    ndarray [shape=(K, N)]
        Posterior probability of each exemplar; columns sum to 1.
    """
    K, N = likelihood.shape
    link = follows[1:]

    def step(v: NDArray[Any], ahead: float, back: float) -> NDArray[Any]:
        moved = STAY * v + JUMP * v.sum() / K
        moved[1:] += ahead * v[:-1] * link
        moved[:-1] += back * v[1:] * link
        return moved

    forward, backward = np.empty((N, K)), np.empty((N, K))
    v = np.full(K, 1 / K)
    for n in range(N):
        v = (step(v, ADVANCE, RETURN) if n else v) * likelihood[:, n]
        v /= v.sum()
        forward[n] = v
    v = np.full(K, 1 / K)
    for n in range(N - 1, -1, -1):
        backward[n] = v
        v = step(v * likelihood[:, n], RETURN, ADVANCE)
        v /= v.sum()
    gamma = forward * backward
    return (gamma / gamma.sum(axis=1, keepdims=True)).T
