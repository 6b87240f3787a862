"""Patches replace samples of a recording, and a patched source is a recording read with them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Read: TypeAlias = Callable[[int, int], NDArray[Any]]  # read(start, stop), (channels, stop - start)
LONG = 1 << 20  # samples of a patch that is looked at for every part; engineering choice: few are


class Change(Protocol):
    """What changes a part of one channel: a `Patch`, or samples that are computed on demand."""

    @property
    def channel(self) -> int:
        """The channel, from 0."""

    @property
    def start(self) -> int:
        """First sample that changes."""

    @property
    def stop(self) -> int:
        """The first sample after the part."""

    def samples_between(self, start: int, stop: int, x: NDArray[Any]) -> NDArray[np.float64]:
        """Give the new samples from start to stop for x, those that are there."""


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

    def samples_between(self, start: int, stop: int, x: NDArray[Any]) -> NDArray[np.float64]:
        """Give the new samples from start to stop, whatever those are that are there.

        Parameters
        ----------
        start, stop : int
            First sample, and the one after the last, of a part within the patch.
        x : ndarray [shape=(stop - start,)]
            The samples that are there.

        Returns
        -------
        ndarray [shape=(stop - start,), float64]
            The new samples.
        """
        return self.samples[start - self.start : stop - self.start]


def overlay(x: NDArray[Any], start: int, patches: Iterable[Change]) -> None:
    """Replace samples of a part of a channel [shape=(n,)], which begins at `start`, in place.

    Where patches overlap, the last one holds.
    """
    for patch in patches:
        first, last = max(start, patch.start), min(start + x.size, patch.stop)
        if first < last:
            own = x[first - start : last - start]
            own[:] = patch.samples_between(first, last, own)


class PatchedSource:
    """A recording that is read with its patches; where they overlap, the last one holds.

    ``read(start, stop)`` gives the samples of the recording [shape=(channels, stop - start)];
    `length` is that of each channel.
    """

    def __init__(
        self, read: Read, *, length: int, channels: int, patches: Sequence[Change] = ()
    ) -> None:
        self.length = length
        self.channels = channels
        self._read = read
        self._patches = [_ChannelPatches() for _ in range(channels)]
        for patch in patches:
            self.add(patch)

    def add(self, patch: Change) -> None:
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


class TurnedDown:
    """All of a channel of `length` samples, with its changes, times a gain.

    Where changes overlap, the last one holds.
    """

    def __init__(self, channel: int, length: int, changes: Iterable[Change], gain: float) -> None:
        self.channel, self.start, self.stop, self.gain = channel, 0, length, gain
        self._changes = _ChannelPatches()
        for change in changes:
            self._changes.add(change)

    def samples_between(self, start: int, stop: int, x: NDArray[Any]) -> NDArray[np.float64]:
        """Give the changed samples from start to stop, times the gain [shape=(stop - start,)]."""
        y = np.array(x, np.float64)
        overlay(y, start, self._changes.near(start, stop))
        return self.gain * y


@dataclass
class _ChannelPatches:
    """The patches of a channel, sorted by their starts for a fast search."""

    added: list[Change] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=list)  # start, index in `added`
    long: list[int] = field(default_factory=list)  # indices of those of more than `LONG` samples
    longest: int = 0  # samples of the others

    def add(self, patch: Change) -> None:
        """Add a patch."""
        length = patch.stop - patch.start
        if length > LONG:
            self.long.append(len(self.added))
        else:
            insort(self.starts, (patch.start, len(self.added)))
            self.longest = max(self.longest, length)
        self.added.append(patch)

    def near(self, start: int, stop: int) -> list[Change]:
        """Give all patches that may overlap a part, in the order in which they were added."""
        first = bisect_left(self.starts, (start - self.longest, 0))
        near = self.starts[first : bisect_left(self.starts, (stop, 0))]
        return [self.added[i] for i in sorted([*self.long, *(i for _, i in near)])]
