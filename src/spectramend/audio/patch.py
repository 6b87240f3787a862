"""Samples that take the place of others, and recordings as they are with these."""

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
        The first sample that is replaced.
    samples : ndarray [shape=(n,), float64]
        What takes its place and that of those that follow, full scale at ±1.
    """

    channel: int
    start: int
    samples: NDArray[np.float64]

    @property
    def stop(self) -> int:
        """The first sample that stays."""
        return self.start + len(self.samples)


def overlay(x: NDArray[Any], start: int, patches: Iterable[Patch]) -> None:
    """Put the patches of a channel into a part of it, where they overlap the last one.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The part, which changes.
    start : int
        Its first sample in the recording.
    patches : iterable of Patch
        Patches of this channel.

    Examples
    --------
    >>> x = np.zeros(5)
    >>> overlay(x, 10, [Patch(0, 8, np.full(4, 1.0)), Patch(0, 11, np.full(2, 2.0))])
    >>> x.tolist()
    [1.0, 2.0, 2.0, 0.0, 0.0]
    """
    for patch in patches:
        first, last = max(start, patch.start), min(start + x.size, patch.stop)
        if first < last:
            x[first - start : last - start] = patch.samples[
                first - patch.start : last - patch.start
            ]


class PatchedSource:
    """A recording that is read as it is with its patches.

    Parameters
    ----------
    read : callable
        ``read(start, stop)`` gives samples of the recording [shape=(channels, stop - start)].
    length : int
        Samples of each channel.
    channels : int
        Number of channels.
    patches : sequence of Patch
        What takes the place of its samples; a later one covers an earlier one.
    """

    def __init__(
        self, read: Read, *, length: int, channels: int, patches: Sequence[Patch] = ()
    ) -> None:
        self.length = length
        self.channels = channels
        self._read = read
        self._patches = [_Patches() for _ in range(channels)]
        for patch in patches:
            self.add(patch)

    def add(self, patch: Patch) -> None:
        """Replace samples from now on."""
        self._patches[patch.channel].add(patch)

    def read(self, start: int, stop: int) -> NDArray[np.float64]:
        """Read all channels of a part [shape=(channels, stop - start)]."""
        x = np.array(self._read(start, stop), np.float64)
        for channel, patches in zip(x, self._patches, strict=True):
            overlay(channel, start, patches.within(start, stop))
        return x

    def read_channel(self, channel: int, start: int, stop: int) -> NDArray[np.float64]:
        """Read a part of one channel, from 0 [shape=(stop - start,)]."""
        x = np.array(self._read(start, stop)[channel], np.float64)
        overlay(x, start, self._patches[channel].within(start, stop))
        return x


@dataclass
class _Patches:
    """The patches of a channel, of which those near a part are found quickly."""

    added: list[Patch] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=list)  # first sample, place in `added`
    longest: int = 0

    def add(self, patch: Patch) -> None:
        """Add a patch."""
        insort(self.starts, (patch.start, len(self.added)))
        self.added.append(patch)
        self.longest = max(self.longest, len(patch.samples))

    def within(self, start: int, stop: int) -> list[Patch]:
        """Give all patches that may reach into a part, in the order in which they were added."""
        first = bisect_left(self.starts, (start - self.longest, 0))
        near = self.starts[first : bisect_left(self.starts, (stop, 0))]
        return [self.added[i] for i in sorted(i for _, i in near)]
