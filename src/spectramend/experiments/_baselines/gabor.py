"""The Parseval Gabor frame of the survey of declipping, in float32 and all frames at once.

With windows of squares that add up to 1 and a unitary Fourier transform, the synthesis operator is
the adjoint A* of the analysis operator A, and A*A is the identity: each is as cheap as the other,
and a proximal method needs no step size but 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from spectramend.core.windows import overlap_add, window_samples

# The transform of Záviška et al. (2021).
N_WINDOW, SURVEY_SR = 8192, 44100  # samples of a window, and Hz
OVERLAP = 4  # windows over each sample


def window_length(sr: int) -> int:
    """Give the largest power of two that lasts no longer than the survey's window, at sr in Hz.

    Examples
    --------
    >>> window_length(44100), window_length(16000)
    (8192, 2048)
    """
    return 1 << (max(4, N_WINDOW * sr // SURVEY_SR).bit_length() - 1)


@dataclass(frozen=True)
class GaborFrame:
    """Hann windows at every quarter of their length; a Fourier transform of `n_fft` samples.

    Parameters
    ----------
    length : int
        Samples of the signal, n.
    n_window : int
        Samples of a window, a multiple of 4.
    n_fft : int
        Samples of the Fourier transform, at least `n_window`; windows are padded with zeros.
    """

    length: int
    n_window: int
    n_fft: int

    @property
    def hop_length(self) -> int:
        """Distance from a window to the next in samples."""
        return self.n_window // OVERLAP

    @cached_property
    def window(self) -> NDArray[np.float32]:
        """A window; squares of all windows at a sample add up to 1 [shape=(n_window,)]."""
        w = window_samples("hann", self.n_window)
        return np.asarray(w / np.sqrt((w**2).sum() / self.hop_length), np.float32)

    def frames(self, x: NDArray[Any]) -> NDArray[Any]:
        """Cut x [shape=(n,)] into frames [shape=(N, n_window)], a view; beside it are zeros."""
        before = self.n_window - self.hop_length
        n_frames = -(-self.length // self.hop_length) + OVERLAP - 1
        total = (n_frames - 1) * self.hop_length + self.n_window
        padded = np.pad(x, (before, total - before - self.length))
        return np.lib.stride_tricks.sliding_window_view(padded, self.n_window)[:: self.hop_length]

    def added(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Add frames [shape=(N, n_window)] to a signal [shape=(n,)]."""
        before = self.n_window - self.hop_length
        return overlap_add(frames, self.hop_length)[before : before + self.length]

    def analysis(self, x: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Apply A to a signal [shape=(n,)]; the result has a frame a row [shape=(N, F)]."""
        return np.asarray(rfft(self.frames(x) * self.window, self.n_fft, norm="ortho"))

    def synthesis(self, z: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Apply A* to coefficients of a real signal [shape=(N, F)]; the result has shape (n,)."""
        frames = irfft(z, self.n_fft, norm="ortho", overwrite_x=False)[:, : self.n_window]
        return self.added(frames * self.window)
