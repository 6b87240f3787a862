"""Room above full scale: restored peaks exceed it, and must not be clipped again.

The whole recording is turned down by the least gain with which all of it fits; reliable samples
then differ by that gain alone. Floating-point codings hold what exceeds full scale, so that there
they may stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from spectramend.audio import Change, PatchedSource, TurnedDown, full_scale
from spectramend.audio.codings import FLOATING
from spectramend.errors import OptionError, ParameterError

Headroom: TypeAlias = Literal["auto", "none"]
BLOCK = 1 << 18  # samples of a channel that are looked at together; engineering choice


def check_headroom(value: object) -> None:
    """Refuse what is no choice of headroom."""
    if value not in get_args(Headroom):
        raise ParameterError(f"headroom={value!r}: give 'auto' or 'none'.")


def peaks(source: PatchedSource) -> tuple[float, float]:
    """Find the lowest and the highest sample of a recording; those that are not finite are none."""
    low = high = 0.0
    for start in range(0, source.length, BLOCK):
        x = source.read(start, min(start + BLOCK, source.length))
        finite = np.isfinite(x)
        low = min(low, float(np.min(x, where=finite, initial=0.0)))
        high = max(high, float(np.max(x, where=finite, initial=0.0)))
    return low, high


def least_gain(found: tuple[float, float], limits: tuple[float, float]) -> float:
    """Give the gain, 1 at most, with which the lowest and the highest sample are within limits.

    >>> least_gain((-1.0, 1.25), (-1.0, 1.0))
    0.8
    """
    (low, high), (lowest, highest) = found, limits
    return min(1.0, lowest / min(low, lowest), highest / max(high, highest))


@dataclass(frozen=True)
class Room:
    """What a file of the coding `subtype` and the name `name` has for peaks."""

    subtype: str
    headroom: Headroom
    name: str

    def check_applicable(self, is_clipped: bool) -> None:
        """Refuse headroom that is asked for where nothing is clipped."""
        if self.headroom != "auto" and not is_clipped:
            raise OptionError(
                "headroom",
                self.headroom,
                "is for clipped regions, and there are none; leave it out.",
            )

    def gain(self, source: PatchedSource) -> float:
        """Choose the gain of a recording with its restored samples.

        Raises ParameterError if none is allowed, and the coding cannot hold them.
        """
        if self.headroom == "none" and self.subtype in FLOATING:
            return 1.0
        gain = least_gain(peaks(source), full_scale(self.subtype))
        if self.headroom == "none" and gain < 1:
            raise ParameterError(
                f"headroom='none': samples of {self.name} exceed full scale by {-gain_db(gain):g} "
                f"dB, and {self.subtype} would clip them: write float (--subtype FLOAT), or let "
                f"all be turned down (--headroom auto)."
            )
        return gain


def turned_down(
    changes: Sequence[Change], gain: float, *, length: int, channels: int
) -> Sequence[Change]:
    """Turn down all of a recording, with its changes; a gain of 1 leaves these as they are."""
    if gain == 1:
        return changes
    return [
        TurnedDown(c, length, [own for own in changes if own.channel == c], gain)
        for c in range(channels)
    ]


def gain_db(gain: float) -> float:
    """Give a gain in dB, rounded to hundredths."""
    return round(20 * float(np.log10(gain)), 2) + 0.0
