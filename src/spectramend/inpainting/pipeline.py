"""Inpainting of spectra, arrays in and arrays out, in three steps.

1. **Variance model** (`variance_model`): dictionaries are fitted to the reliable cells, and to what
   is known of the others, for the variance ``lambda`` of the target in every cell.
2. **Posterior** (`occlusion_posterior`): moments of the hidden cells, given ``lambda`` and what is
   known of them.
3. **Signal** (`resynthesis`): the posterior mean of the signal, or what its cells determine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import hidden_by_mask, plain
from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import ParameterError
from spectramend.inpainting.dictionary import Dictionary, as_dictionaries
from spectramend.inpainting.occlusion_posterior import hidden_cells, in_units_of, posterior_moments
from spectramend.inpainting.options import InpaintOptions
from spectramend.inpainting.resynthesis import Phase, complete, recover_missing, restore_signal
from spectramend.inpainting.variance_model import fit_model, model_occluded
from spectramend.nmf import Factorization
from spectramend.nmf.solve import RngLike, Status

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from spectramend.inpainting.options import InpaintKeywords

# Engineering choices, under which notes say so:
MIN_RELIABLE_PERCENT = 1.0  # percent of the cells that are reliable
MIN_CONFIDENCE = 0.9  # weight of the model against the bare mask, 0 to 1


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
        from spectramend.display.html_audio import sound_html

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
    rng: RngLike = None,
    **options: Unpack[InpaintKeywords],
) -> Inpainting:
    """Restore the hidden cells of a spectrum.

    Parameters
    ----------
    X : array_like [shape=(F, N), complex]
        Spectrum. Hidden cells are never used where the damage is *missing*, and may then be masked
        in a masked array.
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
    rng : int, Generator or None
        Source of random starts.
    options : optional
        ``keep_reliable, fill, phase, penalty, smooth, max_iter, tol, phase_iter``: the fields of
        `spectramend.inpainting.options.InpaintOptions`.

    Returns
    -------
    Inpainting
        Samples, spectrum, model and status.

    Raises
    ------
    ParameterError
        If a value cannot work, an option has no effect, or the mask hides everything.
    MismatchError
        If spectrum, mask, dictionary and length do not fit together.

    Notes
    -----
    Where the damage is *missing*, the result has all samples that the reliable cells determine
    (`spectramend.reconstruction.stft_recovery.recover`). Samples that only wholly hidden frames
    would determine are gaps, and `spectramend.gaps.fill_gaps` fills them from the samples around;
    the model is fitted for ``factorization`` alone if no frame is hidden in part. The other samples
    are the weighted least-squares solution for reliable cells and model.

    Reliable cells are taken as exact: a mask that hides single cells of a damaged recording
    restores the recording with its damage. Hide all cells that damage reaches, or give
    ``phase="griffin-lim"``, as `spectramend.repair` does.

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
    spectrum = _without_masked(X, mask)
    dictionaries, settings = as_dictionaries(dictionary), InpaintOptions(**options)
    _check(spectrum, mask, stft, sr, length)
    for one in dictionaries:
        one.check_fits(stft=stft, sr=sr)
    settings.check_fits(mask, dictionaries)
    if mask.damage == "missing":
        spectrum = np.where(mask.observed, spectrum, 0)
    generator = np.random.default_rng(rng)
    first = dictionaries[0] if dictionaries else None
    quantity = "power" if first is None else first.quantity
    V = in_units_of(quantity, np.abs(spectrum) ** 2)
    hidden = hidden_cells(spectrum, mask, first)
    known = V, mask.observed, hidden, dictionaries, settings.fit(mask)
    if settings.posterior and mask.damage == "occluded" and spectrum.any():
        model = model_occluded(*known, window=sr / stft.hop_length, rng=generator)
        factorization, notes = model.factorization, _confidence_notes(model.confidence)
        samples, completed = restore_signal(
            spectrum,
            mask,
            posterior_moments(model.lam, hidden, quantity),
            background=model.background,
            confidence=model.confidence,
            keep_reliable=bool(settings.keep_reliable),
            stft=stft,
            length=length,
        )
    else:
        lam, factorization = fit_model(*known, rng=generator)
        if settings.fill == "everywhere":
            power = lam if quantity == "power" else lam**2
        elif spectrum.any():
            power = posterior_moments(lam, hidden, quantity).typical
        else:  # silence: there is no level at which to fill anything
            power = np.zeros_like(V)
        samples, completed, notes = _fill(
            spectrum, np.sqrt(power), mask, settings, stft=stft, length=length, rng=generator
        )
    notes = _notes(mask, factorization) + notes
    return Inpainting(samples, completed, factorization, factorization.status, tuple(notes), sr)


