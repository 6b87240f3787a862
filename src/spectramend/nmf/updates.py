"""The multiplicative update of masked beta-NMF: one function, for activations and dictionary.

    H <- H * ( W.T @ (M * V * V_hat**(beta-2)) / (W.T @ (M * V_hat**(beta-1)) + penalty) )**g

Numerator and denominator are the negative and the positive part of the gradient. W is updated by
the same function on transposes: ``W = update(V.T, H.T, W.T, M.T, ...).T``.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.errors import ParameterError

Step: TypeAlias = Literal["mm", "heuristic"]

ALL = slice(None)
BLOCK_BYTES = 1 << 21  # one F x block buffer: a few of them stay in cache


def exponent(beta: float, step: Step = "mm") -> float:
    """Give the exponent g of the update.

    Parameters
    ----------
    beta : float
        Which divergence.
    step : {"mm", "heuristic"}
        ``"mm"`` makes the update majorise and minimise, so that the divergence never rises, with or
        without a penalty. ``"heuristic"`` is 1: faster for ``beta < 1``, and in practice safe for
        ``0 <= beta <= 2``.

    Returns
    -------
    float
        The exponent.

    Raises
    ------
    ParameterError
        If `step` is neither.

    References
    ----------
    .. [1] C. Févotte and J. Idier, Neural Computation 23(9), 2011, eq. 4.9 (``gamma(beta)``).

    Examples
    --------
    >>> exponent(0.0), exponent(1.0), exponent(3.0), exponent(0.0, "heuristic")
    (0.5, 1.0, 0.5, 1.0)
    """
    if step not in ("mm", "heuristic"):
        raise ParameterError(f"step={step!r}: give 'mm' or 'heuristic'.")
    if step == "heuristic" or 1 <= beta <= 2:
        return 1.0
    return 1 / (2 - beta) if beta < 1 else 1 / (beta - 1)


def update(
    V: NDArray[Any],
    W: NDArray[Any],
    H: NDArray[Any],
    M: NDArray[Any] | None = None,
    *,
    beta: float = 0.0,
    step: Step = "mm",
    penalty: float | NDArray[Any] = 0.0,
    atoms: slice = ALL,
) -> NDArray[Any]:
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
    g = exponent(beta, step)
    new_H = H.copy()
    n_frames = H.shape[1]
    width = max(1, BLOCK_BYTES // (V.shape[0] * V.itemsize))
    for start in range(0, n_frames, width):
        block = slice(start, start + width)
        M_block = None if M is None else M[:, block]
        num, den = gradient_parts(V[:, block], W, H[:, block], M_block, beta=beta, atoms=atoms)
        den = den + penalty
        # den == 0: nothing is observed under this column, so that nothing moves it.
        ratio = np.divide(num, den, out=np.ones_like(num), where=den > 0)
        if g == 0.5:
            np.sqrt(ratio, out=ratio)
        elif g != 1:
            np.power(ratio, g, out=ratio)
        new_H[atoms, block] *= ratio
    return new_H


def gradient_parts(
    V: NDArray[Any],
    W: NDArray[Any],
    H: NDArray[Any],
    M: NDArray[Any] | None = None,
    *,
    beta: float = 0.0,
    atoms: slice = ALL,
) -> tuple[NDArray[Any], NDArray[Any]]:
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
    # V_hat lies in memory as V does, so that the element-wise lines below run along it even where
    # V is a transpose.
    V_hat = np.empty_like(V, dtype=np.result_type(V, W, H))
    np.matmul(W, H, out=V_hat)
    of_atoms = W[:, atoms].T
    if beta == 1 and M is None:
        # V_hat**0 is 1 everywhere, so that the positive part is the sum of each atom.
        num = of_atoms @ np.divide(V, V_hat, out=V_hat)
        return num, np.broadcast_to(of_atoms.sum(axis=1, keepdims=True), num.shape)
    if beta == 0:
        positive = np.divide(1, V_hat, out=V_hat)  # V_hat**(beta-1)
        negative = V * positive
        negative *= positive
    elif beta == 1:
        positive = np.ones_like(V_hat)
        negative = np.divide(V, V_hat, out=V_hat)
    elif beta == 2:
        positive = V_hat
        negative = V.astype(V_hat.dtype)
    else:
        positive = V_hat ** (beta - 1)
        negative = np.divide(V, V_hat, out=V_hat)  # near 1: V_hat**(beta-2) may overflow
        negative *= positive
    if M is not None:
        positive *= M
        negative *= M
    return of_atoms @ negative, of_atoms @ positive
