"""The fits of the 2015 notebook, see `spectramend.experiments.thiemann2015`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from spectramend.nmf import encode, update

FIT_ITERATIONS = 100
NOTEBOOK_TRAINING: dict[str, Any] = {
    "quantity": "magnitude",
    "max_iter": 50,
    "settle": 21,
    "extrapolate": False,
}
ADAPT_AFTER = 91  # H updates before the line that the notebook has commented out


def fit_as_notebook(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any] | None
) -> NDArray[Any]:
    """Run the last fit of the 2015 notebook: heuristic updates of the activations.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Magnitudes of the mix.
    W : ndarray [shape=(F, K), >= 0]
        Dictionary of magnitudes.
    H : ndarray [shape=(K, N), >= 0]
        Activations to start from.
    observed : ndarray [shape=(F, N), bool] or None
        Reliable cells; None fits all.

    Returns
    -------
    ndarray [shape=(F, N)]
        The model.
    """
    nmf = encode(
        V,
        W,
        weights=observed,
        H=H,
        step="heuristic",
        extrapolate=False,
        max_iter=FIT_ITERATIONS,
        tol=0,
        check_every=FIT_ITERATIONS,
    )
    # Where nothing is observed the notebook divides 0 by 1e-50, which ends in silence.
    return nmf.V_hat * nmf.observed_frames


def fit_everything(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any]
) -> NDArray[Any]:
    """Fit activations to every cell, reliable or not, and return the model [shape=(F, N)]."""
    return fit_as_notebook(V, W, H, None)


def fit_adapting(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any]
) -> NDArray[Any]:
    """Fit to every cell, and in the last iterations move W, too, under the mask [shape=(F, N)]."""
    settled = encode(
        V,
        W,
        H=H,
        step="heuristic",
        extrapolate=False,
        max_iter=ADAPT_AFTER,
        tol=0,
        check_every=ADAPT_AFTER,
    )
    H, M = settled.H, observed.astype(V.dtype)
    for i in range(ADAPT_AFTER, FIT_ITERATIONS):
        if i > ADAPT_AFTER:
            H = update(V, W, H, step="heuristic")
        W = update(V.T, H.T, W.T, M.T, step="heuristic").T
    # As in `fit_as_notebook`: frequencies that are never observed end in silence.
    return W @ H * M.any(axis=1, keepdims=True)
