"""Repair of recordings: samples in, samples out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.dictionary import Dictionary
from spectramend.errors import ParameterError
from spectramend.inpainting import Inpainting, inpaint
from spectramend.masks import Mask
from spectramend.nmf.solve import RngLike
from spectramend.stft import STFT


@dataclass(frozen=True)
class Repair:
    """A repaired recording and what was done to each channel.

    Parameters
    ----------
    samples : ndarray [shape=(n,) or (channels, n)]
        The recording, of the shape that it came in.
    sr : int
        Sample rate in Hz.
    channels : tuple of Inpainting
        The result for each channel.
    """

    samples: NDArray[Any]
    sr: int
    channels: tuple[Inpainting, ...]

    def _repr_html_(self) -> str:
        """Show a player and a spectrogram in Jupyter."""
        from spectramend.display import sound_html

        facts = [f"channel {i}: {c.status}" for i, c in enumerate(self.channels, 1)]
        return sound_html(self.samples, self.sr, title="Repaired", facts=facts)


def repair(
    x: ArrayLike,
    sr: int,
    mask: Mask,
    *,
    dictionary: Dictionary | Sequence[Dictionary] | None = None,
    stft: STFT | None = None,
    keep_reliable: bool = False,
    rng: RngLike = None,
) -> Repair:
    """Restore the hidden cells of a recording.

    Parameters
    ----------
    x : array_like [shape=(n,) or (channels, n)]
        Samples.
    sr : int
        Sample rate in Hz.
    mask : Mask
        Which cells are reliable, the same for every channel.
    dictionary : Dictionary or sequence of Dictionary, optional
        Spectra to build the hidden cells from; learned from the recording if None.
    stft : STFT, optional
        The transform, if the mask does not say.
    keep_reliable : bool
        Keep reliable cells exactly, see `spectramend.inpaint`.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    Repair
        Samples, and the result for each channel.

    Raises
    ------
    ParameterError
        If samples or options cannot work.
    MismatchError
        If recording, mask and dictionary do not fit together.

    Notes
    -----
    A mask marks cells, and each cell reaches as far as its frame: samples outside every frame with
    a hidden cell come back unchanged.

    Examples
    --------
    >>> x = np.sin(0.3 * np.arange(4000))
    >>> observed = np.ones((513, 16), bool)
    >>> observed[:, 8] = False
    >>> fixed = repair(x, 8000, Mask(observed, stft=STFT(), sr=8000), rng=0)
    >>> bool((fixed.samples[:1500] == x[:1500]).all())
    True
    """
    recording = np.asarray(x)
    if recording.ndim not in (1, 2) or recording.size == 0 or recording.dtype.kind not in "fiu":
        raise ParameterError(
            f"x has shape {recording.shape} and dtype {recording.dtype}: give real samples (n,) or "
            f"(channels, n)."
        )
    transform = stft or mask.stft
    if transform is None:
        raise ParameterError("neither the mask nor stft says what the transform is: give stft.")
    length = recording.shape[-1]
    if length < transform.n_fft:
        raise ParameterError(
            f"x has {length} samples, shorter than a frame of {transform.n_fft}: use a shorter one."
        )
    touched = samples_touched(mask, transform, length)
    generator = np.random.default_rng(rng)
    results, channels = [], []
    for channel in np.atleast_2d(recording):
        result = inpaint(
            transform.forward(channel),
            mask,
            stft=transform,
            sr=sr,
            length=length,
            dictionary=dictionary,
            keep_reliable=keep_reliable,
            rng=generator,
        )
        results.append(result)
        channels.append(np.where(touched, result.samples, channel))
    return Repair(np.reshape(channels, recording.shape), sr, tuple(results))


def samples_touched(mask: Mask, stft: STFT, length: int) -> NDArray[np.bool_]:
    """Find the samples that lie in a frame with a hidden cell.

    Parameters
    ----------
    mask : Mask
        Hidden and reliable cells.
    stft : STFT
        Its transform.
    length : int
        Samples of the recording.

    Returns
    -------
    ndarray [shape=(length,), bool]
        True where a sample may change.

    Examples
    --------
    >>> mask = Mask([[True, False, True]] * 3)
    >>> touched = samples_touched(mask, STFT(4, 2, "sine"), 5)
    >>> touched.tolist()
    [True, True, True, True, False]
    """
    touched = np.zeros(length, bool)
    pad = stft.n_fft // 2 if stft.center else 0
    for frame in np.flatnonzero(~mask.observed.all(axis=0)):
        start = int(frame) * stft.hop_length - pad
        touched[max(0, start) : max(0, start + stft.n_fft)] = True
    return touched
