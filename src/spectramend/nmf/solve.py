"""Factorize a matrix with hidden cells: `fit` finds both factors, `encode` only the activations.

All that the numerics need is settled here, once: data is scaled by a power of two so that neither
dtype nor recording level matters, factors are kept above a floor that is relative to the observed
data, wholly hidden frames are left out. How data is read is in `data`, the iteration in `iteration`
and `sweep`, the updates in `updates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf import initialization
from spectramend.nmf._engine.arrays import Array, as_array, converted, copied, is_floating, is_real
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.iteration import Status, iterate
from spectramend.nmf._engine.sweep import FACTOR_FLOOR, Point, Settings
from spectramend.nmf.censored import Hidden
from spectramend.nmf.penalties import Penalties
from spectramend.nmf.updates import Step

RngLike: TypeAlias = int | np.random.Generator | None
Init: TypeAlias = Literal["sample", "exemplars", "random"]


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
        The objective at the start, at every check, and at the end. With extrapolation it is that
        of the last accepted point, see `spectramend.nmf._engine.iteration`, and never rises.
    observed_frames : ndarray [shape=(N,), bool]
        False where a whole frame was hidden, so that nothing determined its activations.
    """

    W: Array
    H: Array
    status: Status
    n_iter: int
    trace: NDArray[np.float64]
    observed_frames: Array

    @property
    def V_hat(self) -> Array:
        """The model ``W @ H`` [shape=(F, N)]."""
        return self.W @ self.H


