"""Repair and inspection of recordings as files of any length: little is read, little written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import (
    FileInfo,
    Patch,
    PatchedSource,
    PatchReport,
    Reader,
    choose_target,
    inspect,
    read_part,
    write_patched,
)
from spectramend.core.files import check_output
from spectramend.core.masks import Mask
from spectramend.core.regions import Region
from spectramend.detection import KINDS, Thresholds, detect_blocks
from spectramend.errors import ParameterError
from spectramend.nmf.solve import RngLike
from spectramend.restoration.pipeline import mend_regions
from spectramend.restoration.recording import by_channel, checked_regions, repair_cells
from spectramend.restoration.types import (
    CellOptions,
    Job,
    RegionOptions,
    RepairOptions,
    cell_options,
    region_options,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

BEGINNING_S = 30.0  # of a recording whose cells a mask hides


@dataclass(frozen=True)
class OutputOptions:
    """How to write a repaired recording.

    Parameters
    ----------
    subtype : str, optional
        How to code samples, in libsndfile's words; as they are if None.
    allow_lossy : bool
        Whether every sample may change because the coding of the target is lossy.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ParameterError
        If a value has another type.
    """

    subtype: str | None = None
    allow_lossy: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.subtype, str | None):
            raise ParameterError(f"subtype={self.subtype!r}: give a name such as 'PCM_16'.")
        for name in ("allow_lossy", "overwrite"):
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(f"{name}={getattr(self, name)!r}: give True or False.")


@dataclass(frozen=True)
class Excerpt:
    """A repaired part of a recording with its context, before and after.

    Parameters
    ----------
    start : int
        Its first sample in the recording.
    before : ndarray [shape=(n,)]
        The channel as it was.
    after : ndarray [shape=(n,)]
        The channel as it is.
    job : Job
        What was done.
    """

    start: int
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    job: Job


@dataclass(frozen=True)
class FileRepair:
    """What was done to a file.

    Parameters
    ----------
    info : FileInfo
        The recording as it was.
    jobs : tuple of Job
        What was done, in the order in which it was done.
    written : PatchReport
        How it was written.
    excerpts : tuple of Excerpt
        The first jobs with their context.
    seconds : float
        How long it took.
    """

    info: FileInfo
    jobs: tuple[Job, ...]
    written: PatchReport
    excerpts: tuple[Excerpt, ...]
    seconds: float


def repair_file(
    source: str | os.PathLike[str] | FileInfo,
    target: str | os.PathLike[str],
    damaged: Mask | Region | Sequence[Region],
    *,
    output: OutputOptions = OutputOptions(),
    n_excerpts: int = 0,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    rng: RngLike = None,
    **options: Unpack[RepairOptions],
) -> FileRepair:
    """Write a recording again with damaged regions, or the hidden cells of a mask, restored.

    Parameters
    ----------
    source : path-like or FileInfo
        The recording, or what `spectramend.audio.inspect` found of it: with ``salvage=True`` also
        of one whose header promises more than there is.
    target : path-like
        The file to be written, which may be the recording itself; its ending chooses the container.
    damaged : Mask, Region or sequence of Region
        What to restore. A mask needs the whole recording in memory, regions their context only.
    output : OutputOptions
        How to write.
    n_excerpts : int, >= 0
        Of how many jobs to keep the samples before and after.
    progress : callable
        Called with what is being done, the number of regions done, and of all.
    rng : int, Generator or None
        Source of random starts.
    **options : RepairOptions
        Those of `spectramend.repair`.

    Returns
    -------
    FileRepair
        What was done.

    Raises
    ------
    ParameterError
        If regions or options cannot work or do not apply, or the target cannot hold the result.
    MismatchError
        If recording, mask and dictionary do not fit together.
    AudioError
        If the recording cannot be used or the result not be coded.
    FileError
        If a file cannot be read or written.

    Notes
    -----
    The same container and coding come out, and every sample outside the regions bit for bit; of an
    uncompressed file every other byte, too. See `spectramend.audio.write_patched`.
    """
    started = time.perf_counter()
    work: Callable[..., _Work]
    if isinstance(damaged, Mask):
        work = partial(_repair_cells, damaged, cell_options(options, damaged))
    else:
        work = partial(
            _repair_regions, checked_regions(damaged), region_options(options), progress=progress
        )
    info = source if isinstance(source, FileInfo) else inspect(source)
    # Before any work is done for it.
    check_output(target, overwrite=output.overwrite)
    choose_target(info, Path(target), output.subtype, allow_lossy=output.allow_lossy)
    done = work(info, n_excerpts=n_excerpts, rng=rng)
    written = write_patched(
        info,
        target,
        done.patches,
        subtype=output.subtype,
        allow_lossy=output.allow_lossy,
        overwrite=output.overwrite,
    )
    seconds = time.perf_counter() - started
    return FileRepair(info, done.jobs, written, done.excerpts, seconds)


def detect_file(
    source: str | os.PathLike[str] | FileInfo,
    *,
    thresholds: Thresholds | None = None,
    kinds: Collection[str] = KINDS,
    salvage: bool = False,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> tuple[FileInfo, list[Region]]:
    """Find damage in a recording of any length.

    Parameters
    ----------
    source : path-like or FileInfo
        The recording, or what `spectramend.audio.inspect` found of it.
    thresholds : Thresholds, optional
        What counts as damage.
    kinds : collection of str
        Which damage to look for, see `spectramend.detection.detect`.
    salvage : bool
        Whether to look at what is there of a recording whose header promises more.
    progress : callable
        Called with what is being done, the seconds done, and of all.

    Returns
    -------
    info : FileInfo
        The recording.
    regions : list of Region
        The damage, labelled with its kind.

    Raises
    ------
    ParameterError
        If a kind is unknown.
    AudioError
        If the recording cannot be used.
    FileError
        If it cannot be read.
    """
    info = source if isinstance(source, FileInfo) else inspect(source, salvage=salvage)
    passes = 2  # over the recording
    total = round(passes * info.seconds)

    def tell(samples: int) -> None:
        progress("looking for damage", round(samples / info.sr), total)

    with Reader(info) as reader:
        regions = detect_blocks(
            reader.read,
            length=info.length,
            channels=info.channels,
            sr=info.sr,
            thresholds=thresholds or Thresholds(),
            kinds=kinds,
            progress=tell,
        )
    return info, regions


class _Work(NamedTuple):
    """What was done to the samples of a file."""

    jobs: tuple[Job, ...]
    patches: list[Patch]
    excerpts: tuple[Excerpt, ...]


def _repair_cells(
    mask: Mask, options: CellOptions, info: FileInfo, *, n_excerpts: int, rng: RngLike
) -> _Work:
    """Restore the hidden cells of a mask in all channels."""
    x = read_part(info, 0, info.length)
    if not np.isfinite(x).all():
        raise ParameterError(
            f"{info.path}: has NaN or infinite samples, which a mask of cells cannot restore: mark "
            f"them as missing regions first."
        )
    fixed = repair_cells(x, info.sr, mask, options=options, rng=rng)
    excerpts = [
        _beginning(info, *parts) for parts in zip(x, fixed.samples, fixed.jobs, strict=True)
    ]
    return _Work(fixed.jobs, _changes(x, fixed.samples), tuple(excerpts[:n_excerpts]))


def _repair_regions(
    regions: list[Region],
    options: RegionOptions,
    info: FileInfo,
    *,
    n_excerpts: int,
    progress: Callable[[str, int, int], None],
    rng: RngLike,
) -> _Work:
    """Restore regions from their context."""
    with Reader(info) as reader:
        source = PatchedSource(reader.read, length=info.length, channels=info.channels)
        pairs = []
        for job, patch in mend_regions(
            source, regions, sr=info.sr, options=options, rng=np.random.default_rng(rng)
        ):
            pairs.append((job, patch))
            done = min(len(pairs), len(regions))
            progress(f"repaired {job.regions[0]}", done, len(regions))
        jobs, patches = by_channel(pairs)
        context = round(options.context_s * info.sr)
        excerpts = tuple(_excerpt(reader, source, job, context) for job in jobs[:n_excerpts])
    return _Work(jobs, patches, excerpts)


def _changes(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[Patch]:
    """Find the runs of samples that changed."""
    patches = []
    for number, (old, new) in enumerate(zip(x, y, strict=True)):
        changed = np.flatnonzero(old != new)
        runs = np.split(changed, np.flatnonzero(np.diff(changed) > 1) + 1)
        patches += [Patch(number, int(run[0]), new[run]) for run in runs if run.size]
    return patches


def _beginning(
    info: FileInfo, before: NDArray[np.float64], after: NDArray[np.float64], job: Job
) -> Excerpt:
    """Take the beginning of a channel, before and after."""
    length = round(BEGINNING_S * info.sr)
    return Excerpt(0, before[:length], after[:length], job)


def _excerpt(reader: Reader, source: PatchedSource, job: Job, context: int) -> Excerpt:
    """Take a job with its context, before and after."""
    start, stop = max(0, job.start - context), min(source.length, job.stop + context)
    before = reader.read(start, stop)[job.channel]
    after = source.read_channel(job.channel, start, stop)
    return Excerpt(start, np.nan_to_num(before), np.nan_to_num(after), job)
