"""The result of a repair in memory: samples, jobs, and what was there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import Change, overlay
from spectramend.core.given_arrays import GivenSamples
from spectramend.inpainting.pipeline import Inpainting
from spectramend.restoration.jobs import Job, job_boxes, job_text


class Replaced(NamedTuple):
    """Samples [shape=(n,)] of a channel, from 0, that a repair replaced, of the recording's type.

    `start` is the first one.
    """

    channel: int
    start: int
    samples: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Repair:
    """A repaired recording and what was done.

    Parameters
    ----------
    samples : ndarray [shape=(n,) or (channels, n)]
        The recording, of the shape, the type and the scale that it came in. In a masked array the
        samples that are still missing are masked.
    sr : int
        Sample rate in Hz.
    jobs : tuple of Job
        What was done, channel by channel, in the order in which it was done.
    channels : tuple of Inpainting
        The result for each channel, where a mask was given.
    replaced : tuple of Replaced
        The samples that were there before.

    Examples
    --------
    >>> import spectramend as sm
    >>> x = np.sin(0.3 * np.arange(8000))
    >>> x[4000:4040] = 0
    >>> fixed = sm.repair(x, 8000, sm.Region(0.5, 0.505))
    >>> bool((fixed.before == x).all()), bool((fixed.before - fixed.removed == fixed.samples).all())
    (True, True)
    """

    samples: NDArray[Any]
    sr: int
    jobs: tuple[Job, ...] = ()
    channels: tuple[Inpainting, ...] = ()
    replaced: tuple[Replaced, ...] = ()

    @property
    def before(self) -> NDArray[Any]:
        """The recording as it came [shape=(n,) or (channels, n)]."""
        recording = self.samples.copy()
        rows = recording.reshape(-1, recording.shape[-1])
        for channel, start, samples in self.replaced:
            rows[channel, start : start + samples.size] = samples
        return recording

    @property
    def removed(self) -> NDArray[np.float64]:
        """What was taken away: before minus after [shape=(n,) or (channels, n)], on the ±1 scale.

        It is 0 where samples were missing.
        """
        before, after = _unit_scale(self.before), _unit_scale(self.samples)
        return np.nan_to_num(before - after).reshape(self.samples.shape)

    def _repr_html_(self) -> str:
        """Show players and spectrograms of before and after in Jupyter, with the regions drawn."""
        from spectramend.display.before_after import before_after_html

        return before_after_html(
            np.nan_to_num(_unit_scale(self.before)),
            np.nan_to_num(_unit_scale(self.samples)),
            self.sr,
            boxes=[box for job in self.jobs for box in job_boxes(job, self.sr)],
            facts=[job_text(job) for job in self.jobs],
        )


def repaired(
    given: GivenSamples,
    sr: int,
    jobs: Sequence[Job],
    patches: Sequence[Change],
    results: Sequence[Inpainting] = (),
) -> Repair:
    """Put patches into samples, on their own scale; a later patch holds where two overlap."""
    before, samples = given.channels, given.copy()
    values, missing = np.ma.getdata(samples), np.ma.getmaskarray(samples)
    replaced = []
    for patch in patches:
        where = patch.channel, slice(patch.start, patch.stop)
        replaced.append(Replaced(patch.channel, patch.start, before[where].copy()))
        x = _unit_scale(np.ma.array(values[where], mask=missing[where]))[0]
        overlay(x, patch.start, [patch])
        values[where] = given.on_own_scale(x, values[where])
        missing[where] = np.isnan(x)
    if isinstance(samples, np.ma.MaskedArray):
        samples = np.ma.array(values, mask=missing)
    result = samples.reshape(given.values.shape)
    return Repair(result, sr, tuple(jobs), tuple(results), tuple(replaced))


def _unit_scale(x: NDArray[Any]) -> NDArray[np.float64]:
    """Convert a recording to the ±1 scale, NaN where samples are masked [shape=(channels, n)]."""
    return GivenSamples(x).read(0, x.shape[-1])
