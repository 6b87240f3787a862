"""Factorize a matrix with hidden cells: `fit` finds both factors, `encode` only the activations.

All that the numerics need is settled here, once: hidden cells are replaced, data is scaled by a
power of two so that neither dtype nor recording level matters, factors are kept above a floor that
is relative to the observed data. The updates themselves are in `updates`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf.divergence import beta_divergence
from spectramend.nmf.hidden import Bounded, Hidden
from spectramend.nmf.updates import Step, update

Status: TypeAlias = Literal["converged", "max_iter", "nonfinite", "nothing_observed"]
RngLike: TypeAlias = int | np.random.Generator | None

# In units of the mean observed value. A factor at the floor can still grow, so nothing locks at
# zero, and clipping the minimiser of a unimodal majoriser keeps the descent.
FACTOR_FLOOR = 1e-12
# beta <= 0 puts a zero infinitely far from every model: data counts as at least this (-140 dB).
DATA_FLOOR = 1e-14
UNSMOOTHED = 3  # iterations at the end that follow the data alone


@dataclass(frozen=True)
class Factorization:
    """Factors, and how they came about.

    Parameters
    ----------
    W : ndarray [shape=(F, K), >= 0]
        Dictionary, one atom a column.
    H : ndarray [shape=(K, N), >= 0]
        Activations.
    status : {"converged", "max_iter", "nonfinite", "nothing_observed"}
        Why the iteration ended. After ``"nonfinite"`` the factors are the last finite ones; with
        ``"nothing_observed"`` they are the ones it started from.
    n_iter : int
        Iterations done.
    trace : ndarray [shape=(n_checks,)]
        The objective at the start and at every check.
    observed_frames : ndarray [shape=(N,), bool]
        False where a whole frame was hidden, so that nothing determined its activations.
    """

    W: NDArray[Any]
    H: NDArray[Any]
    status: Status
    n_iter: int
    trace: NDArray[np.float64]
    observed_frames: NDArray[np.bool_]

    @property
    def V_hat(self) -> NDArray[Any]:
        """The model ``W @ H`` [shape=(F, N)]."""
        V_hat: NDArray[Any] = self.W @ self.H
        return V_hat


def fit(
    V: ArrayLike,
    n_components: int | None = None,
    *,
    weights: ArrayLike | None = None,
    bound: ArrayLike | Hidden | None = None,
    beta: float = 0.0,
    step: Step = "mm",
    penalty: float = 0.0,
    W: ArrayLike | None = None,
    H: ArrayLike | None = None,
    settle: int = 0,
    max_iter: int = 200,
    tol: float = 1e-4,
    check_every: int = 10,
    rng: RngLike = None,
) -> Factorization:
    """Factorize data into a dictionary and its activations.

    Parameters
    ----------
    V : array_like [shape=(F, N), >= 0]
        Data; what stands in cells of weight 0 is never looked at and may be NaN.
    n_components : int, >= 1, optional
        Number of atoms K, needed unless `W` is given.
    weights : array_like [shape=(F, N), bool or >= 0], optional
        Weight of each cell; True or 1 where it is reliable, False or 0 where it is hidden.
    bound : array_like [shape=(F, N), >= 0] or Hidden, optional
        Upper bound on the data in cells of weight 0, ``inf`` where nothing is known; or what else
        is known of such cells, see `spectramend.nmf.Hidden`.
    beta : float
        Which divergence: 0 is Itakura-Saito, 1 Kullback-Leibler, 2 Euclidean.
    step : {"mm", "heuristic"}
        Exponent of the updates, see `exponent`.
    penalty : float, >= 0
        Weight of the L1 norm of the activations for atoms of unit sum, in units of the mean
        observed value to the power ``beta - 1``.
    W : array_like [shape=(F, K), >= 0], optional
        Dictionary to start from; random if None.
    H : array_like [shape=(K, N), >= 0], optional
        Activations to start from; random if None.
    settle : int
        Iterations at the start in which only H is updated.
    max_iter : int
        Iterations at most.
    tol : float
        Stop when the objective falls, between two checks, by less than this part of its first
        value. 0 does `max_iter` iterations.
    check_every : int
        Iterations between two evaluations of the objective.
    rng : int, Generator or None
        Source of the random start.

    Returns
    -------
    Factorization
        Factors, status, iterations and trace.

    Raises
    ------
    ParameterError
        If a value cannot work.
    MismatchError
        If shapes do not fit together.

    Notes
    -----
    The penalty is on ``sum_k ||w_k||_1 ||h_k||_1``: equal to the L1 norm of H when the atoms have
    unit sum, and untouched by moving scale from W to H, so that W needs no normalization on the
    way. Objective and result scale with the data. For ``beta <= 0`` data counts as at least 1e-14
    of its mean.

    References
    ----------
    .. [1] C. Févotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
       beta-divergence", Neural Computation 23(9), 2011.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 4.0, 3.0])
    >>> hidden = V.copy()
    >>> hidden[1, 2] = np.nan
    >>> nmf = fit(hidden, 1, weights=~np.isnan(hidden), max_iter=500, tol=0, rng=0)
    >>> nmf.V_hat[1, 2].round(3).item()
    8.0
    """
    data = _Data(V, weights, bound, beta)
    generator = np.random.default_rng(rng)
    F, N = data.shape
    starts_with_W = W is not None
    if W is None:
        if n_components is None or n_components < 1:
            raise ParameterError(f"n_components={n_components}: give at least 1, or give W.")
        # |randn| has the mean sqrt(2/pi), a product of two of them 2/pi.
        W = np.abs(generator.standard_normal((F, n_components))) * data.level
    W = _factor("W", W, (F, None))
    K = W.shape[1]
    if n_components not in (None, K):
        raise MismatchError(f"n_components={n_components}, but W has {K} columns: give one.")
    if H is None:
        H = np.abs(generator.standard_normal((K, N)))
        H *= _share(data, W)[:, None] if starts_with_W else 0.5 * np.pi / K
    H = _factor("H", H, (K, N))
    return _iterate(data, W, H, True, settle, step, penalty, 0.0, max_iter, tol, check_every)


def encode(
    V: ArrayLike,
    W: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    bound: ArrayLike | Hidden | None = None,
    beta: float = 0.0,
    step: Step = "mm",
    penalty: float = 0.0,
    smooth: float = 0.0,
    H: ArrayLike | None = None,
    max_iter: int = 200,
    tol: float = 1e-4,
    check_every: int = 10,
    rng: RngLike = None,
) -> Factorization:
    """Find the activations of a given dictionary.

    Parameters
    ----------
    V : array_like [shape=(F, N), >= 0]
        Data, see `fit`.
    W : array_like [shape=(F, K), >= 0]
        Dictionary; it is returned as it was given.
    weights : array_like [shape=(F, N), bool or >= 0], optional
        Weight of each cell.
    bound : array_like [shape=(F, N), >= 0] or Hidden, optional
        What is known of the data in cells of weight 0, see `fit`.
    beta : float
        Which divergence.
    step : {"mm", "heuristic"}
        Exponent of the updates.
    penalty : float, >= 0
        Weight of the L1 norm of the activations, see `fit`.
    smooth : float, 0 to 1
        Draw the activations towards the geometric mean of their neighbours in time, by this much,
        after every second iteration but for the last three: a prior that says that sounds last. It
        descends no objective; give ``tol=0`` with it.
    H : array_like [shape=(K, N), >= 0], optional
        Activations to start from; random if None.
    max_iter : int
        Iterations at most.
    tol : float
        Relative decrease at which to stop.
    check_every : int
        Iterations between two evaluations of the objective.
    rng : int, Generator or None
        Source of the random start.

    Returns
    -------
    Factorization
        Factors, status, iterations and trace.

    Raises
    ------
    ParameterError
        If a value cannot work.
    MismatchError
        If shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> encode(W @ [[2.0], [3.0]], W, rng=0).H.round(3).tolist()
    [[2.0], [3.0]]
    """
    data = _Data(V, weights, bound, beta)
    F, N = data.shape
    W = _factor("W", W, (F, None))
    K = W.shape[1]
    if H is None:
        H = np.abs(np.random.default_rng(rng).standard_normal((K, N))) * _share(data, W)[:, None]
    H = _factor("H", H, (K, N))
    return _iterate(data, W, H, False, 0, step, penalty, smooth, max_iter, tol, check_every)


class _Data:
    """Checked data in units of `scale`, hidden cells replaced."""

    def __init__(
        self,
        V: ArrayLike,
        weights: ArrayLike | None,
        bound: ArrayLike | Hidden | None,
        beta: float,
    ) -> None:
        values = np.asarray(V)
        if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "fiub":
            raise ParameterError(f"V has shape {values.shape}: give a real matrix (F, N).")
        self.shape: tuple[int, int] = (values.shape[0], values.shape[1])
        self.dtype = values.dtype if values.dtype in (np.float32, np.float64) else np.dtype("f8")
        self.beta = beta
        M: NDArray[Any] = np.ones(self.shape, bool) if weights is None else np.asarray(weights)
        self._check_nonnegative("weights", M)
        seen: NDArray[Any] = np.greater(M, 0)
        observed = values[seen].astype(np.float64)
        if not (np.isfinite(observed).all() and (observed >= 0).all()):
            raise ParameterError("V has negative, NaN or infinite observed cells: hide them.")
        total = float(M[seen].sum(dtype=np.float64))
        self.level = float((observed * M[seen]).sum()) / total if total else 0.0
        # A power of two keeps every digit, so that scaling the data scales the result exactly.
        self.scale: float = 2.0 ** round(math.log2(self.level)) if self.level else 1.0

        floor = DATA_FLOOR if beta <= 0 else 0.0
        scaled = np.ones(self.shape, self.dtype)
        scaled[seen] = np.maximum(observed / self.scale, floor)
        self.V: NDArray[Any] = scaled
        self.hidden: Hidden | None = None
        self.observed = M
        if bound is not None:
            if isinstance(bound, Hidden):
                self.hidden, self.unit = bound, self.scale
            else:
                self.hidden, self.unit = self._bounded(bound, ~seen), 1.0
            cells = self.hidden.cells
            if cells.shape != self.shape or (cells & seen).any():
                raise MismatchError(
                    f"bound knows of cells of shape {cells.shape}: they have to be cells of V, "
                    f"{self.shape}, with weight 0."
                )
            M = np.asarray(np.where(cells, 1, M))
            seen = seen | cells
        self.observed_frames: NDArray[np.bool_] = np.asarray(seen.any(axis=0))
        everything = bool((M == 1).all())
        self.M: NDArray[Any] | None = None if everything else M.astype(self.dtype)

    def _bounded(self, bound: ArrayLike, hidden: NDArray[Any]) -> Bounded:
        """Take bounds where there are any, in units of `scale`."""
        B = np.asarray(bound)
        self._check_nonnegative("bound", B)
        cells = hidden & np.isfinite(B)
        # 1e30 above the level a bound no longer binds, and its ratio to the model stays finite.
        with np.errstate(over="ignore"):
            upper = B[cells].astype(np.float64) / self.scale
        return Bounded(cells, np.clip(upper, DATA_FLOOR, 1e30), self.beta)

    def _check_nonnegative(self, name: str, values: NDArray[Any]) -> None:
        if values.shape != self.shape:
            raise MismatchError(
                f"{name} has shape {values.shape}, V {self.shape}: make them equal."
            )
        if values.dtype.kind not in "fiub" or not (values >= 0).all():
            raise ParameterError(f"{name} has negative or NaN cells: give values of at least 0.")
        if name == "weights" and not np.isfinite(values).all():
            raise ParameterError("weights has infinite cells: give finite values.")

    def expected(self, W: NDArray[Any], H: NDArray[Any]) -> NDArray[Any]:
        """E-step: the data, with what is to be expected in hidden cells."""
        if self.hidden is None:
            return self.V
        V, cells = self.V.copy(), self.hidden.cells
        expected = self.hidden.expected((W @ H)[cells].astype(np.float64) * self.unit)
        V[cells] = np.maximum(expected / self.unit, DATA_FLOOR)
        return V

    def objective(self, W: NDArray[Any], H: NDArray[Any], penalty: float) -> float:
        """Divergence over the observed cells, plus what hidden cells and penalty add."""
        V_hat = W @ H
        value = beta_divergence(self.V, V_hat, beta=self.beta, weights=self.observed)
        if self.hidden is not None:
            known = V_hat[self.hidden.cells].astype(np.float64) * self.unit
            value += float(self.hidden.divergence(known).sum())
        if penalty:
            value += penalty * float(W.sum(axis=0, dtype=np.float64) @ H.sum(axis=1, dtype="f8"))
        return value


def _factor(name: str, values: ArrayLike, shape: tuple[int, int | None]) -> NDArray[Any]:
    """Check a factor given by the caller, or drawn."""
    factor = np.asarray(values, order="C")  # another order would round differently
    if factor.dtype.kind in "iub":
        factor = factor.astype(np.float64)
    fits = factor.ndim == 2 and all(
        size in (None, have) for size, have in zip(shape, factor.shape, strict=True)
    )
    if not fits or factor.size == 0:
        wanted = "(" + ", ".join("K" if size is None else str(size) for size in shape) + ")"
        raise MismatchError(f"{name} has shape {factor.shape}: {wanted} is needed.")
    if factor.dtype.kind != "f" or not (np.isfinite(factor).all() and (factor >= 0).all()):
        raise ParameterError(f"{name} has negative, NaN or infinite cells: give values >= 0.")
    return factor


def _share(data: _Data, W: NDArray[Any]) -> NDArray[Any]:
    """Give the activation [shape=(K,)] with which each atom has an equal share of the level."""
    share: NDArray[Any] = data.level / (
        W.shape[1] * np.maximum(W.mean(axis=0), np.finfo(W.dtype).tiny)
    )
    return share


def _smoothed(H: NDArray[Any], smooth: float) -> NDArray[Any]:
    """Draw activations towards the geometric mean of both neighbours in time."""
    padded = np.pad(np.log(H), ((0, 0), (1, 1)), mode="edge")
    between = 0.5 * (padded[:, :-2] + padded[:, 2:])
    return np.exp((1 - smooth) * padded[:, 1:-1] + smooth * between)


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # the status says it
def _iterate(
    data: _Data,
    W_given: NDArray[Any],
    H_given: NDArray[Any],
    moves_W: bool,
    settle: int,
    step: Step,
    penalty: float,
    smooth: float,
    max_iter: int,
    tol: float,
    check_every: int,
) -> Factorization:
    """Alternate the updates until the objective no longer falls."""
    for name, value, least in (
        ("penalty", penalty, 0),
        ("max_iter", max_iter, 0),
        ("tol", tol, 0),
        ("settle", settle, 0),
        ("check_every", check_every, 1),
        ("smooth", smooth, 0),
    ):
        if not (np.isfinite(value) and value >= least):
            raise ParameterError(f"{name}={value}: give at least {least}.")
    if not np.isfinite(data.beta):
        raise ParameterError(f"beta={data.beta}: give a finite number.")

    def result(
        W: NDArray[Any], H: NDArray[Any], status: Status, n_iter: int, trace: list[float]
    ) -> Factorization:
        units = np.asarray(trace) * np.float64(data.scale) ** data.beta
        return Factorization(
            W.astype(data.dtype), H.astype(data.dtype), status, n_iter, units, data.observed_frames
        )

    if not data.observed_frames.any():
        return result(W_given, H_given, "nothing_observed", 0, [])
    if data.level == 0:
        # Silence: the model that is zero wherever something is observed.
        return result(W_given, np.where(data.observed_frames, 0, H_given), "converged", 0, [0.0])

    # Atoms of unit mean and data of unit level put every factor near 1.
    atom_scale = W_given.mean(axis=0, dtype=np.float64)
    atom_scale[atom_scale == 0] = data.level

    def floored(factor: NDArray[Any]) -> NDArray[Any]:
        return np.maximum(factor, FACTOR_FLOOR, out=factor)

    W = floored((W_given / atom_scale).astype(data.dtype))
    H = floored((H_given * (atom_scale / data.scale)[:, None]).astype(data.dtype))
    pull = penalty * (data.level / data.scale) ** (data.beta - 1)

    def unscaled(W: NDArray[Any], H: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        back = H.astype(np.float64) * (data.scale / atom_scale)[:, None]
        return (W * atom_scale if moves_W else W_given), back

    status: Status = "max_iter"
    n_iter = 0
    trace = [data.objective(W, H, pull)]
    kept = W, H
    M, beta = data.M, data.beta
    M_T = None if M is None else M.T
    while n_iter < max_iter:
        n_iter += 1
        V = data.expected(W, H)
        atom_sums = W.sum(axis=0)[:, None] * pull
        H = floored(update(V, W, H, M, beta=beta, step=step, penalty=atom_sums))
        if smooth and n_iter % 2 == 0 and n_iter <= max_iter - UNSMOOTHED:
            H = _smoothed(H, smooth)
        if moves_W and n_iter > settle:
            sums = H.sum(axis=1)[:, None] * pull
            W = floored(update(V.T, H.T, W.T, M_T, beta=beta, step=step, penalty=sums).T)
        if n_iter % check_every and n_iter != max_iter:
            continue
        trace.append(data.objective(W, H, pull))
        if not (np.isfinite(trace[-1]) and np.isfinite(H).all() and np.isfinite(W).all()):
            W, H = kept
            status = "nonfinite"
            break
        first = trace[0] if np.isfinite(trace[0]) else trace[1]
        if tol and n_iter > settle and trace[-2] - trace[-1] < tol * abs(first):
            status = "converged"
            break
        kept = W, H
    return result(*unscaled(W, H), status, n_iter, trace)