def fit(
    V: ArrayLike | Array,
    n_components: int | None = None,
    *,
    weights: ArrayLike | Array | None = None,
    bound: ArrayLike | Array | Hidden | None = None,
    beta: float = 0.0,
    step: Step = "heuristic",
    penalty: float | Penalties = 0.0,
    init: Init = "sample",
    W: ArrayLike | Array | None = None,
    H: ArrayLike | Array | None = None,
    settle: int = 0,
    extrapolate: bool = True,
    max_iter: int = 200,
    tol: float = 1e-4,
    check_every: int = 10,
    rng: RngLike = None,
    threads: int | None = None,
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
    penalty : float, >= 0, or Penalties
        Weight of the L1 norm of the activations for atoms of unit sum, in units of the mean
        observed value to the power ``beta - 1``; or weights of the norms of both factors.
    init : {"sample", "exemplars", "random"}
        Start where no factor is given. ``"random"`` is noise. ``"exemplars"`` are frames of the
        data as atoms, all sounding at the level of each frame. ``"sample"`` is the same, but where
        there are forty frames an atom or more, atoms learn from a sample of them first.
    W : array_like [shape=(F, K), >= 0], optional
        Dictionary to start from.
    H : array_like [shape=(K, N), >= 0], optional
        Activations to start from.
    settle : int
        Iterations at the start in which only H is updated.
    extrapolate : bool
        Go on along the last step, and take back what raised the objective: about half the
        iterations, see `spectramend.nmf._engine.iteration`.
    max_iter : int
        Iterations at most.
    tol : float
        Stop when the objective falls, between two checks, by less than this part of its first
        value. 0 does `max_iter` iterations.
    check_every : int
        Iterations between two entries of the trace, at which `tol` is looked at.
    rng : int, Generator or None
        Source of the random start.
    threads : int, optional
        Threads at most; None is as many as BLAS may use. The result is the same, bit for bit.

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
    of its mean. Beyond what is given and a few copies of the factors, memory goes to a few blocks
    of two megabytes a thread; bounds alone take as much as the data, and weights that lie
    frame by frame, beside data that lies row by row, are copied.

    Arrays may be another library's, such as tensors of PyTorch on any device, and the result is of
    the same kind. This needs the package array-api-compat.

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
    if init not in ("sample", "exemplars", "random"):
        raise ParameterError(f"init={init!r}: give 'sample', 'exemplars' or 'random'.")
    if W is None and (n_components is None or n_components < 1):
        raise ParameterError(f"n_components={n_components}: give at least 1, or give W.")
    generator = np.random.default_rng(rng)
    data = Data(V, weights, bound, beta, threads)
    with data.blocks:
        data.look()
        drawn = W is None and H is None and init != "random" and data.level > 0
        if drawn:
            W, H = initialization.exemplars(data, n_components or 0, generator)
        elif W is None:
            W = initialization.random_dictionary(data, n_components or 0, generator)
        W_start = _factor(data, "W", W, (data.shape[0], None))
        K = W_start.shape[1]
        if n_components not in (None, K):
            raise MismatchError(f"n_components={n_components}, but W has {K} columns: give one.")
        if H is None:
            H = initialization.random_activations(data, W_start, generator)
        H_start = _factor(data, "H", H, (K, data.shape[1]))
        how: dict[str, Any] = {"step": step, "penalty": penalty, "moves_W": True, "smooth": 0.0}
        how |= {"extrapolate": extrapolate, "check_every": check_every}
        sample = initialization.sample(data, K, generator) if drawn and init == "sample" else None
        if sample is not None:
            n = initialization.REHEARSAL
            first = _solve(
                data, W_start, H_start, frames=sample, max_iter=n, tol=0, settle=0, **how
            )
            # All atoms sound at the level of each frame again, in all frames.
            H_start = H_start / data.xp.mean(first.W, axis=0)[:, None]
            W_start = first.W
        return _solve(data, W_start, H_start, settle=settle, max_iter=max_iter, tol=tol, **how)


def encode(
    V: ArrayLike | Array,
    W: ArrayLike | Array,
    *,
    weights: ArrayLike | Array | None = None,
    bound: ArrayLike | Array | Hidden | None = None,
    beta: float = 0.0,
    step: Step = "heuristic",
    penalty: float | Penalties = 0.0,
    smooth: float = 0.0,
    H: ArrayLike | Array | None = None,
    extrapolate: bool = True,
    max_iter: int = 200,
    tol: float = 1e-4,
    check_every: int = 10,
    rng: RngLike = None,
    threads: int | None = None,
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
    penalty : float, >= 0, or Penalties
        Weight of the L1 norm of the activations, or of the norms of both factors, see `fit`.
    smooth : float, 0 to 1
        Draw the activations towards the geometric mean of their neighbours in time, by this much,
        after every second iteration but for the last three: a prior that says that sounds last. It
        descends no objective, so that nothing is extrapolated; give ``tol=0`` with it.
    H : array_like [shape=(K, N), >= 0], optional
        Activations to start from; random if None.
    extrapolate : bool
        Go on along the last step, in every frame on its own, see `fit`.
    max_iter : int
        Iterations at most.
    tol : float
        Relative decrease at which to stop.
    check_every : int
        Iterations between two entries of the trace, at which `tol` is looked at.
    rng : int, Generator or None
        Source of the random start.
    threads : int, optional
        Threads at most; None is as many as BLAS may use. The result is the same, bit for bit.

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
    data = Data(V, weights, bound, beta, threads)
    with data.blocks:
        data.look()
        W_given = _factor(data, "W", W, (data.shape[0], None))
        if H is None:
            H = initialization.random_activations(data, W_given, np.random.default_rng(rng))
        return _solve(
            data,
            W_given,
            _factor(data, "H", H, (W_given.shape[1], data.shape[1])),
            step=step,
            penalty=penalty,
            moves_W=False,
            settle=0,
            smooth=smooth,
            extrapolate=extrapolate,
            max_iter=max_iter,
            tol=tol,
            check_every=check_every,
        )


def _factor(
    data: Data, name: str, values: ArrayLike | Array, shape: tuple[int, int | None]
) -> Array:
    """Check a factor given by the caller, or drawn."""
    xp = data.xp
    factor = as_array(xp, values, data.values)
    if xp is np:
        factor = np.asarray(factor, order="C")  # another order would round differently
    if is_real(xp, factor) and not is_floating(xp, factor):
        factor = converted(xp, factor, xp.float64)
    fits = factor.ndim == 2 and all(
        size in (None, have) for size, have in zip(shape, factor.shape, strict=True)
    )
    if not fits or 0 in factor.shape:
        wanted = "(" + ", ".join("K" if size is None else str(size) for size in shape) + ")"
        raise MismatchError(f"{name} has shape {tuple(factor.shape)}: {wanted} is needed.")
    if not is_floating(xp, factor) or not bool(xp.all(xp.isfinite(factor) & (factor >= 0))):
        raise ParameterError(f"{name} has negative, NaN or infinite cells: give values >= 0.")
    return factor


def _check(settings: Settings) -> None:
    """Refuse settings that cannot work."""
    for name, least in (
        ("penalty", 0),
        ("max_iter", 0),
        ("tol", 0),
        ("settle", 0),
        ("check_every", 1),
        ("smooth", 0),
    ):
        value = getattr(settings, name)
        if not isinstance(value, Penalties) and not (np.isfinite(value) and value >= least):
            raise ParameterError(f"{name}={value}: give at least {least}.")


def _shrinks_H(penalty: float | Penalties) -> bool:
    """Say whether a penalty draws activations to zero, in frames of which nothing is known, too."""
    return penalty.l1_H + penalty.l2_H > 0 if isinstance(penalty, Penalties) else penalty > 0


@np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")  # the status says it
def _solve(
    data: Data, W_given: Array, H_given: Array, *, frames: Array | None = None, **options: Any
) -> Factorization:
    """Iterate, on all frames or some, in units in which data and factors are near 1."""
    xp, dtype = data.xp, data.dtype
    # Atoms of unit mean and data of unit level put every factor near 1.
    mean = xp.mean(converted(xp, W_given, xp.float64), axis=0)
    a = xp.where(mean == 0, data.level or 1.0, mean)
    settings = Settings(atom_scale=a, **options)
    _check(settings)

    def result(
        W: Array, H: Array, status: Status, n_iter: int, trace: list[float]
    ) -> Factorization:
        units = np.asarray(trace, np.float64) * np.float64(data.scale) ** data.beta
        W, H = (copied(xp, factor, dtype) for factor in (W, H))
        return Factorization(W, H, status, n_iter, units, data.observed_frames)

    if not bool(xp.any(data.observed_frames)):
        return result(W_given, H_given, "nothing_observed", 0, [])
    if data.level == 0:
        # Silence: the model that is zero wherever something is observed.
        H = xp.where(data.observed_frames, 0.0, H_given)
        return result(W_given, H, "converged", 0, [0.0])

    if not bool(xp.all(data.observed_frames)) and _shrinks_H(settings.penalty):
        H_given = xp.where(data.observed_frames, H_given, 0.0)
    W = converted(xp, xp.clip(W_given / a, FACTOR_FLOOR, None), dtype)
    H = converted(xp, xp.clip(H_given / data.scale * a[:, None], FACTOR_FLOOR, None), dtype)
    empty = mean == 0
    if not settings.moves_W and not bool(xp.all(empty)):
        W = xp.where(empty, xp.zeros_like(W), W)  # or their activations would make up for it
    # Smoothness carries activations across hidden frames.
    data.prepare(frames=frames, all_frames=settings.smooth > 0)
    if data.frames is not None:
        H = H[:, data.frames]
    end = iterate(data, Point(W, H), settings)
    H = converted(xp, end.x.H, xp.float64) / a[:, None] * data.scale
    if data.frames is not None:
        all_H = converted(xp, H_given, xp.float64) + 0.0
        all_H[:, data.frames] = H
        H = all_H
    W = end.x.W * a if settings.moves_W else W_given
    if settings.moves_W and float(xp.max(H)) > 0.1 * float(xp.finfo(dtype).max):
        # Both factors share what would be too large for one.
        share = xp.sqrt(xp.max(H, axis=1) / xp.max(W, axis=0))
        W, H = W * share, H / share[:, None]
    return result(W, H, end.status, end.n_iter, end.trace)
