"""Repair and inspection of recordings as files of any length: little is read, little written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectramend.audio import (
    FileInfo,
    Patch,
    PatchReport,
    choose_target,
    inspect,
    read_part,
    write_patched,
)
from spectramend.detection import KINDS, Thresholds, detect_blocks
from spectramend.dictionary import Dictionary
from spectramend.errors import ParameterError
from spectramend.files import check_output
from spectramend.gaps import Method
from spectramend.jobs import Job, Mend, mend_regions
from spectramend.masks import Mask
from spectramend.nmf.solve import RngLike
from spectramend.regions import Region
from spectramend.restoration import Repair, check_no_method, checked_options, repair
from spectramend.stft import STFT

BEGINNING_S = 30.0  # of a recording whose cells a mask hides


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
    damage: Literal["auto", "missing", "occluded"] = "auto",
    dictionary: Dictionary | Sequence[Dictionary] | None = None,
    stft: STFT | None = None,
    context_s: float = 2.0,
    method: Method = "auto",
    keep_reliable: bool = False,
    subtype: str | None = None,
    allow_lossy: bool = False,
    salvage: bool = False,
    overwrite: bool = False,
    n_excerpts: int = 0,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    rng: RngLike = None,
) -> FileRepair:
    """Write a recording again with damaged regions, or the hidden cells of a mask, restored.

    Parameters
    ----------
    source : path-like or FileInfo
        The recording, or what `spectramend.audio.inspect` found of it.
    target : path-like
        The file to be written, which may be the recording itself; its ending chooses the container.
    damaged : Mask, Region or sequence of Region
        What to restore. A mask needs the whole recording in memory, regions their context only.
    damage : {"auto", "missing", "occluded"}
        What is wrong, see `spectramend.repair`.
    dictionary : Dictionary or sequence of Dictionary, optional
        How the target sounds.
    stft : STFT, optional
        The transform.
    context_s : float, > 0
        How much of the recording on either side of a region to look at, in seconds.
    method : {"auto", "hybrid", "ar", "janssen", "em_tf", "am", "am_to_em_tf"}
        How to fill gaps, regions over the whole band that are missing, see
        `spectramend.gaps.fill_gaps`. Other damage has one method each; a mask takes none.
    keep_reliable : bool
        Keep the reliable cells of a mask exactly.
    subtype : str, optional
        How to code samples, in libsndfile's words; as they are if None.
    allow_lossy : bool
        Whether every sample may change because the coding of `target` is lossy.
    salvage : bool
        Whether to repair what is there of a recording whose header promises more.
    overwrite : bool
        Whether an existing file may be replaced.
    n_excerpts : int, >= 0
        Of how many jobs to keep the samples before and after.
    progress : callable
        Called with what is being done, the number of regions done, and of all.
    rng : int, Generator or None
        Source of random starts.

    Returns
    -------
    FileRepair
        What was done.

    Raises
    ------
    ParameterError
        If regions or options cannot work, or the target cannot hold the result.
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
    info = source if isinstance(source, FileInfo) else inspect(source, salvage=salvage)
    # Before any work is done for it.
    check_output(target, overwrite=overwrite)
    choose_target(info, Path(target), subtype, allow_lossy=allow_lossy)
    voices = (dictionary,) if isinstance(dictionary, Dictionary) else tuple(dictionary or ())
    context = round(context_s * info.sr)
    if isinstance(damaged, Mask):
        check_no_method(method)
        x, fixed = _repair_all(info, damaged, damage, voices, stft, keep_reliable, rng)
        patches = _changes(x, fixed.samples)
        jobs = fixed.jobs
        excerpts = [
            _beginning(info, *channels) for channels in zip(x, fixed.samples, jobs, strict=True)
        ]
    else:
        regions = [damaged] if isinstance(damaged, Region) else list(damaged)
        options = checked_options(damage, context_s, stft, voices, method)
        mends = []
        total = len(regions)
        for mend in mend_regions(
            lambda start, stop: read_part(info, start, stop),
            regions,
            length=info.length,
            channels=info.channels,
            sr=info.sr,
            options=options,
            rng=np.random.default_rng(rng),
        ):
            mends.append(mend)
            progress(f"repaired {mend.job.regions[0]}", min(len(mends), total), total)
        patches = [Patch(m.job.channel - 1, m.job.start, m.samples) for m in mends]
        jobs = tuple(mend.job for mend in mends)
        # The target may be the recording itself: look before it is written.
        excerpts = [_excerpt(info, mend, mends, context) for mend in mends[:n_excerpts]]
    written = write_patched(
        info, target, patches, subtype=subtype, allow_lossy=allow_lossy, overwrite=overwrite
    )
    seconds = time.perf_counter() - started
    return FileRepair(info, jobs, written, tuple(excerpts[:n_excerpts]), seconds)


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

    regions = detect_blocks(
        lambda start, stop: read_part(info, start, stop),
        length=info.length,
        channels=info.channels,
        sr=info.sr,
        thresholds=thresholds or Thresholds(),
        kinds=kinds,
        progress=tell,
    )
    return info, regions


def _repair_all(
    info: FileInfo,
    mask: Mask,
    damage: Literal["auto", "missing", "occluded"],
    voices: tuple[Dictionary, ...],
    stft: STFT | None,
    keep_reliable: bool,
    rng: RngLike,
) -> tuple[NDArray[np.float64], Repair]:
    """Restore the hidden cells of a mask in all channels: samples before, and the repair."""
    x = read_part(info, 0, info.length)
    if not np.isfinite(x).all():
        raise ParameterError(
            f"{info.path}: has NaN or infinite samples, which a mask of cells cannot restore: mark "
            f"them as missing regions first."
        )
    fixed = repair(
        x,
        info.sr,
        mask,
        damage=damage,
        dictionary=voices,
        stft=stft,
        keep_reliable=keep_reliable,
        rng=rng,
    )
    return x, fixed


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


def _excerpt(info: FileInfo, mend: Mend, mends: list[Mend], context: int) -> Excerpt:
    """Take a job with its context, before and after."""
    start, stop = max(0, mend.job.start - context), min(info.length, mend.job.stop + context)
    before = np.nan_to_num(read_part(info, start, stop)[mend.job.channel - 1])
    after: NDArray[Any] = before.copy()
    for other in mends:
        first, last = max(start, other.job.start), min(stop, other.job.stop)
        if other.job.channel == mend.job.channel and first < last:
            offset = other.job.start
            after[first - start : last - start] = other.samples[first - offset : last - offset]
    return Excerpt(start, before, after, mend.job)
