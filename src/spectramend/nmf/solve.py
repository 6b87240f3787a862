"""Factorize a matrix with hidden cells: `fit` finds both factors, `encode` only the activations.

Data is scaled by a power of two, so that neither dtype nor level matters, factors are kept above a
floor relative to the observed data, and wholly hidden frames are left out. The problem is stated in
`_engine.problem`, the iteration is in `_engine.iteration`, the updates are in `updates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.errors import MismatchError, ParameterError
from spectramend.nmf import initialization
from spectramend.nmf._engine.arrays import Array, as_array, converted, copied, is_floating, is_real
from spectramend.nmf._engine.data import Data
from spectramend.nmf._engine.iteration import Status, iterate
from spectramend.nmf._engine.problem import Problem, check_input, survey
from spectramend.nmf._engine.settings import EncodeOptions, Settings
from spectramend.nmf._engine.sweep import Factors
from spectramend.nmf.censored import Hidden
from spectramend.nmf.initialization import Init
from spectramend.nmf.penalties import Penalties
from spectramend.nmf.updates import FACTOR_FLOOR, Step

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Factorization", "Init", "RngLike", "Status", "encode", "fit"]

RngLike: TypeAlias = int | np.random.Generator | None

# Share of the dtype's largest number. Engineering choice: larger activations are rescaled with W.
MAX_SHARE = 0.1


@dataclass(frozen=True)
class Factorization:
    """Factors, and how they were found.

    Parameters
    ----------
    W : ndarray [shape=(F, K), >= 0]
        Dictionary, one atom a column.
    H : ndarray [shape=(K, N), >= 0]
        Activations.
    status : {"converged", "max_iter", "nonfinite", "nothing_observed"}
        Why the iteration ended. After ``"nonfinite"`` the factors are the last finite ones, after
        ``"nothing_observed"`` those of the start.
    n_iter : int
        Iterations done.
    trace : ndarray [shape=(n_checks,)]
        The objective at the start, at every check, and at the end; with extrapolation that of the
        last accepted point, which never rises.
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
        Data; values in cells of weight 0 are ignored and may be NaN. Cells that a masked array
        hides have weight 0.
    n_components : int, >= 1, optional
        Number of atoms K, needed unless `W` is given.
    weights : array_like [shape=(F, N), bool or >= 0], optional
        Weight of each cell; True or 1 where it is observed, False or 0 where it is hidden.
    bound : array_like [shape=(F, N), >= 0] or Hidden, optional
        Upper bound on the data in cells of weight 0, ``inf`` where nothing is known; or other prior
        knowledge of such cells, see `spectramend.nmf.Hidden`.
    beta : float
        Parameter of the divergence: 0 is Itakura-Saito, 1 Kullback-Leibler, 2 Euclidean.
    step : {"mm", "heuristic"}
        Exponent of the updates, see `exponent`.
    penalty : float, >= 0, or Penalties
        Weight of ``sum_k ||w_k||_1 ||h_k||_1``, in units of the mean observed value to the power
        ``beta - 1``; or weights of the norms of both factors.
    init : {"sample", "exemplars", "random"}
        Start where no factor is given: ``"random"`` is noise, ``"exemplars"`` takes frames of the
        data as atoms, all active at the level of each frame. ``"sample"`` does so, too, and with
        forty frames an atom or more first learns the atoms from a sample of them (warm start).
    W, H : array_like [shapes=(F, K), (K, N), >= 0], optional
        Factors to start from.
    settle : int
        Iterations at the start in which only H is updated.
    extrapolate : bool
        Extrapolate steps, and undo those that raise the objective: about half the iterations.
    max_iter : int
        Iterations at most.
    tol : float
        Stop when the objective falls, between two checks, by less than this part of its first
        value. 0 does `max_iter` iterations.
    check_every : int
        Iterations between two checks.
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
        If a value cannot work, or shapes do not fit together.

    Notes
    -----
    The penalty is the L1 norm of H when the atoms have unit sum, and does not change when scale
    moves from W to H, so that W needs no normalization. Objective and result scale with the data.
    For ``beta <= 0`` data counts as at least 1e-14 of its mean. Beyond the input and a few copies
    of the factors, each thread takes a few blocks of two megabytes, and bounds as much memory as
    the data. Arrays of another library, such as PyTorch's tensors on any device, give results of
    the same kind, with the package array-api-compat.

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
    if init not in get_args(Init):
        raise ParameterError(f"init={init!r}: give 'sample', 'exemplars' or 'random'.")
    if W is None and (n_components is None or n_components < 1):
        raise ParameterError(f"n_components={n_components}: give at least 1, or give W.")
    settings = Settings(
        learns_W=True,
        beta=beta,
        step=step,
        penalty=penalty,
        settle=settle,
        extrapolate=extrapolate,
        max_iter=max_iter,
        tol=tol,
        check_every=check_every,
        threads=threads,
    )
    generator = np.random.default_rng(rng)
    with _opened(V, weights, bound, settings) as data:
        is_drawn = W is None and H is None and init != "random" and data.problem.level > 0
        if is_drawn:
            W, H = initialization.exemplars(data, n_components or 0, generator)
        elif W is None:
            W = initialization.random_dictionary(data, n_components or 0, generator)
        start = _checked_start(data, W, H, generator)
        K = start.W.shape[1]
        if n_components not in (None, K):
            raise MismatchError(f"n_components={n_components}, but W has {K} columns: give one.")
        if is_drawn and init == "sample":
            start = _warm_start(data, start, settings, generator)
        return _solve(data, start, settings)


