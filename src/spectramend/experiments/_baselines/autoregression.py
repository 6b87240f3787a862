"""Janssen's method for samples that are known only to an interval, in windowed frames.

Janssen, Veldhuis and Vries (1986) estimate an autoregressive model a of a frame and its missing
samples in turn, so as to minimise the energy of the residual. Bounds on the samples make it

    minimise ||a * x||**2  subject to  lower <= x <= upper                                     (1)

with * the convolution, a program with a convex quadratic objective; see Mokrý and Rajmic
("Inpainting-driven audio declipping", 2024) for this use of a method for gaps. It is solved by
projected Newton steps (Bertsekas 1982): samples at a bound that the gradient pushes outwards stay,
conjugate gradients solve for the others, and the step is halved until the projection of its end
lowers the objective. Frames, order and iterations are those of Janssen's method in the survey of
Záviška et al. (2021); all frames are solved at once.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from spectramend.core.conjugate_gradients import preconditioned_cg
from spectramend.core.levinson import levinson_durbin
from spectramend.core.windows import window_samples
from spectramend.experiments._baselines.survey_frame import survey_frame

# As in the survey, at 44.1 kHz.
ORDER_SHARE = 512 / 8192  # ratio of the order of a model to the samples of a window
N_ITER = 3  # iterations of Janssen's method
# The solver. Engineering choices: steps after the third changed the SDR of frames of a trumpet by
# hardly 0.1 dB; the iterations bound the time.
NEWTON_STEPS = 3  # steps with one model
CG_ITER = 400  # iterations of conjugate gradients at most, for a step
CG_TOL = 1e-3  # relative residual
STEPS = (1.0, 0.5, 0.25, 0.125)  # factors of a step that are tried in turn
RIDGE = 1e-9  # relative to the power of a frame, white noise that a model includes


def janssen_bounded(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Restore y [shape=(n,)] within bounds [shape=(n,)].

    Examples
    --------
    >>> n = np.arange(4000)
    >>> x = 0.6 * np.sin(0.05 * n) + 0.4 * np.sin(0.137 * n + 1)
    >>> y = np.clip(x, -0.8, 0.8)
    >>> upper, lower = np.where(y == 0.8, np.inf, y), np.where(y == -0.8, -np.inf, y)
    >>> bool(np.abs(janssen_bounded(y, lower, upper, 8000) - x).max() < 0.1)
    True
    """
    return _in_frames(y, lower, upper, sr, bounded=True)


def janssen_gaps(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int
) -> NDArray[np.float64]:
    """Interpolate what is not reliable of y [shape=(n,)] without bounds; then project onto them.

    Examples
    --------
    >>> n = np.arange(4000)
    >>> x = 0.6 * np.sin(0.05 * n) + 0.4 * np.sin(0.137 * n + 1)
    >>> y = np.clip(x, -0.8, 0.8)
    >>> upper, lower = np.where(y == 0.8, np.inf, y), np.where(y == -0.8, -np.inf, y)
    >>> bool(np.abs(janssen_gaps(y, lower, upper, 8000) - x).max() < 0.1)
    True
    """
    return _in_frames(y, lower, upper, sr, bounded=False)


def _in_frames(
    y: NDArray[Any], lower: NDArray[Any], upper: NDArray[Any], sr: int, *, bounded: bool
) -> NDArray[np.float64]:
    """Restore windowed frames apart, and add them."""
    gabor = survey_frame(y.size, sr)
    n_window = gabor.n_window
    w = window_samples("hann", n_window)

    def windowed(bound: NDArray[Any]) -> NDArray[np.float64]:
        frames = gabor.frames(bound)
        return np.multiply(frames, w, out=np.zeros(frames.shape), where=w > 0)

    X, L, U = windowed(y), windowed(lower), windowed(upper)
    free = L < U
    # A frame without reliable sound determines no model.
    wanted = np.flatnonzero(free.any(axis=1) & np.any(X, axis=1))
    order = round(ORDER_SHARE * n_window)
    X[wanted] = _restored(X[wanted], L[wanted], U[wanted], order, bounded=bounded)
    dual = w / ((w**2).sum() / gabor.hop_length)
    return np.clip(gabor.added(X * dual), lower, upper)


def _restored(
    X: NDArray[np.float64],
    L: NDArray[np.float64],
    U: NDArray[np.float64],
    order: int,
    *,
    bounded: bool,
) -> NDArray[np.float64]:
    """Estimate models and samples in turn [shape=(N, n_window) each]."""
    n_window = X.shape[1]
    n_fft = int(next_fast_len(n_window + order, real=True))
    open_L, open_U = np.where(L < U, -np.inf, L), np.where(L < U, np.inf, U)
    for _ in range(N_ITER if X.size else 0):
        power = np.abs(rfft(X, n_fft)) ** 2
        lags = irfft(power, n_fft)[:, : order + 1]
        lags[:, 0] *= 1 + RIDGE
        a, _ = levinson_durbin(lags)
        spectrum = np.abs(rfft(a, n_fft))
        # Without bounds one step is enough. With them it is a start from which few are left; from
        # the clipped samples, all of which are at a bound, there would be many.
        X = _least_residual(X, open_L, open_U, spectrum, n_fft, 1)
        if bounded:
            X = _least_residual(np.clip(X, L, U), L, U, spectrum, n_fft, NEWTON_STEPS)
    return X


def _filtered(gain: NDArray[np.float64], n_fft: int, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply filters without a phase to frames [shape=(N, n_window)]."""
    return np.asarray(irfft(gain * rfft(X, n_fft), n_fft)[:, : X.shape[1]])


def _dot(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner products of rows [shape=(N, 1)]."""
    return np.asarray((p * q).sum(axis=1, keepdims=True))


def _least_residual(
    X: NDArray[np.float64],
    L: NDArray[np.float64],
    U: NDArray[np.float64],
    a: NDArray[np.float64],
    n_fft: int,
    n_steps: int,
) -> NDArray[np.float64]:
    """Solve (1) from X, with the magnitudes a of the spectra of the models [shape=(N, F)].

    The matrices B of the quadratic forms filter by a**2: frames end so early before n_fft that the
    convolution is not circular. The preconditioner filters by 1/a. It stands between the identity
    and the filter by 1/a**2, which would be exact were all samples free, and takes fewer iterations
    than either.
    """
    B = partial(_filtered, a**2, n_fft)
    gradient = B(X)
    energy = _dot(X, gradient)
    for _ in range(n_steps):
        held = (L >= U) | ((X <= L) & (gradient > 0)) | ((X >= U) & (gradient < 0))
        free = ~held

        step = preconditioned_cg(
            lambda p: free * B(p),  # noqa: B023 - used in this turn alone
            np.where(free, -gradient, 0),
            precondition=lambda r: free * _filtered(1 / a, n_fft, r),  # noqa: B023
            dot=_dot,
            max_iter=CG_ITER,
            tol=CG_TOL,
        ).x
        going = np.ones_like(energy, bool)
        for factor in STEPS:
            trial = np.where(going, np.clip(X + factor * step, L, U), X)
            trial_gradient = B(trial)
            trial_energy = _dot(trial, trial_gradient)
            lower = going & (trial_energy < energy)
            X = np.where(lower, trial, X)
            gradient = np.where(lower, trial_gradient, gradient)
            energy = np.where(lower, trial_energy, energy)
            going = going & ~lower
            if not going.any():
                break
    return X
