"""A short-time Fourier transform that keeps energies: a Parseval frame, in single precision.

With windows of squares that add up to 1 and a unitary Fourier transform, the synthesis operator is
the adjoint A* of the analysis operator A, and A*A is the identity: each is as cheap as the other,
a proximal method needs no step size but 1, and several frames may be summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from spectramend.core.windows import overlap_add, window_samples

OVERLAP = 4  # windows over each sample


@dataclass(frozen=True)
class ParsevalFrame:
    """Hann windows at every quarter of their length; a Fourier transform of `n_fft` samples.

    Parameters
    ----------
    n_window : int
        Samples of a window, a multiple of 4.
    length : int
        Samples of the signal, n.
    n_fft : int, optional
        Samples of the Fourier transform, at least `n_window`; windows are padded with zeros.

    Examples
    --------
    >>> import numpy as np
    >>> A = ParsevalFrame(256, 1000)
    >>> x = np.sin(np.arange(1000, dtype=np.float32))
    >>> bool(np.allclose(A.synthesis(A.analysis(x)), x, atol=1e-5))
    True
    """

    n_window: int
    length: int
    n_fft: int | None = None

    @property
    def n_bins(self) -> int:
        """Number of bins of the Fourier transform."""
        return (self.n_fft or self.n_window) // 2 + 1

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
