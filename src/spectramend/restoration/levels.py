"""The levels at which the channels of a recording are clipped: given, or found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from spectramend.audio.patch import Read
from spectramend.core.intervals import Span, join
from spectramend.core.regions import Region, of_channel
from spectramend.detection import ClippingLevel, scan_levels
from spectramend.errors import ParameterError

Sides: TypeAlias = tuple[float | None, float | None]
Levels: TypeAlias = float | Sides | Sequence[ClippingLevel]

NONE_FOUND = "left as it is: no clipping found"
SATURATED = "left as it is: saturated softly, not clipped"
NONE_THERE = "left as it is: no sample there is at the level of clipping"


def given_levels(levels: Levels, channels: int) -> tuple[ClippingLevel, ...]:
    """Make a level for each channel: of one level for both sides, of two, or of all channels'.

    Raises ParameterError if they cannot be levels.
    """
    if _is_number(levels):
        levels = (-float(levels), float(levels))  # type: ignore[arg-type]
    own: list[Any] = list(levels) if isinstance(levels, Iterable) else []
    if own and all(isinstance(level, ClippingLevel) for level in own):
        if len(own) != channels:
            raise ParameterError(
                f"levels: are those of {len(own)} channels, the recording has {channels}."
            )
        return tuple(own)
    if len(own) != 2 or not all(side is None or _is_number(side) for side in own):
        raise ParameterError(
            f"levels={levels!r}: give one level, the lower and the upper one, or a ClippingLevel "
            f"for each channel."
        )
    low, high = own
    is_level = (low is None or -np.inf < low < 0) and (high is None or 0 < high < np.inf)
    if not is_level or (low is None and high is None):
        raise ParameterError(
            f"levels={(low, high)}: give a lower level below 0 and an upper one above it; None for "
            f"a side that is not clipped."
        )
    return (ClippingLevel(low, high),) * channels


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def chosen_levels(
    read: Read,
    levels: Levels | None,
    tolerance: float | None,
    *,
    length: int,
    channels: int,
    sr: float,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[ClippingLevel, ...]:
    """Take the levels that are given, or find them; a given tolerance holds instead of theirs.

    ``progress(done)`` is called with up to twice the length, of the passes of a search.
    """
    if tolerance is not None and not (_is_number(tolerance) and 0 <= tolerance < np.inf):
        raise ParameterError(f"tolerance={tolerance!r}: give a number of at least 0.")
    if levels is not None:
        chosen = given_levels(levels, channels)
    else:
        chosen = scan_levels(read, length=length, channels=channels, sr=sr, progress=progress)
    if tolerance is None:
        return chosen
    return tuple(replace(level, tolerance=float(tolerance)) for level in chosen)


def wanted_spans(
    regions: Sequence[Region] | None, *, length: int, channels: int, sr: float
) -> list[list[Span]]:
    """Give the spans of the regions in each channel, sorted and apart; all of it if None.

    Raises ParameterError for a region with a band.
    """
    if regions is None:
        return [[(0, length)]] * channels
    for region in regions:
        if not region.is_full_band(sr):
            raise ParameterError(
                f"region {region}: names a band, and samples are restored at all frequencies: "
                f"leave it out."
            )
    return [
        join([region.samples(length=length, sr=sr) for region in of_channel(regions, channel)])
        for channel in range(channels)
    ]
