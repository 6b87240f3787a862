"""A recording that is coded again, piece by piece."""

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
from spectramend.audio.decoder import opened, reason
from spectramend.audio.output_format import Target
from spectramend.audio.patch import Patch, PatchedSource
from spectramend.audio.pcm import quantize
from spectramend.audio.reader import FileInfo, Reader, inspect, pieces
from spectramend.errors import AudioError, FileError, ParameterError

TEXT_ONLY = "Of what is not sound, only text tags such as title and artist are kept."


def encode_anew(
    info: FileInfo, temporary: Path, target: Path, patches: Sequence[Patch], choice: Target
) -> tuple[int, list[str]]:
    """Code a recording again with a few samples replaced.

    Parameters
    ----------
    info : FileInfo
        The recording.
    temporary, target : Path
        The file to write to, and the one that messages name.
    patches : sequence of Patch
        What to replace.
    choice : Target
        Container and coding.

    Returns
    -------
    clipped : int
        How many samples were limited to full scale.
    notes : list of str
        What a user should know, a sentence each.

    Raises
    ------
    AudioError
        If the recording cannot be decoded, or the target not be coded.
    FileError
        If not all of it was written.
    """
    if choice.container == info.container == "FLAC":
        with tempfile.NamedTemporaryFile(
            dir=temporary.parent, prefix=temporary.stem, suffix=".flac"
        ) as file:
            sound = Path(file.name)
            clipped, lost = _encode(info, sound, target, patches, choice)
            copied = copy_with_metadata(sound, info.path, temporary)
        notes = [] if copied else [TEXT_ONLY]
    else:
        clipped, lost = _encode(info, temporary, target, patches, choice)
        notes = [TEXT_ONLY]
    if lost:
        notes.append(f"{choice.container} has no place for these tags: {', '.join(lost)}.")
    if choice.subtype in EXACT:
        there = inspect(temporary, salvage=True).length
        if there != info.length:
            raise FileError(
                f"{target}: cannot be written as {choice.container} {choice.subtype}: only {there} "
                f"of {info.length} samples come back; write .wav."
            )
    return clipped, notes


def _encode(
    info: FileInfo, file: Path, target: Path, patches: Sequence[Patch], choice: Target
) -> tuple[int, list[str]]:
    """Code sound and text tags; count what is limited, and name tags that are lost."""
    clipped = 0
    with _writing(file, target, info, choice) as out, Reader(info, kept=0) as reader:
        lost = _copy_tags(info, out)
        source = PatchedSource(
            reader.read, length=info.length, channels=info.channels, patches=patches
        )
        for start, stop in pieces(0, info.length):
            clipped += _write(out, source.read(start, stop), choice.subtype, target)
    return clipped, lost


@contextmanager
def _writing(file: Path, target: Path, info: FileInfo, choice: Target) -> Iterator[Any]:
    """Open a file for libsndfile to write to; its errors become one line."""
    import soundfile

    try:
        with soundfile.SoundFile(
            file,
            "w",
            info.sr,
            info.channels,
            subtype=choice.subtype,
            format=choice.container,
        ) as stream:
            yield stream
    except (soundfile.SoundFileError, TypeError, AssertionError) as error:
        raise AudioError(f"{target}: cannot be written: {reason(error)}.") from None


def _write(out: Any, x: NDArray[np.float64], subtype: str, target: Path) -> int:
    """Write a piece; count what is limited to full scale."""
    if subtype in FLOATING:
        out.write(np.ascontiguousarray(x.T))
        return 0
    if np.isnan(x).any():
        raise ParameterError(
            f"{target}: {subtype} cannot hold the NaN samples that are left: repair them, or write "
            f"float."
        )
    # Whole numbers, so that libsndfile has nothing to round; it takes their upper bits.
    bits = bits_of(subtype)
    steps, clipped = quantize(x, bits)
    if subtype in ("ULAW", "ALAW"):
        steps = np.maximum(steps, 1 - (1 << (bits - 1)))  # libsndfile wraps the lowest step
    out.write(np.ascontiguousarray((steps << (32 - bits)).astype(np.int32).T))
    return clipped


def _copy_tags(info: FileInfo, out: Any) -> list[str]:
    """Copy title, artist and the like; name those for which there is no place."""
    try:
        with opened(info.path) as stream:
            tags = stream.copy_metadata()
    except AudioError:
        return []  # the samples were found without libsndfile, as those of a BW64 file
    return [name for name, text in tags.items() if not _is_set(out, name, text)]


def _is_set(out: Any, name: str, text: str) -> bool:
    """Set a tag, if the container has a place for it."""
    import soundfile

    try:
        setattr(out, name, text)
    except soundfile.SoundFileError:
        return False
    return True
