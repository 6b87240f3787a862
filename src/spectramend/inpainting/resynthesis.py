"""From the moments of all cells of a spectrum to a signal.

Where the damage is *occluded*, `restore_signal` finds the posterior mean of the signal by
consistent Wiener filtering, and sets the magnitudes of hidden cells. `complete` gives phases to
magnitudes where nothing else is known. Where the damage is *missing*, `recover_missing` recovers
the samples that reliable cells determine, fills gaps, and estimates the rest from cells and model.
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

# Of occluded cells, chosen on the development voices with `spectramend experiment voices`;
# `benchmarks/ablation.py` measures what they bring.
RELIABLE_VARIANCE = 0.1  # variance of a reliable cell over its power: it holds some interferer, too
MAX_CORRECTION = 0.5  # weight of the posterior mean in a reliable cell, at most
CORRECTION_SLOPE = 3.0  # that weight over the part of the neighbours that is hidden
NEIGHBOUR_SIGMA = 1.0  # bins and frames, standard deviation of the window of neighbours
# The zero mean of the prior biases phases towards those of the mix: the quadrature component of the
# posterior mean to X is half of the target's in hidden cells, two thirds in reliable ones.
HIDDEN_QUADRATURE_GAIN = 2.0  # factor of that component
RELIABLE_QUADRATURE_GAIN = 1.5  # factor of that component
# Weight of the model's magnitude in hidden cells, against that of the posterior mean.
MODEL_MAGNITUDE_WEIGHT = 0.5
VALLEY_EXPONENT = 0.3  # of the ratio to the surroundings: blurred partials fill valleys
SURROUNDINGS_SIGMA = (6.0, 1.0)  # bins, and frames, standard deviation of the surroundings
BACKGROUND_SHARE = 0.5  # of the power in pauses: too much background is worse than too little
# Of missing cells, engineering choices with which conjugate gradients converge:
RELIABLE_NOISE = 1e-4  # variance of a reliable cell over the median of their power
MIN_VARIANCE = 1e-6  # variance of a hidden cell over the loudest one's, at least
RECOVERY_ITER = 150  # iterations of conjugate gradients
# Condition, times that rounding is amplified, of known samples of float32: an error of about 1e-4.
FLOAT32_CONDITION = 1e3


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
    """Estimate the target: samples [shape=(length,)] and completed spectrum [shape=(F, N)].

    The phases are those of the posterior mean. Hidden magnitudes are a geometric mean of its own
    and of the typical ones, at least those of the background [shape=(F, 1), power in pauses], and
    as the mask allows. With low confidence [shape=(N,), 0 to 1] in the model all fades to the bare
    mask.
    """
    P, observed = np.abs(X) ** 2, mask.observed
    mean = np.where(observed, X, moments.direction * X)
    spread = moments.power - moments.direction**2 * P
    variance = np.where(observed, RELIABLE_VARIANCE * P, spread)
    variance = np.maximum(variance, 1e-12 * P.max())
    Y = stft.forward(consistent_mean(mean, variance, stft=stft, length=length)).astype(X.dtype)

    y = np.divide(Y, X, out=np.zeros_like(Y), where=X != 0)
    Z = (y.real + 1j * HIDDEN_QUADRATURE_GAIN * y.imag) * X
    typical = np.sqrt(_lower_valleys(moments.typical, P, observed))
    typical = np.maximum(typical, np.finfo(np.float32).tiny * np.sqrt(P.max()))
    magnitude = typical * (np.abs(Z) / typical) ** (1 - MODEL_MAGNITUDE_WEIGHT)
    magnitude = np.maximum(magnitude, np.sqrt(BACKGROUND_SHARE * background))
    filled = mask.nearest_allowed((magnitude * unit_phase(Z)).astype(X.dtype), X)

    reliable = X
    if not keep_reliable:
        change = (y.real - 1) + 1j * RELIABLE_QUADRATURE_GAIN * y.imag
        reliable = X + confidence * _correction_weight(observed) * change * X
    completed = np.where(observed, reliable, confidence * filled).astype(X.dtype)
    return stft.inverse(completed, length=length), completed


def _correction_weight(observed: NDArray[np.bool_]) -> NDArray[Any]:
    """Weight the correction of reliable cells (F, N): the more neighbours are hidden, the larger.

    Amid reliable cells it is 0: the target is far louder than the interferer.
    """
    from scipy.ndimage import gaussian_filter

    hidden = gaussian_filter((~observed).astype(np.float64), NEIGHBOUR_SIGMA)
    return np.minimum(MAX_CORRECTION, CORRECTION_SLOPE * hidden)


def _lower_valleys(
    typical: NDArray[Any], P: NDArray[Any], observed: NDArray[np.bool_]
) -> NDArray[Any]:
    """Lower the power of hidden cells (F, N) that lie under their surroundings."""
    from scipy.ndimage import gaussian_filter

    around = gaussian_filter(np.where(observed, P, typical), SURROUNDINGS_SIGMA)
    ratio = np.minimum(typical / np.maximum(around, typical.min()), 1)
    return typical * ratio**VALLEY_EXPONENT


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
    """Give magnitudes [shape=(F, N)] phases; return samples and spectrum.

    The cells of X [shape=(F, N), complex] that are in `keeps` stay. The phases of the others start
    from those of X, at random where it is 0, and `phase` is "griffin-lim" or "mix".
    """
    random = np.exp(2j * np.pi * rng.random(X.shape)).astype(X.dtype)
    first = np.where(X == 0, random, unit_phase(X))
    Y = np.where(keeps, X, magnitude.astype(first.real.dtype) * first)
    if phase == "griffin-lim":
        Y = griffin_lim(Y, keeps, stft=stft, length=length, n_iter=n_iter)
    return stft.inverse(Y, length=length), Y


class RecoveredSignal(NamedTuple):
    """A signal [shape=(length,)], its spectrum [shape=(F, N)], and the origin of its samples.

    The reliable cells determine `known` samples, and gap models fill `filled` ones
    [shape=(length,), bool].
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
    """Recover what reliable cells determine, and estimate the rest.

    Hidden cells of X [shape=(F, N), complex] are 0; `magnitude` [shape=(F, N)] is that of the model
    in frames that are hidden in part, where `n_iter` iterations of Griffin-Lim give a first guess.
    Samples that no frame but wholly hidden ones would determine are filled as gaps.
    """
    max_condition = FLOAT32_CONDITION if X.dtype == np.complex64 else MAX_CONDITION
    seen = np.broadcast_to(observed.any(axis=0), observed.shape)
    gap = ~determined_samples(seen, stft=stft, length=length, max_condition=max_condition).known
    prior = None
    if gap.all() or not np.array_equal(observed, seen):
        guess, Y = complete(
            X, magnitude, observed, phase="griffin-lim", stft=stft, length=length, n_iter=n_iter,
            rng=rng,
        )  # fmt: skip
        P = np.abs(Y).astype(np.float64) ** 2
        variance = np.maximum(P, MIN_VARIANCE * P.max())
        noise = RELIABLE_NOISE * float(np.median(variance[observed]))
        prior = Prior(0.0, variance, noise, guess)
    found = recover(
        X,
        observed,
        stft=stft,
        length=length,
        prior=prior,
        max_condition=max_condition,
        max_iter=RECOVERY_ITER,
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
