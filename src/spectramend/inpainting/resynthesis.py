"""From what is expected in every cell to a signal.

Where the damage is *occluded*, `restore_signal` finds the signal that agrees best with mean and
variance of all cells, and sets the magnitudes of hidden cells. `complete` puts magnitudes and
phases together where there is nothing but magnitudes. Where the damage is *missing*,
`recover_missing` finds what reliable cells determine, and what agrees best with them elsewhere.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.core.threads import limited_threads
from spectramend.gaps import fill_gaps
from spectramend.inpainting.occlusion_posterior import Moments
from spectramend.reconstruction.consistent_wiener import Prior, consistent_mean
from spectramend.reconstruction.fast_griffin_lim import griffin_lim, unit_phase
from spectramend.reconstruction.stft_recovery import MAX_CONDITION, determined_samples, recover

Phase: TypeAlias = Literal["auto", "posterior", "griffin-lim", "mix"]

# A reliable cell holds some of the interferer, too: its variance over its power, and how far it
# goes to the consistent signal, at most, and for each part of its neighbours that is hidden.
RELIABLE_VARIANCE = 0.1
CORRECTION, CORRECTION_SLOPE, NEIGHBOURS = 0.5, 3.0, 1.0
# Measured, the consistent signal has half of the target's component across X in hidden cells, two
# thirds in reliable ones: what is known beforehand pulls along X.
ACROSS_HIDDEN, ACROSS_RELIABLE = 2.0, 1.5
MODEL_SHARE = 0.5  # of a hidden magnitude; the rest is the consistent signal's
# Partials of uncertain pitch blur, and valleys fill: how far to lower them, and what counts as
# their surroundings, in bins and frames.
SHARPEN, SURROUNDINGS = 0.3, (6.0, 1.0)
BACKGROUND_SHARE = 0.5  # of its power, for what is heard too much is worse than what is missing
# Of missing cells nothing is heard. The variance of reliable cells, over the median of their power,
# and the least variance of others, over the loudest: so that conjugate gradients get somewhere.
NOISE, LEAST_VARIANCE, ITERATIONS = 1e-4, 1e-6, 150
SINGLE_CONDITION = 1e3  # up to which samples count as known if cells have the rounding of float32


def restore_signal(
    X: NDArray[Any],
    mask: Mask,
    moments: Moments,
    *,
    background: NDArray[Any],
    confidence: NDArray[Any],
    keep_reliable: bool,
    stft: STFT,
    length: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find the signal behind the posterior of all cells.

    Its phases come from the signal that agrees best with mean and variance of every cell. Hidden
    magnitudes are a geometric mean of its own and of the typical ones, at least those of the
    background, and as the mask allows. Where confidence is low, all fades to the bare mask.

    Parameters
    ----------
    X : ndarray [shape=(F, N), complex]
        Spectrum of the mix.
    mask : Mask
        Reliable cells, and what is known of the others.
    moments : Moments
        What to expect in hidden cells.
    background : ndarray [shape=(F, 1), >= 0]
        Power in pauses.
    confidence : ndarray [shape=(N,), 0 to 1]
        How far to trust the model of a frame.
    keep_reliable : bool
        Whether reliable cells keep their value.
    stft : STFT
        The transform.
    length : int
        Samples of the signal.

    Returns
    -------
    samples : ndarray [shape=(length,)]
        The signal.
    spectrum : ndarray [shape=(F, N), complex]
        The completed spectrum.
    """
    P, observed = np.abs(X) ** 2, mask.observed
    mean = np.where(observed, X, moments.direction * X)
    spread = moments.power - moments.direction**2 * P
    variance = np.where(observed, RELIABLE_VARIANCE * P, spread)
    variance = np.maximum(variance, 1e-12 * P.max())
    Y = stft.forward(consistent_mean(mean, variance, stft=stft, length=length)).astype(X.dtype)

    y = np.divide(Y, X, out=np.zeros_like(Y), where=X != 0)
    Z = (y.real + 1j * ACROSS_HIDDEN * y.imag) * X
    typical = np.sqrt(sharpen(moments.typical, P, observed))
    typical = np.maximum(typical, np.finfo(np.float32).tiny * np.sqrt(P.max()))
    magnitude = typical * (np.abs(Z) / typical) ** (1 - MODEL_SHARE)
    magnitude = np.maximum(magnitude, np.sqrt(BACKGROUND_SHARE * background))
    filled = mask.nearest_allowed((magnitude * unit_phase(Z)).astype(X.dtype), X)

    reliable = X
    if not keep_reliable:
        change = (y.real - 1) + 1j * ACROSS_RELIABLE * y.imag
        reliable = X + confidence * correction(observed) * change * X
    completed = np.where(observed, reliable, confidence * filled).astype(X.dtype)
    return stft.inverse(completed, length=length), completed


def correction(observed: NDArray[np.bool_]) -> NDArray[Any]:
    """Say how far reliable cells go to the consistent signal: the farther, the more is hidden.

    Parameters
    ----------
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.

    Returns
    -------
    ndarray [shape=(F, N), 0 to 0.5]
        Amid reliable cells the target is far louder than the interferer, and 0.
    """
    from scipy.ndimage import gaussian_filter

    hidden = gaussian_filter((~observed).astype(np.float64), NEIGHBOURS)
    return np.minimum(CORRECTION, CORRECTION_SLOPE * hidden)


