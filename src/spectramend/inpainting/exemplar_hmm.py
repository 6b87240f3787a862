"""A hidden Markov model whose states are exemplars: frames of the training recordings.

Sums of atoms can be nearly any spectrum, also one that no voice has, such as two pitches at once.
The states of the model are spectra of training frames at a few gains, and its transitions favour
the order of the recordings. With lambda = gain*w, a frame has the log-likelihood

    sum over reliable cells  of  -log(lambda) - P/lambda
  + sum over hidden cells    of  log Z(lambda/P),                                         (1)

Z being the probability that the target is hidden there, see `occlusion_posterior`. The second sum
is not separable, but log Z depends on the difference of levels alone: on a grid of decibels it is a
matrix ``Z[i, j] = z(i - j)`` of low rank, so that both sums are matrix products over frequency.

References: G. J. Mysore, P. Smaragdis and B. Raj, "Non-negative hidden Markov modeling of audio
with application to source separation", LVA/ICA 2010; here with exemplars for dictionaries and (1)
for the likelihood. L. R. Rabiner, Proc. IEEE 77(2), 1989, eq. 19 to 27.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.inpainting.occlusion_posterior import RHO_DB, Occluded, moment_table

# dB, levels of a cell about the mean of its frame. Engineering choice: wider than any spectrum of
# 24 bits about its mean that is audible.
LEVELS_DB = np.arange(-70, 71)
LEVEL_FLOOR = 1e-7  # power about the mean of the frame: the lowest of LEVELS_DB
LOG_Z_RANK = 8  # of log Z over LEVELS_DB; the tests bound its error by 0.05 in each hidden cell
# What follows was chosen on the development voices with `spectramend experiment voices`.
GAINS_DB = np.arange(-9, 10, 3)  # dB about the level of the reference
# Exponent of the likelihood, which tempers it: neighbouring frames and bins are correlated, and (1)
# counts them as independent.
TEMPERATURE = 0.3
STAY = 0.54  # probability that a state stays the same
ADVANCE = 0.27  # probability of the next frame of the recording
RETURN = 0.09  # probability of the previous frame of the recording
JUMP = 0.1  # probability of a jump, to any state


def hmm_variance(
    P: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: Occluded,
    exemplars: NDArray[Any],
    follows: NDArray[np.bool_],
    reference: NDArray[Any],
) -> NDArray[Any]:
    """Estimate the variance of a target [shape=(F, N), > 0]: ``exp(E log lambda)``.

    The expectation is over the posterior of states and gains. P [shape=(F, N), >= 0] is the power
    of the mix, `observed` its reliable cells; exemplars [shape=(F, K), >= 0] are power, and
    `follows` [shape=(K,)] says which come right after the one before. `reference`, another model
    [shape=(F, N), > 0], gives the level of each frame.
    """
    level = reference.mean(axis=0, dtype=np.float64)
    P_db = _relative_levels_db(P, level)
    W_db = _relative_levels_db(exemplars, exemplars.mean(axis=0, dtype=np.float64))

    log_likelihood = TEMPERATURE * _frame_log_likelihood(P_db, W_db, observed, hidden.ratio)
    log_likelihood -= log_likelihood.max(axis=(0, 1))
    likelihood = np.exp(log_likelihood)
    of_exemplar = likelihood.sum(axis=0) + np.finfo(np.float32).tiny
    gamma = _state_posterior(of_exemplar, follows)
    gain_db = np.einsum("gkn,g->kn", likelihood, GAINS_DB.astype(np.float32)) / of_exemplar
    return level * 10 ** ((W_db @ gamma + (gain_db * gamma).sum(axis=0)) / 10)


def _frame_log_likelihood(
    P_db: NDArray[Any], W_db: NDArray[Any], observed: NDArray[np.bool_], ratio: float
) -> NDArray[Any]:
    """Evaluate (1), by matrix products, for levels P_db (F, N) and W_db (F, K) about their means.

    The result has shape (gains, K, N).
    """
    M = observed.astype(np.float32)
    nepers = np.log(10) / 10
    sum_log_w = (nepers * W_db).astype(np.float32).T @ M
    sum_ratio = (10 ** (-W_db / 10)).astype(np.float32).T @ (10 ** (P_db / 10) * M).astype("f4")
    left, right = _low_rank(ratio)
    index_P = np.rint(P_db).astype(np.intp) - LEVELS_DB[0]
    factors_P = [(column[index_P] * ~observed).astype(np.float32) for column in left.T]
    index_W = np.rint(W_db).astype(np.intp) - LEVELS_DB[0]
    result = np.empty((GAINS_DB.size, W_db.shape[1], P_db.shape[1]), np.float32)
    for values, gain_db in zip(result, GAINS_DB, strict=True):
        values[:] = (
            -sum_log_w - nepers * gain_db * M.sum(axis=0) - sum_ratio * 10 ** (-gain_db / 10)
        )
        index_gain = np.clip(index_W + gain_db, 0, LEVELS_DB.size - 1)
        for factor, column in zip(factors_P, right.T, strict=True):
            values += column[index_gain].T @ factor
    return result


def _state_posterior(likelihood: NDArray[Any], follows: NDArray[np.bool_]) -> NDArray[Any]:
    """Run the forward-backward algorithm on likelihoods (K, N) > 0; columns sum to 1."""
    K, N = likelihood.shape
    link = follows[1:]

    def transition(v: NDArray[Any], ahead: float, back: float) -> NDArray[Any]:
        moved = STAY * v + JUMP * v.sum() / K
        moved[1:] += ahead * v[:-1] * link
        moved[:-1] += back * v[1:] * link
        return moved

    forward, backward = np.empty((N, K)), np.empty((N, K))
    v = np.full(K, 1 / K)
    for n in range(N):
        v = (transition(v, ADVANCE, RETURN) if n else v) * likelihood[:, n]
        v /= v.sum()
        forward[n] = v
    v = np.full(K, 1 / K)
    for n in range(N - 1, -1, -1):
        backward[n] = v
        v = transition(v * likelihood[:, n], RETURN, ADVANCE)
        v /= v.sum()
    gamma = forward * backward
    return (gamma / gamma.sum(axis=1, keepdims=True)).T


def _relative_levels_db(power: NDArray[Any], level: NDArray[Any]) -> NDArray[Any]:
    """Give levels about those of the frames, within LEVELS_DB [shape of power]."""
    return np.clip(10 * np.log10(power / level + LEVEL_FLOOR), LEVELS_DB[0], LEVELS_DB[-1])


@lru_cache(maxsize=8)
def _low_rank(ratio: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Factorize ``log Z`` over levels of mix and model [shapes=(levels, LOG_Z_RANK)]."""
    difference = LEVELS_DB[None, :] - LEVELS_DB[:, None]
    log_Z = np.interp(difference, RHO_DB, moment_table(ratio).log_evidence[0])
    U, s, V = np.linalg.svd(log_Z)
    return (U[:, :LOG_Z_RANK] * s[:LOG_Z_RANK]).astype(np.float32), V[:LOG_Z_RANK].T.astype(
        np.float32
    )
