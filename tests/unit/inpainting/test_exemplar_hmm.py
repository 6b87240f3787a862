"""The hidden Markov model over exemplars: its likelihood, its posterior, and its estimate."""

from __future__ import annotations

import numpy as np
import pytest

from spectramend.inpainting.exemplar_hmm import (
    ADVANCE,
    GAINS_DB,
    JUMP,
    RETURN,
    STAY,
    _frame_log_likelihood,
    _state_posterior,
    hmm_variance,
)
from spectramend.inpainting.occlusion_posterior import Occluded


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_likelihood_is_the_sum_over_cells(ratio: float) -> None:
    rng = np.random.default_rng(0)
    P_db = np.rint(rng.uniform(-40, 20, (30, 4)))
    W_db = np.rint(rng.uniform(-30, 10, (30, 3)))
    observed = rng.random(P_db.shape) < 0.4
    found = _frame_log_likelihood(P_db, W_db, observed, ratio)
    for g, gain_db in enumerate(GAINS_DB):
        for k in range(3):
            for n in range(4):
                lam, P = 10 ** ((W_db[:, k] + gain_db) / 10), 10 ** (P_db[:, n] / 10)
                M = observed[:, n]
                hidden = Occluded(~M[:, None], P[~M], ratio, 0.0)
                expected = (-np.log(lam) - P / lam)[M].sum() - hidden.divergence(lam[~M]).sum()
                # Rank 8 costs a little in each hidden cell.
                tolerance = 0.05 * (~M).sum() + 1e-5 * abs(expected)
                assert found[g, k, n] == pytest.approx(expected, abs=tolerance)


def test_posterior_is_that_of_the_explicit_transition_matrix() -> None:
    rng = np.random.default_rng(0)
    K, N = 5, 4
    likelihood = rng.gamma(1.0, 1.0, (K, N))
    follows = np.array([False, True, True, False, True])
    A = STAY * np.eye(K) + JUMP / K
    for k in range(1, K):
        A[k - 1, k] += ADVANCE * follows[k]
        A[k, k - 1] += RETURN * follows[k]
    weight = np.zeros((K,) * N)
    for path in np.ndindex(*weight.shape):
        chance = likelihood[path[0], 0]
        for n in range(1, N):
            chance *= A[path[n - 1], path[n]] * likelihood[path[n], n]
        weight[path] = chance
    weight /= weight.sum()
    marginals = [weight.sum(axis=tuple(m for m in range(N) if m != n)) for n in range(N)]
    np.testing.assert_allclose(_state_posterior(likelihood, follows), np.stack(marginals, axis=1))


def test_a_passage_of_the_training_is_found_under_the_mask() -> None:
    rng = np.random.default_rng(0)
    # Notes of a few partials each, in a melody.
    tones = rng.random((60, 12)) ** 12 + 1e-4
    exemplars = np.repeat(tones, 3, axis=1)
    follows = np.arange(exemplars.shape[1]) > 0
    training = exemplars[:, 6:24] * 10**0.3
    T = training * rng.exponential(1.0, training.shape)
    interferer = np.where(rng.random(training.shape) < 0.6, 3.0, 1e-5)
    observed = interferer < T
    P = T + interferer
    hidden = Occluded(~observed, P[~observed], 1.0, 0.0)
    level = np.broadcast_to(training.mean(axis=0), training.shape)
    found = hmm_variance(P, observed, hidden, exemplars, follows, level)
    error_db = 10 * np.log10(found / training)[~observed]
    blind_db = 10 * np.log10(level / training)[~observed]
    assert np.sqrt(np.mean(error_db**2)) < 0.3 * np.sqrt(np.mean(blind_db**2))


def test_scaling_the_mix_scales_the_estimate() -> None:
    rng = np.random.default_rng(0)
    exemplars, P = rng.gamma(0.5, 1.0, (40, 9)), rng.gamma(0.5, 1.0, (40, 7))
    observed, follows = rng.random(P.shape) < 0.5, np.arange(9) > 0
    reference = np.ones(P.shape)

    def model(scale: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        hidden = Occluded(~observed, scale * P[~observed], 1.0, 0.0)
        return hmm_variance(scale * P, observed, hidden, exemplars, follows, scale * reference)

    np.testing.assert_allclose(model(1e-12), 1e-12 * model(1.0), rtol=1e-4)
