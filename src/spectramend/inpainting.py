"""Inpainting of spectra, arrays in and arrays out: model, posterior, signal.

1. **Model** (`spectramend.model`). Dictionaries are fitted to the reliable cells, and to what is
   known of the others: the variance ``lambda`` of the target in every cell.
2. **Posterior** (`spectramend.posterior`). What is known of a hidden cell turns ``lambda`` into
   what is to be expected there.
3. **Signal** (`spectramend.synthesis`). The signal that agrees best with the posterior of all
   cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.consistency import Recovery
from spectramend.dictionary import Dictionary, as_dictionaries
from spectramend.errors import ParameterError
from spectramend.masks import Mask
from spectramend.model import Fit, TargetModel, fit_model, model_occluded
from spectramend.nmf import Factorization
from spectramend.nmf.iteration import Status
from spectramend.nmf.solve import RngLike
from spectramend.posterior import hidden_cells, in_units_of, posterior_moments
from spectramend.stft import STFT
from spectramend.synthesis import Phase, complete, recover_missing, restore_signal

Fill: TypeAlias = Literal["hidden", "everywhere"]

SMOOTH = {"missing": 0.0, "occluded": 0.8}  # of the activations in time
LITTLE, TRUSTED = 1.0, 0.9  # percent of reliable cells, and confidence, under which to say so


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
    dictionary: Dictionary | Sequence[Dictionary] | None = None,
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
    dictionary : Dictionary or sequence of Dictionary, optional
        Spectra to build the hidden cells from; learned from the reliable cells of `X` if None.
        Several of one kind, trained on the same material from other seeds, do a little better
        together than one.
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
        are filled, ``"griffin-lim"`` elsewhere. If the damage is *missing*, ``"posterior"`` also
        recovers all samples that the reliable cells determine; Griffin-Lim is where it starts.
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

    Notes
    -----
    Where the damage is *missing*, reliable cells are believed, and what they tell of hidden ones is
    more than any model knows: a mask that hides cells here and there of the spectrum of a recording
    brings that recording back, with all that was wrong with it. Hide all cells that damage
    reaches, or give ``phase="griffin-lim"``, as `spectramend.repair` does.

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
    voices = as_dictionaries(dictionary)
    _check(spectrum, mask, voices, stft, sr, length, fill, phase)
    if mask.damage == "missing":
        spectrum = np.where(mask.observed, spectrum, 0)
    if phase == "auto":
        phase = "posterior" if fill == "hidden" else "griffin-lim"
    generator = np.random.default_rng(rng)
    first = voices[0] if voices else None
    quantity = "power" if first is None else first.quantity

    V = in_units_of(quantity, np.abs(spectrum) ** 2)
    hidden = hidden_cells(spectrum, mask, first)
    how = Fit(penalty, SMOOTH[mask.damage] if smooth is None else smooth, max_iter, tol)
    model: TargetModel | None = None
    recovery: Recovery | None = None
    if phase == "posterior" and mask.damage == "occluded" and spectrum.any():
        window = sr / stft.hop_length
        model = model_occluded(V, mask.observed, hidden, voices, how, window=window, rng=generator)
        factorization = model.factorization
        samples, completed = restore_signal(
            spectrum,
            mask,
            posterior_moments(model.lam, hidden, quantity),
            background=model.background,
            confidence=model.confidence,
            keep_reliable=keep_reliable,
            stft=stft,
            length=length,
        )
    else:
        lam, factorization = fit_model(V, mask.observed, hidden, voices, how, rng=generator)
        if not spectrum.any():  # silence: there is no level at which to fill anything
            samples, completed = stft.inverse(spectrum, length=length), spectrum
        else:
            if fill == "everywhere":
                power = lam if quantity == "power" else lam**2
            else:
                power = posterior_moments(lam, hidden, quantity).typical
            samples, completed = complete(
                spectrum,
                np.sqrt(power),
                np.zeros_like(mask.observed) if fill == "everywhere" else mask.observed,
                phase="griffin-lim" if phase == "posterior" else phase,
                stft=stft,
                length=length,
                n_iter=phase_iter,
                rng=generator,
            )
            if phase == "posterior" and not mask.observed.all():
                samples, completed, recovery = recover_missing(
                    spectrum, completed, samples, mask.observed, stft=stft, length=length
                )
    notes = _notes(mask, factorization, model, recovery)
    return Inpainting(samples, completed, factorization, factorization.status, notes, sr)


def _check(
    X: NDArray[Any],
    mask: Mask,
    voices: Sequence[Dictionary],
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
    for voice in voices:
        voice.check_fits(stft=stft, sr=sr)
    if not mask.observed.any():
        raise ParameterError("the mask hides everything: nothing is left to build on.")
    read = X if mask.damage == "occluded" else X[mask.observed]
    if not np.isfinite(read).all():
        raise ParameterError("X has NaN or infinite cells: hide them in a mask of missing cells.")
    if fill not in ("hidden", "everywhere"):
        raise ParameterError(f"fill={fill!r}: give 'hidden' or 'everywhere'.")
    if phase not in ("auto", "posterior", "griffin-lim", "mix"):
        raise ParameterError(f"phase={phase!r}: give 'auto', 'posterior', 'griffin-lim' or 'mix'.")
    if phase == "mix" and mask.damage == "missing":
        raise ParameterError("phase='mix': missing cells have no phase; give 'griffin-lim'.")
    if phase == "posterior" and fill == "everywhere":
        raise ParameterError("phase='posterior' fills hidden cells: give fill='hidden'.")


def _notes(
    mask: Mask, factorization: Factorization, model: TargetModel | None, recovery: Recovery | None
) -> tuple[str, ...]:
    """Say in a sentence each what a caller should know."""
    notes = []
    reliable = 100 * float(mask.observed.mean())
    if reliable < LITTLE:
        notes.append(f"{reliable:.2g} % of the cells are reliable: there is little to go by.")
    unseen = int((~factorization.observed_frames).sum())
    if unseen:
        notes.append(
            f"{unseen} frames are wholly hidden: their model is carried across from neighbours."
        )
    if recovery is not None:
        known = 100 * float(recovery.known.mean())
        notes.append(f"{known:.3g} % of the samples follow from the reliable cells.")
    if model is not None and (trust := float(model.confidence.mean())) < TRUSTED:
        notes.append(
            f"the dictionary explains the reliable cells badly: {100 * (1 - trust):.0f} % of the "
            f"result is the bare mask. Is it of this voice?"
        )
    return tuple(notes)
