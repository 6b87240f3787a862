"""Patches replace samples of a recording, and a patched source is a recording read with them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Read: TypeAlias = Callable[[int, int], NDArray[Any]]  # read(start, stop), (channels, stop - start)


@dataclass(frozen=True, eq=False)
class Patch:
    """New samples for a part of one channel.

    Parameters
    ----------
    channel : int
        The channel, from 0.
    start : int
        First sample that is replaced.
    samples : ndarray [shape=(n,), float64]
        The samples that replace it and those after it, full scale at ±1.
    """

    channel: int
    start: int
    samples: NDArray[np.float64]

    @property
    def stop(self) -> int:
        """The first sample after the patch."""
        return self.start + len(self.samples)


def overlay(x: NDArray[Any], start: int, patches: Iterable[Patch]) -> None:
    """Replace samples of a part of a channel [shape=(n,)], which begins at `start`, in place.

    Where patches overlap, the last one holds.
    """
    for patch in patches:
        first, last = max(start, patch.start), min(start + x.size, patch.stop)
        if first < last:
            new = patch.samples[first - patch.start : last - patch.start]
            x[first - start : last - start] = new


class PatchedSource:
    """A recording that is read with its patches; where they overlap, the last one holds.

    ``read(start, stop)`` gives the samples of the recording [shape=(channels, stop - start)];
    `length` is that of each channel.
    """

    def __init__(
        self, read: Read, *, length: int, channels: int, patches: Sequence[Patch] = ()
    ) -> None:
        self.length = length
        self.channels = channels
        self._read = read
        self._patches = [_ChannelPatches() for _ in range(channels)]
        for patch in patches:
            self.add(patch)

    def add(self, patch: Patch) -> None:
        """Apply a patch to all that is read from now on."""
        self._patches[patch.channel].add(patch)

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read all channels of a part [shape=(channels, stop - start)]."""
        x = np.array(self._read(start, stop), np.float64)
        for channel, patches in zip(x, self._patches, strict=True):
            overlay(channel, start, patches.near(start, stop))
        return x

    def read_channel(self, channel: int, start: int, stop: int) -> NDArray[np.float64]:
        """Read a part of one channel, counted from 0 [shape=(stop - start,)]."""
        x = np.array(self._read(start, stop)[channel], np.float64)
        overlay(x, start, self._patches[channel].near(start, stop))
        return x


@dataclass
class _ChannelPatches:
    """The patches of a channel, sorted by their starts for a fast search."""

    added: list[Patch] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=list)  # start, index in `added`
    longest: int = 0  # samples

    def add(self, patch: Patch) -> None:
        """Add a patch."""
        insort(self.starts, (patch.start, len(self.added)))
        self.added.append(patch)
        self.longest = max(self.longest, len(patch.samples))

    def near(self, start: int, stop: int) -> list[Patch]:
        """Give all patches that may overlap a part, in the order in which they were added."""
        first = bisect_left(self.starts, (start - self.longest, 0))
        near = self.starts[first : bisect_left(self.starts, (stop, 0))]
        return [self.added[i] for i in sorted(i for _, i in near)]
