"""Input of `MaskedNMF`, checked and converted to what `spectramend.nmf.fit` and `encode` take."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from spectramend.core.given_arrays import hidden_by_mask
from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf import initialization
from spectramend.nmf._engine.arrays import Array, as_array, is_real, namespace
from spectramend.nmf.penalties import Penalties

Init: TypeAlias = Literal["sample", "exemplars", "random", "custom"] | None

# Values of beta by the names of `sklearn.decomposition.NMF`.
BETA_LOSSES = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}


class Start(NamedTuple):
    """Where `spectramend.nmf.fit` is to start [shapes=(F, K), (K, N)]."""

    n_components: int
    init: initialization.Init = "sample"
    W: Array | None = None
    H: Array | None = None


def data_and_weights(X: Array, weights: ArrayLike | None) -> tuple[Array, Array | None]:
    """Check data and weights [shapes=(N, F)], and give their transposes [shapes=(F, N)].

    Missing cells become 0; weights are None if all are 1.
    """
    xp = namespace(X)
    M = None
    missing = xp.isnan(X)
    if weights is not None:
        given = as_array(xp, weights, like=X, name="weights")
        if given.shape != X.shape:
            raise MismatchError(
                f"weights has shape {tuple(given.shape)}, X {tuple(X.shape)}: make them equal."
            )
        if not (is_real(xp, given) and xp.all(given >= 0) and xp.all(given < math.inf)):
            raise ParameterError("weights has cells that are not numbers >= 0: make them so.")
        M = xp.where(missing, 0, given)
    elif xp.any(missing):
        M = ~missing
    if M is not None:
        X = xp.where(M > 0, X, 0)
    least, most = float(xp.min(X)), float(xp.max(X))
    if least < 0:
        raise ParameterError(
            f"Negative values in data, such as {least}: make them NaN if they are missing."
        )
    if most == math.inf:
        raise ParameterError("X has infinite cells: make them NaN if they are missing.")
    return X.T, None if M is None else M.T


def nan_where_masked(X: ArrayLike) -> ArrayLike:
    """Replace what a masked array hides by NaN, which is missing; give others as they are."""
    hidden = hidden_by_mask(X)
    if hidden is None:
        return X
    values = np.ma.getdata(X)
    return np.where(hidden, np.nan, values).astype(
        values.dtype if values.dtype.kind == "f" else np.float64
    )


def check_same_kind(X: Array, components: Array) -> None:
    """Refuse arrays of another library, or on another device, than those given to `fit`."""
    (xp, device), own = ((namespace(x), str(getattr(x, "device", "cpu"))) for x in (X, components))
    if (xp, device) != own:
        raise ParameterError(
            f"X is {xp.__name__} on {device}, but fit was given {own[0].__name__} on {own[1]}: "
            "give the same to both."
        )


def start_of(
    V: Array, n_components: Any, init: Init, W: ArrayLike | None, H: ArrayLike | None
) -> Start:
    """Find the number of components and the start; V has the shape (n_features, n_samples)."""
    n_features, n_samples = V.shape
    if init == "custom":
        if W is None or H is None:
            raise ParameterError("init='custom' without W and H: give both to fit.")
        xp = namespace(V)
        components = as_array(xp, H, like=V, name="H")
        activations = as_array(xp, W, like=V, name="W")
        if n_components == "auto":
            n_components = components.shape[0]
    elif not (W is None and H is None):
        raise ParameterError(f"W or H with init={init!r}: give init='custom' with them.")
    if n_components in (None, "auto"):
        n_components = n_features
    if not (isinstance(n_components, int | np.integer) and n_components >= 1):
        raise ParameterError(
            f"n_components={n_components!r}: give a whole number of at least 1, 'auto' or None."
        )
    K = int(n_components)
    if init != "custom":
        return Start(K, init or "sample")
    for name, given, wanted in (
        ("W", activations, (n_samples, K)),
        ("H", components, (K, n_features)),
    ):
        if given.shape != wanted:
            raise MismatchError(f"{name} has shape {tuple(given.shape)}: {wanted} is needed.")
        if not (xp.all(given >= 0) and xp.all(given < math.inf)):
            raise ParameterError(f"{name} has cells that are not numbers >= 0.")
    return Start(K, W=components.T, H=activations.T)


def beta_of(beta_loss: float | str) -> float:
    """Find the parameter of the divergence."""
    if not isinstance(beta_loss, str):
        return float(beta_loss)
    if beta_loss not in BETA_LOSSES:
        names = ", ".join(map(repr, BETA_LOSSES))
        raise ParameterError(f"beta_loss={beta_loss!r}: give a number, or one of {names}.")
    return BETA_LOSSES[beta_loss]


def penalties_of(V: Array, alpha_W: Any, alpha_H: Any, l1_ratio: Any) -> Penalties:
    """Convert scikit-learn's penalties; V has the shape (n_features, n_samples)."""
    n_features, n_samples = V.shape
    alpha_H = alpha_W if alpha_H == "same" else alpha_H
    for name, value, most in (
        ("alpha_W", alpha_W, math.inf),
        ("alpha_H", alpha_H, math.inf),
        ("l1_ratio", l1_ratio, 1),
    ):
        if isinstance(value, str) or not 0 <= value <= most:
            raise ParameterError(f"{name}={value!r}: give a number from 0 to {most}.")
    return Penalties(  # scikit-learn's W are the activations
        l1_W=n_samples * alpha_H * l1_ratio,
        l1_H=n_features * alpha_W * l1_ratio,
        l2_W=n_samples * alpha_H * (1 - l1_ratio),
        l2_H=n_features * alpha_W * (1 - l1_ratio),
    )


def equal_shares(V: Array, M: Array | None, W: Array, beta: float) -> Array:
    """Give all atoms an equal share of each sample, at the scale that is best [shape=(K, N)].

    Thus no sample depends on others. For ``U = sum_k w_k / mean(w_k)`` the divergence of ``s*U``
    has the derivative ``s**(beta-2) * sum(M * (s*U - V) * U**(beta-1))``, which vanishes once.
    """
    xp = namespace(V)
    atoms = xp.asarray(W, dtype=xp.float64)
    means = xp.mean(atoms, axis=0)
    used = means > xp.finfo(xp.float64).tiny
    shares = xp.where(used, 1 / xp.where(used, means, 1), 0)
    U = atoms @ shares
    U = xp.where(U > 0, U, 1)  # where it is 0, so is M
    num = U ** (beta - 1)
    num = num / xp.sum(num)
    num, den = (xp.asarray(x, dtype=V.dtype) for x in (num, num * U))
    if M is None:
        scale = num @ V / xp.sum(den)
    else:
        M = xp.asarray(M, dtype=V.dtype)
        observed = den @ M
        scale = num @ (M * V) / xp.where(observed > 0, observed, 1)
    return shares[:, None] * scale[None, :]
