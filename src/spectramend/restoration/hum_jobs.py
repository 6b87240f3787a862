"""Hum and whine: steady tones of a region are followed and subtracted by `spectramend.hum`.

What is subtracted is computed when samples are read or written, so that the memory does not depend
on the length of the region. Where no steady tone is found, the region is left as it is.
"""

from __future__ import annotations

import numpy as np

from spectramend.audio import Change, Patch
from spectramend.core.intervals import Span
from spectramend.errors import ParameterError
from spectramend.hum import Grid, Hum, HumPatch, Wanted, find_hums
from spectramend.restoration.jobs import (
    Channel,
    DamagedChannel,
    DamagedRegion,
    Job,
    bands_of,
    finished_job,
)

FADE_S = 0.01  # s in which subtraction begins at the edge of a region; engineering choice: no click
POWER_S = 60.0  # s of a region whose power is measured; engineering choice: bounds memory
EXACT = 1e-5  # of the power of a tone, the error of interpolation; measured at a drift of 0.05 %
LEFT = "left as it is: no steady tone there"
FILLED = "; damage='occluded' fills it from its context"


def group_hums(regions: list[DamagedRegion]) -> list[list[DamagedRegion]]:
    """Group regions with the same span, such as those of the harmonics of one hum."""
    spans = dict.fromkeys(d.span for d in regions)
    return [[d for d in regions if d.span == span] for span in spans]


def repair_hum(damaged: DamagedChannel, group: list[DamagedRegion]) -> tuple[Job, Change]:
    """Subtract the steady tones in the bands of a group of regions with one span."""
    channel, span = damaged.channel, group[0].span
    bands = () if any(d.full_band for d in group) else tuple(bands_of(group, channel.sr))
    whole = span == (0, channel.length)
    hum_hz = damaged.options.hum_hz
    if hum_hz is not None and hum_hz >= channel.sr / 2:
        raise ParameterError(
            f"hum_hz={hum_hz}: give a frequency below {channel.sr / 2:g} Hz, the highest of the "
            f"recording."
        )
    wanted = Wanted(bands, hum_hz, told=bool(bands) or not whole)
    grid = Grid.over(*span, channel.sr)
    hums = find_hums(channel.samples, grid, wanted)
    job = finished_job(
        channel,
        group,
        "; ".join(_description(hum) for hum in hums) or "steady tones",
        "steady_tones",
        n_fft=2 * grid.hop,
        status="done" if hums else LEFT + FILLED * bool(bands),
        expected_snr_db=_expected_snr_db(channel, span, hums),
    )
    if not hums:
        return job, Patch(channel.number, span[0], np.zeros(0))
    fade = max(1, min(round(FADE_S * channel.sr), (span[1] - span[0]) // 4))
    fades = [0 if at in (0, channel.length) else fade for at in span]
    return job, HumPatch(channel.number, *span, tuple(hums), *fades)


def _description(hum: Hum) -> str:
    """Describe a hum in words."""
    orders = [tone.k for tone in hum.tones]
    name = f"{hum.kind} of {hum.mean_fundamental:.2f} Hz subtracted"
    if orders == [1]:
        return name
    return f"{name}, harmonics {', '.join(map(str, orders))}"


def _expected_snr_db(channel: Channel, span: Span, hums: list[Hum]) -> float | None:
    """Compare the power that is left with the errors of the amplitudes; None without hums.

    The power is that of the beginning of the region, at most.
    """
    if not hums:
        return None
    stop = min(span[1], span[0] + round(POWER_S * channel.sr))
    x = channel.samples(span[0], stop)
    patch = HumPatch(channel.number, *span, tuple(hums))
    left = float(np.nanmean(patch.samples_between(span[0], stop, x) ** 2))
    error = sum(tone.error + EXACT * tone.level for hum in hums for tone in hum.tones) / 2
    return float(10 * np.log10(max(left, 1e-30) / max(error, 1e-30)))
