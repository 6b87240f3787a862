"""Gaps of a recording: which are filled together, from what, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    fill_gaps,
    interpolate_from_channels,
    model_order,
    multichannel_context,
)
from spectramend.restoration.damage import Channel, Damaged, check_finite, union

NAMES = {
    "ar": "autoregression",
    "hybrid": "autoregression, factors and likeness",
    "janssen": "autoregression, one model",
}
SCATTERED = 1000  # missing samples at most that share a job, unless they are one gap


class Filling(NamedTuple):
    """Samples in the place of gaps and what lies between them, and how they were found."""

    samples: NDArray[np.float64]
    method: str  # in words
    model: str  # of `fill_gaps`
    n_fft: int | None
    order: int | None
    status: str


def near(gaps: list[Damaged]) -> Iterator[list[Damaged]]:
    """Group gaps that lie within each other's models, but not too many of them.

    Parameters
    ----------
    gaps : list of Damaged
        Gaps of a channel, in order.

    Yields
    ------
    list of Damaged
        A group.
    """
    group: list[Damaged] = []
    stop = missing = 0
    for gap in gaps:
        size = gap.span[1] - gap.span[0]
        if group:
            apart = gap.span[0] > stop and missing + size > SCATTERED
            if apart or gap.span[0] > stop + model_order(size):
                yield group
                group, stop, missing = [], 0, 0
        group.append(gap)
        stop, missing = max(stop, gap.span[1]), missing + size
    if group:
        yield group


def fill_missing(
    channel: Channel,
    group: list[Damaged],
    unmended: list[Damaged],
    unsound: list[Damaged],
    elsewhere: Sequence[NDArray[np.intp]],
    context: int,
    *,
    method: Method = "auto",
    rng: np.random.Generator,
) -> Filling:
    """Fill a group of gaps; what lies between them stays as it is.

    Parameters
    ----------
    channel : Channel
        The channel.
    group : list of Damaged
        The gaps.
    unmended : list of Damaged
        They and all later ones of the channel, in order.
    unsound : list of Damaged
        Regions of the channel with other damage, in order: no passages to build on.
    elsewhere : sequence of ndarray [shape=(n, 2)]
        For each channel the first samples of its damaged regions, and those after their last. A
        channel that is damaged near the gaps, in whatever way, has no part in filling them.
    context : int
        Samples on either side at most to look at.
    method : str
        See `fill_gaps`.
    rng : Generator
        Source of random starts.

    Returns
    -------
    Filling
        What is to be put into their place.

    Raises
    ------
    ParameterError
        If nothing is known around them, or samples there are not finite.
    """
    span = union(group)
    longest = max(d.span[1] - d.span[0] for d in group)
    order = model_order(longest)
    reach = context if method in EM_ALGORITHMS else min(context, multichannel_context(longest))
    first, last = channel.around(span, reach)
    others = _intact(channel, elsewhere, first, last)
    if not others.size and method not in EM_ALGORITHMS:
        first, last = channel.around(span, min(context, context_length(longest)))
    missing = _marked(unmended, first, last)
    if missing.all():
        raise ParameterError(
            f"region {group[0].region}: nothing intact is around it: make it shorter."
        )
    asks = any(_asks(method, stop - start, order) for start, stop in runs(missing))
    begin, end = channel.around(span, context) if asks else (first, last)
    heard = channel.samples(begin, end)
    x = heard[first - begin : last - begin].copy()
    check_finite(x[~missing], group)
    silent = not x[~missing].any()
    memory = None
    if asks:
        lost = _marked(unmended, begin, end) | _marked(unsound, begin, end)
        heard[lost | ~np.isfinite(heard)] = np.nan
        memory = SearchBuffer(heard, first - begin)
    helped = False
    if others.size:
        y, helped = interpolate_from_channels(
            x, missing, others, method=method, order=order, search=memory, rng=rng
        )
    else:
        y = fill_gaps(x, missing, method=method, order=order, search=memory, rng=rng)
    model = choose_method(method, longest, order)
    name = NAMES.get(model, model) + (" and other channels" if helped else "")
    status = "silence around it: filled with silence" if silent else "done"
    filled = y[span[0] - first : span[1] - first]
    if model in EM_ALGORITHMS:
        return Filling(filled, name, model, N_FFT, None, status)
    return Filling(filled, name, model, None, order, status)


def _asks(method: Method, missing: int, order: int) -> bool:
    """Tell whether a gap may be filled with the help of what is far from it."""
    own_order = min(order, model_order(missing))
    return missing > SHORT_GAP and choose_method(method, missing, own_order) == "hybrid"


def _marked(damaged: Sequence[Damaged], first: int, last: int) -> NDArray[np.bool_]:
    """Mark the samples of damaged regions, in order, in a part of a channel."""
    marks = np.zeros(last - first, bool)
    for d in damaged:
        if d.span[0] >= last:
            break
        marks[max(0, d.span[0] - first) : max(0, d.span[1] - first)] = True
    return marks


def _intact(
    channel: Channel, elsewhere: Sequence[NDArray[np.intp]], first: int, last: int
) -> NDArray[np.float64]:
    """Read other channels [shape=(m, last - first)] that are not damaged in these samples."""
    intact = [
        i
        for i, spans in enumerate(elsewhere)
        if i != channel.number and not ((spans[:, 0] < last) & (spans[:, 1] > first)).any()
    ]
    if not intact:
        return np.empty((0, last - first))
    x = channel.source.read(first, last)[intact]
    return x[np.isfinite(x).all(axis=1)]
