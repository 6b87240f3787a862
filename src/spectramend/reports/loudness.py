"""Loudness of sounds by ITU-R BS.1770, and the gains that make sounds equally loud."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.display.html_audio import checked_sound
from spectramend.errors import ParameterError

MAX_ATTENUATION_DB = 20.0  # dB; engineering choice: one faint sound must not make all faint
LOUDNESS_BLOCK_S = 0.4  # s, block of BS.1770
MIN_SR = 8000  # Hz; below, resample: the weighting filter has a corner at 1.5 kHz, fails at Nyquist
MAX_WEIGHTED_CHANNELS = 5  # channels that BS.1770 weights


def loudness_db(samples: ArrayLike, sr: float) -> float:
    """Measure the integrated loudness in LUFS of a sound [shape=(n,) or (channels, n), float].

    Full scale is ±1; digital silence has -inf. The recommendation leaves three cases open: a sound
    shorter than a block is one block; one wholly under the gate of -70 LUFS is measured as if it
    were louder; of more than five channels each is measured alone, and their powers are added.

    >>> t = np.arange(48000) / 48000
    >>> round(loudness_db(np.sin(2 * np.pi * 997 * t), sr=48000), 1)
    -3.0
    """
    channels = checked_sound(samples, sr)
    peak = float(np.abs(channels).max())
    if peak == 0:
        return -math.inf
    if len(channels) > MAX_WEIGHTED_CHANNELS:
        powers = [10 ** (loudness_db(channel, sr) / 10) for channel in channels]
        return 10 * math.log10(sum(powers)) if sum(powers) > 0 else -math.inf
    loudness = _gated_loudness(channels, sr)
    if loudness == -math.inf:
        loudness = _gated_loudness(channels / peak, sr) + 20 * math.log10(peak)
    return loudness


def equal_loudness_gains(
    levels_db: Sequence[float], *, max_attenuation_db: float = MAX_ATTENUATION_DB
) -> list[float]:
    """Find the gains in dB, at most 0, that bring sounds down to the quietest of them.

    A sound more than `max_attenuation_db` below the loudest does not count as the quietest, and
    stays quieter.

    >>> equal_loudness_gains([-20.0, -26.0, -23.0, -70.0, -float("inf")])
    [-6.0, 0.0, -3.0, 0.0, 0.0]
    """
    if not max_attenuation_db >= 0:
        raise ParameterError(f"max_attenuation_db={max_attenuation_db}: give 0 or more.")
    loudest = max(levels_db, default=-math.inf)
    if loudest == -math.inf:
        return [0.0] * len(levels_db)
    target = min(level for level in levels_db if level >= loudest - max_attenuation_db)
    return [min(0.0, target - level) if level > target else 0.0 for level in levels_db]


def _gated_loudness(channels: NDArray[np.float64], sr: float) -> float:
    """Measure up to five channels [shape=(channels, n)]; -inf below the gate."""
    n = channels.shape[-1]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        import pyloudnorm

        if sr < MIN_SR:
            import soxr

            channels, sr = soxr.resample(channels.T, sr, 2 * MIN_SR).T, 2 * MIN_SR
            n = channels.shape[-1]
        block_s = LOUDNESS_BLOCK_S
        if n < block_s * sr:
            block_s = (n + 0.5) / sr  # half a sample more: truncating it gives n
            channels = np.pad(channels, ((0, 0), (0, 1)))
        # The other filters of pyloudnorm are 0.05 dB off the recommendation's test value.
        meter = pyloudnorm.Meter(sr, filter_class="DeMan", block_size=block_s)
        return float(meter.integrated_loudness(channels.T))
