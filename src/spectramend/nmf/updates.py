"""The multiplicative update of masked beta-NMF: one function, for activations and dictionary.

    H <- H * ( W.T @ (M * V * V_hat**(beta-2)) / (W.T @ (M * V_hat**(beta-1)) + penalty) )**g

Numerator and denominator are the negative and the positive part of the gradient. W is updated by
the same function on transposes: ``W = update(V.T, H.T, W.T, M.T, ...).T``.

Arrays may be NumPy's or, all of them, another library's, see `spectramend.nmf._engine.arrays`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from spectramend.errors import ParameterError
from spectramend.nmf._engine.arrays import Array, namespace
from spectramend.nmf._engine.frame_blocks import split

Step: TypeAlias = Literal["mm", "heuristic"]

ALL = slice(None)


def exponent(beta: float, step: Step = "mm", *, ridge: bool = False) -> float:
    """Give the exponent g of the update.

    Parameters
    ----------
    beta : float
        Which divergence.
    step : {"mm", "heuristic"}
        ``"mm"`` makes the update majorise and minimise, so that the divergence never rises, with or
        without a penalty. ``"heuristic"`` is 1 for ``0 <= beta <= 2``: faster for ``beta < 1``, and
        in practice safe.
    ridge : bool
        Whether there is a penalty on the squares, too.

    Returns
    -------
    float
        The exponent.

    Raises
    ------
    ParameterError
        If `step` is neither.

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

    Examples
    --------
    >>> exponent(0.0), exponent(1.0), exponent(3.0), exponent(0.0, "heuristic")
    (0.5, 1.0, 0.5, 1.0)
    >>> exponent(1.0, ridge=True), exponent(2.0, ridge=True)
    (0.5, 1.0)
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
    penalty: float | Array = 0.0,
    ridge: float | Array = 0.0,
    atoms: slice = ALL,
) -> Array:
    """Update the activations once, given the dictionary.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Data; finite also where ``M`` is 0.
    W : ndarray [shape=(F, K), >= 0]
        Dictionary; ``W @ H`` must be positive.
    H : ndarray [shape=(K, N), >= 0]
        Activations.
    M : ndarray [shape=(F, N), >= 0], optional
        Weights, of the dtype of `V` (a boolean mask works, more slowly). None weighs all cells 1.
    beta : float
        Which divergence.
    step : {"mm", "heuristic"}
        Which exponent, see `exponent`.
    penalty : float or ndarray [shape=(K, 1)]
        Weight of the sum of the activations in the objective.
    ridge : float or ndarray [shape=(K, 1)]
        Weight of half the sum of their squares.
    atoms : slice
        Of which atoms to update the activations; the others stay as they are.

    Returns
    -------
    ndarray [shape=(K, N)]
        New activations. A column under which nothing is observed is left as it was.

    Notes
    -----
    Work goes in blocks of frames that stay in cache.

    References
    ----------
    .. [1] C. Févotte and J. Idier, Neural Computation 23(9), 2011, eq. 4.5 to 4.9; with a penalty:
       V. Y. F. Tan and C. Févotte, IEEE Trans. PAMI 35(7), 2013, sec. 4.

    Examples
    --------
    >>> import numpy as np
    >>> W, H = np.ones((2, 1)), np.ones((1, 2))
    >>> update(np.array([[4.0, 9.0], [4.0, 9.0]]), W, H, step="heuristic").tolist()
    [[4.0, 9.0]]
    """
    xp = namespace(V, W, H)
    g = exponent(beta, step, ridge=_is_given(ridge))
    new_H = xp.empty_like(H)
    new_H[...] = H
    for block in split(V.shape[0], V.shape[1], V.dtype.itemsize, own=xp is np):
        M_block = None if M is None else M[:, block]
        num, den = gradient_parts(V[:, block], W, H[:, block], M_block, beta=beta, atoms=atoms)
        h = H[atoms, block]
        new_H[atoms, block] = stepped(h, num, den, g, penalty=penalty, ridge=ridge)
    return new_H


def _is_given(ridge: float | Array) -> bool:
    """Say whether there is a penalty on squares."""
    return not isinstance(ridge, float | int) or ridge > 0


