"""The cells of an event, and the frames of its context that are intact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT

# Bins by which an event reaches beyond its band, at least the lobes of the window. Chosen on every
# third scene of `spectramend experiment occlusion`.
MARGIN_BINS = 8


@dataclass(frozen=True)
class EventMask:
    """Cells of an event, and frames without damage."""

    cells: NDArray[np.bool_]  # [shape=(F, N)] its band, in the frames that contain samples of it
    intact: NDArray[np.bool_]  # [shape=(N,)] frames without samples of it or of other damage
    margin: int = MARGIN_BINS  # bins by which the event reaches beyond its band

    @property
    def frames(self) -> slice:
        """From the first to the last frame of the event."""
        inside = np.flatnonzero(self.cells.any(axis=0))
        return slice(int(inside[0]), int(inside[-1]) + 1)

    def widened(self) -> NDArray[np.bool_]:
        """Widen the band by the margin [shape=(F, frames)]."""
        from scipy.ndimage import maximum_filter1d

        cells = self.cells[:, self.frames].astype(np.uint8)
        return maximum_filter1d(cells, 2 * self.margin + 1, axis=0).astype(bool)


def frames_containing(span: tuple[int, int], first: int, stft: STFT, n_frames: int) -> slice:
    """Find the frames, maybe none, that contain samples of a span.

    The transform is centred; the transformed segment begins with the sample `first`.
    """
    pad = stft.n_fft // 2
    start = max(0, -(-(span[0] - first - pad + 1) // stft.hop_length))
    stop = min(n_frames, -(-(span[1] - first + pad) // stft.hop_length))
    return slice(start, max(start, stop))
