"""The fits of the 2015 notebook, see `spectramend.experiments.thiemann2015`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from spectramend.nmf import Factorization, encode, update

# All numbers are those of the 2015 notebook.
FIT_ITERATIONS = 100  # updates of H on the mix
ADAPT_AFTER = 91  # updates of H before the line that the notebook has commented out
TRAINING_ITERATIONS = 50  # updates of H in training
SETTLE = 21  # updates of H in training before the first one of W
NOTEBOOK_TRAINING: dict[str, Any] = {
    "quantity": "magnitude",
    "max_iter": TRAINING_ITERATIONS,
    "settle": SETTLE,
    "extrapolate": False,
}


def _heuristic(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], max_iter: int, weights: Any = None
) -> Factorization:
    """Run all of `max_iter` heuristic updates of H [shape=(K, N)]."""
    return encode(
        V, W, H=H, weights=weights, step="heuristic", extrapolate=False, max_iter=max_iter, tol=0,
        check_every=max_iter,
    )  # fmt: skip


def fit_as_notebook(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any] | None
) -> NDArray[Any]:
    """Run the last fit of the notebook: heuristic updates of the activations, from H.

    V [shape=(F, N)] are magnitudes of the mix; observed [shape=(F, N), bool] are the reliable
    cells, None fits all; returns the model [shape=(F, N)].
    """
    nmf = _heuristic(V, W, H, FIT_ITERATIONS, observed)
    # Where nothing is observed the notebook divides 0 by 1e-50, which ends in silence.
    return nmf.V_hat * nmf.observed_frames


def fit_everything(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any]
) -> NDArray[Any]:
    """Fit the activations to all cells, reliable or not; return the model [shape=(F, N)]."""
    return fit_as_notebook(V, W, H, None)


def fit_adapting(
    V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], observed: NDArray[Any]
) -> NDArray[Any]:
    """Fit to all cells; in the last iterations update W, too, under the mask [shape=(F, N)]."""
    H = _heuristic(V, W, H, ADAPT_AFTER).H
    M = observed.astype(V.dtype)
    for i in range(ADAPT_AFTER, FIT_ITERATIONS):
        if i > ADAPT_AFTER:
            H = update(V, W, H, step="heuristic")
        W = update(V.T, H.T, W.T, M.T, step="heuristic").T
    # As in `fit_as_notebook`: frequencies that are never observed end in silence.
    return W @ H * M.any(axis=1, keepdims=True)
