"""Inpainting of spectra, arrays in and arrays out: model, posterior, signal.

1. `fit_model` fits a dictionary to the reliable cells, and to what is known of the others.
2. `hidden_magnitude` says what magnitude to expect in the hidden cells.
3. `complete` puts the two together, with phases, and finds the signal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.dictionary import Dictionary, Quantity
from spectramend.errors import ParameterError
from spectramend.masks import Mask
from spectramend.nmf import Factorization, encode, fit
from spectramend.nmf.divergence import censored_geometric_mean
from spectramend.nmf.solve import RngLike, Status
from spectramend.nmf.updates import Step
from spectramend.phase import griffin_lim, unit_phase
from spectramend.stft import STFT

Fill: TypeAlias = Literal["hidden", "everywhere"]
Phase: TypeAlias = Literal["griffin-lim", "mix"]

OCCLUDED_PENALTY = 1.0
N_COMPONENTS = 20  # atoms learned from the recording itself, where no dictionary is given


@dataclass(frozen=True)
class Inpainting:
    """A completed spectrum and its signal, with the model behind them.

    Parameters
    ----------
    samples : ndarray [shape=(n,)]
        The signal.
    spectrum : ndarray [shape=(F, N), complex]
        The completed spectrum: reliable cells as they were, unless the model was asked for
        everywhere.
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
    fill: Fill = "hidden",
    phase: Phase = "griffin-lim",
    step: Step = "mm",
    penalty: float | None = None,
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
    fill : {"hidden", "everywhere"}
        Keep reliable cells and fill the others, or take the model in every cell as the notebook
        did.
    phase : {"griffin-lim", "mix"}
        Phases of the cells that are filled: by fast Griffin-Lim in which reliable cells stay fixed,
        or those of `X`, which exist only where the damage is *occluded*.
    step : {"mm", "heuristic"}
        Exponent of the updates.
    penalty : float, >= 0, optional
        L1 penalty on the activations, see `spectramend.nmf.fit`. None is 1 where the damage is
        *occluded*, and 0 where it is *missing*.
    max_iter : int
        Iterations of the fit at most.
    tol : float
        Relative decrease at which the fit stops.
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
    generator = np.random.default_rng(rng)
    quantity = "power" if dictionary is None else dictionary.quantity
    beta = 0.0 if dictionary is None else dictionary.beta
    B = _raise(mask.upper_bound(spectrum), quantity)

    model = fit_model(
        _raise(np.abs(spectrum) ** 2, quantity),
        mask.observed,
        B,
        dictionary,
        step=step,
        penalty=(OCCLUDED_PENALTY if mask.damage == "occluded" else 0.0)
        if penalty is None
        else penalty,
        max_iter=max_iter,
        tol=tol,
        rng=generator,
    )
    if fill == "everywhere":
        magnitude = _to_magnitude(model.V_hat, quantity)
        keeps = np.zeros_like(mask.observed)
    else:
        magnitude = hidden_magnitude(model.V_hat, B, beta, quantity)
        keeps = mask.observed
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


def fit_model(
    V: NDArray[Any],
    observed: NDArray[np.bool_],
    B: NDArray[Any],
    dictionary: Dictionary | None,
    *,
    step: Step,
    penalty: float,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
) -> Factorization:
    """Fit a dictionary, or one learned on the spot, to the reliable cells and the bounds.

    Parameters
    ----------
    V : ndarray [shape=(F, N), >= 0]
        Power or magnitude, as the dictionary has it.
    observed : ndarray [shape=(F, N), bool]
        Reliable cells.
    B : ndarray [shape=(F, N)]
        Upper bounds on V in hidden cells, or ``inf``.
    dictionary : Dictionary or None
        The dictionary; None learns one from the same cells.
    step : {"mm", "heuristic"}
        Exponent of the updates.
    penalty : float
        L1 penalty.
    max_iter : int
        Iterations at most.
    tol : float
        Relative decrease at which to stop.
    rng : Generator
        Source of the random start.

    Returns
    -------
    Factorization
        The model, in single precision. Frames that are wholly hidden and unbounded have
        activations interpolated from their neighbours.
    """
    # 24 bits of mantissa hold what a spectrogram model can say, at twice the speed.
    V, B = V.astype(np.float32), B.astype(np.float32)
    if dictionary is None:
        K = max(1, min(N_COMPONENTS, *(size // 2 for size in V.shape)))
        model = fit(
            V,
            K,
            weights=observed,
            bound=B,
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
            bound=B,
            beta=dictionary.beta,
            step=step,
            penalty=penalty,
            max_iter=max_iter,
            tol=tol,
            rng=rng,
        )
    return _carry_across(model)


def hidden_magnitude(
    V_hat: NDArray[Any], B: NDArray[Any], beta: float, quantity: Quantity
) -> NDArray[Any]:
    """Say what magnitude to expect in a hidden cell, given the model and the bound.

    Parameters
    ----------
    V_hat : ndarray [shape=(F, N), > 0]
        The model.
    B : ndarray [shape=(F, N)]
        Upper bounds, or ``inf``.
    beta : float
        Divergence of the model.
    quantity : {"power", "magnitude"}
        What `V_hat` and `B` hold.

    Returns
    -------
    ndarray [shape=(F, N)]
        Magnitudes: geometric means, since quality follows errors in dB.
    """
    expected = censored_geometric_mean(V_hat.astype(np.float64), B.astype(np.float64), beta)
    return _to_magnitude(expected, quantity)


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
    if phase not in ("griffin-lim", "mix"):
        raise ParameterError(f"phase={phase!r}: give 'griffin-lim' or 'mix'.")
    if phase == "mix" and mask.damage == "missing":
        raise ParameterError("phase='mix': missing cells have no phase; give 'griffin-lim'.")


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
