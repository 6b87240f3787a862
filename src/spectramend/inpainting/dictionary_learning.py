"""Learning of atoms from clean recordings, and choice of exemplars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import plain
from spectramend.core.stft import STFT
from spectramend.errors import ParameterError
from spectramend.nmf import fit

Quantity: TypeAlias = Literal["power", "magnitude"]

# Exemplars are frames down to so many dB under the loudest: pauses are part of a recording.
# Engineering choice: what is quieter is digital silence.
EXEMPLAR_FLOOR_DB = 100.0
# Frames kept as exemplars at most, of longer material every n-th. Engineering choice: 32 s of
# speech at a hop of 16 ms, and a bound for the time of the hidden Markov model.
MAX_EXEMPLARS = 2000


@dataclass(frozen=True)
class Training:
    """Settings of `spectramend.Dictionary.train`, which explains them."""

    n_components: int | None = None
    beta: float = 0.0
    quantity: Quantity = "power"
    floor_db: float = 40.0
    max_iter: int = 35
    settle: int = 15
    extrapolate: bool = True

    def __post_init__(self) -> None:
        check_quantity(self.quantity)


def check_quantity(quantity: str) -> None:
    """Refuse what is neither ``"power"`` nor ``"magnitude"``."""
    if quantity not in ("power", "magnitude"):
        raise ParameterError(f"quantity={quantity!r}: give 'power' or 'magnitude'.")


@dataclass(frozen=True, eq=False)
class Spectra:
    """Atoms and exemplars, as in a `Dictionary`; no exemplars unless it is Gaussian in power."""

    W: NDArray[np.float32]
    exemplars: NDArray[np.float32] | None
    follows: NDArray[np.bool_] | None


def learn_spectra(
    signals: Sequence[ArrayLike], stft: STFT, training: Training, rng: np.random.Generator
) -> Spectra:
    """Learn atoms from clean recordings [shapes=(..., n)], and choose exemplars.

    Atoms start from random frames, activations from noise.
    """
    if not len(signals):
        raise ParameterError("signals is empty: give at least one recording.")
    channels = [
        channel
        for number, x in enumerate(signals, 1)
        for channel in _magnitudes(plain("signal", x), stft, number)
    ]
    gaussian = training.quantity == "power" and training.beta == 0
    exemplars, follows = _exemplars(channels) if gaussian else (None, None)
    V = _loud_frames(channels, training)
    K, N = training.n_components, V.shape[1]
    if K is None:
        K = -(-stft.n_bins // 5)
    if not 1 <= K <= N:
        raise ParameterError(
            f"n_components={K}: the recordings have {N} frames above the floor; give 1 to {N}, "
            f"or more material."
        )
    nmf = fit(
        V,
        beta=training.beta,
        step="heuristic",
        W=V[:, rng.permutation(N)[:K]],
        H=np.abs(rng.standard_normal((K, N))),
        settle=training.settle,
        extrapolate=training.extrapolate,
        max_iter=training.max_iter,
        tol=0,
        check_every=training.max_iter,
    )
    return Spectra(nmf.W, exemplars, follows)


def _magnitudes(x: NDArray[Any], stft: STFT, number: int) -> NDArray[Any]:
    """Transform the channels of recording `number` [shape=(channels, F, frames)]."""
    if x.shape[-1:] < (stft.n_fft,):
        raise ParameterError(
            f"recording {number} has {x.shape[-1] if x.ndim else 0} samples, shorter than a frame "
            f"of {stft.n_fft}: give longer ones or a smaller n_fft."
        )
    if not np.isfinite(x).all():
        raise ParameterError(f"recording {number} has NaN or infinite samples: repair it first.")
    if not x.any():
        raise ParameterError(f"recording {number} is digital silence: nothing to learn from.")
    magnitude = np.abs(stft.forward(x))
    return magnitude.reshape(-1, *magnitude.shape[-2:])


def _loud_frames(channels: list[NDArray[Any]], training: Training) -> NDArray[np.float32]:
    """Take the frames above the floor, as power or magnitude [shape=(F, N)]."""
    magnitude = np.concatenate(channels, axis=1)
    loudness = magnitude.sum(axis=0)
    magnitude = magnitude[:, loudness > loudness.max() * 10 ** (-training.floor_db / 20)]
    return (magnitude**2 if training.quantity == "power" else magnitude).astype(np.float32)


def _exemplars(channels: list[NDArray[Any]]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Choose exemplars [shape=(F, frames)], and mark which follow the one before."""
    V = np.concatenate(channels, axis=1) ** 2
    origin = np.repeat(np.arange(len(channels)), [channel.shape[1] for channel in channels])
    energy = V.sum(axis=0)
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-EXEMPLAR_FLOOR_DB / 10))
    stride = -(-loud.size // MAX_EXEMPLARS)
    chosen = loud[::stride]
    follows = np.zeros(chosen.size, bool)
    follows[1:] = (np.diff(chosen) == stride) & (np.diff(origin[chosen]) == 0)
    return V[:, chosen].astype(np.float32), follows