def sharpen(typical: NDArray[Any], P: NDArray[Any], observed: NDArray[np.bool_]) -> NDArray[Any]:
    """Lower hidden cells that lie under their surroundings.

    Parameters
    ----------
    typical : ndarray [shape=(F, N), > 0]
        Power of hidden cells.
    P : ndarray [shape=(F, N), >= 0]
        Power of the mix; looked at in reliable cells.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.

    Returns
    -------
    ndarray [shape=(F, N)]
        ``typical * min(typical / surroundings, 1)**0.3``.
    """
    from scipy.ndimage import gaussian_filter

    around = gaussian_filter(np.where(observed, P, typical), SURROUNDINGS)
    return typical * np.minimum(typical / np.maximum(around, typical.min()), 1) ** SHARPEN


def complete(
    X: NDArray[Any],
    magnitude: NDArray[Any],
    keeps: NDArray[np.bool_],
    *,
    phase: Phase,
    stft: STFT,
    length: int,
    n_iter: int,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Put magnitudes into a spectrum, with phases, and find its signal.

    Parameters
    ----------
    X : ndarray [shape=(F, N), complex]
        Spectrum; its phases are where the search begins, at random where it is zero.
    magnitude : ndarray [shape=(F, N), >= 0]
        Magnitudes for the other cells.
    keeps : ndarray [shape=(F, N), bool]
        Cells that keep their value in `X`.
    phase : {"griffin-lim", "mix"}
        Where the phases of the other cells come from.
    stft : STFT
        The transform.
    length : int
        Samples of the signal.
    n_iter : int
        Iterations of Griffin-Lim.
    rng : Generator
        Source of random phases.

    Returns
    -------
    samples : ndarray [shape=(length,)]
        The signal.
    spectrum : ndarray [shape=(F, N), complex]
        The completed spectrum.
    """
    random = np.exp(2j * np.pi * rng.random(X.shape)).astype(X.dtype)
    first = np.where(X == 0, random, unit_phase(X))
    Y = np.where(keeps, X, magnitude.astype(first.real.dtype) * first)
    if phase == "griffin-lim":
        Y = griffin_lim(Y, keeps, stft=stft, length=length, n_iter=n_iter)
    return stft.inverse(Y, length=length), Y


class RecoveredSignal(NamedTuple):
    """A signal [shape=(length,)], its spectrum [shape=(F, N)], and where its samples come from.

    The reliable cells determine `known` samples, gap models fill `filled` ones [shape=(length,),
    bool], and others agree best with the reliable cells and the model.
    """

    samples: NDArray[Any]
    spectrum: NDArray[Any]
    known: NDArray[np.bool_]
    filled: NDArray[np.bool_]


def recover_missing(
    X: NDArray[Any],
    magnitude: NDArray[Any],
    observed: NDArray[np.bool_],
    *,
    stft: STFT,
    length: int,
    n_iter: int,
    rng: np.random.Generator,
) -> RecoveredSignal:
    """Find what reliable cells determine, and fill the rest.

    Parameters
    ----------
    X : ndarray [shape=(F, N), complex]
        Spectrum; hidden cells are 0.
    magnitude : ndarray [shape=(F, N), >= 0]
        Magnitudes of hidden cells, by the model. Looked at where a frame is hidden in part.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    stft : STFT
        The transform.
    length : int
        Samples of the signal.
    n_iter : int
        Iterations of Griffin-Lim, with which the search for a signal begins.
    rng : Generator
        Source of random phases.

    Returns
    -------
    RecoveredSignal
        The signal; in its spectrum reliable cells keep their value. Samples that no frame but
        wholly hidden ones would determine are filled as gaps (`spectramend.gaps.fill_gaps`).
    """
    some = observed.any(axis=0)
    max_condition = SINGLE_CONDITION if X.dtype == np.complex64 else MAX_CONDITION
    seen = np.broadcast_to(some, observed.shape)
    gap = ~determined_samples(seen, stft=stft, length=length, max_condition=max_condition).known
    prior = None
    if gap.all() or not np.array_equal(observed, seen):
        guess, Y = complete(
            X, magnitude, observed, phase="griffin-lim", stft=stft, length=length, n_iter=n_iter,
            rng=rng,
        )  # fmt: skip
        P = np.abs(Y).astype(np.float64) ** 2
        variance = np.maximum(P, LEAST_VARIANCE * P.max())
        prior = Prior(0.0, variance, NOISE * float(np.median(variance[observed])), guess)
    found = recover(
        X,
        observed,
        stft=stft,
        length=length,
        prior=prior,
        max_condition=max_condition,
        max_iter=ITERATIONS,
    )
    if gap.all():  # nothing is left to fill gaps from
        gap = np.zeros_like(gap)
    samples = found.samples
    if gap.any():
        with limited_threads(1):  # as in repairs: a fifth of the work, and the same for any number
            samples = fill_gaps(samples, gap)
    samples = samples.astype(X.real.dtype)
    spectrum = np.where(observed, X, stft.forward(samples)).astype(X.dtype)
    return RecoveredSignal(samples, spectrum, found.known, gap)
