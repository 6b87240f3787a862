"""Hums of a channel: candidates, from all of its samples, examined one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectramend.hum.heterodyne import Grid, Read, heterodyne
from spectramend.hum.search import DEVIATION, N_HARMONICS, SAME_HZ, ToneSearch
from spectramend.hum.tones import Hum, follow_tones

PIECE = 1 << 19  # samples that are read at once; engineering choice: bounds memory
MOST_WHINES = 12  # lines that are examined; engineering choice: bounds the cost of music
LOWEST_WHINE_HZ = 200.0  # engineering choice: below are bass notes, and blowers of organs
FLOOR = 10**-4.5  # power of a hum over that of the recording; engineering choice: hardly audible
ALWAYS = 10  # harmonics of mains that are examined without a line of their own


def search_tones(read: Read, grid: Grid) -> ToneSearch:
    """Search candidates in a part of a channel."""
    search = ToneSearch(grid.sr, grid.stop - grid.start)
    for a in range(grid.start, grid.stop, PIECE):
        search.add(read(a, min(a + PIECE, grid.stop)))
    search.finish()
    return search


def examine(
    read: Read, grid: Grid, search: ToneSearch, *, hum_hz: float | None = None, told: bool = False
) -> list[Hum]:
    """Follow the candidates of a search through the recording; give those that are hums.

    With `hum_hz`, only the harmonics of this fundamental are.
    """
    lines = search.lines()
    groups = _groups(lines, search, grid.sr, hum_hz)
    frequencies = [k * f for f, orders in groups for k in orders]
    if not frequencies:
        return []
    c, use = heterodyne(read, grid, frequencies)
    hums, row = [], 0
    for f, orders in groups:
        rows = slice(row, row + len(orders))
        row += len(orders)
        kind = "hum" if len(orders) > 1 or hum_hz is not None else "whine"
        hum = follow_tones(c[rows], use, orders, f, grid, kind=kind, told=told)
        if hum is not None:
            hums.append(hum)
    return [hum for hum in hums if told or hum_hz or hum.level > FLOOR * search.power]


def _groups(
    lines: Sequence[tuple[float, float]], search: ToneSearch, sr: float, hum_hz: float | None
) -> list[tuple[float, list[int]]]:
    """Group lines: the harmonics of mains, then each whine."""
    f0 = search.mains(lines) if hum_hz is None else search.near(lines, hum_hz)
    groups = []
    free = list(lines)
    if f0 is not None:
        near = {round(f / f0) for f, _ in lines if abs(f - f0 * round(f / f0)) < SAME_HZ}
        usual = set(range(1, ALWAYS + 1)) | {k for k in near if 1 <= k <= N_HARMONICS}
        orders = sorted(k for k in usual if k * f0 * (1 + DEVIATION) < sr / 2 - 10)
        groups.append((f0, orders))
        free = [(f, db) for f, db in lines if abs(f - f0 * round(f / f0)) >= SAME_HZ or round(f / f0) not in orders]
    if hum_hz is None:
        whines = [f for f, _ in free if LOWEST_WHINE_HZ < f < sr / 2 - 10]
        groups += [(f, [1]) for f in whines[:MOST_WHINES]]
    return groups