def _without_masked(X: ArrayLike, mask: Mask) -> NDArray[Any]:
    """Make an array of a spectrum (F, N); a masked array may hide cells that are missing."""
    masked = hidden_by_mask(X)
    if masked is None:
        return plain("X", X)
    if mask.damage != "missing" or masked.shape != mask.observed.shape:
        return plain("X", X)  # refuses it
    used = int(np.count_nonzero(masked & mask.observed))
    if used:
        raise ParameterError(
            f"X is a masked array that hides {used} cells which the mask calls reliable: hide them "
            "in the mask, too."
        )
    return np.where(masked, 0, np.ma.getdata(X))


def _check(X: NDArray[Any], mask: Mask, stft: STFT, sr: int, length: int) -> None:
    """Refuse a spectrum and a mask that do not fit together."""
    if X.ndim != 2 or X.dtype.kind != "c":
        raise ParameterError(
            f"X has shape {X.shape} and dtype {X.dtype}: give a complex spectrum (F, N)."
        )
    mask.check_fits(X, stft=stft, sr=sr)
    stft.check_shape(X, length)
    if not mask.observed.any():
        raise ParameterError("the mask hides everything: nothing is left to build on.")
    read = X if mask.damage == "occluded" else X[mask.observed]
    if not np.isfinite(read).all():
        raise ParameterError("X has NaN or infinite cells: hide them in a mask of missing cells.")


def _fill(
    X: NDArray[Any],
    magnitude: NDArray[Any],
    mask: Mask,
    settings: InpaintOptions,
    *,
    stft: STFT,
    length: int,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], NDArray[Any], list[str]]:
    """Fill cells of given magnitudes [shape=(F, N)]: samples, spectrum, and notes."""
    everywhere, n_iter = settings.fill == "everywhere", settings.n_iter
    if not X.any() or (mask.observed.all() and not everywhere):
        return stft.inverse(X, length=length), X, []
    if settings.posterior:
        found = recover_missing(
            X, magnitude, mask.observed, stft=stft, length=length, n_iter=n_iter, rng=rng
        )
        notes = [f"{100 * found.known.mean():.3g} % of the samples follow from the reliable cells."]
        if filled := int(found.filled.sum()):
            notes.append(f"samples that only wholly hidden frames hold, filled as gaps: {filled}.")
        return found.samples, found.spectrum, notes
    keeps = np.zeros_like(mask.observed) if everywhere else mask.observed
    phase: Phase = "griffin-lim" if settings.phase == "auto" else settings.phase
    samples, spectrum = complete(
        X, magnitude, keeps, phase=phase, stft=stft, length=length, n_iter=n_iter, rng=rng
    )
    return samples, spectrum, []


def _notes(mask: Mask, factorization: Factorization) -> list[str]:
    """Note that few cells are reliable, and which frames are wholly hidden."""
    notes = []
    reliable = 100 * float(mask.observed.mean())
    if reliable < MIN_RELIABLE_PERCENT:
        notes.append(f"{reliable:.2g} % of the cells are reliable: too few for a good result.")
    unseen = int((~factorization.observed_frames).sum())
    if unseen:
        notes.append(
            f"{unseen} frames are wholly hidden: their model is interpolated between neighbours."
        )
    return notes


def _confidence_notes(confidence: NDArray[Any]) -> list[str]:
    """Note that the dictionary explains the reliable cells badly [shape=(N,), 0 to 1]."""
    mean = float(confidence.mean())
    if mean >= MIN_CONFIDENCE:
        return []
    return [
        f"the dictionary explains the reliable cells badly: {100 * (1 - mean):.0f} % of the "
        f"result is the bare mask. Is it of this voice?"
    ]
