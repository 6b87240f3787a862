"""Metrics of a repaired recording against a reference, within regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.given_arrays import on_unit_scale
from spectramend.core.regions import Region, of_channel
from spectramend.core.stft import STFT, frame_length
from spectramend.errors import MismatchError
from spectramend.evaluation.metrics import log_spectral_distance, snr

# Seconds of a frame of the log-spectral distance, rounded to a power of two samples. Engineering
# choice: 1024 samples at 16 kHz, the default of `STFT`.
LSD_FRAME_S = 0.064
# Seconds of context on either side of a region; the floor of the log-spectral distance is relative
# to the loudest cell of both. Engineering choice: about a phrase of speech.
LSD_CONTEXT_S = 1.0


@dataclass(frozen=True)
class RegionScores:
    """Metrics of one channel within one region; a value is None where the reference is silent."""

    channel: int
    region: str
    label: str
    snr_db: float | None
    lsd_db: float | None


def evaluate_regions(
    reference: ArrayLike, estimate: ArrayLike, regions: Sequence[Region], *, sr: int
) -> list[RegionScores]:
    """Compute signal-to-noise ratio and log-spectral distance within regions, for each channel.

    reference, estimate [shape=(n,) or (channels, n)]. A region of all frequencies counts its
    samples, another one its cells; channels count from 1. Raises MismatchError if the shapes
    differ, ParameterError if a region does not fit the recording.
    """
    T, Y = (
        np.atleast_2d(on_unit_scale(name, z))
        for name, z in (("reference", reference), ("estimate", estimate))
    )
    if T.shape != Y.shape:
        raise MismatchError(f"reference has shape {T.shape}, estimate {Y.shape}: make them equal.")
    return [
        RegionScores(channel + 1, str(region), region.label, *_snr_and_lsd(t, y, region, sr))
        for region in regions
        for channel, (t, y) in enumerate(zip(T, Y, strict=True))
        if of_channel([region], channel)
    ]


def _snr_and_lsd(
    t: NDArray[np.float64], y: NDArray[np.float64], region: Region, sr: int
) -> tuple[float | None, float | None]:
    """Compare one channel with its estimate [both shape=(n,)] within one region."""
    start, stop = region.samples(length=t.size, sr=sr)
    low, high = region.band(sr=sr)
    context = round(LSD_CONTEXT_S * sr)
    first, last = max(0, start - context), min(t.size, stop + context)
    n_fft = max(2, min(frame_length(LSD_FRAME_S, sr), last - first))
    stft = STFT(n_fft, max(1, n_fft // 4))
    T, Y = (stft.forward(z[first:last]) for z in (t, y))
    center = np.arange(T.shape[1]) * stft.hop_length + first
    frequency = np.arange(stft.n_bins) * sr / n_fft
    # A region between two cells has the nearest one.
    inside = (frequency >= low - sr / n_fft / 2) & (frequency <= high + sr / n_fft / 2)
    during = (center >= start - stft.hop_length / 2) & (center < stop + stft.hop_length / 2)
    cells = inside[:, None] & during
    if region.is_full_band(sr):
        inside_t, inside_y = t[start:stop], y[start:stop]
    else:
        inside_t, inside_y = (np.concatenate([Z[cells].real, Z[cells].imag]) for Z in (T, Y))
    return (
        snr(inside_t, inside_y) if inside_t.any() else None,
        log_spectral_distance(T, Y, cells) if T.any() else None,
    )