def stepped(
    h: Array,
    num: Array,
    den: Array,
    g: float | Array,
    *,
    penalty: float | Array = 0.0,
    ridge: float | Array = 0.0,
) -> Array:
    """Take the step of the update from both parts of the gradient.

    Parameters
    ----------
    h : ndarray [shape=(K, N), >= 0]
        Where to start from.
    num, den : ndarray [shape=(K, N), >= 0]
        Negative and positive part of the gradient.
    g : float or ndarray [shape=(1, N)]
        Exponent.
    penalty, ridge : float or ndarray [shape=(K, 1)]
        Weights of the penalties.

    Returns
    -------
    ndarray [shape=(K, N)]
        The new factor.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 1))
    >>> stepped(2 * one, 8 * one, 1 * one, 1.0, penalty=1.0, ridge=1.0).item()
    4.0
    """
    xp = namespace(h)
    if _is_given(penalty):
        den = den + penalty
    if _is_given(ridge):
        den = den + ridge * h
    # den == 0: nothing is observed under this column, so that nothing moves it.
    nothing = den == 0
    if xp.any(nothing):
        num, den = xp.where(nothing, 1, num), xp.where(nothing, 1, den)
    ratio = num / den
    if not isinstance(g, float) or g != 1:
        ratio **= g
    ratio *= h
    return ratio


def gradient_parts(
    V: Array,
    W: Array,
    H: Array,
    M: Array | None = None,
    *,
    beta: float = 0.0,
    atoms: slice = ALL,
) -> tuple[Array, Array]:
    """Split the gradient of the divergence with respect to the activations.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Data.
    W : ndarray [shape=(F, K), >= 0]
        Dictionary.
    H : ndarray [shape=(K, N), >= 0]
        Activations.
    M : ndarray [shape=(F, N), >= 0], optional
        Weights.
    beta : float
        Which divergence.
    atoms : slice
        With respect to the activations of which atoms.

    Returns
    -------
    num : ndarray [shape=(K, N), >= 0]
        Negative part.
    den : ndarray [shape=(K, N), >= 0]
        Positive part; the gradient is ``den - num``.

    References
    ----------
    .. [1] C. Févotte and J. Idier, Neural Computation 23(9), 2011, eq. 3.5.

    Examples
    --------
    >>> import numpy as np
    >>> num, den = gradient_parts(np.full((1, 1), 6.0), np.eye(1), np.full((1, 1), 2.0), beta=2)
    >>> num.item(), den.item()
    (6.0, 2.0)
    """
    xp = namespace(V, W, H)
    # Both buffers lie in memory as V does, so that the element-wise lines run along it even where
    # V is a transpose.
    dtype = xp.result_type(V, W, H)
    V_hat, ratio = xp.empty_like(V, dtype=dtype), xp.empty_like(V, dtype=dtype)
    if M is not None:
        M = xp.asarray(M, dtype=dtype)
    MV = V if M is None else M * V
    num, den = gradient_parts_in(MV, W, H, M, V_hat, ratio, beta=beta, atoms=atoms)
    return num, xp.broadcast_to(den, num.shape)


def gradient_parts_in(
    MV: Array,
    W: Array,
    H: Array,
    M: Array | None,
    V_hat: Array,
    ratio: Array,
    *,
    beta: float,
    atoms: slice = ALL,
    look: Callable[[], None] | None = None,
) -> tuple[Array, Array]:
    """Split the gradient as `gradient_parts` does, in buffers that are there.

    Parameters
    ----------
    MV : ndarray [shape=(F, N), >= 0]
        Weighted data.
    W, H : ndarray [shapes=(F, K), (K, N), >= 0]
        Factors.
    M : ndarray [shape=(F, N), >= 0] or None
        Weights.
    V_hat, ratio : ndarray [shape=(F, N)]
        Buffers; what is in them is lost.
    beta : float
        Which divergence.
    atoms : slice
        With respect to the activations of which atoms.
    look : callable, optional
        Called when the buffers hold the model and the ratio of weighted data to it; it may change
        `MV` and `M`, and then has to change `ratio`.

    Returns
    -------
    num, den : ndarray
        See `gradient_parts`; `den` has the shape (K, 1) where all its columns are equal.

    Examples
    --------
    >>> import numpy as np
    >>> V, one = np.full((1, 1), 6.0), np.eye(1)
    >>> num, den = gradient_parts_in(V, one, 2 * one, None, one.copy(), one.copy(), beta=0)
    >>> num.item(), den.item()
    (1.5, 0.5)
    """
    xp = namespace(MV)
    of_atoms = W[:, atoms].T
    xp.matmul(W, H, out=V_hat)
    if look is not None or beta != 2:
        xp.divide(MV, V_hat, out=ratio)
    if look is not None:
        look()
    if beta == 2:
        negative, positive = MV, V_hat
    elif beta == 1:
        if M is None:
            # V_hat**0 is 1 everywhere, so that the positive part is the sum of each atom.
            return of_atoms @ ratio, of_atoms.sum(axis=1)[:, None]
        return of_atoms @ ratio, of_atoms @ M
    else:
        positive = V_hat
        if beta == 0:
            xp.divide(1, positive, out=positive)  # a fifth of the time of a power
        else:
            positive **= beta - 1
        negative = ratio  # near 1, where V_hat**(beta-2) might overflow
        negative *= positive
    if M is not None:
        positive *= M
    return of_atoms @ negative, of_atoms @ positive
