"""Repair of files, and detection of damage in them; of long ones only the context is read."""

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
    Change,
    FileInfo,
    Patch,
    PatchedSource,
    PatchReport,
    Reader,
    choose_output_format,
    inspect,
    read_part,
    write_patched,
)
from spectramend.core.files import check_output
from spectramend.core.intervals import runs
from spectramend.core.masks import Mask
from spectramend.core.regions import Region
from spectramend.detection import KINDS, Thresholds, detect_blocks
from spectramend.errors import ParameterError
from spectramend.nmf.solve import RngLike
from spectramend.restoration.damage import may_be_clipped
from spectramend.restoration.headroom import Room, turned_down
from spectramend.restoration.jobs import Job, jobs_in_common
from spectramend.restoration.options import (
    CellOptions,
    OutputOptions,
    RegionOptions,
    RepairOptions,
    cell_options,
    region_options,
)
from spectramend.restoration.pipeline import run_jobs
from spectramend.restoration.recording import by_channel, checked_regions, repair_cells

if TYPE_CHECKING:
    from typing_extensions import Unpack

LONGEST_EXCERPT_S = 30.0  # s; engineering choice: excerpts are held in memory


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A repaired part of a recording with its context, before and after, in all channels.

    Parameters
    ----------
    start : int
        Its first sample in the recording.
    before, after : ndarray [shape=(channels, n)]
        Samples before and after the repair.
    jobs : tuple of Job
        What was done: one job for each channel that was repaired there in the same way.
    gain : float
        What both were multiplied by, as the file that was written.
    """

    start: int
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    jobs: tuple[Job, ...]
    gain: float = 1.0


@dataclass(frozen=True, eq=False)
class FileRepair:
    """What was done to a file.

    Parameters
    ----------
    info : FileInfo
        The recording before the repair.
    jobs : tuple of Job
        What was done, channel by channel, in the order in which it was done.
    written : PatchReport
        How the file was written.
    excerpts : tuple of Excerpt
        The first repairs with their context; one for all channels that share it.
    seconds : float
        Duration of the repair.
    gain : float
        What all samples were multiplied by, so that peaks that had been clipped are within full
        scale; 1 if they were not.
    """

    info: FileInfo
    jobs: tuple[Job, ...]
    written: PatchReport
    excerpts: tuple[Excerpt, ...]
    seconds: float
    gain: float = 1.0


def repair_file(
    source: str | os.PathLike[str] | FileInfo,
    target: str | os.PathLike[str],
    damaged: Mask | Region | Sequence[Region],
    *,
    output: OutputOptions | None = None,
    n_excerpts: int = 0,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    rng: RngLike = None,
    **options: Unpack[RepairOptions],
) -> FileRepair:
    """Repair damaged regions, or the hidden cells of a mask, and write the recording.

    Parameters
    ----------
    source : path-like or FileInfo
        The recording, or the result of `spectramend.audio.inspect`, which with ``salvage=True``
        accepts a truncated one.
    target : path-like
        The file to be written, which may be the recording itself. Its extension selects the
        container.
    damaged : Mask, Region or sequence of Region
        What to repair. A mask needs the whole recording in memory, regions only their context.
    output : OutputOptions, optional
        How to write.
    n_excerpts : int, >= 0
        Number of excerpts that are kept, of the samples before and after.
    progress : callable
        Called with a description, the number of regions that are done, and their total.
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
        If regions or options are refused or do not apply, or the target cannot hold the result.
    MismatchError
        If recording, mask and dictionary do not fit together.
    AudioError
        If the recording cannot be decoded, or the result not be encoded.
    FileError
        If a file cannot be read or written.

    Notes
    -----
    Container and coding stay, and so does every sample outside the regions; of an uncompressed file
    every other byte, too. See `spectramend.audio.write_patched`. Where clipped regions are restored
    and exceed full scale, the whole recording is turned down by a gain, see `OutputOptions`.
    """
    started = time.perf_counter()
    output = output or OutputOptions()
    work: Callable[..., _Work]
    if isinstance(damaged, Mask):
        work = partial(_repair_cells, damaged, cell_options(options, damaged))
    else:
        work = partial(
            _repair_regions, checked_regions(damaged), region_options(options), progress=progress
        )
    info = source if isinstance(source, FileInfo) else inspect(source)
    # Refuse the target before the repair, which takes long.
    check_output(target, overwrite=output.overwrite)
    chosen = choose_output_format(
        info, Path(target), output.subtype, allow_lossy=output.allow_lossy
    )
    room = Room(chosen.subtype, output.headroom, str(target))
    done = work(info, n_excerpts=n_excerpts, rng=rng, room=room)
    written = write_patched(
        info,
        target,
        turned_down(done.patches, done.gain, length=info.length, channels=info.channels),
        subtype=output.subtype,
        allow_lossy=output.allow_lossy,
        overwrite=output.overwrite,
    )
    seconds = time.perf_counter() - started
    return FileRepair(info, done.jobs, written, done.excerpts, seconds, done.gain)


def detect_file(
    source: str | os.PathLike[str] | FileInfo,
    *,
    thresholds: Thresholds | None = None,
    kinds: Collection[str] = KINDS,
    salvage: bool = False,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> tuple[FileInfo, list[Region]]:
    """Detect damage in a recording of any length: its file, and regions labelled with their kind.

    `kinds` are those of `spectramend.detection.detect`; `salvage` accepts a truncated recording.
    `progress` is called with a description, the seconds that are done, and their total. Raises
    ParameterError for an unknown kind, AudioError or FileError if the recording cannot be read.
    """
    info = source if isinstance(source, FileInfo) else inspect(source, salvage=salvage)
    passes = 2  # over the recording
    total = round(passes * info.seconds)

    def show(samples: int) -> None:
        progress("looking for damage", round(samples / info.sr), total)

    with Reader(info) as reader:
        regions = detect_blocks(
            reader.read,
            length=info.length,
            channels=info.channels,
            sr=info.sr,
            thresholds=thresholds or Thresholds(),
            kinds=kinds,
            progress=show,
        )
    return info, regions


class _Work(NamedTuple):
    """The repaired samples of a file."""

    jobs: tuple[Job, ...]
    patches: Sequence[Change]
    excerpts: tuple[Excerpt, ...]
    gain: float = 1.0


def _repair_cells(
    mask: Mask, options: CellOptions, info: FileInfo, *, n_excerpts: int, rng: RngLike, room: Room
) -> _Work:
    """Repair the hidden cells of a mask in all channels."""
    room.check_applicable(False)
    x = read_part(info, 0, info.length)
    if not np.isfinite(x).all():
        raise ParameterError(
            f"{info.path}: has NaN or infinite samples, which hidden cells cannot repair: mark "
            f"them as missing regions first."
        )
    fixed = repair_cells(x, info.sr, mask, options=options, rng=rng)
    length = round(LONGEST_EXCERPT_S * info.sr)
    excerpt = Excerpt(0, x[:, :length], fixed.samples[:, :length], fixed.jobs)
    return _Work(fixed.jobs, _changes(x, fixed.samples), (excerpt,)[:n_excerpts])


def _repair_regions(
    regions: list[Region],
    options: RegionOptions,
    info: FileInfo,
    *,
    n_excerpts: int,
    progress: Callable[[str, int, int], None],
    rng: RngLike,
    room: Room,
) -> _Work:
    """Repair regions, of which only the context is read."""
    room.check_applicable(any(may_be_clipped(region, options.damage) for region in regions))
    with Reader(info) as reader:
        source = PatchedSource(reader.read, length=info.length, channels=info.channels)
        pairs = []
        for job, patch in run_jobs(
            source, regions, sr=info.sr, options=options, rng=np.random.default_rng(rng)
        ):
            pairs.append((job, patch))
            done = min(len(pairs), len(regions))
            progress(f"repaired {job.regions[0]}", done, len(regions))
        jobs, patches = by_channel(pairs)
        context = round(options.context_s * info.sr)
        # Peaks that clipping took have to fit; other repairs leave all else as it is.
        gain = room.gain(source) if any(job.damage == "clipped" for job in jobs) else 1.0
        groups = jobs_in_common(jobs)[:n_excerpts]
        excerpts = tuple(excerpt_of(reader, source, group, context, gain) for group in groups)
    return _Work(jobs, patches, excerpts, gain)


def _changes(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[Patch]:
    """Make a patch of each run of samples that changed [shape=(channels, n)]."""
    return [
        Patch(number, int(start), new[start:stop])
        for number, (old, new) in enumerate(zip(x, y, strict=True))
        for start, stop in runs(old != new)
    ]


def excerpt_of(
    reader: Reader, source: PatchedSource, jobs: tuple[Job, ...], context: int, gain: float = 1.0
) -> Excerpt:
    """Cut jobs of the same regions with their context, before and after, both times a gain."""
    longest = max(1, round(LONGEST_EXCERPT_S * reader.info.sr))
    context = min(context, longest // 4)  # so that the beginning of the repair is in the excerpt
    start, stop = max(0, jobs[0].start - context), min(source.length, jobs[0].stop + context)
    stop = min(stop, start + longest)
    before, after = reader.read(start, stop), source.read(start, stop)
    before, after = (gain * np.nan_to_num(x) for x in (before, after))
    return Excerpt(start, before, after, jobs, gain)
