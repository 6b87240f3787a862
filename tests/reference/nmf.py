"""Masked beta-NMF in plain loops (Févotte & Idier 2011, eq. 2.3, 4.5-4.9)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]


def cell(x: float, y: float, beta: float) -> float:
    if beta == 0:
        return x / y - math.log(x / y) - 1
    if beta == 1:
        return (x * math.log(x / y) if x > 0 else 0.0) - x + y
    return (x**beta / (beta - 1) + y**beta - beta * x * y ** (beta - 1) / (beta - 1)) / beta


def product(W: Matrix, H: Matrix) -> list[list[float]]:
    F, K = W.shape
    return [
        [sum(float(W[f, k]) * float(H[k, n]) for k in range(K)) for n in range(H.shape[1])]
        for f in range(F)
    ]


def divergence(
    V: Matrix, W: Matrix, H: Matrix, beta: float, M: Matrix | None = None, penalty: float = 0.0
) -> float:
    V_hat = product(W, H)
    total = 0.0
    for f in range(V.shape[0]):
        for n in range(V.shape[1]):
            if M is None or M[f, n] > 0:
                weight = 1.0 if M is None else float(M[f, n])
                total += weight * cell(float(V[f, n]), V_hat[f][n], beta)
    for k in range(H.shape[0]):
        for n in range(H.shape[1]):
            total += penalty * float(H[k, n])
    return total


def mm_exponent(beta: float) -> float:
    if beta < 1:
        return 1 / (2 - beta)
    if beta > 2:
        return 1 / (beta - 1)
    return 1.0


def update_H(
    V: Matrix,
    W: Matrix,
    H: Matrix,
    beta: float,
    M: Matrix | None = None,
    penalty: float = 0.0,
    g: float = 1.0,
) -> Matrix:
    V_hat = product(W, H)
    F, N = V.shape
    new = np.empty(H.shape)
    for k in range(H.shape[0]):
        for n in range(N):
            num, den = 0.0, penalty
            for f in range(F):
                weight = 1.0 if M is None else float(M[f, n])
                num += float(W[f, k]) * weight * float(V[f, n]) * V_hat[f][n] ** (beta - 2)
                den += float(W[f, k]) * weight * V_hat[f][n] ** (beta - 1)
            new[k, n] = float(H[k, n]) * ((num / den) ** g if den > 0 else 1.0)
    return new


def update_W(
    V: Matrix,
    W: Matrix,
    H: Matrix,
    beta: float,
    M: Matrix | None = None,
    g: float = 1.0,
) -> Matrix:
    V_hat = product(W, H)
    F, N = V.shape
    new = np.empty(W.shape)
    for f in range(F):
        for k in range(W.shape[1]):
            num = den = 0.0
            for n in range(N):
                weight = 1.0 if M is None else float(M[f, n])
                num += float(H[k, n]) * weight * float(V[f, n]) * V_hat[f][n] ** (beta - 2)
                den += float(H[k, n]) * weight * V_hat[f][n] ** (beta - 1)
            new[f, k] = float(W[f, k]) * ((num / den) ** g if den > 0 else 1.0)
    return new


def descend(
    V: Matrix, W: Matrix, H: Matrix, beta: float, M: Matrix | None, n_iter: int, relaxation: float
) -> tuple[Matrix, Matrix, list[bool]]:
    """Iterate as `spectramend.nmf._engine.iteration` describes, without floors.

    Returns the factors, and in which iterations the objective rose.
    """
    g_fast = relaxation * (1.0 if 0 <= beta <= 2 else mm_exponent(beta))
    x = before = accepted = (W, H)
    lowest, age, mm = math.inf, 0, False
    rises = []
    for n in range(n_iter + 1):
        m = 0.0 if n == n_iter else age / (age + 3)
        y_W, y_H = (now * (now / then) ** m for now, then in zip(x, before, strict=True))
        value = divergence(V, y_W, y_H, beta, M)
        rose = value > lowest
        rises.append(rose)
        if n == n_iter:
            return (*(accepted if rose else x), rises)
        g = mm_exponent(beta) if mm else g_fast
        new_H = update_H(V, y_W, y_H, beta, M, g=g)
        new_W = update_W(V, y_W, new_H, beta, M, g)
        if not rose:
            before, x, accepted, lowest = x, (new_W, new_H), (y_W, y_H), value
            age, mm = age + 1, False
        else:
            mm = age == 0
            before = x = accepted if mm else x
            age = 0
    raise AssertionError
