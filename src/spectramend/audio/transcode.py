"""A recording with patches is coded again, piece by piece."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.audio.codings import EXACT, FLOATING, bits_of
from spectramend.audio.containers import copy_with_metadata
from spectramend.audio.decoder import opened, pieces, reason
from spectramend.audio.file_info import FileInfo, inspect
from spectramend.audio.output_format import OutputFormat
from spectramend.audio.patch import Change, PatchedSource
from spectramend.audio.pcm import quantize
from spectramend.audio.reader import Reader
from spectramend.errors import AudioError, FileError, ParameterError

TEXT_ONLY = "Of what is not sound, only text tags such as title and artist are kept."


def reencode(
    info: FileInfo, temporary: Path, target: Path, patches: Sequence[Change], chosen: OutputFormat
) -> tuple[int, list[str]]:
    """Code a recording with patches to the file `temporary`; messages name the file `target`.

    Returns how many samples were clipped to full scale, and notes for the user. Raises AudioError
    if the recording cannot be decoded or coded, FileError if not all of it was written.
    """
    if chosen.container == info.container == "FLAC":
        with tempfile.NamedTemporaryFile(
            dir=temporary.parent, prefix=temporary.stem, suffix=".flac"
        ) as file:
            sound = Path(file.name)
            clipped, lost_tags = _encode(info, sound, target, patches, chosen)
            copied = copy_with_metadata(sound, info.path, temporary)
        notes = [] if copied else [TEXT_ONLY]
    else:
        clipped, lost_tags = _encode(info, temporary, target, patches, chosen)
        notes = [TEXT_ONLY]
    if lost_tags:
        notes.append(f"{chosen.container} has no place for these tags: {', '.join(lost_tags)}.")
    if chosen.subtype in EXACT:
        length = inspect(temporary, salvage=True).length
        if length != info.length:
            raise FileError(
                f"{target}: cannot be written as {chosen.container} {chosen.subtype}: only "
                f"{length} of {info.length} samples come back; write .wav."
            )
    return clipped, notes


def _encode(
    info: FileInfo, file: Path, target: Path, patches: Sequence[Change], chosen: OutputFormat
) -> tuple[int, list[str]]:
    """Code samples and text tags; count clipped samples, and name tags that are lost."""
    clipped = 0
    with _writing(file, target, info, chosen) as out, Reader(info, cache_size=0) as reader:
        lost_tags = _copy_tags(info, out)
        source = PatchedSource(
            reader.read, length=info.length, channels=info.channels, patches=patches
        )
        for start, stop in pieces(0, info.length):
            clipped += _write(out, source.read(start, stop), chosen.subtype, target)
    return clipped, lost_tags


@contextmanager
def _writing(file: Path, target: Path, info: FileInfo, chosen: OutputFormat) -> Iterator[Any]:
    """Open a file for libsndfile to write to; its errors become one line."""
    import soundfile

    coding = {"subtype": chosen.subtype, "format": chosen.container}
    try:
        with soundfile.SoundFile(file, "w", info.sr, info.channels, **coding) as stream:
            yield stream
    except (soundfile.SoundFileError, TypeError, AssertionError) as error:
        raise AudioError(f"{target}: cannot be written: {reason(error)}.") from None


def _write(out: Any, x: NDArray[np.float64], subtype: str, target: Path) -> int:
    """Write a piece [shape=(channels, n)]; count the samples that are clipped."""
    if subtype in FLOATING:
        out.write(np.ascontiguousarray(x.T))
        return 0
    if np.isnan(x).any():
        raise ParameterError(
            f"{target}: {subtype} cannot hold the NaN samples that are left: repair them, or write "
            f"float."
        )
    # Integers, so that libsndfile has nothing to round; it takes their upper bits.
    bits = bits_of(subtype)
    steps, clipped = quantize(x, bits)
    if subtype in ("ULAW", "ALAW"):
        steps = np.maximum(steps, 1 - (1 << (bits - 1)))  # libsndfile wraps the lowest step
    out.write(np.ascontiguousarray((steps << (32 - bits)).astype(np.int32).T))
    return clipped


def _copy_tags(info: FileInfo, out: Any) -> list[str]:
    """Copy title, artist and the like; name those for which the container has no place."""
    try:
        with opened(info.path) as stream:
            tags = stream.copy_metadata()
    except AudioError:
        return []  # only its header was read without libsndfile, as that of a BW64 file
    return [name for name, text in tags.items() if not _is_set(out, name, text)]


def _is_set(out: Any, name: str, text: str) -> bool:
    """Set a tag; return whether the container has a place for it."""
    import soundfile

    try:
        setattr(out, name, text)
    except soundfile.SoundFileError:
        return False
    return True
