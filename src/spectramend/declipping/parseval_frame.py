"""Short-time Fourier transforms with a Hann window that keep the energy of a signal.

With the hop a quarter of the window w and ``sum_t w[n - t*hop]**2 = 1``, the transform S obeys
``S^T S = I`` (a Parseval frame): its adjoint is its inverse, and the sum of two such frames has the
norm of a signal twice.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal.windows import hann

OVERLAP = 4  # frames that see a sample


class ParsevalFrame:
    """Transform of signals of `n` samples in windows of `length` samples, in single precision.

    >>> import numpy as np
    >>> S = ParsevalFrame(256, 1000)
    >>> x = np.sin(np.arange(1000, dtype=np.float32))
    >>> bool(np.allclose(S.adjoint(S.forward(x)), x, atol=1e-5))
    True
    """

    def __init__(self, length: int, n: int) -> None:
        self.length, self.n, self.hop = length, n, length // OVERLAP
        self.n_frames = -(-(n + length) // self.hop) + 1
        self._before = length - self.hop  # zeros, so that four frames see the first sample
        w = hann(length, sym=False)
        self._window = (w / np.sqrt(np.sum(w**2) / self.hop)).astype(np.float32)

    def forward(self, x: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Transform samples [shape=(n,)] to a spectrum [shape=(frames, length//2 + 1)]."""
        padded = np.zeros((self.n_frames - 1) * self.hop + self.length, np.float32)
        padded[self._before : self._before + self.n] = x
        frames = sliding_window_view(padded, self.length)[:: self.hop]
        X: NDArray[np.complex64] = scipy.fft.rfft(frames * self._window, axis=1, norm="ortho")
        return X

    def adjoint(self, X: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Give the samples [shape=(n,)] whose inner product with any x is that of X with S x."""
        frames = scipy.fft.irfft(X, self.length, axis=1, norm="ortho") * self._window
        blocks = np.zeros((self.n_frames + OVERLAP - 1, self.hop), np.float32)
        parts = frames.reshape(self.n_frames, OVERLAP, self.hop)
        for i in range(OVERLAP):
            blocks[i : i + self.n_frames] += parts[:, i]
        return blocks.ravel()[self._before : self._before + self.n]
