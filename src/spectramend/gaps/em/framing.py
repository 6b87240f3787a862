"""Frames cut out of a signal, without a window, and overlap-add of those with missing samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT


def cut_frames(x: NDArray[Any], frames: NDArray[np.intp], stft: STFT) -> NDArray[Any]:
    """Cut some frames out of a signal or its mask.

    x [shape=(n,)] is zero, or False, outside; frames [shape=(B,)] are their numbers; returns
    [shape=(B, n_fft)].
    """
    sample = _frame_starts(frames, stft)[:, None] + np.arange(stft.n_fft)
    inside = (sample >= 0) & (sample < x.size)
    return np.where(inside, x[np.clip(sample, 0, x.size - 1)], x.dtype.type(0))


def overlap_add_missing(
    windowed: NDArray[Any],
    frames: NDArray[np.intp],
    known: NDArray[np.float64],
    lost: NDArray[np.bool_],
    stft: STFT,
) -> NDArray[np.float64]:
    """Replace missing samples by the mean of windowed frames, weighted by the squared window.

    windowed [shape=(B, n_fft)] are all frames with missing samples, and frames [shape=(B,)] their
    numbers; known and lost [shape=(n,)] are the signal and its mask.
    """
    L, w = stft.n_fft, stft.window_samples
    summed, coverage = np.zeros((2, known.size + 2 * L))
    for start, frame in zip(_frame_starts(frames, stft) + L, windowed, strict=True):
        summed[start : start + L] += w * frame
        coverage[start : start + L] += w**2
    inside = slice(L, L + known.size)
    samples = known.copy()
    samples[lost] = summed[inside][lost] / coverage[inside][lost]
    return samples


def _frame_starts(frames: NDArray[np.intp], stft: STFT) -> NDArray[np.intp]:
    """Locate the first sample of each frame [shape=(B,)]; it may lie before the signal."""
    return frames * stft.hop_length - (stft.n_fft // 2 if stft.center else 0)
