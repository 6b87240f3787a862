"""What experiments work on: recordings, two voices in a mix, and cells under an ideal mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend import audio
from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import FileError

STFT_OF_OURS = STFT(n_fft=1024, hop_length=256, window="hann")
LEAST_S = 3.0  # seconds; shorter recordings have no place for ten gaps and are left out


@dataclass(frozen=True)
class Recording:
    """A recording of one channel.

    Parameters
    ----------
    name : str
        Its name.
    samples : ndarray [shape=(n,)]
        Samples.
    sr : int
        Sample rate in Hz.
    kind : str
        What it is, ``"speech"`` say.
    """

    name: str
    samples: NDArray[Any]
    sr: int
    kind: str = ""


@dataclass(frozen=True)
class Scene:
    """Both voices and their mix, of one length.

    Parameters
    ----------
    target : ndarray [shape=(n,)]
        Target voice T.
    interferer : ndarray [shape=(n,)]
        Interfering voice N.
    mix : ndarray [shape=(n,)]
        ``T + c*N``.
    sr : int
        Sample rate in Hz.
    """

    target: NDArray[Any]
    interferer: NDArray[Any]
    mix: NDArray[Any]
    sr: int


@dataclass(frozen=True)
class Cells:
    """A scene seen through a transform and its ideal binary mask.

    Parameters
    ----------
    stft : STFT
        The transform.
    T : ndarray [shape=(F, N), complex]
        Spectrum of the target.
    X : ndarray [shape=(F, N), complex]
        Spectrum of the mix.
    mask : Mask
        The ideal binary mask.
    """

    stft: STFT
    T: NDArray[Any]
    X: NDArray[Any]
    mask: Mask


def see(
    scene: Scene, stft: STFT, *, floor_db: float, gain: float = 1.0, mix_gain: float = 1.0
) -> Cells:
    """Transform a scene and make its ideal binary mask.

    Parameters
    ----------
    scene : Scene
        The scene.
    stft : STFT
        The transform.
    floor_db, gain, mix_gain : float
        As `Mask.ideal` takes them.

    Returns
    -------
    Cells
        Spectra and mask.
    """
    T, N, X = (stft.forward(x) for x in (scene.target, scene.interferer, scene.mix))
    mask = Mask.ideal(T, N, gain=gain, mix_gain=mix_gain, floor_db=floor_db, stft=stft, sr=scene.sr)
    return Cells(stft, T, X, mask)


def described(stft: STFT) -> str:
    """Name a transform in a word or two: window, frame, hop.

    Examples
    --------
    >>> described(STFT_OF_OURS)
    'hann 1024/256'
    """
    return f"{stft.window} {stft.n_fft}/{stft.hop_length}"


def load_recordings(folder: Path) -> list[Recording]:
    """Read the recordings of a folder that are long enough, the first channel of each.

    Parameters
    ----------
    folder : Path
        Holds recordings.

    Returns
    -------
    list of Recording
        Those of at least 3 s, sorted by name.

    Raises
    ------
    FileError
        If there is no such folder, or none is long enough.
    AudioError
        If a recording is not usable.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder of recordings.")
    found = []
    for path in audio.recordings_in(folder):
        sound = audio.read(path)
        samples = np.atleast_2d(sound.samples)[0]
        if samples.size >= LEAST_S * sound.sr and samples.any():
            found.append(Recording(path.stem, samples, sound.sr))
    if not found:
        raise FileError(f"{folder}: has no recording of {LEAST_S:g} s or more.")
    return found


def read_mono(path: Path) -> tuple[NDArray[Any], int]:
    """Read the mean of the channels of a recording [shape=(n,)], and its sample rate in Hz."""
    recording = audio.read(path)
    return np.atleast_2d(recording.samples).mean(axis=0), recording.sr


def resampled(x: NDArray[Any], sr: int, to: int) -> NDArray[Any]:
    """Give a signal at another sample rate in Hz [shape=(n,)]."""
    if sr == to:
        return x
    import soxr

    return np.asarray(soxr.resample(x, sr, to))
