"""The same code on tensors of PyTorch; run where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf import (
    Factorization,
    Penalties,
    beta_divergence,
    encode,
    fit,
    gradient_parts,
    update,
)

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("array_api_compat", reason="array-api-compat is not installed")

torch.set_num_threads(1)  # small matrices: threads would wait for each other

BETAS = (-1, 0, 0.5, 1, 2, 3)
F, K, N = 30, 4, 200


def devices() -> list[str]:
    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def problem() -> tuple[NDArray[Any], NDArray[np.bool_]]:
    rng = np.random.default_rng(0)
    V = rng.gamma(0.5, 1.0, (F, K)) @ rng.gamma(0.5, 1.0, (K, N))
    M = rng.uniform(size=V.shape) > 0.4
    M[:, 7] = False
    return V * rng.exponential(1.0, V.shape), M


def assert_like(mine: Factorization, theirs: Factorization, device: str, rtol: float) -> None:
    for name in ("W", "H", "observed_frames"):
        tensor = getattr(mine, name)
        assert type(tensor) is torch.Tensor
        assert tensor.device.type == device
    assert mine.W.cpu().numpy().dtype == theirs.W.dtype
    assert (mine.status, mine.n_iter) == (theirs.status, theirs.n_iter)
    np.testing.assert_array_equal(mine.observed_frames.cpu(), theirs.observed_frames)
    np.testing.assert_allclose(mine.trace, theirs.trace, rtol=rtol)
    atol = 100 * rtol * theirs.V_hat.mean()
    np.testing.assert_allclose(mine.V_hat.cpu(), theirs.V_hat, rtol=100 * rtol, atol=atol)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("weights", ["none", "mask", "weights"])
@pytest.mark.parametrize("penalty", [0.0, 0.1, Penalties(0.1, 0.2, 0.3, 0.4)])
def test_tensors_in_tensors_out_and_the_same_numbers(
    device: str, beta: float, weights: str, penalty: Any
) -> None:
    V, observed = problem()
    M = {"none": None, "mask": observed, "weights": 0.7 * observed}[weights]
    given = None if M is None else torch.as_tensor(M, device=device)
    for dtype, rtol in ((np.float64, 1e-6), (np.float32, 1e-3)):
        data = np.where(observed, V, np.nan if M is not None else V).astype(dtype)
        tensor = torch.as_tensor(data, device=device)
        how: dict[str, Any] = {"beta": beta, "penalty": penalty, "max_iter": 12, "tol": 0, "rng": 0}
        theirs = fit(data, K, weights=M, **how)
        mine = fit(tensor, K, weights=given, **how)
        assert_like(mine, theirs, device, rtol)
        theirs = encode(data, theirs.W, weights=M, **how)
        mine = encode(tensor, torch.as_tensor(theirs.W, device=device), weights=given, **how)
        assert_like(mine, theirs, device, rtol)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("beta", [0, 1])
def test_bounds_starts_and_smoothness_of_tensors(device: str, beta: float) -> None:
    V, M = problem()
    W, H = np.ones((F, K)) + np.eye(F, K), np.ones((K, N))
    bound = np.where(M, np.inf, 0.3)
    how: dict[str, Any] = {"beta": beta, "max_iter": 12, "tol": 0}
    theirs = fit(V, weights=M, bound=bound, W=W, H=H, **how)
    tensors = {"V": V, "weights": M, "bound": bound, "W": W, "H": H}
    given = {name: torch.as_tensor(values, device=device) for name, values in tensors.items()}
    assert_like(fit(**given, **how), theirs, device, 1e-9)
    # What NumPy holds beside the data is brought to its device.
    mixed = fit(given["V"], weights=M, bound=bound, W=W, H=H, **how)
    assert_like(mixed, theirs, device, 1e-9)
    theirs = encode(V, W, weights=M, H=H, smooth=0.5, **how)
    mine = encode(given["V"], W, weights=M, H=H, smooth=0.5, **how)
    assert_like(mine, theirs, device, 1e-9)


def test_updates_and_divergences_of_tensors() -> None:
    V, M = problem()
    W, H = np.ones((F, K)) + np.eye(F, K), np.ones((K, N))
    tensors = [torch.as_tensor(values) for values in (V, W, H, M)]
    for beta in BETAS:
        mine = update(*tensors, beta=beta, penalty=0.1, ridge=0.2)
        theirs = update(V, W, H, M, beta=beta, penalty=0.1, ridge=0.2)
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
        for one, other in zip(
            gradient_parts(*tensors, beta=beta), gradient_parts(V, W, H, M, beta=beta), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-12)
        divergence = beta_divergence(tensors[0], tensors[1] @ tensors[2], beta=beta, weights=M)
        assert divergence == pytest.approx(beta_divergence(V, W @ H, beta=beta, weights=M))


def test_tensors_are_only_read() -> None:
    V, M = problem()
    given = [torch.as_tensor(values) for values in (V, M, np.ones((F, K)), np.ones((K, N)))]
    before = [tensor.clone() for tensor in given]
    nmf = fit(given[0], weights=given[1], W=given[2], H=given[3], max_iter=3)
    nmf.W[...] = nmf.H[...] = -1
    encode(given[0], given[2], weights=given[1], H=given[3], max_iter=0).H[...] = -1
    for tensor, original in zip(given, before, strict=True):
        assert bool((tensor == original).all())


def test_what_cannot_work_is_refused_for_tensors() -> None:
    with pytest.raises(ParameterError, match="V has negative, NaN or infinite observed cells"):
        fit(torch.as_tensor([[1.0, -1.0]]), 1)
    with pytest.raises(ParameterError, match=r"V has shape \(3,\): give a real matrix"):
        fit(torch.ones(3), 1)
    with pytest.raises(MismatchError, match=r"weights has shape \(2, 2\), V \(3, 3\)"):
        fit(torch.ones(3, 3), 1, weights=torch.ones(2, 2))


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float16", "bool"])
def test_other_numbers_become_double(dtype: str) -> None:
    V = torch.ones(4, 6).to(getattr(torch, dtype))
    nmf = fit(V, 2, beta=1, rng=0)
    assert nmf.W.dtype == torch.float64
    np.testing.assert_allclose(nmf.V_hat, np.ones((4, 6)), rtol=1e-3)