def encode(
    V: ArrayLike | Array,
    W: ArrayLike | Array,
    *,
    weights: ArrayLike | Array | None = None,
    bound: ArrayLike | Array | Hidden | None = None,
    H: ArrayLike | Array | None = None,
    rng: RngLike = None,
    **options: Unpack[EncodeOptions],
) -> Factorization:
    """Find the activations of a given dictionary.

    Parameters
    ----------
    V : array_like [shape=(F, N), >= 0]
        Data, see `fit`.
    W : array_like [shape=(F, K), >= 0]
        Dictionary; it is returned as it was given.
    weights, bound : array_like [shapes=(F, N)] or Hidden, optional
        Weight of each cell, and prior knowledge of those of weight 0, see `fit`.
    H : array_like [shape=(K, N), >= 0], optional
        Activations to start from; random if None.
    rng : int, Generator or None
        Source of the random start.
    **options : EncodeOptions
        `beta`, `step`, `penalty`, `extrapolate`, `max_iter`, `tol`, `check_every` and `threads`, as
        of `fit`; `smooth`, see below.

    Returns
    -------
    Factorization
        Factors, status, iterations and trace.

    Other Parameters
    ----------------
    smooth : float, 0 to 1, default 0
        Draw the activations towards the geometric mean of their neighbours in time, by this much,
        after every second iteration but for the last three: a prior for sounds that last. It
        descends no objective, so that nothing is extrapolated; give ``tol=0`` with it.

    Raises
    ------
    ParameterError
        If a value cannot work, or shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> W = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> encode(W @ [[2.0], [3.0]], W, rng=0).H.round(3).tolist()
    [[2.0], [3.0]]
    """
    settings = Settings(learns_W=False, **options)
    with _opened(V, weights, bound, settings) as data:
        return _solve(data, _checked_start(data, W, H, np.random.default_rng(rng)), settings)


@contextmanager
def _opened(
    V: ArrayLike | Array,
    weights: ArrayLike | Array | None,
    bound: ArrayLike | Array | Hidden | None,
    settings: Settings,
) -> Iterator[Data]:
    """Check the input, and give the problem with threads that last as long as the context."""
    given = check_input(V, weights, bound)
    with given.threads(settings.threads) as threads:
        yield Data(survey(given, threads, settings.beta), threads)


def _checked_start(
    data: Data, W: ArrayLike | Array, H: ArrayLike | Array | None, rng: np.random.Generator
) -> Factors:
    """Check factors [shapes=(F, K), (K, N)], given by the caller or drawn; draw an absent H."""
    F, N = data.problem.shape
    W = _checked_factor(data.problem, "W", W, (F, None))
    if H is None:
        H = initialization.random_activations(data, W, rng)
    return Factors(W, _checked_factor(data.problem, "H", H, (W.shape[1], N)))


