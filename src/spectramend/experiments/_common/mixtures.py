"""A mixture of two voices, and its spectra under an ideal binary mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from spectramend.core.masks import Mask
from spectramend.core.stft import STFT

DEFAULT_STFT = STFT(n_fft=1024, hop_length=256, window="hann")  # samples; for speech at 16 kHz


@dataclass(frozen=True)
class Mixture:
    """Two voices and their mix, each [shape=(n,)]."""

    target: NDArray[Any]  # T
    interferer: NDArray[Any]  # N
    mix: NDArray[Any]  # T + c * N
    sr: int  # Hz


@dataclass(frozen=True)
class MaskedSpectra:
    """Spectra of a mixture and its ideal binary mask."""

    stft: STFT
    T: NDArray[Any]  # [shape=(F, N), complex] target
    X: NDArray[Any]  # [shape=(F, N), complex] mix
    mask: Mask


def masked_spectra(
    mixture: Mixture, stft: STFT, *, floor_db: float, gain: float = 1.0, mix_gain: float = 1.0
) -> MaskedSpectra:
    """Transform a mixture and make its ideal binary mask, see `Mask.ideal` for the options."""
    T, N, X = (stft.forward(x) for x in (mixture.target, mixture.interferer, mixture.mix))
    mask = Mask.ideal(
        T, N, gain=gain, mix_gain=mix_gain, floor_db=floor_db, stft=stft, sr=mixture.sr
    )
    return MaskedSpectra(stft, T, X, mask)


def transform_name(stft: STFT) -> str:
    """Name a transform by window, frame and hop.

    Examples
    --------
    >>> transform_name(DEFAULT_STFT)
    'hann 1024/256'
    """
    return f"{stft.window} {stft.n_fft}/{stft.hop_length}"
