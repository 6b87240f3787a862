"""A step of the maximum a posteriori estimate against a dense quadratic program."""

from __future__ import annotations

import numpy as np
from scipy.optimize import lsq_linear

from spectramend.declipping import clipping_bounds
from spectramend.declipping.parseval_frame import ParsevalFrame
from spectramend.declipping.posterior_mean import ERROR_FACTOR, wiener_estimate
from spectramend.declipping.posterior_mode import Continuation, map_estimate
from spectramend.declipping.sparse_spectra import kept_cells, sparse_start
from spectramend.declipping.variances import SocialVariance

N = 96
FRAMES = [ParsevalFrame(32, N), ParsevalFrame(16, N)]
E, P = 0.05, -0.5


def dense_rows(S: ParsevalFrame, w: np.ndarray) -> np.ndarray:
    """Give the real rows whose squared product with x is ``sum w |S x|**2`` [shape=(rows, N)]."""
    columns = [S.analysis(unit) for unit in np.eye(N, dtype=np.float32)]
    twice = np.full(S.n_bins, 2.0)
    twice[[0, -1]] = 1
    scale = np.sqrt(w * twice).ravel()[:, np.newaxis]
    A = np.stack([X.ravel() for X in columns], axis=1)
    return np.concatenate((scale * A.real, scale * A.imag))


def test_one_step_is_the_quadratic_program() -> None:
    t = np.arange(N)
    x = np.sin(0.31 * t) + 0.3 * np.sin(0.9 * t + 1)
    y = np.clip(x, -0.6, 0.6)
    bounds = clipping_bounds(y, -0.6, 0.6)
    lower, upper = (b.astype(np.float32) for b in (bounds.lower, bounds.upper))
    start = y.astype(np.float32)
    course = Continuation(E, E, P, P, steps=1, products=3000)
    found = map_estimate(FRAMES, [SocialVariance()] * 2, start, lower, upper, course)

    rows = []
    for S in FRAMES:
        power = np.abs(S.analysis(start)) ** 2
        scale = SocialVariance().variances(power, 0.0).max()
        V = SocialVariance().variances(power, float(E**2 * scale)).astype(float)
        w = (V / scale) ** (P / 2 - 1)
        rows.append(dense_rows(S, w / w.max()))
    M = np.concatenate(rows)
    free = bounds.free
    dense = y.copy()
    dense[free] = lsq_linear(
        M[:, free], -M[:, ~free] @ y[~free], (bounds.lower[free], bounds.upper[free]), tol=1e-13
    ).x
    least = np.sum((M @ dense) ** 2)
    assert np.sum((M @ found) ** 2) <= 1.001 * least
    np.testing.assert_allclose(found, dense, atol=0.02)
    np.testing.assert_array_equal(found[~free], start[~free])


def test_each_step_is_told() -> None:
    y = np.clip(np.sin(0.3 * np.arange(N)), -0.5, 0.5).astype(np.float32)
    upper = np.where(y == 0.5, np.float32(np.inf), y)
    told: list[int] = []
    course = Continuation(0.1, 0.01, 0, 0, steps=4, products=5)
    map_estimate(
        FRAMES[:1], [SocialVariance()], y, y, upper, course, tick=lambda: told.append(len(told))
    )
    assert told == [0, 1, 2, 3]


def test_a_sparse_start_lets_a_clipped_tone_grow() -> None:
    n = 4096
    x = np.sin(2 * np.pi * 40 * np.arange(n) / 1024).astype(np.float32)
    y = np.clip(x, -0.3, 0.3)
    lower = np.where(y <= -0.3, -np.inf, y).astype(np.float32)
    upper = np.where(y >= 0.3, np.inf, y).astype(np.float32)
    z = sparse_start(ParsevalFrame(1024, n), y, lower, upper)
    inner = slice(1024, -1024)
    assert np.abs(y[inner] - x[inner]).max() > 0.69
    assert np.abs(z[inner] - x[inner]).max() < 0.25
    assert np.all((z >= lower) & (z <= upper))


def test_kept_cells_grow_up_to_the_last() -> None:
    kept = list(kept_cells(8192, 2048, 0.003, 0.3 / 8192))
    assert kept == sorted(kept)
    assert kept[0] == 60
    assert 2040 < kept[-1] <= 2048


def test_the_wiener_filter_of_known_variances() -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal(N).astype(np.float32)
    S = FRAMES[0]
    power = np.abs(S.analysis(y)) ** 2

    class Known:
        def variances(self, P: np.ndarray, floor: float) -> np.ndarray:
            return np.asarray(power + noise, np.float32)

    error = 0.01
    noise = np.float32(ERROR_FACTOR * error / 4)
    x = wiener_estimate([S], [Known()], y, y - 9, y + 9, error)
    V = power + noise
    # At the end V is what the model says, in one more step than at the start.
    np.testing.assert_allclose(x, S.synthesis(V / (V + noise) * S.analysis(y)), atol=1e-5)
