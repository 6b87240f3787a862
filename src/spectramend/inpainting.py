"""Inpainting of spectra, arrays in and arrays out: model, posterior, signal.

1. **Model.** `fit_model` fits a dictionary to the reliable cells, and to what is known of the
   others: the variance ``lambda`` of the target in every cell.
2. **Posterior.** What is known of a hidden cell (`hidden_cells`) turns ``lambda`` into what is to
   be expected there.
3. **Signal.** Where the damage is *occluded*, `restore_signal` finds the signal that agrees best
   with the posterior of all cells, and sets magnitudes; where it is *missing*, or other phases are
   asked for, `complete` puts magnitudes and phases together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.chain import chain_model
from spectramend.dictionary import Dictionary, Quantity
from spectramend.errors import ParameterError
from spectramend.masks import Mask
from spectramend.nmf import Bounded, Factorization, encode, fit
from spectramend.nmf.solve import RngLike, Status
from spectramend.nmf.updates import Step
from spectramend.phase import consistent_mean, griffin_lim, unit_phase
from spectramend.posterior import Occluded
from spectramend.stft import STFT

KnownCells: TypeAlias = Occluded | Bounded
Fill: TypeAlias = Literal["hidden", "everywhere"]
Phase: TypeAlias = Literal["auto", "posterior", "griffin-lim", "mix"]

# Smoothness of the activations in time.
SMOOTH = {"missing": 0.0, "occluded": 0.8}
# The chain's share of the model: it knows what cannot be, sums of atoms what it has never heard.
CHAIN_SHARE = 0.25
# How far, and how often, the data may bend the model between its own atoms, see `bend`.
BEND_SIGMA, BEND_STRENGTH, BEND_ROUNDS = 0.7, 0.7, 5
# A reliable cell holds some of the interferer, too: its variance over its power, and how much of
# the measured value it keeps.
RELIABLE_VARIANCE, RELIABLE_TRUST = 0.1, 0.4
# A hidden magnitude: the model's share of it, against the consistent signal's, and how much of the
# model's expectation, for a phase that is not sure makes large cells costly.
MODEL_SHARE, SHRINK = 0.6, 0.8
N_COMPONENTS = 20  # atoms learned from the recording itself, where no dictionary is given


@dataclass(frozen=True)
class Inpainting:
    """A completed spectrum and its signal, with the model behind them.

    Parameters
    ----------
    samples : ndarray [shape=(n,)]
        The signal.
    spectrum : ndarray [shape=(F, N), complex]
        The completed spectrum.
    factorization : Factorization
        The model.
    status : {"converged", "max_iter", "nonfinite", "nothing_observed"}
        How the fit ended.
    notes : tuple of str
        What else there is to know, a sentence each.
    sr : int
        Sample rate in Hz.
    """

    samples: NDArray[Any]
    spectrum: NDArray[Any]
    factorization: Factorization
    status: Status
    notes: tuple[str, ...]
    sr: int

    def _repr_html_(self) -> str:
        """Show the result in Jupyter: a player, a spectrogram, and how the fit ended."""
        from spectramend.display import sound_html

        facts = [f"fit: {self.status} after {self.factorization.n_iter} iterations", *self.notes]
        return sound_html(self.samples, self.sr, title="Inpainted", facts=facts)


def inpaint(
    X: ArrayLike,
    mask: Mask,
    *,
    stft: STFT,
    sr: int,
    length: int,
    dictionary: Dictionary | None = None,
    keep_reliable: bool = False,
    fill: Fill = "hidden",
    phase: Phase = "auto",
    penalty: float = 0.0,
    smooth: float | None = None,
    max_iter: int = 100,
    tol: float = 1e-4,
    phase_iter: int = 50,
    rng: RngLike = None,
) -> Inpainting:
    """Restore the hidden cells of a spectrum.

    Parameters
    ----------
    X : array_like [shape=(F, N), complex]
        Spectrum. Hidden cells are never looked at where the damage is *missing*.
    mask : Mask
        Which cells are reliable, and what is known of the others.
    stft : STFT
        Transform of `X`.
    sr : int
        Sample rate in Hz.
    length : int
        Samples of the signal.
    dictionary : Dictionary, optional
        Spectra to build the hidden cells from; learned from the reliable cells of `X` if None.
    keep_reliable : bool
        Keep reliable cells exactly. Where the damage is *occluded* they hold some of the interferer
        and are corrected a little otherwise; where it is *missing*, or other phases than those of
        the posterior are asked for, they are always kept.
    fill : {"hidden", "everywhere"}
        Fill the hidden cells, or take the model in every cell as the notebook did.
    phase : {"auto", "posterior", "griffin-lim", "mix"}
        Phases of the cells that are filled: those of the signal that agrees best with the posterior
        of all cells; by fast Griffin-Lim in which reliable cells stay fixed; or those of `X`, which
        exist only where the damage is *occluded*. ``"auto"`` is ``"posterior"`` where hidden cells
        of *occluded* damage are filled, ``"griffin-lim"`` elsewhere.
    penalty : float, >= 0
        L1 penalty on the activations, see `spectramend.nmf.fit`.
    smooth : float, 0 to 1, optional
        Smoothness of the activations in time, see `spectramend.nmf.encode`; None is 0.8 where the
        damage is *occluded*, 0 where it is *missing*. Nothing is smoothed where the dictionary is
        learned from `X`.
    max_iter : int
        Iterations of the fit at most.
    tol : float
        Relative decrease at which a fit that is not smoothed stops.
    phase_iter : int
        Iterations of Griffin-Lim.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Inpainting
        Samples, spectrum, model and status.

    Raises
    ------
    ParameterError
        If a value cannot work, or the mask hides everything.
    MismatchError
        If spectrum, mask, dictionary and length do not fit together.

    Examples
    --------
    >>> stft = STFT(n_fft=64, hop_length=16)
    >>> x = np.sin(0.3 * np.arange(1000))
    >>> X = stft.forward(x)
    >>> observed = np.ones(X.shape, bool)
    >>> observed[:20, 30] = False
    >>> out = inpaint(X, Mask(observed), stft=stft, sr=8000, length=1000, rng=0)
    >>> out.samples.shape, bool((out.spectrum[observed] == X[observed]).all())
    ((1000,), True)
    """
    spectrum = np.asarray(X)
    _check(spectrum, mask, dictionary, stft, sr, length, fill, phase)
    if mask.damage == "missing":
        spectrum = np.where(mask.observed, spectrum, 0)
    if phase == "auto":
        posterior = mask.damage == "occluded" and fill == "hidden"
        phase = "posterior" if posterior else "griffin-lim"
    generator = np.random.default_rng(rng)
    quantity = "power" if dictionary is None else dictionary.quantity

    V = _raise(np.abs(spectrum) ** 2, quantity)
    hidden = hidden_cells(spectrum, mask, dictionary)
    model = fit_model(
        V,
        mask.observed,
        hidden,
        dictionary,
        penalty=penalty,
        smooth=SMOOTH[mask.damage] if smooth is None else smooth,
        max_iter=max_iter,
        tol=tol,
        rng=generator,
    )
    if not spectrum.any():  # silence: there is no level at which to fill anything
        samples, completed = stft.inverse(spectrum, length=length), spectrum
    elif phase == "posterior":
        lam = bend(
            with_chain(model.V_hat, V, mask.observed, hidden, dictionary), V, mask.observed, hidden
        )
        samples, completed = restore_signal(
            spectrum,
            mask.observed,
            *posterior_moments(lam, hidden, quantity),
            keep_reliable=keep_reliable,
            stft=stft,
            length=length,
        )
    else:
        if fill == "everywhere":
            magnitude, keeps = _to_magnitude(model.V_hat, quantity), np.zeros_like(mask.observed)
        else:
            typical = posterior_moments(model.V_hat, hidden, quantity)[2]
            magnitude, keeps = np.sqrt(typical), mask.observed
        samples, completed = complete(
            spectrum,
            magnitude,
            keeps,
            phase=phase,
            stft=stft,
            length=length,
            n_iter=phase_iter,
            rng=generator,
        )
    return Inpainting(samples, completed, model, model.status, _notes(model), sr)


def hidden_cells(X: NDArray[Any], mask: Mask, dictionary: Dictionary | None) -> KnownCells:
    """Say what is known of the hidden cells.

    Parameters
    ----------
    X : ndarray [shape=(F, N), complex]
        Spectrum; looked at where the damage is *occluded*.
    mask : Mask
        The mask.
    dictionary : Dictionary or None
        Its divergence and quantity decide what can be used: what the mask says exactly goes with a
        Gaussian model of power, other models see it as an upper bound.

    Returns
    -------
    Occluded or Bounded
        The knowledge, in the units of the dictionary.
    """
    hidden = ~mask.observed
    quantity = "power" if dictionary is None else dictionary.quantity
    beta = 0.0 if dictionary is None else dictionary.beta
    P = np.abs(X) ** 2
    P = np.maximum(P, P.max() * 1e-14).astype(np.float64)
    gaussian = quantity == "power" and beta == 0 and P.max() > 0
    if mask.damage == "occluded" and mask.ratio and gaussian:
        return Occluded(hidden, P[hidden], mask.ratio, mask.floor)
    B = _raise(mask.upper_bound(X), quantity)
    bounded = hidden & np.isfinite(B)
    return Bounded(bounded, np.maximum(B[bounded], np.finfo(np.float32).tiny), beta)


def fit_model(
    V: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: KnownCells,
    dictionary: Dictionary | None,
    *,
    penalty: float,
    smooth: float,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
) -> Factorization:
    """Fit a dictionary, or one learned on the spot, to reliable cells and to what else is known.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Power or magnitude, as the dictionary has it.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    hidden : Occluded or Bounded
        What is known of the others.
    dictionary : Dictionary or None
        The dictionary; None learns one from the same cells.
    penalty : float
        L1 penalty.
    smooth : float
        Smoothness in time.
    max_iter : int
        Iterations at most.
    tol : float
        Relative decrease at which to stop where nothing is smoothed.
    rng : Generator
        Source of the random start.

    Returns
    -------
    Factorization
        The model, in single precision. Frames of which nothing is known have activations
        interpolated from their neighbours.
    """
    # 24 bits of mantissa hold what a spectrogram model can say, at twice the speed.
    V = V.astype(np.float32)
    beta = 0.0 if dictionary is None else dictionary.beta
    step: Step = "heuristic" if 0 <= beta <= 2 else "mm"
    if dictionary is None:
        K = max(1, min(N_COMPONENTS, *(size // 2 for size in V.shape)))
        model = fit(
            V,
            K,
            weights=observed,
            bound=hidden,
            step=step,
            penalty=penalty,
            max_iter=max_iter,
            tol=tol,
            rng=rng,
        )
    else:
        model = encode(
            V,
            dictionary.W,
            weights=observed,
            bound=hidden,
            beta=beta,
            step=step,
            penalty=penalty,
            smooth=smooth,
            max_iter=max_iter,
            tol=0 if smooth else tol,
            rng=rng,
        )
    return _carry_across(model)


def with_chain(
    V_hat: NDArray[Any],
    V: NDArray[Any],
    observed: NDArray[np.bool_],
    hidden: KnownCells,
    dictionary: Dictionary | None,
) -> NDArray[Any]:
    """Average a model, in the logarithm, with a Markov chain over the dictionary's exemplars.

    Parameters
    ----------
    V_hat : ndarray [shape=(F, N), > 0]
        The model.
    V : ndarray [shape=(F, N), >= 0]
        Power of the mix.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    hidden : Occluded or Bounded
        What is known of the others.
    dictionary : Dictionary or None
        The dictionary.

    Returns
    -------
    ndarray [shape=(F, N), > 0]
        The average; `V_hat` where there are no exemplars, or nothing but bounds is known.
    """
    if (
        dictionary is None
        or dictionary.exemplars is None
        or dictionary.follows is None
        or not isinstance(hidden, Occluded)
    ):
        return V_hat
    chain = chain_model(V, observed, hidden, dictionary.exemplars, dictionary.follows, V_hat)
    return V_hat * (chain / V_hat) ** CHAIN_SHARE


def bend(
    V_hat: NDArray[Any], V: NDArray[Any], observed: NDArray[np.bool_], hidden: KnownCells
) -> NDArray[Any]:
    """Let the data bend the model: pitch and formants move between what atoms can say.

    The ratio of data to model, smoothed over neighbouring cells, corrects the model; with what is
    expected in hidden cells that is one more EM step, of a model that is a smooth field.

    Parameters
    ----------
    V_hat : ndarray [shape=(F, N), > 0]
        The model.
    V : ndarray [shape=(F, N), >= 0]
        The data; looked at in reliable cells.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    hidden : Occluded or Bounded
        What is known of the others.

    Returns
    -------
    ndarray [shape=(F, N), > 0]
        The bent model.
    """
    from scipy.ndimage import gaussian_filter

    lam = V_hat.astype(np.float64)
    for _ in range(BEND_ROUNDS):
        ratio = np.divide(V, lam, out=np.ones_like(lam), where=observed)
        known = lam[hidden.cells]
        ratio[hidden.cells] = hidden.expected(known) / known
        # Logarithms of ratios near zero would not survive; smoothing keeps them from it.
        smoothed = np.maximum(gaussian_filter(ratio, BEND_SIGMA), np.finfo(np.float32).tiny)
        lam = lam * smoothed**BEND_STRENGTH
    return lam


def posterior_moments(
    lam: NDArray[Any], hidden: KnownCells, quantity: Quantity
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Say what to expect in every hidden cell.

    Parameters
    ----------
    lam : ndarray [shape=(F, N), > 0]
        The model.
    hidden : Occluded or Bounded
        What is known.
    quantity : {"power", "magnitude"}
        What `lam` holds.

    Returns
    -------
    direction : ndarray [shape=(F, N)]
        ``E Re(T/X)``.
    power : ndarray [shape=(F, N)]
        ``E|T|**2``.
    typical : ndarray [shape=(F, N)]
        ``exp(E log|T|**2)``, smaller than the mean: quality follows errors in dB.
    """
    power = lam.astype(np.float64)
    typical = power * np.exp(-np.euler_gamma)
    direction = np.zeros_like(power)
    cells, known = hidden.cells, power[hidden.cells]
    direction[cells] = hidden.direction(known)
    typical[cells] = hidden.geometric_mean(known)
    power[cells] = hidden.expected(known)
    if quantity == "magnitude":
        power, typical = power**2, typical**2
    return direction, power, typical


