"""Hums of a channel: candidates, from all of its samples, examined one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spectramend.hum.amplitudes import Grid, Read, heterodyne
from spectramend.hum.search import (
    DEVIATION,
    N_HARMONICS,
    SAME_HZ,
    Line,
    ToneSearch,
    fundamental_near,
    is_mains,
    mains,
)
from spectramend.hum.tones import Hum, Kind, Limits, follow_tones

PIECE = 1 << 19  # samples that are read at once; engineering choice: bounds memory
MOST_WHINES = 8  # lines that are examined; engineering choice: bounds the cost of music
MOST_TOLD = 40  # lines that are examined where a person says that tones are; a bell has so many
LOWEST_WHINE_HZ = 200.0  # engineering choice: below are bass notes, and blowers of organs
FLOOR = 10**-4.5  # power of a hum over that of the recording; engineering choice: hardly audible
SOUGHT_FLOOR = 1e-6  # the same of a hum that is sought; engineering choice: what is inaudible stays
APART_HZ = 12.0  # Hz from a tone to a weaker one; engineering choice: blocks tell tones 10 Hz apart
CEILING = 0.99  # of the power of a recording; engineering choice: more is a test tone, not its hum
ALWAYS = 10  # harmonics of mains that are examined without a line of their own
BORDER_HZ = 1.0  # by which a tone may lie outside of a band; engineering choice: lines are as wide
NYQUIST_HZ = 10.0  # Hz from the Nyquist frequency to the highest tone: the width of blocks


@dataclass(frozen=True)
class Candidate:
    """A fundamental and the harmonics that are examined."""

    kind: Kind
    f0: float  # Hz
    orders: list[int]


@dataclass(frozen=True)
class Wanted:
    """Which tones are looked for.

    With `told`, damage is known to be there: then tones need not last long, nor be loud, and they
    may be as low as the search goes.
    """

    bands: tuple[tuple[float, float], ...] = ()  # Hz; all frequencies if there are none
    fundamental: float | None = None  # Hz, nominal; mains and whines if None
    told: bool = False
    mains: bool = True  # look for mains, too, unless a fundamental is given

    def contains(self, f: float) -> bool:
        """Whether a frequency lies in one of the bands."""
        return not self.bands or any(a - BORDER_HZ <= f <= b + BORDER_HZ for a, b in self.bands)

    @property
    def floor(self) -> float:
        """Least power of a hum over that of the recording."""
        return SOUGHT_FLOOR if self.told or self.fundamental is not None else FLOOR

    def limits(self, candidate: Candidate) -> Limits:
        """Choose the limits of a candidate."""
        if self.told:
            return Limits.told()
        if candidate.kind == "hum" or self.fundamental is not None:
            return Limits.sought()
        return Limits.unknown(candidate.f0)


def find_hums(read: Read, grid: Grid, wanted: Wanted) -> list[Hum]:
    """Search and follow the hums in the part of a channel that a grid spans."""
    search = ToneSearch(grid.sr, grid.stop - grid.start)
    for start in range(grid.start, grid.stop, PIECE):
        search.add(read(start, min(start + PIECE, grid.stop)))
    search.finish()
    return examine(read, grid, search, wanted)


def examine(read: Read, grid: Grid, search: ToneSearch, wanted: Wanted) -> list[Hum]:
    """Follow the candidates of a finished search; give those that are hums."""
    candidates = _candidates(search.lines(), wanted, grid.sr)
    frequencies = [k * one.f0 for one in candidates for k in one.orders]
    if not frequencies:
        return []
    c, use = heterodyne(read, grid, frequencies)
    hums, row = [], 0
    for one in candidates:
        own = c[row : row + len(one.orders)]
        row += len(one.orders)
        hum = follow_tones(
            own, use, one.orders, one.f0, grid, kind=one.kind, limits=wanted.limits(one)
        )
        if hum is not None and hum.level > wanted.floor * search.power:
            hums.append(hum)
    everything = sum(hum.level for hum in hums) > CEILING * search.power
    return [] if everything and not wanted.told and wanted.fundamental is None else hums


def _candidates(lines: Sequence[Line], wanted: Wanted, sr: float) -> list[Candidate]:
    """Group lines: the harmonics of mains, or of the fundamental that is wanted; then whines."""
    lines = [line for line in lines if wanted.contains(line[0]) and line[0] < sr / 2 - NYQUIST_HZ]
    f0 = wanted.fundamental and (fundamental_near(lines, wanted.fundamental) or wanted.fundamental)
    kind: Kind = "hum"
    if f0 is None:
        f0 = mains(lines) if wanted.mains else None
    elif not is_mains(f0):
        kind = "whine"
    found, free, seen = [], list(lines), set()
    if f0 is not None:
        seen = {round(f / f0) for f, _ in lines if abs(f - f0 * round(f / f0)) < SAME_HZ}
        highest = min(N_HARMONICS, int((sr / 2 - NYQUIST_HZ) / (f0 * (1 + DEVIATION))))
        orders = [
            k
            for k in range(1, highest + 1)
            if (k <= ALWAYS or k in seen) and wanted.contains(k * f0)
        ]
        if orders:
            found.append(Candidate(kind, f0, orders))
        nearest = [(f, round(f / f0)) for f, _ in lines]
        free = [
            line
            for line, (f, k) in zip(lines, nearest, strict=True)
            if k not in orders or abs(f - k * f0) >= SAME_HZ
        ]
    if wanted.fundamental is None:
        lowest = 0.0 if wanted.told else LOWEST_WHINE_HZ
        taken = [k * one.f0 for one in found for k in one.orders if k in seen]
        for f, _ in free:
            if f > lowest and all(abs(f - other) >= APART_HZ for other in taken):
                taken.append(f)
                found.append(Candidate("whine", f, [1]))
            if len(found) > (MOST_TOLD if wanted.told else MOST_WHINES):
                break
    return found
