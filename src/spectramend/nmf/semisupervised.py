"""Semi-supervised NMF: some atoms are known, others are learned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.nmf.updates import update


def learn_rest(
    V: NDArray[Any],
    W_known: NDArray[Any],
    W_rest: NDArray[Any],
    H: NDArray[Any],
    *,
    beta: float,
    max_iter: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Learn atoms for what known atoms do not explain of the data.

    Parameters
    ----------
    V : ndarray [shape=(F, N), > 0]
        Data.
    W_known : ndarray [shape=(F, K), >= 0]
        Atoms that stay as they are.
    W_rest, H : ndarray [shapes=(F, L), (K + L, N), >= 0]
        Other atoms, and activations of all, to start from; zeros stay zero.
    beta : float
        Parameter of the divergence.
    max_iter : int
        Iterations, each of all activations and of the atoms that are learned.

    Returns
    -------
    W_rest, H : ndarray [shapes=(F, L), (K + L, N)]
        The learned atoms, and activations of all.

    References
    ----------
    .. [1] P. Smaragdis, B. Raj and M. Shashanka, "Supervised and semi-supervised separation of
       sounds from single-channel mixtures", ICA 2007.
    """
    rest = slice(W_known.shape[1], None)
    W = np.hstack([W_known, W_rest])
    for _ in range(max_iter):
        H = update(V, W, H, beta=beta)
        W = update(V.T, H.T, W.T, beta=beta, atoms=rest).T
    return W[:, rest], H
