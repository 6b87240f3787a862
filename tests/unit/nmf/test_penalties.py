"""Penalties: closed forms, units, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmf_problems import noisy, problem
from reference import nmf as reference
from spectramend.errors import ParameterError
from spectramend.nmf import (
    Penalties,
    encode,
    fit,
)
from spectramend.nmf.penalties import factor_penalties

Matrix = NDArray[Any]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e7])
@pytest.mark.parametrize("beta", [0, 0.5, 1, 2, 3])
def test_penalties_on_both_factors_are_the_objective(beta: float, scale: float) -> None:
    V = noisy(8, 3, 12) * scale
    p = Penalties(0.3 * scale ** (beta - 1), 0.2, 0.7 * scale ** (beta - 2), 0.1)
    nmf = fit(V, 3, beta=beta, penalty=p, max_iter=80, tol=0, check_every=1, rng=0)
    W, H = nmf.W, nmf.H
    value = reference.divergence(V, W, H, beta) + p.l1_W * W.sum() + p.l1_H * H.sum()
    value += p.l2_W / 2 * (W**2).sum() + p.l2_H / 2 * (H**2).sum()
    assert nmf.trace[-1] == pytest.approx(value, rel=1e-9)
    assert (np.diff(nmf.trace) <= 0).all()


def test_penalties_have_their_closed_form() -> None:
    v, l1, l2 = np.array([[3.0, 0.5]]), 0.4, 0.5
    one = np.ones((1, 1))
    options: dict[str, Any] = {"beta": 2, "max_iter": 400, "tol": 0, "rng": 0}
    nmf = encode(v, one, penalty=Penalties(l1_H=l1, l2_H=l2), **options)
    np.testing.assert_allclose(nmf.H, (v - l1) / (1 + l2), rtol=1e-9)


@pytest.mark.parametrize("name", ["l1_W", "l1_H", "l2_W", "l2_H"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_penalties_refuse_what_cannot_work(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=rf"{name}={value}: give at least 0"):
        Penalties(**{name: value})


def test_a_penalty_has_its_closed_form_in_units_of_the_level() -> None:
    V, W, _, _ = problem()
    w = W[:, :1]
    for scale in (1.0, 1e-7, 3e6):
        nmf = encode(scale * V, w, beta=1, penalty=0.3, max_iter=200, tol=0, rng=0)
        np.testing.assert_allclose(nmf.H[0], scale * V.sum(0) / (1.3 * w.sum()), rtol=1e-12)
        # beta = 2: d/dh of sum (v - w h)**2 / 2 + 0.3 * level * h * sum w
        nmf = encode(scale * V, w, beta=2, penalty=0.3, max_iter=2000, tol=0, rng=0)
        h = ((V * w).sum(0) - 0.3 * V.mean() * w.sum()) / (w * w).sum()
        np.testing.assert_allclose(nmf.H[0, h > 0.01], scale * h[h > 0.01], rtol=1e-6)
        assert (nmf.H[0, h < 0] < 1e-6 * scale).all()


def test_a_penalty_empties_a_wholly_hidden_frame() -> None:
    V, W, H, M = problem()
    for penalty in (0.1, Penalties(l1_H=0.1), Penalties(l2_H=0.1)):
        nmf = encode(V, W, weights=M, H=H, penalty=penalty, max_iter=3)
        assert (nmf.V_hat[:, 2] == 0).all()
    kept = encode(V, W, weights=M, H=H, penalty=Penalties(l1_W=0.1), max_iter=3)
    np.testing.assert_array_equal(kept.H[:, 2], H[:, 2])


def test_penalties_are_converted_to_the_units_of_the_iteration() -> None:
    # The objective of V/s, W/a and H*a/s has the unit s**beta.
    rng = np.random.default_rng(0)
    s, a, beta = 4.0, rng.uniform(0.5, 2, 3), 1.5
    W, H = rng.uniform(0.1, 1, (5, 3)), rng.uniform(0.1, 1, (3, 7))
    x_W, x_H = W / a, H * a[:, None] / s
    p = Penalties(0.3, 0.2, 0.7, 0.1)
    of_W, of_H = factor_penalties(p, scale=s, level=5.0, atom_scale=a, beta=beta)
    value = of_W.value(x_W.T, of_W.l1).sum() + of_H.value(x_H, of_H.l1).sum()
    expected = p.l1_W * W.sum() + p.l1_H * H.sum()
    expected += p.l2_W / 2 * (W**2).sum() + p.l2_H / 2 * (H**2).sum()
    assert value * s**beta == pytest.approx(expected)
    of_W, of_H = factor_penalties(0.6, scale=s, level=5.0, atom_scale=a, beta=beta)
    value = of_H.value(x_H, of_H.linear(x_W.sum(axis=0))).sum()
    expected = 0.6 * 5.0 ** (beta - 1) * float(W.sum(axis=0) @ H.sum(axis=1))
    assert value * s**beta == pytest.approx(expected)
    assert of_H.ridge == 0


def test_without_penalties_nothing_is_added() -> None:
    for penalty in (0.0, Penalties()):
        for factor in factor_penalties(penalty, scale=1, level=1, atom_scale=np.ones(2), beta=0):
            assert factor.is_zero
            assert factor.linear(np.ones(2)) == factor.ridge == 0
            assert factor.value(np.ones((2, 3)), 0.0) == 0
