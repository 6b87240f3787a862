"""One gap that minimises a weighted sum of the residuals of several autoregressive models.

For models with prediction filters ``a_k`` and residual powers ``e_k``, and weights that are linear
in time, the h samples of the gap minimise

    sum_k  sum_n  (c0_k + c1_k n) (a_k * x)(n)**2 / e_k,                                      (1)

n counting from the first missing sample. Setting its derivatives to zero gives h linear equations.
Element (i, j) of their matrix is, for one model, with ``d = |i - j|``,

    sum_n (c0 + c1 n) a[n - i] a[n - j]  =  c0 r[d] + c1 s[d] + c1 min(i, j) r[d],
    r[d]  =  sum_q a[q] a[q - d],    s[d]  =  sum_q q a[q] a[q - d],                          (2)

by ``n = q + min(i, j)``. So two Toeplitz matrices, one of them times min(i, j), hold all models.
Where all weights are constant, c1 = 0, Levinson's recursion solves the equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.burg_recursion import ARModel
from spectramend.core.levinson import RIDGES


@dataclass(frozen=True)
class WeightedModel:
    """A model in the sum (1), and the weight ``c0 + c1 n`` of its residual."""

    model: ARModel
    c0: float = 1.0  # weight at the first missing sample
    c1: float = 0.0  # growth of the weight per sample


def cross_fade(
    before: Sequence[ARModel], after: Sequence[ARModel], h: int, weight: float = 1.0
) -> list[WeightedModel]:
    """Weight models so that those of the left side give way to those of the right side.

    h is the number of missing samples, weight the largest weight of each. For order p, weights are
    linear over the h + p residuals that depend on missing samples.
    """
    falling = [WeightedModel(m, weight, -weight / (h + m.order)) for m in before]
    return falling + [WeightedModel(m, 0.0, weight / (h + m.order)) for m in after]


def solve_gap(
    x: NDArray[Any], start: int, h: int, terms: Sequence[WeightedModel]
) -> NDArray[np.float64]:
    """Minimise (1), by Levinson's recursion if weights are constant, or Cholesky's factorisation.

    x [shape=(n,)] with h missing samples from start on; returns [shape=(h,)], zeros where rounding
    leaves no matrix positive definite.
    """
    from scipy.linalg import cho_factor, cho_solve, solve_toeplitz, toeplitz

    T0, T1, right = _normal_equations(x, start, h, terms)
    if all(term.c1 == 0 for term in terms):
        lags = T0.copy()
        lags[0] *= 1 + RIDGES[0]
        with suppress(np.linalg.LinAlgError):
            return solve_toeplitz(lags, right)
    i = np.arange(h)
    for ridge in RIDGES:
        # Only the lower triangle, where min(i, j) is j, is right. It is the upper one of the
        # transpose, which LAPACK reads without a copy.
        matrix = toeplitz(T1)
        matrix *= i
        matrix += toeplitz(T0)
        matrix[i, i] *= 1 + ridge
        try:
            factor = cho_factor(matrix.T, lower=False, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            continue
        return cho_solve(factor, right, check_finite=False)
    return np.zeros(h)


def _normal_equations(
    x: NDArray[Any], start: int, h: int, terms: Sequence[WeightedModel]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Set up the lags T0, T1 and the right side of the equations, by (2), each [shape=(h,)].

    The matrix is ``T0[|i - j|] + min(i, j) T1[|i - j|]``. Beyond the ends of x is silence.
    """
    T0, T1, right = np.zeros(h), np.zeros(h), np.zeros(h)
    for term in terms:
        a, e = term.model.a, term.model.error
        r, s = _lags(a, a, h), _lags(np.arange(a.size) * a, a, h)
        T0 += (term.c0 * r + term.c1 * s) / e
        T1 += term.c1 * r / e
        right -= _known_part(x, start, h, term) / e
    return T0, T1, right


def _lags(u: NDArray[Any], v: NDArray[Any], h: int) -> NDArray[np.float64]:
    """Sum ``u[q] v[q - d]`` over q, for d from 0 to h - 1 [shape=(h,)]."""
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(2 * u.size, real=True)
    product = scipy.fft.rfft(u, n_fft) * np.conj(scipy.fft.rfft(v, n_fft))
    lags = np.zeros(h)
    kept = min(h, u.size)
    lags[:kept] = scipy.fft.irfft(product, n_fft)[:kept]
    return lags


def _known_part(x: NDArray[Any], start: int, h: int, term: WeightedModel) -> NDArray[np.float64]:
    """Sum ``(c0 + c1 n) a[n - i] (a * x_known)(n)`` over n, for each missing i [shape=(h,)]."""
    import scipy.fft

    a, p = term.model.a, term.model.order
    known = np.zeros(h + 2 * p)
    head, tail = x[max(0, start - p) : start], x[start + h : start + h + p]
    known[p - head.size : p] = head
    known[p + h : p + h + tail.size] = tail
    n_fft = scipy.fft.next_fast_len(known.size + p, real=True)
    A = scipy.fft.rfft(a, n_fft)
    residual = scipy.fft.irfft(A * scipy.fft.rfft(known, n_fft), n_fft)[p : h + 2 * p]
    residual *= term.c0 + term.c1 * np.arange(h + p)
    return scipy.fft.irfft(np.conj(A) * scipy.fft.rfft(residual, n_fft), n_fft)[:h]
