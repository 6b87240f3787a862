"""How loud the target may be in every cell: a model, and how far to trust it.

Where cells are occluded, sums of atoms and a Markov chain over exemplars (`chain`) each find a
model, and neither is enough: sums can say nearly anything, so that few reliable cells hold them
loosely; the chain can say only what it has heard. The steps are

1. **Free fit** of each dictionary: masked IS-NMF, EM over what the mask says of hidden cells.
2. **Chain** over exemplars, at the level of the free fit.
3. **Guided fit** of each dictionary: as before, but the geometric mean of both models counts as a
   faint observation of the hidden cells (`spectramend.nmf.Guided`).
4. **Mean** of the three, in the logarithm, bent by the data (`bend`).

Two things keep it from doing harm: `evidence` fades frames in which hardly a cell is reliable, and
`confidence` notices a dictionary that does not explain the reliable cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.inpainting.dictionary import Dictionary
from spectramend.inpainting.exemplar_hmm import chain_model
from spectramend.inpainting.occlusion_posterior import KnownCells, Occluded
from spectramend.nmf import Factorization, Guided, Hidden, encode, fit
from spectramend.nmf.divergence import cell_divergence

N_COMPONENTS = 20  # atoms learned from the recording itself, where no dictionary is given
GUIDANCE = 0.1  # what the chain's opinion counts in a hidden cell, against what the mask says
SHARES = (0.2, 0.6, 0.2)  # of free fits, guided fits and chain in the mean
# How far, and how often, the data may bend the model between its own atoms, see `bend`.
BEND_SIGMA, BEND_ROUNDS = 1.0, 10
# A frame with this part of its cells reliable is filled half, see `evidence`.
EVIDENCE_SIGMA, HALF_EVIDENCE = 3.0, 0.01
QUIETEST = 0.1  # part of the frames that are taken for pauses
DATA_FLOOR = 1e-14  # cells count as at least this part of the loudest


@dataclass(frozen=True)
class Fit:
    """How to fit activations.

    Parameters
    ----------
    penalty : float
        L1 penalty.
    smooth : float
        Smoothness in time.
    max_iter : int
        Iterations at most.
    tol : float
        Relative decrease at which to stop where nothing is smoothed.
    """

    penalty: float
    smooth: float
    max_iter: int
    tol: float


@dataclass(frozen=True)
class TargetModel:
    """Variance of the target in every cell, and how far to trust it.

    Parameters
    ----------
    lam : ndarray [shape=(F, N), > 0]
        The variance, in the units of the dictionary.
    background : ndarray [shape=(F, 1), >= 0]
        Typical power in pauses.
    confidence : ndarray [shape=(N,), 0 to 1]
        How far to trust the model of a frame.
    factorization : Factorization
        The last fit of the first dictionary.
    """

    lam: NDArray[Any]
    background: NDArray[Any]
    confidence: NDArray[Any]
    factorization: Factorization


def model_occluded(
    V: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: KnownCells,
    voices: Sequence[Dictionary],
    how: Fit,
    *,
    window: float,
    rng: np.random.Generator,
) -> TargetModel:
    """Model a target of which some cells are occluded.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Power or magnitude, as the dictionaries have it; not silent.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    hidden : Occluded or Bounded
        What is known of the others.
    voices : sequence of Dictionary
        Dictionaries; if empty, one is learned from the same cells.
    how : Fit
        Options of the fits.
    window : float
        Frames either way over which confidence is judged.
    rng : Generator
        Source of random starts.

    Returns
    -------
    TargetModel
        The model. Chain, guided fit, background and confidence need a Gaussian model of power and
        exemplars; without them the free fit stands alone.
    """
    lam, free = fit_model(V, observed, hidden, voices, how, rng=rng)
    trust, pauses = np.ones(V.shape[1]), np.zeros((V.shape[0], 1))
    last = free
    if voices and isinstance(hidden, Occluded):
        trust = confidence(V, lam, observed, window=window)
        heard = next((voice for voice in voices if voice.exemplars is not None), None)
        if heard is not None and heard.exemplars is not None and heard.follows is not None:
            chain = _positive(chain_model(V, observed, hidden, heard.exemplars, heard.follows, lam))
            opinion = geometric_mean([chain, lam])[hidden.cells]
            known = Guided(hidden, opinion, GUIDANCE)
            guided, last = fit_model(V, observed, known, voices, how, rng=rng)
            pauses = background(heard.exemplars, V, lam)
            lam = geometric_mean([lam, guided, chain], SHARES)
    lam = bend(lam, V, observed, hidden) * evidence(observed)
    return TargetModel(_positive(lam), pauses, trust, last)


def fit_model(
    V: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: Hidden,
    voices: Sequence[Dictionary],
    how: Fit,
    *,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], Factorization]:
    """Fit dictionaries to reliable cells and to what else is known, and average their models.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Power or magnitude, as the dictionaries have it.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    hidden : Hidden
        What is known of the others.
    voices : sequence of Dictionary
        Dictionaries of one kind; if empty, one is learned from the same cells.
    how : Fit
        Options.
    rng : Generator
        Source of random starts.

    Returns
    -------
    V_hat : ndarray [shape=(F, N), >= 0]
        Geometric mean of the models.
    first : Factorization
        That of the first dictionary, in single precision. Frames of which nothing is known have
        activations interpolated from their neighbours.
    """
    V = V.astype(np.float32)  # 24 bits hold what a spectrogram model can say, at twice the speed
    beta = voices[0].beta if voices else 0.0
    # Plain steps from noise: a fit that goes farther, or that starts from frames of the mix, says
    # more of hidden cells than it knows.
    common: dict[str, Any] = {
        "weights": observed,
        "bound": hidden,
        "penalty": how.penalty,
        "extrapolate": False,
        "max_iter": how.max_iter,
        "rng": rng,
    }
    tol = 0 if how.smooth else how.tol
    fits = [encode(V, voice.W, beta=beta, smooth=how.smooth, tol=tol, **common) for voice in voices]
    if not voices:
        K = max(1, min(N_COMPONENTS, *(size // 2 for size in V.shape)))
        fits = [fit(V, K, init="random", tol=how.tol, **common)]
    fits = [_carry_across(model) for model in fits]
    if not V[observed].any():
        return fits[0].V_hat, fits[0]
    return geometric_mean([_positive(model.V_hat) for model in fits]), fits[0]


def geometric_mean(
    models: Sequence[NDArray[Any]], weights: Sequence[float] | None = None
) -> NDArray[Any]:
    """Average models in the logarithm.

    Parameters
    ----------
    models : sequence of ndarray [shapes equal, > 0]
        The models.
    weights : sequence of float, optional
        Their weights, which sum to 1; all the same if None.

    Returns
    -------
    ndarray
        ``prod_i models[i]**weights[i]``; scaling all models by a power of two scales it exactly.

    Examples
    --------
    >>> geometric_mean([np.array([1.0]), np.array([4.0])]).tolist()
    [2.0]
    """
    first, *others = models
    shares = [1 / len(models)] * len(models) if weights is None else list(weights)
    result = first
    for model, share in zip(others, shares[1:], strict=True):
        result = result * (model / first) ** share
    return result


def bend(
    lam: NDArray[Any], V: NDArray[Any], observed: NDArray[np.bool_], hidden: Hidden
) -> NDArray[Any]:
    """Let the data bend the model: pitch and formants move between what atoms can say.

    The ratio of data to model, smoothed over neighbouring cells, corrects the model; with what is
    expected in hidden cells that is one more EM step, of a model that is a smooth field.

    Parameters
    ----------
    lam : ndarray [shape=(F, N), > 0]
        The model.
    V : ndarray [shape=(F, N), >= 0]
        The data; looked at in reliable cells.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    hidden : Hidden
        What is known of the others.

    Returns
    -------
    ndarray [shape=(F, N), > 0]
        The bent model.
    """
    from scipy.ndimage import gaussian_filter

    lam = lam.astype(np.float64)
    for _ in range(BEND_ROUNDS):
        ratio = np.divide(V, lam, out=np.ones_like(lam), where=observed)
        known = lam[hidden.cells]
        ratio[hidden.cells] = hidden.expected(known) / known
        # A ratio of zero, in a neighbourhood without any energy, could never be undone.
        lam *= np.maximum(gaussian_filter(ratio, BEND_SIGMA), np.finfo(np.float32).tiny)
    return lam


def evidence(observed: NDArray[np.bool_]) -> NDArray[Any]:
    """Say how much of each frame there is to go by.

    Parameters
    ----------
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.

    Returns
    -------
    ndarray [shape=(N,), 0 to 1]
        ``r/(r + 0.01)``, r being the part of the cells that is reliable, over a few frames.
    """
    from scipy.ndimage import gaussian_filter1d

    r = gaussian_filter1d(observed.mean(axis=0), EVIDENCE_SIGMA)
    return r / (r + HALF_EVIDENCE)


def confidence(
    V: NDArray[Any], lam: NDArray[Any], observed: NDArray[np.bool_], *, window: float
) -> NDArray[Any]:
    """Say how well a model explains the reliable cells around each frame.

    If the model is right, ``V/lam`` is exponential with mean 1, and the Itakura-Saito divergence of
    a cell has the mean ``E[x - log(x) - 1] = gamma``, Euler's constant. A fit lies somewhat below.
    What lies above is misfit, as by a dictionary of another voice; at twice gamma there is no
    confidence left.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Power; looked at in reliable cells.
    lam : ndarray [shape=(F, N), > 0]
        The model.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    window : float
        Frames either way over which the divergence is averaged.

    Returns
    -------
    ndarray [shape=(N,), 0 to 1]
        ``2 - divergence/gamma``, kept between 0 and 1.
    """
    from scipy.ndimage import gaussian_filter1d

    d = np.zeros(V.shape)
    data = np.maximum(V[observed], DATA_FLOOR * V.max())
    d[observed] = cell_divergence(data, lam[observed].astype(np.float64), 0.0)
    cells = gaussian_filter1d(observed.sum(axis=0, dtype=np.float64), window)
    total = gaussian_filter1d(d.sum(axis=0), window)
    mean = np.divide(total, cells, out=np.zeros_like(total), where=cells > 0)
    return np.clip(2 - mean / np.euler_gamma, 0, 1)


def background(exemplars: NDArray[Any], P: NDArray[Any], lam: NDArray[Any]) -> NDArray[Any]:
    """Estimate how loud the target's recording is in pauses, which no mask ever shows.

    Parameters
    ----------
    exemplars : ndarray [shape=(F, K), >= 0]
        Frames of the training material.
    P : ndarray [shape=(F, N), >= 0]
        Power of the mix.
    lam : ndarray [shape=(F, N), > 0]
        A model of the target, for its level against that of the training material.

    Returns
    -------
    ndarray [shape=(F, 1)]
        Geometric mean over the quietest tenth of the training frames, but no more than that of the
        quietest tenth of the mix at the same frequency: what is in the target is in the mix.
    """
    heard = np.maximum(exemplars, DATA_FLOOR**2 * exemplars.max()).astype(np.float64)
    loudness = np.log(heard).mean(axis=0)
    pauses = heard[:, loudness <= np.quantile(loudness, QUIETEST)]
    level = lam.mean(dtype=np.float64) / heard.mean()
    loudest = P.max()
    quietest = np.sort(P, axis=1)[:, : max(1, round(QUIETEST * P.shape[1]))] / loudest
    in_mix = np.exp(np.log(np.maximum(quietest, DATA_FLOOR**2)).mean(axis=1)) * loudest
    return np.minimum(level * np.exp(np.log(pauses).mean(axis=1)), in_mix)[:, None]


def _positive(V_hat: NDArray[Any]) -> NDArray[Any]:
    """Keep a model from zero, in double precision."""
    V_hat = V_hat.astype(np.float64)
    return np.maximum(V_hat, np.finfo(np.float32).tiny * V_hat.max())


def _carry_across(model: Factorization) -> Factorization:
    """Give wholly hidden frames the activations of their neighbours, on a straight line in log."""
    seen = np.flatnonzero(model.observed_frames)
    if seen.size in (0, model.observed_frames.size):
        return model
    frames = np.arange(model.H.shape[1])
    tiny = np.finfo(model.H.dtype).tiny
    rows = [np.interp(frames, seen, log_h) for log_h in np.log(model.H[:, seen] + tiny)]
    H = np.where(model.observed_frames, model.H, np.exp(rows)).astype(model.H.dtype)
    return replace(model, H=H)
