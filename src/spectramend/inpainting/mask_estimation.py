"""Masks without clean sources: which cells of a mix a target voice wins, judged by dictionaries.

The magnitudes of the mix are modelled as a sum of both voices, W being the root of atoms of power,

    |X| ~ W_t @ H_t + W_i @ H_i,                                                     (1)

with the Kullback-Leibler divergence, whatever divergence the dictionaries were trained with: it
follows the strong cells, which tell voices apart. Each dictionary of a voice gives an estimate of

    r = log(W_t @ H_t) - log(W_i @ H_i),                                             (2)

and their mean is better than any of them. A cell is the target's where r exceeds a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.inpainting.dictionary import Dictionary, as_dictionaries
from spectramend.nmf import encode, learn_rest
from spectramend.nmf.solve import RngLike

KULLBACK_LEIBLER = 1.0
FLOOR = 1e-7  # of magnitudes, in units of their mean


def estimate_mask(
    X: ArrayLike,
    *,
    target: Dictionary | Sequence[Dictionary],
    interferer: Dictionary | Sequence[Dictionary] | None = None,
    stft: STFT,
    sr: int,
    threshold_db: float = -2.0,
    n_free: int = 8,
    max_iter: int = 60,
    rng: RngLike = None,
) -> Mask:
    """Estimate which cells of a mix a target voice wins.

    Parameters
    ----------
    X : array_like [shape=(F, N), complex]
        Spectrum of the mix.
    target : Dictionary or sequence of Dictionary
        Dictionaries of the target voice. Several, of other sizes and divergences, do better
        together than one.
    interferer : Dictionary or sequence of Dictionary, optional
        As many of the other voice; each is fitted together with that of the target at the same
        place. None learns the other voice from the mix itself, which is a good deal worse.
    stft : STFT
        The transform.
    sr : int
        Sample rate in Hz.
    threshold_db : float
        A cell is reliable where the target is louder than the interferer by so much. Below 0 more
        of the target is kept, and more of the interferer with it.
    n_free : int, >= 1
        Atoms that are learned from the mix where there is no interferer.
    max_iter : int, >= 1
        Iterations of each fit.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Mask
        An occlusion mask.

    Raises
    ------
    ParameterError
        If a value cannot work, or no cell is the target's.
    MismatchError
        If spectrum and dictionaries do not fit together.

    References
    ----------
    .. [1] P. Smaragdis, B. Raj and M. Shashanka, "Supervised and semi-supervised separation of
       sounds from single-channel mixtures", ICA 2007.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> low, high = (np.sin(f * np.arange(800)) for f in (0.3, 2.0))
    >>> a, b = (
    ...     Dictionary.train([x], sr=8000, stft=stft, n_components=2, rng=0) for x in (low, high)
    ... )
    >>> X = stft.forward(low + high)
    >>> mask = estimate_mask(X, target=a, interferer=b, stft=stft, sr=8000, rng=0)
    >>> mask.observed[[3, 20], 20].tolist()
    [True, False]
    """
    spectrum = np.asarray(X)
    if spectrum.ndim != 2 or spectrum.dtype.kind != "c" or not np.isfinite(spectrum).all():
        raise ParameterError(
            f"X has shape {spectrum.shape} and dtype {spectrum.dtype}: give a finite complex "
            f"spectrum (F, N)."
        )
    if not spectrum.any():
        raise ParameterError("X is silent: there is no voice in it.")
    if spectrum.shape[0] != stft.n_bins:
        raise MismatchError(
            f"X has {spectrum.shape[0]} frequencies, n_fft={stft.n_fft} gives {stft.n_bins}."
        )
    for name, value, least in (("n_free", n_free, 1), ("max_iter", max_iter, 1)):
        if value < least:
            raise ParameterError(f"{name}={value}: give at least {least}.")
    if not np.isfinite(threshold_db):
        raise ParameterError(f"threshold_db={threshold_db}: give a number of decibels.")
    generator = np.random.default_rng(rng)
    A = _magnitudes(spectrum)
    targets = _atoms("target", target, stft, sr)
    if interferer is None:
        others = [_learn_rest(A, W, n_free, max_iter, generator) for W in targets]
    else:
        others = _atoms("interferer", interferer, stft, sr)
    if len(others) != len(targets):
        raise ParameterError(
            f"target has {len(targets)} dictionaries, interferer {len(others)}: give as many."
        )
    log_ratios = [
        _log_ratio(A, W_t, W_i, max_iter, generator)
        for W_t, W_i in zip(targets, others, strict=True)
    ]
    ratio = 10 ** (threshold_db / 20)
    observed = np.mean(log_ratios, axis=0) > np.log(ratio)
    return Mask(observed, "occluded", ratio=ratio, stft=stft, sr=sr)


def _magnitudes(X: NDArray[Any]) -> NDArray[Any]:
    """Take magnitudes in units of their mean, none of them 0 [shape=(F, N)]."""
    A = np.abs(X)
    # A power of two keeps every digit, so that scaling the mix changes nothing.
    A = A / 2.0 ** np.round(np.log2(A.mean()))
    # 24 bits of mantissa hold what a spectrogram model can say, at twice the speed.
    return np.maximum(A, FLOOR).astype(np.float32)


def _atoms(
    role: str, dictionaries: Dictionary | Sequence[Dictionary], stft: STFT, sr: int
) -> list[NDArray[Any]]:
    """Take the atoms of dictionaries that fit the recording, as magnitudes [shape=(F, K)]."""
    several = as_dictionaries(dictionaries, role)
    try:
        for dictionary in several:
            dictionary.check_fits(stft=stft, sr=sr)
    except MismatchError as error:
        raise MismatchError(f"{role}: {error}") from None
    return [np.sqrt(d.W) if d.quantity == "power" else d.W for d in several]


def _learn_rest(
    A: NDArray[Any], W_t: NDArray[Any], K: int, max_iter: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Learn K atoms for what a dictionary leaves of the magnitudes of a mix [shape=(F, K)]."""
    # Frames of the mix, each with some of the mean, so that no atom begins with a zero.
    start = A[:, rng.integers(A.shape[1], size=K)] + 0.1 * A.mean(axis=1, keepdims=True)
    H = encode(A, np.hstack([W_t, start]), beta=KULLBACK_LEIBLER, max_iter=1, tol=0, rng=rng).H
    return learn_rest(A, W_t, start, H, beta=KULLBACK_LEIBLER, max_iter=max_iter)[0]


def _log_ratio(
    A: NDArray[Any],
    W_t: NDArray[Any],
    W_i: NDArray[Any],
    max_iter: int,
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Fit both voices to the magnitudes of a mix, and compare their parts [shape=(F, N)]."""
    nmf = encode(A, np.hstack([W_t, W_i]), beta=KULLBACK_LEIBLER, max_iter=max_iter, tol=0, rng=rng)
    K = W_t.shape[1]
    floor = np.finfo(A.dtype).tiny  # where neither voice has anything
    of_target = np.log(W_t @ nmf.H[:K] + floor)
    return of_target - np.log(W_i @ nmf.H[K:] + floor)
