"""Estimation of an occlusion mask from a mix, with dictionaries of its voices.

The magnitudes of the mix are modelled as a sum of both voices, W being the root of atoms of power,

    |X| ~ W_t @ H_t + W_i @ H_i,                                                     (1)

in the Kullback-Leibler divergence, whatever divergence the dictionaries were trained with: it
weights strong cells most, in which voices differ. Each dictionary of a voice gives an estimate of

    r = log(W_t @ H_t) - log(W_i @ H_i),                                             (2)

and their mean is better than any of them. A cell is reliable where r exceeds a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import plain
from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.inpainting.dictionary import Dictionary, as_dictionaries
from spectramend.nmf import encode, learn_rest
from spectramend.nmf.solve import RngLike

KULLBACK_LEIBLER = 1.0  # beta of the divergence
# Magnitudes over their mean are at least this. Engineering choice: 140 dB under the mean, so that
# no cell is zero.
SPECTRUM_FLOOR = 1e-7


@dataclass(frozen=True)
class SeparationOptions:
    """Options of the fits, all at least 1."""

    n_free: int = 8  # atoms that are learned from the mix where there is no interferer
    max_iter: int = 60  # iterations of each fit

    def __post_init__(self) -> None:
        for name, value in (("n_free", self.n_free), ("max_iter", self.max_iter)):
            if value < 1:
                raise ParameterError(f"{name}={value}: give at least 1.")


def estimate_mask(
    X: ArrayLike,
    *,
    target: Dictionary | Sequence[Dictionary],
    interferer: Dictionary | Sequence[Dictionary] | None = None,
    stft: STFT,
    sr: int,
    threshold_db: float = -2.0,
    options: SeparationOptions = SeparationOptions(),
    rng: RngLike = None,
) -> Mask:
    """Estimate an occlusion mask: in which cells of a mix a target voice is louder than the rest.

    X [shape=(F, N), complex]. Several target dictionaries, of different sizes and divergences, do
    better than one; those of the interferer are fitted pairwise with them. Without an interferer
    its atoms are learned from the mix, which is much worse. A cell is reliable where the target is
    louder by `threshold_db`: lower values keep more of both. Raises ParameterError for a spectrum
    that is silent or not finite, MismatchError if spectrum and dictionaries do not fit together.
    """
    spectrum = plain("X", X)
    _check(spectrum, stft, threshold_db)
    generator = np.random.default_rng(rng)
    A = _magnitudes(spectrum)
    W_target = _atoms("target", target, stft, sr)
    if interferer is None:
        W_interferer = [_learn_interferer(A, W, options, generator) for W in W_target]
    else:
        W_interferer = _atoms("interferer", interferer, stft, sr)
    if len(W_interferer) != len(W_target):
        raise ParameterError(
            f"target has {len(W_target)} dictionaries, interferer {len(W_interferer)}: give as "
            f"many."
        )
    log_ratios = [
        _log_ratio(A, W_t, W_i, options.max_iter, generator)
        for W_t, W_i in zip(W_target, W_interferer, strict=True)
    ]
    ratio = 10 ** (threshold_db / 20)
    observed = np.mean(log_ratios, axis=0) > np.log(ratio)
    return Mask(observed, "occluded", ratio=ratio, stft=stft, sr=sr)


def _check(X: NDArray[Any], stft: STFT, threshold_db: float) -> None:
    """Refuse a spectrum (F, N) or threshold that cannot work."""
    if X.ndim != 2 or X.dtype.kind != "c" or not np.isfinite(X).all():
        raise ParameterError(
            f"X has shape {X.shape} and dtype {X.dtype}: give a finite complex spectrum (F, N)."
        )
    if not X.any():
        raise ParameterError("X is silent: there is no voice in it.")
    if X.shape[0] != stft.n_bins:
        raise MismatchError(
            f"X has {X.shape[0]} frequencies, n_fft={stft.n_fft} gives {stft.n_bins}."
        )
    if not np.isfinite(threshold_db):
        raise ParameterError(f"threshold_db={threshold_db}: give a number of decibels.")


def _magnitudes(X: NDArray[Any]) -> NDArray[Any]:
    """Scale magnitudes to a mean of about 1, all positive [shape=(F, N), float32]."""
    A = np.abs(X)
    # Division by a power of two is exact, so that scaling the mix changes nothing.
    A = A / 2.0 ** np.round(np.log2(A.mean()))
    return np.maximum(A, SPECTRUM_FLOOR).astype(np.float32)


def _atoms(
    role: str, dictionaries: Dictionary | Sequence[Dictionary], stft: STFT, sr: int
) -> list[NDArray[Any]]:
    """Check that dictionaries fit the recording; give their atoms as magnitudes (F, K)."""
    several = as_dictionaries(dictionaries, role, one_kind=False)
    try:
        for dictionary in several:
            dictionary.check_fits(stft=stft, sr=sr)
    except MismatchError as error:
        raise MismatchError(f"{role}: {error}") from None
    return [np.sqrt(d.W) if d.quantity == "power" else d.W for d in several]


def _learn_interferer(
    A: NDArray[Any], W_t: NDArray[Any], options: SeparationOptions, rng: np.random.Generator
) -> NDArray[Any]:
    """Learn the atoms of (1) that the target does not have [shape=(F, n_free)]."""
    # Frames of the mix, each with a part of the mean, so that no atom begins with a zero.
    start = A[:, rng.integers(A.shape[1], size=options.n_free)]
    start = start + 0.1 * A.mean(axis=1, keepdims=True)
    H = encode(A, np.hstack([W_t, start]), beta=KULLBACK_LEIBLER, max_iter=1, tol=0, rng=rng).H
    return learn_rest(A, W_t, start, H, beta=KULLBACK_LEIBLER, max_iter=options.max_iter)[0]


def _log_ratio(
    A: NDArray[Any],
    W_t: NDArray[Any],
    W_i: NDArray[Any],
    max_iter: int,
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Fit (1) and evaluate (2) [shape=(F, N)]."""
    nmf = encode(A, np.hstack([W_t, W_i]), beta=KULLBACK_LEIBLER, max_iter=max_iter, tol=0, rng=rng)
    K = W_t.shape[1]
    tiny = np.finfo(A.dtype).tiny  # keeps logarithms finite where both voices are silent
    log_target = np.log(W_t @ nmf.H[:K] + tiny)
    return log_target - np.log(W_i @ nmf.H[K:] + tiny)
