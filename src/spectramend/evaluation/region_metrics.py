"""How close a repaired recording is to a reference within its regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.regions import Region, of_channel
from spectramend.core.stft import STFT, frame_length
from spectramend.errors import MismatchError
from spectramend.evaluation.metrics import log_spectral_distance, snr

FRAME_S = 0.064  # of the transform, rounded to a power of two
CONTEXT_S = 1.0  # of a region, on either side: what the floor of the distance refers to


def evaluate_regions(
    reference: ArrayLike, estimate: ArrayLike, regions: Sequence[Region], *, sr: int
) -> list[dict[str, Any]]:
    """Measure an estimate within regions.

    Parameters
    ----------
    reference : array_like [shape=(n,) or (channels, n)]
        What it should be.
    estimate : array_like [shape=(n,) or (channels, n)]
        What it is.
    regions : sequence of Region
        Where to look.
    sr : int
        Sample rate in Hz.

    Returns
    -------
    list of dict
        For each region and channel: ``channel, region, label, snr_db, lsd_db``, over the samples of
        a region of the whole band, over the cells of another one. A value is None where the
        reference is silent.

    Raises
    ------
    MismatchError
        If the shapes differ.
    ParameterError
        If a region does not fit the recording.

    Examples
    --------
    >>> x = np.sin(0.3 * np.arange(8000))
    >>> y = x.copy()
    >>> y[4000:4800] *= 0.9
    >>> round(evaluate_regions(x, y, [Region(0.5, 0.6)], sr=8000)[0]["snr_db"], 3)
    20.0
    """
    T, Y = (np.atleast_2d(np.asarray(z, np.float64)) for z in (reference, estimate))
    if T.shape != Y.shape:
        raise MismatchError(f"reference has shape {T.shape}, estimate {Y.shape}: make them equal.")
    return [
        {"channel": channel + 1, "region": str(region), "label": region.label}
        | _measure(t, y, region, sr)
        for region in regions
        for channel, (t, y) in enumerate(zip(T, Y, strict=True))
        if of_channel([region], channel)
    ]


def _measure(
    t: NDArray[np.float64], y: NDArray[np.float64], region: Region, sr: int
) -> dict[str, float | None]:
    """Measure one channel within one region."""
    start, stop = region.samples(length=t.size, sr=sr)
    low, high = region.band(sr=sr)
    context = round(CONTEXT_S * sr)
    first, last = max(0, start - context), min(t.size, stop + context)
    n_fft = max(2, min(frame_length(FRAME_S, sr), last - first))
    stft = STFT(n_fft, max(1, n_fft // 4))
    T, Y = (stft.forward(z[first:last]) for z in (t, y))
    center = np.arange(T.shape[1]) * stft.hop_length + first
    frequency = np.arange(stft.n_bins) * sr / n_fft
    # The nearest cell of a region that lies between two.
    inside = (frequency >= low - sr / n_fft / 2) & (frequency <= high + sr / n_fft / 2)
    during = (center >= start - stft.hop_length / 2) & (center < stop + stft.hop_length / 2)
    cells = inside[:, None] & during
    if region.is_full_band(sr):
        inside_t, inside_y = t[start:stop], y[start:stop]
    else:
        inside_t, inside_y = (np.concatenate([Z[cells].real, Z[cells].imag]) for Z in (T, Y))
    return {
        "snr_db": snr(inside_t, inside_y) if inside_t.any() else None,
        "lsd_db": log_spectral_distance(T, Y, cells) if T.any() else None,
    }
