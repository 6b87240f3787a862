"""Write a recording with patches: in place where its bytes allow that, else coded again."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spectramend.audio.containers import Layout
from spectramend.audio.decoder import PIECE
from spectramend.audio.file_info import FileInfo
from spectramend.audio.output_format import choose_output_format
from spectramend.audio.patch import Change, Patch
from spectramend.audio.pcm import decode, encode
from spectramend.audio.transcode import reencode
from spectramend.core.files import atomic_file, check_input
from spectramend.errors import AudioError, ParameterError


@dataclass(frozen=True)
class PatchReport:
    """How a file was written.

    Parameters
    ----------
    clipped : int
        Samples of the patches, or of all that was coded again, that were limited to full scale.
    container, subtype : str
        Container and coding, as libsndfile names them.
    notes : tuple of str
        What a user should know, a sentence each.
    """

    clipped: int
    container: str
    subtype: str
    notes: tuple[str, ...]


def write_patched(
    info: FileInfo,
    target: str | os.PathLike[str],
    patches: Sequence[Change],
    *,
    subtype: str | None = None,
    allow_lossy: bool = False,
    overwrite: bool = False,
) -> PatchReport:
    """Write a recording with patches, atomically.

    Parameters
    ----------
    info : FileInfo
        The recording, from `inspect`.
    target : path-like
        The file to be written, which may be the recording itself; its extension selects the
        container.
    patches : sequence of Patch or Change
        What to replace; where patches overlap, the last one holds.
    subtype : str, optional
        Coding of the samples, as libsndfile names it; that of the recording if None.
    allow_lossy : bool
        Whether every sample may change because the coding of the target is lossy.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    PatchReport
        How it was written.

    Raises
    ------
    ParameterError
        If a patch does not fit the recording or is not finite, or the target cannot hold it.
    AudioError
        If the recording cannot be decoded, or the target not be coded.
    FileError
        If the recording does not exist any more, or the target exists or cannot be written.

    Notes
    -----
    An uncompressed recording that keeps its container and coding is copied, and only the bytes of
    the patches change. FLAC is coded again with its own metadata blocks but the seek table,
    everything else with its text tags. What is decoded from a lossy file is written as float, which
    holds it exactly, or as 24 bits in FLAC.
    """
    target = Path(target)
    check_input(info.path)
    _check(info, patches)
    chosen = choose_output_format(info, target, subtype, allow_lossy=allow_lossy)
    notes = list(chosen.notes)
    with atomic_file(target, overwrite=overwrite) as temporary:
        if chosen.in_place:
            assert info.layout is not None
            shutil.copyfile(info.path, temporary)
            with temporary.open("r+b") as stream:
                clipped = sum(_patch_in_place(stream, info.layout, patch) for patch in patches)
                if info.truncated:
                    _correct_sizes(stream, info.layout)
                    notes.append("The header now says how many samples there are.")
        else:
            clipped, more = reencode(info, temporary, target, patches, chosen)
            notes += more
    return PatchReport(clipped, chosen.container, chosen.subtype, tuple(notes))


def _check(info: FileInfo, patches: Sequence[Change]) -> None:
    """Refuse patches that do not fit a recording."""
    for patch in patches:
        if isinstance(patch, Patch) and patch.samples.ndim != 1:
            raise ParameterError(f"a patch has shape {patch.samples.shape}: one channel at a time.")
        if not 0 <= patch.channel < info.channels:
            raise ParameterError(
                f"a patch names channel {patch.channel} of 0 to {info.channels - 1}."
            )
        if not 0 <= patch.start <= patch.stop <= info.length:
            raise ParameterError(
                f"a patch of samples {patch.start} to {patch.stop} is not in {info.path}, which "
                f"has {info.length}."
            )
        if isinstance(patch, Patch) and not np.isfinite(patch.samples).all():
            raise ParameterError("a patch has NaN or infinite samples: not written.")


def _patch_in_place(stream: BinaryIO, layout: Layout, patch: Change) -> int:
    """Replace the bytes of a patch in an uncompressed file; count clipped samples.

    `patch.overlay` does this for decoded samples. Here bytes are replaced, so that those around
    the patch are never decoded and stay as they are, NaN with a payload and both zeros of µ-law
    included; and so do those of samples that are the same after it.
    """
    clipped = 0
    for start in range(patch.start, patch.stop, PIECE):
        stop = min(start + PIECE, patch.stop)
        place = layout.offset + start * layout.frame
        stream.seek(place)
        raw = bytearray(stream.read((stop - start) * layout.frame))
        if len(raw) != (stop - start) * layout.frame:
            raise AudioError(f"the recording ends before sample {patch.stop}: it was changed.")
        table = np.frombuffer(raw, np.uint8).reshape(-1, layout.channels, layout.width)
        bytes_there = table[:, patch.channel].tobytes()
        x = decode(bytes_there, layout.subtype, layout.big_endian)
        samples = patch.samples_between(start, stop, x)
        changed = (samples != x) & ~(np.isnan(samples) & np.isnan(x))
        content, beyond = encode(samples[changed], layout.subtype, layout.big_endian)
        table[changed, patch.channel] = content
        stream.seek(place)
        stream.write(raw)
        clipped += beyond
    return clipped


def _correct_sizes(stream: BinaryIO, layout: Layout) -> None:
    """Let a truncated file end with its last whole sample, and its header declare that size."""
    end = layout.offset + layout.length
    stream.truncate(end)
    stream.seek(end)
    padded = end + end % 2
    stream.write(bytes(padded - end))
    ends = {"file": padded, "data": end, "frames": layout.frames}
    for field in layout.sizes:
        stream.seek(field.place)
        stream.write(struct.pack(field.code, ends[field.what] - field.before))