def _checked_factor(
    problem: Problem, name: str, values: ArrayLike | Array, shape: tuple[int, int | None]
) -> Array:
    """Check a factor; None in the shape is any number of atoms K."""
    xp = problem.xp
    factor = as_array(xp, values, problem.V, name=name)
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


def _warm_start(
    data: Data, start: Factors, settings: Settings, rng: np.random.Generator
) -> Factors:
    """Learn the atoms from a sample of the frames first, if there are many more frames."""
    frames = initialization.sample(data, start.W.shape[1], rng)
    if frames is None:
        return start
    few = replace(settings, max_iter=initialization.SAMPLE_ITERATIONS, tol=0, settle=0)
    W = _solve(Data(data.problem, data.threads, frames), start, few).W
    # All atoms are active at the level of each frame again, in all frames.
    return Factors(W, start.H / data.problem.xp.mean(W, axis=0)[:, None])


@np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")  # see `status`
def _solve(data: Data, start: Factors, settings: Settings) -> Factorization:
    """Iterate from factors [shapes=(F, K), (K, N)], given and returned in the units of V."""
    problem = data.problem
    xp, observed = problem.xp, problem.observed_frames
    if not bool(xp.any(observed)):
        return _result(problem, start, "nothing_observed", 0, [])
    if problem.level == 0:
        # Silence: the model is zero wherever something is observed.
        silent = Factors(start.W, xp.where(observed, 0.0, start.H))
        return _result(problem, silent, "converged", 0, [0.0])
    if not bool(xp.all(observed)) and settings.penalizes_H:
        start = Factors(start.W, xp.where(observed, start.H, 0.0))
    # Smoothness carries activations across hidden frames.
    if data.frames is None and not (settings.smooth > 0 or bool(xp.all(observed))):
        data = Data(problem, data.threads, xp.nonzero(observed)[0])
    # Atoms of unit mean and data of unit level put every factor near 1.
    mean = xp.mean(converted(xp, start.W, xp.float64), axis=0)
    atom_scale = xp.where(mean == 0, problem.level, mean)
    W, H = _scaled(problem, start, atom_scale)
    if not settings.learns_W and not bool(xp.all(mean == 0)):
        W = xp.where(mean == 0, xp.zeros_like(W), W)  # else its activations would make up for it
    if data.frames is not None:
        H = H[:, data.frames]
    end = iterate(data, Factors(W, H), settings, atom_scale)
    found = _unscaled(data, end.x, start, atom_scale, settings)
    return _result(problem, found, end.status, end.n_iter, end.trace)


def _scaled(problem: Problem, given: Factors, atom_scale: Array) -> Factors:
    """Convert factors [shapes=(F, K), (K, N)] to the units of the iteration."""
    xp, dtype = problem.xp, problem.dtype
    H = given.H / problem.scale * atom_scale[:, None]
    W, H = (xp.clip(factor, FACTOR_FLOOR, None) for factor in (given.W / atom_scale, H))
    return Factors(converted(xp, W, dtype), converted(xp, H, dtype))


def _unscaled(
    data: Data, x: Factors, start: Factors, atom_scale: Array, settings: Settings
) -> Factors:
    """Convert factors to the caller's units; what was not iterated is that of the start."""
    problem, xp = data.problem, data.problem.xp
    H = converted(xp, x.H, xp.float64) / atom_scale[:, None] * problem.scale
    if data.frames is not None:
        all_H = converted(xp, start.H, xp.float64) + 0.0
        all_H[:, data.frames] = H
        H = all_H
    if not settings.learns_W:
        return Factors(start.W, H)
    W = x.W * atom_scale
    if float(xp.max(H)) > MAX_SHARE * float(xp.finfo(problem.dtype).max):
        share = xp.sqrt(xp.max(H, axis=1) / xp.max(W, axis=0))
        W, H = W * share, H / share[:, None]
    return Factors(W, H)


def _result(
    problem: Problem, x: Factors, status: Status, n_iter: int, trace: list[float]
) -> Factorization:
    """Copy factors [shapes=(F, K), (K, N)] to the dtype of the result."""
    W, H = (copied(problem.xp, factor, problem.dtype) for factor in x)
    units = np.asarray(trace, np.float64) * np.float64(problem.scale) ** problem.beta
    return Factorization(W, H, status, n_iter, units, problem.observed_frames)
