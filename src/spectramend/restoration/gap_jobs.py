"""Gaps, regions that are missing over the whole band: filled by `spectramend.gaps`.

Which gaps share a job, and which samples the models may use: the context, other channels that are
intact there, and, to search for similar passages, all of the context that is not damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import Patch
from spectramend.core.intervals import runs
from spectramend.errors import ParameterError
from spectramend.gaps import (
    EM_ALGORITHMS,
    N_FFT,
    SHORT_GAP,
    Method,
    SearchBuffer,
    choose_method,
    context_length,
    fill_and_assess,
    interpolate_from_channels,
    model_order,
    multichannel_context,
)
from spectramend.restoration.jobs import (
    Channel,
    DamagedChannel,
    DamagedRegion,
    Job,
    finished_job,
    span_of,
)
from spectramend.restoration.segments import check_finite

METHOD_TEXTS: dict[Method, str] = {
    "ar": "autoregression",
    "hybrid": "autoregression, NMF and template matching",
    "janssen": "Janssen's autoregression",
    "em_tf": "NMF by EM-tf",
    "am": "NMF by AM",
    "am_to_em_tf": "NMF by AM to EM-tf",
}
LITTLE_SNR_DB = 1.0  # dB, expected SNR below which little was recovered; engineering choice
MAX_SNR_DB = 60.0  # dB, largest expected SNR; engineering choice: more cannot be told
# Missing samples at most in a job of several gaps that do not touch; engineering choice: bounds the
# systems of equations.
MAX_MISSING = 1000


@dataclass(frozen=True, eq=False)
class _GapContext:
    """What is known around gaps."""

    x: NDArray[np.float64]  # [shape=(n,)] the channel
    first: int  # its first sample in the recording
    missing: NDArray[np.bool_]  # [shape=(n,)]
    others: NDArray[np.float64]  # [shape=(m, n)] intact channels
    search: SearchBuffer | None


def group_gaps(gaps: Sequence[DamagedRegion]) -> Iterator[list[DamagedRegion]]:
    """Group gaps, in order, that lie within the reach of each other's models."""
    group: list[DamagedRegion] = []
    stop = missing = 0
    for gap in gaps:
        size = gap.span[1] - gap.span[0]
        if group:
            too_many = gap.span[0] > stop and missing + size > MAX_MISSING
            if too_many or gap.span[0] > stop + model_order(size):
                yield group
                group, stop, missing = [], 0, 0
        group.append(gap)
        stop, missing = max(stop, gap.span[1]), missing + size
    if group:
        yield group


def repair_gaps(
    damaged: DamagedChannel, group: list[DamagedRegion], unrepaired: list[DamagedRegion]
) -> tuple[Job, Patch]:
    """Fill a group of gaps; samples between them stay as they are.

    `unrepaired` are these gaps and all later ones, in order. Raises ParameterError if nothing is
    known around the gaps, or samples there are not finite.
    """
    method, rng = damaged.options.method, damaged.rng
    longest = max(d.span[1] - d.span[0] for d in group)
    order = model_order(longest)
    near = _gap_context(damaged, group, unrepaired, longest)
    helped, snr = False, None
    if near.others.size:
        y, helped = interpolate_from_channels(
            near.x,
            near.missing,
            near.others,
            method=method,
            order=order,
            search=near.search,
            rng=rng,
        )
    else:
        span = span_of(group)
        y, snr = fill_and_assess(
            near.x,
            near.missing,
            method=method,
            order=order,
            search=near.search,
            wanted=(span[0] - near.first, span[1] - near.first),
            rng=rng,
        )
    silent = not near.x[~near.missing].any()
    model = choose_method(method, longest, order)
    frames = model in EM_ALGORITHMS
    job = finished_job(
        damaged.channel,
        group,
        METHOD_TEXTS[model] + (" and other channels" if helped else ""),
        model,
        n_fft=N_FFT if frames else None,
        order=None if frames else order,
        status="silence around it: filled with silence" if silent else _status(snr),
        expected_snr_db=None if snr is None else min(snr, MAX_SNR_DB),
    )
    filled = y[job.start - near.first : job.stop - near.first]
    return job, Patch(damaged.channel.number, job.start, filled)


def _status(snr: float | None) -> str:
    """Say so where little could be recovered."""
    if snr is None or snr >= LITTLE_SNR_DB:
        return "done"
    return "little could be recovered: its sides do not agree; mark only what is lost, or mute it"


def _gap_context(
    damaged: DamagedChannel,
    group: list[DamagedRegion],
    unrepaired: list[DamagedRegion],
    longest: int,
) -> _GapContext:
    """Read what is known around gaps, as far as the method uses it."""
    channel, context, method = damaged.channel, damaged.context, damaged.options.method
    span, order = span_of(group), model_order(longest)
    reach = context if method in EM_ALGORITHMS else min(context, multichannel_context(longest))
    first, last = channel.around(span, reach)
    others = _intact_channels(channel, damaged.spans, first, last)
    if not others.size and method not in EM_ALGORITHMS:
        first, last = channel.around(span, min(context, context_length(longest)))
    missing = _marked(unrepaired, first, last)
    if missing.all():
        raise ParameterError(
            f"region {group[0].region}: nothing intact is around it: make it shorter."
        )
    searches = any(_may_search(method, stop - start, order) for start, stop in runs(missing))
    begin, end = channel.around(span, context) if searches else (first, last)
    passage = channel.samples(begin, end)
    x = passage[first - begin : last - begin].copy()
    check_finite(x[~missing], group)
    search = None
    if searches:
        lost = _marked(unrepaired, begin, end) | _marked(damaged.bands_and_events, begin, end)
        passage[lost | ~np.isfinite(passage)] = np.nan
        search = SearchBuffer(passage, first - begin)
    return _GapContext(x, first, missing, others, search)


def _may_search(method: Method, missing: int, order: int) -> bool:
    """Whether a gap may be filled with passages that are far from it."""
    own_order = min(order, model_order(missing))
    return missing > SHORT_GAP and choose_method(method, missing, own_order) == "hybrid"


def _marked(damaged: Sequence[DamagedRegion], first: int, last: int) -> NDArray[np.bool_]:
    """Mark the samples of damaged regions, in order, in a part of a channel."""
    marks = np.zeros(last - first, bool)
    for d in damaged:
        if d.span[0] >= last:
            break
        marks[max(0, d.span[0] - first) : max(0, d.span[1] - first)] = True
    return marks


def _intact_channels(
    channel: Channel, spans: Sequence[NDArray[np.intp]], first: int, last: int
) -> NDArray[np.float64]:
    """Read other channels [shape=(m, last - first)] that have no damage in these samples."""
    intact = [
        i
        for i, own in enumerate(spans)
        if i != channel.number and not ((own[:, 0] < last) & (own[:, 1] > first)).any()
    ]
    if not intact:
        return np.empty((0, last - first))
    x = channel.source.read(first, last)[intact]
    return x[np.isfinite(x).all(axis=1)]
