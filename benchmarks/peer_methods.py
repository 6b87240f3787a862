"""Implementations of NMF that `peers.py` compares, called alike.

They are the formula of the 2015 notebook, scikit-learn's multiplicative updates, torchnmf, and
`spectramend.nmf`; those that are not installed are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.nmf import encode, fit
from workbench import notebook_update, single

Factors: TypeAlias = tuple[NDArray[Any], NDArray[Any]]

NOTEBOOK = "notebook's formula"
NOTEBOOK_OWN = "notebook's formula, own start"
SKLEARN = "scikit-learn MU"
TORCHNMF = "torchnmf"
OURS = "spectramend"
MASKED = "spectramend, 50 % mask"


@dataclass(frozen=True)
class Method:
    """An implementation: `run` does n iterations in a whole call; `note` is for tables."""

    name: str
    run: Callable[[int], Factors]
    note: str = ""
    observed: NDArray[np.bool_] | None = None


def notebook_fit(V: NDArray[Any], start: Factors, settle: int, n: int) -> Factors:
    """Iterate the notebook's formula: activations, and atoms once these have settled."""
    everything = np.array(1.0)
    W, H = start
    for i in range(n):
        H = notebook_update(V, W, H, everything)
        if i >= settle:
            W = notebook_update(V.T, H.T, W.T, everything).T
    return W, H


def notebook_encode(V: NDArray[Any], start: Factors, n: int) -> Factors:
    """Iterate the notebook's formula for the activations alone."""
    W, H = start
    for _ in range(n):
        H = notebook_update(V, W, H, np.array(1.0))
    return W, H


def our_fit(
    V: NDArray[Any],
    n_components: int,
    start: Factors | None,
    observed: NDArray[np.bool_] | None,
    n: int,
) -> Factors:
    """Call `fit`."""
    W, H = (None, None) if start is None else start
    nmf = fit(V, n_components, weights=observed, W=W, H=H, max_iter=n, tol=0, rng=0)
    return nmf.W, nmf.H


def our_encode(V: NDArray[Any], W: NDArray[Any], H: NDArray[Any] | None, n: int) -> Factors:
    """Call `encode`."""
    nmf = encode(V, W, H=H, max_iter=n, tol=0, rng=0)
    return nmf.W, nmf.H


def sklearn_fit(V: NDArray[Any], n_components: int, start: Factors | None, n: int) -> Factors:
    """Call scikit-learn's NMF; its default start is NNDSVDA."""
    from sklearn.decomposition import NMF

    model = NMF(
        n_components,
        init=None if start is None else "custom",
        solver="mu",
        beta_loss="itakura-saito",
        max_iter=n,
        tol=0,
        random_state=0,
    )
    W, H = (None, None) if start is None else (factor.copy() for factor in start)
    # It wants a start to be given in the dtype of the data, and overwrites it.
    W = model.fit_transform(V, W=W, H=H)
    return W, model.components_


def torchnmf_fit(V: Any, n_components: int, start: tuple[Any, Any] | None, n: int) -> Factors:
    """Call torchnmf on tensors; its H and W are our W and the transpose of our H."""
    import torch
    from torchnmf.nmf import NMF

    torch.manual_seed(0)
    model = NMF(V.shape, n_components) if start is None else NMF(H=start[0], W=start[1].T)
    model.fit(V, beta=0, tol=-math.inf, max_iter=n)
    return model.H.detach().numpy(), model.W.detach().numpy().T


def methods_from(
    V: NDArray[Any], n_components: int, start: Factors, observed: NDArray[np.bool_], *, own: bool
) -> list[Method]:
    """List the methods, each from `start` or from its `own` default start."""
    V32 = single(V)
    start32 = None if own else (single(start[0]), single(start[1]))
    methods = [Method(NOTEBOOK, partial(notebook_fit, V, start, 0), "float64, random factors")]
    if own:
        run = partial(notebook_fit, V, exemplars(V, start[1]), 0)
        methods.append(Method(NOTEBOOK_OWN, run, "float64, frames and `randn`"))
    if find_spec("sklearn"):
        svd = ", NNDSVDA" * own
        # In double precision it takes twice as long.
        run = partial(sklearn_fit, V32, n_components, start32)
        methods.append(Method(SKLEARN, run, "float32" + svd))
    if find_spec("torchnmf"):
        import torch

        tensors = None if start32 is None else tuple(torch.from_numpy(x) for x in start32)
        run = partial(torchnmf_fit, torch.from_numpy(V32), n_components, tensors)
        methods.append(Method(TORCHNMF, run, "float32" + ", `randn`" * own))
    for name, mask in ((OURS, None), (MASKED, observed)):
        run = partial(our_fit, V32, n_components, start32, mask)
        methods.append(Method(name, run, "float32" + ", exemplars" * own, mask))
    return methods


def exemplars(V: NDArray[Any], H: NDArray[Any]) -> Factors:
    """Give the start of the notebook's training: random frames as atoms."""
    chosen = np.random.default_rng(0).permutation(V.shape[1])[: H.shape[0]]
    return V[:, chosen], H


def set_up_peers(threads: int) -> str:
    """Load the others, so that limits of threads reach them, and say which ones there are."""
    texts = []
    for module, package in (("sklearn", "scikit-learn"), ("torchnmf", "torchnmf")):
        if find_spec(module):
            import_module(module)
            texts.append(f"{package} {version(package)}.")
        else:
            texts.append(f"{package} is not installed and left out.")
    if find_spec("torchnmf"):
        import torch

        torch.set_num_threads(threads)
        texts[-1] = texts[-1][:-1] + f" on torch {torch.__version__}."
    return " ".join(texts)
