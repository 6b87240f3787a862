"""Declipping and dequantization of files of any length, of which only parts are in memory."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spectramend.audio import (
    Change,
    FileInfo,
    PatchedSource,
    Reader,
    choose_output_format,
    inspect,
    write_patched,
)
from spectramend.audio.codings import CODINGS
from spectramend.core.files import check_output
from spectramend.errors import ParameterError
from spectramend.nmf.solve import RngLike
from spectramend.restoration.bounded_options import (
    ChannelRestoration,
    DeclipKeywords,
    DeclipOptions,
    DequantizeKeywords,
    DequantizeOptions,
    Progress,
    drawn_seed,
)
from spectramend.restoration.bounded_parts import restored
from spectramend.restoration.headroom import Room, turned_down
from spectramend.restoration.jobs import Job, jobs_in_common
from spectramend.restoration.options import OutputOptions
from spectramend.restoration.part_store import PartStore
from spectramend.restoration.recording_files import FileRepair, excerpt_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

EXCERPT_CONTEXT_S = 1.0  # s on either side of an excerpt; engineering choice
FINE = "PCM_24"  # coding of what was restored from fewer bits, if integers are wanted
FINE_BITS = 24  # bits of it


@dataclass(frozen=True, eq=False)
class FileRestoration(FileRepair):
    """What was done to a file that was declipped or dequantized.

    Parameters
    ----------
    info : FileInfo
        The recording before.
    jobs : tuple of Job
        What was done, part by part, in the order of time.
    written : PatchReport
        How the file was written.
    excerpts : tuple of Excerpt
        The loudest parts with their context, on the scale of the file that was written.
    seconds : float
        How long it took.
    gain : float
        What all samples were multiplied by, so that they are within full scale; 1 if they were not.
    channels : tuple of ChannelRestoration
        Level, share of restored samples, and status of each channel.
    """

    channels: tuple[ChannelRestoration, ...] = ()


def declip_file(
    source: str | os.PathLike[str] | FileInfo,
    target: str | os.PathLike[str],
    *,
    output: OutputOptions | None = None,
    n_excerpts: int = 0,
    progress: Progress = lambda name, done, total: None,
    rng: RngLike = 0,
    **options: Unpack[DeclipKeywords],
) -> FileRestoration:
    """Restore the peaks of a recording that clipping took, and write it.

    Parameters
    ----------
    source : path-like or FileInfo
        The recording, or the result of `spectramend.audio.inspect`.
    target : path-like
        The file to be written, which may be the recording itself. Its extension selects the
        container.
    output : OutputOptions, optional
        How to write; its ``headroom`` says whether the recording may be turned down.
    n_excerpts : int, >= 0
        Number of excerpts that are kept, of the samples before and after.
    progress : callable
        Called with a description, what is done, and the total.
    rng : int, Generator or None
        Source of random starts.
    **options : DeclipKeywords
        Those of `spectramend.declip`.

    Returns
    -------
    FileRestoration
        What was done.

    Raises
    ------
    ParameterError
        If levels, regions or options are refused, or the target cannot hold the result.
    AudioError
        If the recording cannot be decoded, or the result not be encoded.
    FileError
        If a file cannot be read or written.
    TypeError
        If there is no such option.

    See Also
    --------
    declip : The same for arrays.

    Notes
    -----
    The samples are those of `declip`. Parts of some seconds are in memory at once; restored ones
    wait in a temporary file beside the target, with 8 bytes a sample.
    """
    return _restored_file(
        source, target, DeclipOptions(**options), output, n_excerpts, progress, rng
    )


def dequantize_file(
    source: str | os.PathLike[str] | FileInfo,
    target: str | os.PathLike[str],
    bits: int,
    *,
    output: OutputOptions | None = None,
    n_excerpts: int = 0,
    progress: Progress = lambda name, done, total: None,
    rng: RngLike = 0,
    **options: Unpack[DequantizeKeywords],
) -> FileRestoration:
    """Restore samples that were rounded to a few bits, and write the recording.

    Parameters
    ----------
    source : path-like or FileInfo
        The recording, or the result of `spectramend.audio.inspect`.
    target : path-like
        The file to be written. Its extension selects the container; a recording of integers
        becomes one of 24 bits, unless ``output`` names a coding.
    bits : int
        Bits of a sample as it was quantized, 2 to 24.
    output : OutputOptions, optional
        How to write, as for `declip_file`.
    n_excerpts : int, >= 0
        Number of excerpts that are kept.
    progress : callable
        Called with a description, what is done, and the total.
    rng : int, Generator or None
        Source of random starts.
    **options : DequantizeKeywords
        Those of `spectramend.dequantize`.

    Returns
    -------
    FileRestoration
        What was done.

    Raises
    ------
    ParameterError
        If bits, regions or options are refused, or the target has no finer steps.
    AudioError
        If the recording cannot be decoded, or the result not be encoded.
    FileError
        If a file cannot be read or written.
    TypeError
        If there is no such option.

    See Also
    --------
    dequantize : The same for arrays.
    """
    chosen = DequantizeOptions(**options, bits=bits)
    return _restored_file(source, target, chosen, output, n_excerpts, progress, rng)


def _restored_file(
    source: str | os.PathLike[str] | FileInfo,
    target: str | os.PathLike[str],
    options: DeclipOptions | DequantizeOptions,
    output: OutputOptions | None,
    n_excerpts: int,
    progress: Progress,
    rng: RngLike,
) -> FileRestoration:
    """Restore what the options say, and write the file."""
    started = time.perf_counter()
    output = output or OutputOptions()
    info = source if isinstance(source, FileInfo) else inspect(source)
    target = Path(target)
    check_output(target, overwrite=output.overwrite)
    if isinstance(options, DequantizeOptions):
        output = replace(output, subtype=_fine_subtype(info, target, output, options.bits))
    chosen = choose_output_format(info, target, output.subtype, allow_lossy=output.allow_lossy)
    with Reader(info) as reader, PartStore(target.absolute().parent) as store:
        recording = PatchedSource(reader.read, length=info.length, channels=info.channels)
        planned = options.plan(recording, info.sr, drawn_seed(rng), progress)
        jobs: list[Job] = []
        peaks: dict[int, float] = {}
        changes: list[Change] = []
        for part, y in restored(reader.read, planned.restorable, planned.parts):
            jobs.append(planned.job(part))
            peaks[id(jobs[-1])] = float(np.abs(y).max())
            changes.append(store.add(part.channel, part.segment.start, y))
            recording.add(changes[-1])
            progress("restoring", len(jobs), len(planned.parts))
        gain = 1.0
        if changes:
            gain = Room(chosen.subtype, output.headroom, str(target)).gain(recording)
        loudest = _loudest(jobs, peaks, n_excerpts)
        context = round(EXCERPT_CONTEXT_S * info.sr)
        excerpts = tuple(excerpt_of(reader, recording, own, context, gain) for own in loudest)
        written = write_patched(
            info,
            target,
            turned_down(changes, gain, length=info.length, channels=info.channels),
            subtype=output.subtype,
            allow_lossy=output.allow_lossy,
            overwrite=output.overwrite,
        )
    seconds = time.perf_counter() - started
    return FileRestoration(info, tuple(jobs), written, excerpts, seconds, gain, planned.channels)


def _loudest(jobs: list[Job], peaks: dict[int, float], count: int) -> list[tuple[Job, ...]]:
    """Choose the jobs with the highest peaks, those of several channels together, by time."""
    groups = jobs_in_common(jobs)
    groups.sort(key=lambda own: -max(peaks[id(job)] for job in own))
    return sorted(groups[:count], key=lambda own: own[0].start)


def _fine_subtype(info: FileInfo, target: Path, output: OutputOptions, bits: int) -> str | None:
    """Choose a coding that holds what lies between the steps of `bits` bits."""
    own = CODINGS.get(info.subtype)
    if output.subtype is not None:
        given = CODINGS.get(output.subtype)
        if given is not None and given.kind != "float" and given.bits <= bits:
            raise ParameterError(
                f"{target}: {output.subtype} has no finer steps than {bits} bits: leave the coding "
                f"out, or write FLOAT."
            )
        return output.subtype
    if own is None or own.kind == "float" or own.bits > FINE_BITS or bits >= FINE_BITS:
        return None
    return FINE
