"""Posterior moments of occluded cells: the table against integration over the complex plane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from reference.posterior import moments
from spectramend import STFT, Dictionary, Mask
from spectramend.inpainting.occlusion_posterior import (
    FLOOR_DB,
    Occluded,
    hidden_cells,
    posterior_moments,
)
from spectramend.nmf import Bounded, encode

ONE = np.ones((1, 1), bool)
RNG = np.random.default_rng(0)
X: NDArray[np.complex128] = RNG.standard_normal((9, 40)) + 1j * RNG.standard_normal((9, 40))
OBSERVED = RNG.random((9, 40)) < 0.7
OCCLUDED = Mask(OBSERVED, damage="occluded")
VOICE = Dictionary(np.ones((9, 2), np.float32), 8000, STFT(n_fft=16, hop_length=4))


def looked_up(rho: float, ratio: float, floor: float, P: float = 1.0) -> NDArray[np.float64]:
    cell = Occluded(ONE, np.array([P]), ratio, floor * np.sqrt(P))
    lam = np.array([rho * P])
    values = [
        cell.expected(lam)[0] / P,
        cell.direction(lam)[0],
        cell.geometric_mean(lam)[0] / P,
        cell.divergence(lam)[0],
    ]
    return np.array(values)


@pytest.mark.parametrize("rho", [1e-4, 0.03, 0.7, 5.0, 300.0])
@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0, 2.0])
def test_the_table_is_the_integral_over_the_set(rho: float, ratio: float) -> None:
    np.testing.assert_allclose(
        looked_up(rho, ratio, 0.0), moments(rho, ratio, 0.0), rtol=0.01, atol=0.003
    )


@pytest.mark.parametrize("floor_db", [-20.0, -6.0, 0.0, 10.0])
def test_the_floor_widens_the_set(floor_db: float) -> None:
    assert floor_db in FLOOR_DB
    floor = 10 ** (floor_db / 20)
    for rho, ratio in ((0.5, 1.0), (20.0, 0.5)):
        np.testing.assert_allclose(
            looked_up(rho, ratio, floor), moments(rho, ratio, floor), rtol=0.02, atol=0.01
        )


def test_a_weak_model_is_its_own_posterior_and_a_strong_one_is_cut() -> None:
    # Far below the mix the mask excludes nothing: E|T|**2 is lambda.
    assert looked_up(1e-6, 1.0, 0.0)[0] == pytest.approx(1e-6, rel=1e-3)
    # A ratio of one half bounds |T| by r/(1-r)*|X| = |X|.
    assert looked_up(1e6, 0.5, 0.0)[0] < 1
    # Half a plane has no bound, but the model is cut in half and turned away from X.
    assert looked_up(1e3, 1.0, 0.0)[1] < 0


def test_moments_scale_with_the_mix() -> None:
    for P in (2.0**-80, 2.0**40):
        np.testing.assert_array_equal(looked_up(0.3, 1.0, 0.1, P)[:3], looked_up(0.3, 1.0, 0.1)[:3])


@pytest.mark.parametrize(("ratio", "floor"), [(1.0, 0.0), (0.5, 0.0), (1.0, 0.3)])
def test_em_never_raises_its_objective(ratio: float, floor: float) -> None:
    rng = np.random.default_rng(0)
    W = rng.gamma(0.5, 1.0, (20, 5))
    V = rng.gamma(0.5, 1.0, (20, 30))
    observed = rng.random(V.shape) < 0.4
    hidden = Occluded(~observed, V[~observed], ratio, floor)
    nmf = encode(
        V, W, weights=observed, bound=hidden, step="mm", max_iter=60, tol=0, check_every=1, rng=0
    )
    assert (np.diff(nmf.trace) <= 1e-3).all()  # the table is interpolated
    assert nmf.trace[-1] < nmf.trace[0] - 10


def test_hidden_cells_keep_the_model_low() -> None:
    W = np.array([[1.0, 1.0], [0.0, 1.0]])
    V = np.array([[4.0], [1.0]])
    observed = np.array([[True], [False]])
    hidden = Occluded(~observed, np.array([1e-4]), 1.0, 0.0)
    H = encode(V, W, weights=observed, bound=hidden, max_iter=300, tol=0, rng=0).H
    assert H[1, 0] < 0.05 * H[0, 0]


def test_exact_constraints_need_a_gaussian_model() -> None:
    exact = hidden_cells(X, Mask(OBSERVED, damage="occluded", ratio=0.5, floor=0.1), VOICE)
    assert isinstance(exact, Occluded)
    assert (exact.ratio, exact.floor) == (0.5, 0.1)
    np.testing.assert_allclose(exact.P, np.abs(X[~OBSERVED]) ** 2)
    for voice, power in ((replace(VOICE, beta=1.0), 2), (replace(VOICE, quantity="magnitude"), 1)):
        bounded = hidden_cells(X, OCCLUDED, voice)
        assert isinstance(bounded, Bounded)
        np.testing.assert_allclose(bounded.B, (0.5 * np.abs(X[~OBSERVED])) ** power)
    assert not hidden_cells(X, Mask(OBSERVED), VOICE).cells.any()


def test_moments_of_unknown_cells_are_those_of_the_model() -> None:
    lam = RNG.random((9, 40)) + 0.1
    direction, power, typical = posterior_moments(
        lam, hidden_cells(X, Mask(OBSERVED), VOICE), "power"
    )
    assert not direction.any()
    np.testing.assert_array_equal(power, lam)
    draws = np.random.default_rng(0).exponential(1.0, 400_000)
    np.testing.assert_allclose(typical / lam, np.exp(np.log(draws).mean()), rtol=5e-3)
