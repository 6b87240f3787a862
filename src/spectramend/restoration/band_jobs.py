"""Missing regions of a band: their cells are predicted by `spectramend.spectral_repair`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, zip_longest

import numpy as np

from spectramend.audio import Patch
from spectramend.core.intervals import Span, join
from spectramend.restoration.crossfade import crossfaded
from spectramend.restoration.jobs import (
    DamagedChannel,
    DamagedRegion,
    Job,
    bands_of,
    finished_job,
    span_of,
)
from spectramend.restoration.segments import read_segment
from spectramend.spectral_repair.band_limit import Band
from spectramend.spectral_repair.band_validation import BandFill, Hole, fill_validated
from spectramend.spectral_repair.subband_interpolation import stft_for_band

# dB, expected SNR from which a prediction is used: with 1.5 dB, scenes of `spectramend experiment
# occlusion --damage missing` have 0.2 dB less on average, and as many are worse than silence.
MIN_SNR_DB = 0.1
LITTLE_DB = 1.5  # dB, expected SNR below which the status says so; engineering choice: hardly heard
MIN_HOPS = 3  # hops that are known on one side, besides half a frame: the least for a predictor


def repair_band(
    damaged: DamagedChannel, group: list[DamagedRegion], unrepaired: list[DamagedRegion]
) -> tuple[Job, Patch]:
    """Predict the missing cells of bands.

    `unrepaired` are the bands of this group and of later ones: what is missing there is not used.
    """
    channel = damaged.channel
    span = span_of(group)
    bands = bands_of(group, channel.sr)
    narrowest = min(high - low for low, high in bands)
    stft = damaged.options.stft or stft_for_band(channel.sr, span[1] - span[0], narrowest)
    segment = read_segment(channel, group, damaged.context, stft)
    y, first = segment.samples, segment.first
    needed = stft.n_fft // 2 + MIN_HOPS * stft.hop_length
    unknown = False
    fills: list[BandFill] = []
    for band, hole, following in _holes(bands, span, unrepaired, channel.sr):
        end = y.size if following is None else min(y.size, following - first)
        known = y[:end] if end >= stft.n_fft else np.pad(y[:end], (0, stft.n_fft - end))
        start, stop = hole[0] - first, hole[1] - first
        unknown |= max(start, end - stop) < needed
        fill = fill_validated(known, Hole(start, stop, *band), sr=channel.sr, stft=stft)
        fills.append(fill)
        if not (fill.empty and _is_poor(fill)):
            y = np.concatenate([fill.samples[:end], y[end:]])
    status = "nothing is known of the band: left empty" if unknown else _status(fills)
    job = finished_job(
        channel,
        group,
        "subband prediction",
        "subband",
        n_fft=stft.n_fft,
        status=status,
        expected_snr_db=_expected_snr_db(fills),
    )
    same = y is segment.samples
    filled = segment.samples[segment.inside] if same else crossfaded(segment, y, stft)
    return job, Patch(channel.number, job.start, filled)


def _is_poor(fill: BandFill, least_db: float = MIN_SNR_DB) -> bool:
    """Tell whether a prediction is expected to recover less than an SNR."""
    return fill.snr_db is not None and fill.snr_db < least_db


def _status(fills: list[BandFill]) -> str:
    """Say which of the holes were worth filling."""
    if not any(_is_poor(fill, LITTLE_DB) for fill in fills):
        return "done"
    left = all(fill.empty and _is_poor(fill) for fill in fills)
    return (
        f"{'left as it is' if left else 'little could be recovered'}: on pretended holes beside it "
        f"a prediction recovers less than {MIN_SNR_DB if left else LITTLE_DB:g} dB; mark a shorter "
        f"part, or give more context"
    )


def _expected_snr_db(fills: list[BandFill]) -> float | None:
    """Compare the power of all holes with that of the error; None without a measurement."""
    measured = [fill for fill in fills if fill.power is not None]
    if not measured:
        return None
    power = sum(fill.power or 0.0 for fill in measured)
    error = sum(
        fill.error if (fill.snr_db or 0.0) >= MIN_SNR_DB else fill.power or 0.0 for fill in measured
    )
    return 10 * float(np.log10(power / max(error, float(np.finfo(np.float64).tiny))))


def _holes(
    bands: list[Band], span: Span, unrepaired: list[DamagedRegion], sr: int
) -> Iterator[tuple[Band, Span, int | None]]:
    """Cut bands at all edges: give bands, holes within `span`, and where the next hole starts."""
    edges = sorted({edge for band in bands for edge in band})
    for low, high in pairwise(edges):
        overlapping = [d for d in unrepaired if _overlap(d.region.band(sr=sr), (low, high))]
        holes = join(d.span for d in overlapping)
        for hole, following in zip_longest(holes, holes[1:]):
            if hole[0] >= span[0] and hole[1] <= span[1]:
                yield (low, high), hole, following[0] if following else None


def _overlap(band: Band, other: Band) -> bool:
    """Whether bands share frequencies."""
    return band[0] < other[1] and other[0] < band[1]
