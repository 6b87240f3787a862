"""Variance of the target in every cell, and how well it explains the reliable cells.

Where cells are occluded, sums of atoms and a hidden Markov model over exemplars (`exemplar_hmm`)
each give a model. Sums of atoms are so flexible that few reliable cells hardly determine them; the
hidden Markov model can give no spectrum but those it was trained on. The steps are

1. **Free fit** of each dictionary: masked IS-NMF, EM over the constraints on hidden cells.
2. **Hidden Markov model** over exemplars, at the level of the free fit.
3. **Guided fit** of each dictionary: as the free fit, with the geometric mean of both models as a
   pseudo-observation of small weight in the hidden cells (`spectramend.nmf.Guided`).
4. **Geometric mean** of the three, with a smoothed multiplicative correction by the data.

The model fades in frames with hardly any reliable cell (`_frame_weight`), and `_confidence` is low
where a dictionary does not explain the reliable cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.inpainting.dictionary import Dictionary
from spectramend.inpainting.exemplar_hmm import hmm_variance
from spectramend.inpainting.occlusion_posterior import POWER_FLOOR, HiddenCells, Occluded
from spectramend.nmf import Factorization, Guided, Hidden, encode, fit
from spectramend.nmf.divergence import cell_divergence

# Atoms learned from the recording itself, where no dictionary is given. Engineering choice: few,
# since many of them overfit the reliable cells.
N_COMPONENTS = 20
# What follows was chosen on the development voices with `spectramend experiment voices`;
# benchmarks/ablation.py measures what most of it brings.
GUIDANCE = 0.1  # weight of the pseudo-observation of a hidden cell; that of the mask is the rest
# Of free fit, guided fit and hidden Markov model, exponents in their geometric mean.
MODEL_WEIGHTS = (0.2, 0.6, 0.2)
CORRECTION_SIGMA = 1.0  # bins and frames, standard deviation of the smoothing of the correction
CORRECTION_ROUNDS = 10  # EM steps of the correction
WEIGHT_SIGMA = 3.0  # frames, standard deviation of the smoothing in the weights of frames
HALF_WEIGHT = 0.01  # part of the cells of a frame that is reliable where its weight is 1/2
QUIETEST_PART = 0.1  # part of the frames that count as pauses


@dataclass(frozen=True)
class FitOptions:
    """Options of the fit of activations, see `spectramend.nmf.encode`."""

    penalty: float
    smooth: float
    max_iter: int
    tol: float  # where nothing is smoothed


@dataclass(frozen=True)
class TargetModel:
    """Model of the target."""

    lam: NDArray[Any]  # [shape=(F, N), > 0] variance of each cell, in units of the dictionary
    background: NDArray[Any]  # [shape=(F, 1), >= 0] typical power in pauses
    confidence: NDArray[Any]  # [shape=(N,), 0 to 1] weight of the model against the bare mask
    factorization: Factorization  # the last fit of the first dictionary


def model_occluded(
    V: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: HiddenCells,
    dictionaries: Sequence[Dictionary],
    options: FitOptions,
    *,
    window: float,
    rng: np.random.Generator,
) -> TargetModel:
    """Model a target of which some cells are occluded, by the four steps of this module.

    V [shape=(F, N), >= 0], not silent, is power or magnitude, as the dictionaries have it; without
    any, one is learned from the same cells. `window` is in frames, see `_confidence`. All but the
    free fit need dictionaries that are Gaussian models of power with exemplars.
    """
    lam, factorization = fit_model(V, observed, hidden, dictionaries, options, rng=rng)
    background, confidence = np.zeros((V.shape[0], 1)), np.ones(V.shape[1])
    if dictionaries and isinstance(hidden, Occluded):
        confidence = _confidence(V, lam, observed, window=window)
        trained = next((d for d in dictionaries if d.exemplars is not None), None)
        if trained is not None and trained.exemplars is not None and trained.follows is not None:
            hmm = hmm_variance(V, observed, hidden, trained.exemplars, trained.follows, lam)
            hmm = _positive(hmm)
            pseudo = _geometric_mean([hmm, lam])[hidden.cells]
            guide = Guided(hidden, pseudo, GUIDANCE)
            guided, factorization = fit_model(V, observed, guide, dictionaries, options, rng=rng)
            background = _estimate_background(trained.exemplars, V, lam)
            lam = _geometric_mean([lam, guided, hmm], MODEL_WEIGHTS)
    lam = _correct_smoothly(lam, V, observed, hidden) * _frame_weight(observed)
    return TargetModel(_positive(lam), background, confidence, factorization)


def fit_model(
    V: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: Hidden,
    dictionaries: Sequence[Dictionary],
    options: FitOptions,
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], Factorization]:
    """Fit dictionaries to reliable and hidden cells, and average their models.

    V as in `model_occluded`. Returns the geometric mean of the models [shape=(F, N), >= 0], and the
    factorization by the first dictionary, in single precision, where the activations of wholly
    hidden frames are interpolated.
    """
    V = V.astype(np.float32)  # 24 bits are enough for a model of a spectrogram, at twice the speed
    # Plain steps from noise: a fit that goes farther, or that starts from frames of the mix,
    # overfits the reliable cells and is worse in the hidden ones.
    if dictionaries:
        fits = [
            encode(
                V,
                dictionary.W,
                beta=dictionary.beta,
                weights=observed,
                bound=hidden,
                penalty=options.penalty,
                smooth=options.smooth,
                extrapolate=False,
                max_iter=options.max_iter,
                tol=0 if options.smooth else options.tol,
                rng=rng,
            )
            for dictionary in dictionaries
        ]
    else:
        learned = fit(
            V,
            max(1, min(N_COMPONENTS, *(size // 2 for size in V.shape))),
            weights=observed,
            bound=hidden,
            penalty=options.penalty,
            init="random",
            extrapolate=False,
            max_iter=options.max_iter,
            tol=options.tol,
            rng=rng,
        )
        fits = [learned]
    fits = [_interpolate_hidden_frames(model) for model in fits]
    if not V[observed].any():
        return fits[0].V_hat, fits[0]
    return _geometric_mean([_positive(model.V_hat) for model in fits]), fits[0]


def _geometric_mean(
    models: Sequence[NDArray[Any]], weights: Sequence[float] | None = None
) -> NDArray[Any]:
    """Average models [shapes=(F, N), > 0] in the logarithm; the weights, equal if None, sum to 1.

    Scaling all models by a power of two scales the mean exactly.
    """
    first, *others = models
    if weights is None:
        weights = [1 / len(models)] * len(models)
    result = first
    for model, weight in zip(others, weights[1:], strict=True):
        result = result * (model / first) ** weight
    return result


def _correct_smoothly(
    lam: NDArray[Any], V: NDArray[Any], observed: NDArray[np.bool_], hidden: Hidden
) -> NDArray[Any]:
    """Correct a model by the smoothed ratio of the data to it [shape=(F, N), > 0].

    Pitch and formants lie between what sums of atoms can follow. With the expected power for the
    data in hidden cells this is EM for a model that is a smooth field.
    """
    from scipy.ndimage import gaussian_filter

    lam = lam.astype(np.float64)
    for _ in range(CORRECTION_ROUNDS):
        ratio = np.divide(V, lam, out=np.ones_like(lam), where=observed)
        known = lam[hidden.cells]
        ratio[hidden.cells] = hidden.expected(known) / known
        # Where all ratios around are 0, a model of 0 would stay 0 in all later rounds.
        lam *= np.maximum(gaussian_filter(ratio, CORRECTION_SIGMA), np.finfo(np.float32).tiny)
    return lam


def _frame_weight(observed: NDArray[np.bool_]) -> NDArray[Any]:
    """Weight frames by ``r/(r + HALF_WEIGHT)``, r being the part of reliable cells [shape=(N,)]."""
    from scipy.ndimage import gaussian_filter1d

    r = gaussian_filter1d(observed.mean(axis=0), WEIGHT_SIGMA)
    return r / (r + HALF_WEIGHT)


def _confidence(
    V: NDArray[Any], lam: NDArray[Any], observed: NDArray[np.bool_], *, window: float
) -> NDArray[Any]:
    """Measure how well a model explains the reliable cells around each frame [shape=(N,), 0 to 1].

    If the model is right, ``V/lam`` is exponential with mean 1, and the Itakura-Saito divergence of
    a cell has the mean ``E[x - log(x) - 1] = gamma``, Euler's constant. That of a fit is somewhat
    less, that of a dictionary of another voice more. Confidence is ``2 - divergence/gamma``, the
    divergence being averaged over a Gaussian window of so many frames.
    """
    from scipy.ndimage import gaussian_filter1d

    d = np.zeros(V.shape)
    data = np.maximum(V[observed], POWER_FLOOR * V.max())
    d[observed] = cell_divergence(data, lam[observed].astype(np.float64), 0.0)
    cells = gaussian_filter1d(observed.sum(axis=0, dtype=np.float64), window)
    total = gaussian_filter1d(d.sum(axis=0), window)
    mean = np.divide(total, cells, out=np.zeros_like(total), where=cells > 0)
    return np.clip(2 - mean / np.euler_gamma, 0, 1)


def _estimate_background(
    exemplars: NDArray[Any], P: NDArray[Any], lam: NDArray[Any]
) -> NDArray[Any]:
    """Estimate the power of the target's recording in pauses, which a mask hides [shape=(F, 1)].

    It is the geometric mean over the quietest tenth of the exemplars, at the level of the model,
    and at most that of the quietest tenth of the mix at the same frequency, which contains it.
    """
    training = np.maximum(exemplars, POWER_FLOOR**2 * exemplars.max()).astype(np.float64)
    loudness = np.log(training).mean(axis=0)
    pauses = training[:, loudness <= np.quantile(loudness, QUIETEST_PART)]
    level = lam.mean(dtype=np.float64) / training.mean()
    loudest = P.max()
    quietest = np.sort(P, axis=1)[:, : max(1, round(QUIETEST_PART * P.shape[1]))] / loudest
    in_mix = np.exp(np.log(np.maximum(quietest, POWER_FLOOR**2)).mean(axis=1)) * loudest
    return np.minimum(level * np.exp(np.log(pauses).mean(axis=1)), in_mix)[:, None]


def _positive(V_hat: NDArray[Any]) -> NDArray[Any]:
    """Replace zeros of a model by a tiny part of its maximum, in double precision."""
    V_hat = V_hat.astype(np.float64)
    return np.maximum(V_hat, np.finfo(np.float32).tiny * V_hat.max())


def _interpolate_hidden_frames(model: Factorization) -> Factorization:
    """Interpolate the log activations of wholly hidden frames between their neighbours."""
    known = np.flatnonzero(model.observed_frames)
    if known.size in (0, model.observed_frames.size):
        return model
    frames = np.arange(model.H.shape[1])
    tiny = np.finfo(model.H.dtype).tiny
    rows = [np.interp(frames, known, log_h) for log_h in np.log(model.H[:, known] + tiny)]
    H = np.where(model.observed_frames, model.H, np.exp(rows)).astype(model.H.dtype)
    return replace(model, H=H)
