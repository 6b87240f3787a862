"""One sweep against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import K, N, problem
from reference import nmf as reference
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.problem import check_input, survey
from spectramend.nmf._engine.settings import Settings
from spectramend.nmf._engine.sweep import OVER_RELAXATION, Factors, Sweep, Sweeper

Matrix = NDArray[Any]

BETAS = (-1, 0, 0.5, 1, 1.5, 2, 3)


def run(V: Matrix, M: Matrix, settings: Settings, x: Factors, before: Factors, **how: Any) -> Any:
    """Sweep over data of the scale 1, so that units do not matter."""
    given = check_input(V, M, None)
    with given.threads(1) as threads:
        found = survey(given, threads, settings.beta)
        assert found.scale == 1
        sweeper = Sweeper(Data(found, threads), settings, np.ones(K))
        return Sweep(sweeper, x, before, **how).run()


def small(beta: float) -> tuple[Matrix, Factors, Matrix]:
    V, W, H, M = problem()
    M[:, 2] = M[4] = True
    M[3, 3] = False
    weights = M * np.random.default_rng(1).uniform(0.5, 2, V.shape)
    V = V / ((V * weights).sum() / weights.sum())
    return V, Factors(W, H), weights


@pytest.mark.parametrize("mm", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_a_sweep_updates_both_factors(beta: float, mm: bool) -> None:
    V, x, M = small(beta)
    settings = Settings(learns_W=True, beta=beta)
    swept = run(V, M, settings, x, x, learns_W=True, mm=np.array([mm]))
    g = reference.mm_exponent(beta)
    if not mm:
        g = OVER_RELAXATION * (1.0 if 0 <= beta <= 2 else g)
    H = reference.update_H(V, x.W, x.H, beta, M, g=g)
    np.testing.assert_allclose(swept.to.H, H, rtol=1e-9)
    np.testing.assert_allclose(swept.to.W, reference.update_W(V, x.W, H, beta, M, g), rtol=1e-9)
    objective = reference.divergence(V, x.W, x.H, beta, M)
    np.testing.assert_allclose(swept.objective, [objective], rtol=1e-9)
    assert swept.at is x


@pytest.mark.parametrize("beta", BETAS)
def test_frames_have_objectives_exponents_and_momentum_of_their_own(beta: float) -> None:
    V, x, M = small(beta)
    before = Factors(x.W, x.H * np.random.default_rng(2).uniform(0.5, 2, x.H.shape))
    momentum, mm = np.linspace(0, 0.9, N), np.arange(N) % 2 == 0
    settings = Settings(learns_W=False, beta=beta)
    swept = run(V, M, settings, x, before, learns_W=False, momentum=momentum, mm=mm)
    y_H = x.H * (x.H / before.H) ** momentum
    np.testing.assert_allclose(swept.at.H, y_H, rtol=1e-12)
    assert swept.to.W is x.W
    safe = reference.mm_exponent(beta)
    fast = OVER_RELAXATION * (1.0 if 0 <= beta <= 2 else safe)
    for n in range(N):
        v, h, m = V[:, [n]], y_H[:, [n]], M[:, [n]]
        objective = reference.divergence(v, x.W, h, beta, m)
        assert swept.objective[n] == pytest.approx(objective, rel=1e-9)
        H = reference.update_H(v, x.W, h, beta, m, g=safe if mm[n] else fast)
        np.testing.assert_allclose(swept.to.H[:, [n]], H, rtol=1e-9)


def test_a_sweep_evaluates_and_updates_only_if_asked_to() -> None:
    V, x, M = small(0)
    settings = Settings(learns_W=True)
    last = run(V, M, settings, x, x, learns_W=True, updates=False)
    assert last.to.W is x.W
    assert last.to.H is x.H
    assert last.objective.shape == (1,)
    plain = run(V, M, settings, x, x, learns_W=True, evaluates=False)
    assert plain.objective.shape == (0,)
    still = run(V, M, settings, x, x, learns_W=False)
    assert still.to.W is x.W
    np.testing.assert_array_equal(still.to.H, plain.to.H)
