"""The multiplicative update of masked beta-NMF: one function, for activations and dictionary.

    H <- H * ( W.T @ (M * V * V_hat**(beta-2)) / (W.T @ (M * V_hat**(beta-1)) + penalty) )**g

Numerator and denominator are the negative and the positive part of the gradient. W is updated by
the same function on transposes: ``W = update(V.T, H.T, W.T, M.T, ...).T``. Arrays are NumPy's or,
all of them, another library's, see `spectramend.nmf._engine.arrays`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

import numpy as np

from spectramend.core.given_arrays import plain
from spectramend.errors import ParameterError
from spectramend.nmf._engine.arrays import Array, namespace
from spectramend.nmf._engine.frame_blocks import split

if TYPE_CHECKING:
    from typing_extensions import Unpack

Step: TypeAlias = Literal["mm", "heuristic"]

ALL = slice(None)
# Least value of a factor, in units of the mean observed value. Engineering choice: 120 dB below it,
# from where factors can still grow; the clipped minimiser of a unimodal majoriser still descends.
FACTOR_FLOOR = 1e-12


class PenaltyWeights(TypedDict, total=False):
    """Weights of the penalties on one factor, 0 if absent: of its sum, and of half its squares."""

    penalty: float | Array
    ridge: float | Array


def exponent(beta: float, step: Step = "mm", *, ridge: bool = False) -> float:
    """Give the exponent g of the update.

    Parameters
    ----------
    beta : float
        Parameter of the divergence.
    step : {"mm", "heuristic"}
        ``"mm"`` majorises and minimises, so that the objective never rises. ``"heuristic"`` is 1
        for ``0 <= beta <= 2``: faster for ``beta < 1``, and in practice safe.
    ridge : bool
        Whether there is a penalty on the squares, too.

    Returns
    -------
    float
        The exponent.

    Notes
    -----
    Let ``r`` be what multiplies an activation ``h``. Up to constants, the divergence has the
    majoriser ``P(r) + Q(r)`` with ``P' = den * r**b`` and ``Q' = -num * r**a``; a is ``beta - 2``
    for ``beta <= 2`` and 0 above, b is 0 for ``beta < 1`` and ``beta - 1`` above. By Bernoulli's
    inequality ``r <= (r**p + p - 1)/p`` for ``p >= 1``, so the power of any convex term may be
    raised: L1 penalties, which add ``l1 * r**0`` to P', join ``den`` at the power b, and if the
    squares, ``l2 * h * r``, are the steepest term, ``den`` joins them at the power 1. Then
    ``r = (num / (den + l1 + l2*h))**(1 / (max(b, 1) - a))``.

    References
    ----------
    .. [1] C. Févotte and J. Idier, Neural Computation 23(9), 2011, eq. 4.9 (``gamma(beta)``).
    """
    if step not in ("mm", "heuristic"):
        raise ParameterError(f"step={step!r}: give 'mm' or 'heuristic'.")
    if step == "heuristic" and 0 <= beta <= 2:
        return 1.0
    falling = min(beta - 2, 0)
    rising = max(beta - 1, 1 if ridge else 0)
    return 1 / (rising - falling)


def update(
    V: Array,
    W: Array,
    H: Array,
    M: Array | None = None,
    *,
    beta: float = 0.0,
    step: Step = "mm",
    atoms: slice = ALL,
    **penalties: Unpack[PenaltyWeights],
) -> Array:
    """Update the activations once, given the dictionary, in blocks of frames that fit in cache.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Data; finite also where ``M`` is 0.
    W : ndarray [shape=(F, K), >= 0]
        Dictionary; ``W @ H`` must be positive.
    H : ndarray [shape=(K, N), >= 0]
        Activations.
    M : ndarray [shape=(F, N), >= 0], optional
        Weights, best of the dtype of `V`; 1 if None.
    beta : float
        Parameter of the divergence.
    step : {"mm", "heuristic"}
        Exponent, see `exponent`.
    atoms : slice
        Of which atoms to update the activations; the others stay as they are.
    **penalties : float or ndarray [shape=(K, 1)]
        Weights in the objective: `penalty` of the sum of the activations, `ridge` of half the sum
        of their squares.

    Returns
    -------
    ndarray [shape=(K, N)]
        New activations. A column under which nothing is observed is left as it was.

    References
    ----------
    .. [1] C. Févotte and J. Idier, Neural Computation 23(9), 2011, eq. 4.5 to 4.9; with a penalty:
       V. Y. F. Tan and C. Févotte, IEEE Trans. PAMI 35(7), 2013, sec. 4.

    Examples
    --------
    >>> W, H = np.ones((2, 1)), np.ones((1, 2))
    >>> update(np.array([[4.0, 9.0], [4.0, 9.0]]), W, H, step="heuristic").tolist()
    [[4.0, 9.0]]
    """
    xp = namespace(V, W, H)
    g = exponent(beta, step, ridge=_is_given(penalties.get("ridge", 0.0)))
    new_H = xp.empty_like(H)
    new_H[...] = H
    for block in split(V.shape[0], V.shape[1], V.dtype.itemsize, is_numpy=xp is np):
        M_block = None if M is None else M[:, block]
        num, den = gradient_parts(V[:, block], W, H[:, block], M_block, beta=beta, atoms=atoms)
        new_H[atoms, block] = multiplicative_step(H[atoms, block], num, den, g, **penalties)
    return new_H


def _is_given(weight: float | Array) -> bool:
    """Whether the weight of a penalty [scalar or shape=(K, 1)] is not 0."""
    return not isinstance(weight, float | int) or weight > 0


def multiplicative_step(
    h: Array,
    num: Array,
    den: Array,
    g: float | Array,
    *,
    penalty: float | Array = 0.0,
    ridge: float | Array = 0.0,
) -> Array:
    """Multiply a factor by the power g of the ratio of both parts of the gradient.

    Factor and parts have the shape (K, N), g is a number or has the shape (N,), `penalty` and
    `ridge` are as of `update`.
    """
    xp = namespace(h)
    if _is_given(penalty):
        den = den + penalty
    if _is_given(ridge):
        den = den + ridge * h
    unobserved = den == 0  # nothing is observed under this column, so that it stays
    if xp.any(unobserved):
        num, den = xp.where(unobserved, 1, num), xp.where(unobserved, 1, den)
    ratio = num / den
    if not isinstance(g, float) or g != 1:
        ratio **= g
    ratio *= h
    return ratio


def gradient_parts(
    V: Array, W: Array, H: Array, M: Array | None = None, *, beta: float = 0.0, atoms: slice = ALL
) -> tuple[Array, Array]:
    """Split the gradient of the divergence with respect to the activations.

    Parameters
    ----------
    V, W, H, M : ndarray [shapes=(F, N), (F, K), (K, N), (F, N), >= 0]
        Data, dictionary, activations and weights, 1 if None.
    beta : float
        Parameter of the divergence.
    atoms : slice
        With respect to the activations of which atoms.

    Returns
    -------
    num, den : ndarray [shapes=(K, N), >= 0]
        Negative and positive part; the gradient is ``den - num``.

    References
    ----------
    .. [1] C. Févotte and J. Idier, Neural Computation 23(9), 2011, eq. 3.5.
    """
    for name, values in (("V", V), ("W", W), ("H", H), ("M", M)):
        if np.ma.is_masked(values):
            plain(name, values)  # refuses it: the weights say what is hidden
    xp = namespace(V, W, H)
    # Buffers have the memory order of V, for the speed of element-wise operations on transposes.
    dtype = xp.result_type(V, W, H)
    V_hat, ratio = xp.empty_like(V, dtype=dtype), xp.empty_like(V, dtype=dtype)
    if M is not None:
        M = xp.asarray(M, dtype=dtype)
    MV = V if M is None else M * V
    model_in(MV, W, H, V_hat, None if beta == 2 else ratio)
    num, den = gradient_parts_in(MV, W, M, V_hat, ratio, beta=beta, atoms=atoms)
    return num, xp.broadcast_to(den, num.shape)


def model_in(MV: Array, W: Array, H: Array, V_hat: Array, ratio: Array | None) -> None:
    """Evaluate the model and, unless it is None, the ratio of weighted data to it, in place."""
    xp = namespace(MV)
    xp.matmul(W, H, out=V_hat)
    if ratio is not None:
        xp.divide(MV, V_hat, out=ratio)


def gradient_parts_in(
    MV: Array,
    W: Array,
    M: Array | None,
    V_hat: Array,
    ratio: Array,
    *,
    beta: float,
    atoms: slice = ALL,
) -> tuple[Array, Array]:
    """Split the gradient as `gradient_parts` does, from the model and ratio of `model_in`.

    `V_hat` and `ratio`, which ``beta = 2`` does not need, are overwritten. The positive part has
    the shape (K, 1) where all its columns are equal.
    """
    xp = namespace(MV)
    W_T = W[:, atoms].T
    if beta == 1:
        if M is None:
            # V_hat**0 is 1 everywhere, so that the positive part is the sum of each atom.
            return W_T @ ratio, W_T.sum(axis=1)[:, None]
        return W_T @ ratio, W_T @ M
    positive = V_hat
    if beta == 2:
        negative = MV
    else:
        if beta == 0:
            xp.divide(1, positive, out=positive)  # a fifth of the time of a power
        else:
            positive **= beta - 1
        negative = ratio  # near 1, where V_hat**(beta-2) might overflow
        negative *= positive
    if M is not None:
        positive *= M
    return W_T @ negative, W_T @ positive
