"""Detection of hum and whines in recordings that are read block by block."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spectramend.core.regions import Region
from spectramend.hum import Grid, Hum, ToneSearch, Wanted, examine

WIDTH_HZ = 4.0  # of the band around a tone; engineering choice: twice the deviation of 1 kHz mains
SAME_S = 1.0  # s by which spans of two channels may differ that are one; engineering choice
SAME_HZ = 1.0  # Hz by which their tones may differ

Read = Callable[[int, int], NDArray[np.float64]]


class HumScan:
    """Hums of each channel: candidates from the first pass, which then are examined.

    The samples of each channel are added to its search, one of `searches`.
    ``read(start, stop)`` gives all channels; `channels` is 0 if no hum is looked for.
    """

    def __init__(self, read: Read, *, length: int, channels: int, sr: float) -> None:
        self._read, self._length, self._sr = read, length, sr
        self.searches = [ToneSearch(sr, length) for _ in range(channels)]

    def regions(self) -> list[Region]:
        """Give a narrow band for each tone, labelled "hum" (mains) or "whine"."""
        grid = Grid.over(0, self._length, self._sr)
        found: list[list[Region]] = []
        for number, search in enumerate(self.searches):
            search.finish()

            def read(start: int, stop: int, number: int = number) -> NDArray[np.float64]:
                return np.asarray(self._read(start, stop)[number])

            hums = examine(read, grid, search, Wanted())
            found.append([region for hum in hums for region in self._bands(hum)])
        return _merged(found)

    def _bands(self, hum: Hum) -> list[Region]:
        """Make regions of the tones of a hum, in each of its spans."""
        drift = hum.mean_fundamental / hum.fundamental
        centres = [tone.frequency * drift for tone in hum.tones]
        return [
            Region(
                start / self._sr,
                stop / self._sr,
                max(0.0, round(f - WIDTH_HZ / 2, 2)),
                round(f + WIDTH_HZ / 2, 2),
                label=hum.kind,
            )
            for start, stop in hum.spans
            for f in centres
        ]


def _merged(found: list[list[Region]]) -> list[Region]:
    """Give regions their channels; join those that all channels have."""
    regions: list[Region] = []
    left = [list(own) for own in found]
    for region in found[0] if found else []:
        same = [next((r for r in own if _is_same(r, region)), None) for own in left]
        alike = [r for r in same if r is not None]
        if len(alike) == len(found):
            for own, r in zip(left, alike, strict=True):
                own.remove(r)
            regions.append(region)
    for number, own in enumerate(left, 1):
        channel = number if len(found) > 1 else None
        regions += [
            Region(r.start_s, r.end_s, r.f_low_hz, r.f_high_hz, channel, r.label) for r in own
        ]
    return regions


def _is_same(one: Region, other: Region) -> bool:
    """Whether regions of two channels are those of one tone."""
    times = ((one.start_s, other.start_s), (one.end_s, other.end_s))
    apart_s = max(abs((a or 0.0) - (b or 0.0)) for a, b in times)
    apart_hz = abs((one.f_low_hz or 0.0) - (other.f_low_hz or 0.0))
    return one.label == other.label and apart_s <= SAME_S and apart_hz <= SAME_HZ