def restore_signal(
    X: NDArray[Any],
    observed: NDArray[np.bool_],
    direction: NDArray[Any],
    power: NDArray[Any],
    typical: NDArray[Any],
    *,
    keep_reliable: bool,
    stft: STFT,
    length: int,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find the signal behind the posterior of all cells.

    Its phases come from the signal that agrees best with mean and variance of every cell, hidden
    magnitudes are a geometric mean of its own and of the typical ones, no larger than those of the
    mix.

    Parameters
    ----------
    X : ndarray [shape=(F, N), complex]
        Spectrum of the mix.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    direction : ndarray [shape=(F, N)]
        Posterior mean over X in hidden cells.
    power : ndarray [shape=(F, N)]
        Posterior power there.
    typical : ndarray [shape=(F, N)]
        Geometric mean of the power there.
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
    P = np.abs(X) ** 2
    mean = np.where(observed, X, direction * X)
    variance = np.where(observed, RELIABLE_VARIANCE * P, power - direction**2 * P)
    variance = np.maximum(variance, 1e-12 * P.max())
    Y = stft.forward(consistent_mean(mean, variance, stft=stft, length=length)).astype(X.dtype)
    model = np.maximum(SHRINK * np.sqrt(typical), np.finfo(np.float32).tiny * np.sqrt(P.max()))
    magnitude = np.minimum(model * (np.abs(Y) / model) ** (1 - MODEL_SHARE), np.abs(X))
    reliable = X if keep_reliable else (1 - RELIABLE_TRUST) * Y + RELIABLE_TRUST * X
    completed = np.where(observed, reliable, magnitude * unit_phase(Y)).astype(X.dtype)
    return stft.inverse(completed, length=length), completed


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


def _check(
    X: NDArray[Any],
    mask: Mask,
    dictionary: Dictionary | None,
    stft: STFT,
    sr: int,
    length: int,
    fill: str,
    phase: str,
) -> None:
    """Refuse what does not fit together."""
    if X.ndim != 2 or X.dtype.kind != "c":
        raise ParameterError(
            f"X has shape {X.shape} and dtype {X.dtype}: give a complex spectrum (F, N)."
        )
    mask.check_fits(X, stft=stft, sr=sr)
    stft.check_shape(X, length)
    if dictionary is not None:
        dictionary.check_fits(stft=stft, sr=sr)
    if not mask.observed.any():
        raise ParameterError("the mask hides everything: nothing is left to build on.")
    read = X if mask.damage == "occluded" else X[mask.observed]
    if not np.isfinite(read).all():
        raise ParameterError("X has NaN or infinite cells: hide them in a mask of missing cells.")
    if fill not in ("hidden", "everywhere"):
        raise ParameterError(f"fill={fill!r}: give 'hidden' or 'everywhere'.")
    if phase not in ("auto", "posterior", "griffin-lim", "mix"):
        raise ParameterError(f"phase={phase!r}: give 'auto', 'posterior', 'griffin-lim' or 'mix'.")
    if phase in ("mix", "posterior") and mask.damage == "missing":
        raise ParameterError(f"phase={phase!r}: missing cells have no phase; give 'griffin-lim'.")
    if phase == "posterior" and fill == "everywhere":
        raise ParameterError("phase='posterior' fills hidden cells: give fill='hidden'.")


def _raise(power: NDArray[Any], quantity: Quantity) -> NDArray[Any]:
    """Turn power into what a dictionary holds."""
    return power if quantity == "power" else np.sqrt(power)


def _to_magnitude(values: NDArray[Any], quantity: Quantity) -> NDArray[Any]:
    """Turn what a dictionary holds into magnitude."""
    return np.sqrt(values) if quantity == "power" else values


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


def _notes(model: Factorization) -> tuple[str, ...]:
    """Say in a sentence each what a caller should know."""
    hidden = int((~model.observed_frames).sum())
    if not hidden:
        return ()
    return (f"{hidden} frames are wholly hidden: their model is carried across from neighbours.",)
