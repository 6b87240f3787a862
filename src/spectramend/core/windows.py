"""Analysis windows, and how well the frames of a window cover the samples of a signal.

With frames of the window w every `hop_length` samples, the coverage of sample n is
``sum_t w[n - t*hop_length]**2``: the denominator of the inverse transform.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.errors import ParameterError

Window: TypeAlias = str | tuple[Any, ...]

# Share of the least coverage within a long signal that every sample has; frames are added at the
# end until it does. Engineering choice: there the inverse amplifies rounding by sqrt(10) at most.
GOOD_COVERAGE = 0.1


def hashable_window(window: Iterable[Any]) -> tuple[Any, ...]:
    """Make a tuple of a window given as a list, an array, or a name with parameters."""
    try:
        values = list(window)
        if values and isinstance(values[0], str):
            return tuple(tuple(v) if isinstance(v, list | np.ndarray) else v for v in values)
        return tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise ParameterError(f"window={window!r}: give a name, a tuple or n_fft values.") from None


@lru_cache(maxsize=64)
def window_samples(window: Window, n_fft: int) -> NDArray[np.float64]:
    """Evaluate a window [shape=(n_fft,), read-only]."""
    i = np.arange(n_fft)
    if window == "sine":
        w: NDArray[Any] = np.sin(np.pi * (2 * i + 1) / (2 * n_fft))
    elif window == "hann":
        w = 0.5 - 0.5 * np.cos(2 * np.pi * i / n_fft)
    elif isinstance(window, tuple) and not (window and isinstance(window[0], str)):
        w = np.array(window, np.float64)
        if w.shape != (n_fft,) or not np.isfinite(w).all():
            raise ParameterError(
                f"window has {w.size} values, n_fft is {n_fft}: give n_fft finite values."
            )
    else:
        from scipy.signal import get_window  # takes most of a second to import

        try:
            w = np.asarray(get_window(window, n_fft), np.float64)
        except (ValueError, TypeError) as error:
            raise ParameterError(f"window={window!r} is not a window: {error}") from None
    w.setflags(write=False)
    return w


def overlap_add(frames: NDArray[Any], hop_length: int) -> NDArray[Any]:
    """Add frames [shape=(..., N, n_fft)] at multiples of the hop.

    Every r-th frame, r = ceil(n_fft/hop), ends before the next of them begins, so that r strided
    additions are enough.
    """
    *channels, n_frames, n_fft = frames.shape
    r = -(-n_fft // hop_length)
    turns = -(-n_frames // r)
    summed = np.zeros((*channels, (r * turns + r) * hop_length), frames.dtype)
    for j in range(min(r, n_frames)):
        part = frames[..., j::r, :]
        count = part.shape[-2]
        view = summed[..., j * hop_length : (j + count * r) * hop_length]
        view = view.reshape(*channels, count, r * hop_length)
        view[..., :n_fft] += part
    return summed[..., : (n_frames - 1) * hop_length + n_fft]


@dataclass(frozen=True, eq=False)
class Framing:
    """Frames of a window every `hop_length` samples, the first `pad` samples before the signal."""

    window: NDArray[np.float64]  # [shape=(n_fft,)] w
    hop_length: int
    pad: int  # zeros before the signal

    @cached_property
    def steady_coverage(self) -> NDArray[np.float64]:
        """The coverage within a long signal, which repeats with the hop [shape=(hop_length,)]."""
        return self._squared_window_by_hop().sum(axis=0)

    def coverage(self, n_frames: int) -> NDArray[np.float64]:
        """Compute the coverage of all samples that `n_frames` frames see, padding included.

        It is 1 instead of 0 in the padding that no window sees and nothing is read from.
        """
        w2 = self.window**2
        coverage = overlap_add(np.broadcast_to(w2, (n_frames, w2.size)), self.hop_length)
        coverage[coverage == 0] = 1.0
        coverage.setflags(write=False)
        return coverage

    def count(self, length: NDArray[np.int_]) -> NDArray[np.int_]:
        """Count the frames of signals of these lengths: librosa's, or enough to cover them well."""
        librosa = np.maximum(0, length + 2 * self.pad - self.window.size) // self.hop_length
        last_sample = length - 1 + self.pad
        covering = -(-(last_sample - self._last_well_covered) // self.hop_length)
        return 1 + np.maximum(librosa, covering)

    def least_coverage(self) -> float:
        """Find the least coverage of any sample, over signals of every length.

        A sample is covered least as the last of its signal, and within the first n_fft samples:
        later ones have all the earlier frames that `_last_well_covered` counts on.
        """
        n_fft = self.window.size
        position = np.arange(n_fft)
        n_frames = self.count(position + 1)
        position = position + self.pad  # in the first frame, then in the next ones
        coverage = np.zeros(n_fft)
        for t in range(n_frames.max()):
            seen = (t < n_frames) & (position >= 0) & (position < n_fft)
            coverage[seen] += self.window[position[seen]] ** 2
            position -= self.hop_length
        return float(coverage.min())

    @cached_property
    def _last_well_covered(self) -> int:
        """Last position in a signal's last frame up to which all samples are well covered.

        The last frame and those before it cover position p with ``sum_j w[p + j*hop]**2``.
        """
        n_fft = self.window.size
        from_end = self._squared_window_by_hop()[::-1].cumsum(axis=0)[::-1].ravel()[:n_fft]
        poor = np.flatnonzero(from_end < GOOD_COVERAGE * self.steady_coverage.min())
        return int(poor[0]) - 1 if poor.size else n_fft - 1

    def _squared_window_by_hop(self) -> NDArray[np.float64]:
        """Cut w**2 into pieces of one hop, one a row [shape=(ceil(n_fft/hop), hop)]."""
        n_fft = self.window.size
        pieces = -(-n_fft // self.hop_length)
        w2 = np.zeros(pieces * self.hop_length)
        w2[:n_fft] = self.window**2
        return w2.reshape(pieces, self.hop_length)
