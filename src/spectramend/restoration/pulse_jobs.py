"""Repeating pulses, such as a phone's or a projector's: found, and removed one by one.

A region without a label is taken for pulses if their train is in the region and not in its context:
what the recording has on both sides belongs to it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import Patch
from spectramend.core.intervals import Span
from spectramend.core.regions import Region
from spectramend.restoration.jobs import (
    Channel,
    DamagedChannel,
    DamagedRegion,
    Job,
    finished_job,
)
from spectramend.restoration.segments import check_finite
from spectramend.spectral_repair.pulse_removal import MIN_EVIDENCE, PulseRemoval, remove_pulses
from spectramend.spectral_repair.pulse_trains import PulseTrain, find_pulse_train

Vector: TypeAlias = NDArray[np.float64]

SEARCH_S = 4.0  # s of a region in which pulses are looked for; engineering choice: bounds the cost
# Width of a region in which they are looked for. Engineering choice: pulses are broadband.
MIN_WIDTH_HZ = 1000.0  # Hz
# The folded envelope of pulses has a high peak, or no valley as deep. Engineering choices: steady
# tones of a synthesiser, whose residual is periodic, too, have up to 4.8 dB and a ratio of 2.4.
MIN_RISE_DB = 5.0  # dB
MIN_ASYMMETRY = 4.0  # ratio
CONTEXT_S = 0.2  # s beside a region, at least, without which nothing tells whose the pulses are
SAME_RATE = 0.01  # relative difference of two rates that are the same; engineering choice
EDGE_HZ = 50.0  # Hz inside the edges of a band over which a change fades; engineering choice
EDGE_S = 0.002  # s inside the ends of a band's region over which it does; engineering choice
MIXED = 0.05  # part of one method from which it is named; engineering choice


def pulse_reason(channel: Channel, span: Span, region: Region, context: int) -> str | None:
    """Describe the repeating pulses of a region that its context has not; None without them."""
    low, high = region.band(sr=channel.sr)
    if high - low < MIN_WIDTH_HZ:
        return None
    longest = round(SEARCH_S * channel.sr)
    first = max(span[0], (span[0] + span[1] - longest) // 2)
    period = _period(channel, first, min(span[1], first + longest))
    if period is None:
        return None
    reach = min(context, longest)
    before = max(0, span[0] - reach), span[0]
    after = span[1], min(channel.length, span[1] + reach)
    if max(stop - start for start, stop in (before, after)) < CONTEXT_S * channel.sr:
        return None
    for side in (before, after):
        beside = _period(channel, *side)
        if beside is not None and abs(beside / period - 1) < SAME_RATE:
            return None
    return f"pulses every {1000 * period / channel.sr:.2g} ms"


def repair_pulses(damaged: DamagedChannel, group: list[DamagedRegion]) -> tuple[Job, Patch]:
    """Remove the repeating pulses of one region, or leave it where there are none.

    Raises ParameterError if samples are not finite.
    """
    channel, region = damaged.channel, group[0]
    x = channel.samples(*region.span)
    check_finite(x, group)
    removal = remove_pulses(x, channel.sr)
    y = removal.samples
    if not region.full_band:
        y = x + _within_band(y - x, region.region.band(sr=channel.sr), channel.sr)
    job = finished_job(
        channel,
        group,
        _method_text(removal),
        "pulse_template",
        status=_status(removal),
        expected_snr_db=_expected_snr_db(removal),
    )
    return job, Patch(channel.number, job.start, y)


def _period(channel: Channel, start: int, stop: int) -> float | None:
    """Find the period of pulses in samples start to stop; None without evidence."""
    if stop <= start:
        return None
    x = channel.samples(start, stop)
    if not np.isfinite(x).all():
        return None
    train = find_pulse_train(x, channel.sr)
    return train.period if train is not None and is_impulsive(train) else None


def is_impulsive(train: PulseTrain) -> bool:
    """Tell pulses from noise and from steady tones."""
    peaked = train.rise_db >= MIN_RISE_DB or train.asymmetry >= MIN_ASYMMETRY
    return train.evidence >= MIN_EVIDENCE and peaked


def _within_band(change: Vector, band: tuple[float, float], sr: int) -> Vector:
    """Limit a change [shape=(n,)] to a band, and fade it at both ends."""
    import scipy.fft

    n_fft = scipy.fft.next_fast_len(2 * change.size, real=True)
    f = scipy.fft.rfftfreq(n_fft, 1 / sr)
    low, high = band
    edge = min(EDGE_HZ, (high - low) / 4)
    rise = np.clip((f - low) / edge, 0, 1) if low > 0 else 1.0
    fall = np.clip((high - f) / edge, 0, 1) if high < sr / 2 else 1.0
    gain = np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2
    limited = scipy.fft.irfft(gain * scipy.fft.rfft(change, n_fft), n_fft)[: change.size]
    n = np.arange(change.size) + 0.5
    return limited * np.clip(np.minimum(n, n[::-1]) / max(1.0, EDGE_S * sr), 0, 1)


def _method_text(removal: PulseRemoval) -> str:
    """Name what was done."""
    if removal.filled < MIXED:
        return "template subtraction"
    if removal.filled > 1 - MIXED:
        return "interpolation of each pulse"
    return "template subtraction and interpolation of each pulse"


def _status(removal: PulseRemoval) -> str:
    """Say how it ended."""
    if removal.period is not None:
        return "done"
    return (
        "left as it is: no pulses at a constant rate were found in it; mark all of them, at least "
        "six, and nothing else, or give damage='occluded'"
    )


def _expected_snr_db(removal: PulseRemoval) -> float | None:
    """Compare what is left with its estimated error."""
    power = float(np.sum(removal.samples**2))
    if removal.period is None or not (power > 0 and removal.error > 0):
        return None
    return 10 * float(np.log10(power / removal.error))
