"""What a recording holds, without reading its samples."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectramend.audio.codings import LOSSLESS
from spectramend.audio.containers import FlacSpan, Layout, find_layout, find_span
from spectramend.audio.decoder import PIECE, opened, read_samples, seek_from_start
from spectramend.audio.media import NAMES, MediaStream
from spectramend.core.files import check_input
from spectramend.errors import AudioError, FileError

UNKNOWN_LENGTH = 1 << 36  # samples; FLAC's number of samples has 36 bits (RFC 9639, section 8.2)
SHORT_PIECE = 64  # samples; engineering choice: what a decoder may lose at the end of a file
_SALVAGE = "take what is there (--salvage, salvage=True)"


@dataclass(frozen=True)
class FileInfo:
    """What a recording holds.

    Parameters
    ----------
    path : Path
        The file.
    sr, channels : int
        Sample rate in Hz, and number of channels.
    length : int
        Samples of each channel that are in the file.
    container, subtype : str
        Container and coding, as libsndfile names them: "WAV", "RF64", "AIFF", "FLAC", "MP3", ...;
        "PCM_16", ..., "FLOAT", "VORBIS", ...
    lossy : bool
        Whether coding again changes samples; that of µ-law and A-law does not.
    truncated : bool
        Whether the header declares more samples than the file holds.
    layout : Layout, optional
        Where uncompressed samples are.
    span : FlacSpan, optional
        Where the samples of a FLAC file are whose header does not say so.
    """

    path: Path
    sr: int
    channels: int
    length: int
    container: str
    subtype: str
    lossy: bool
    truncated: bool
    layout: Layout | None = None
    span: FlacSpan | None = None

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.length / self.sr


def inspect(path: str | os.PathLike[str], *, salvage: bool = False) -> FileInfo:
    """Inspect a recording, without reading its samples.

    Parameters
    ----------
    path : path-like
        The file, in any format that libsndfile reads; with the extra ``media`` also MP4, QuickTime,
        Windows Media, Matroska and AAC, of which the first audio track is taken.
    salvage : bool
        Whether to accept a truncated recording; its length is that of the samples in the file.

    Returns
    -------
    FileInfo
        What the recording holds.

    Raises
    ------
    AudioError
        If the file is not audio, has no samples, or is truncated and not to be salvaged.
    FileError
        If there is no such file, or it is a directory, a device, empty or unreadable.

    Notes
    -----
    A header written to a pipe does not declare a length, and that of an Ogg file never does: such a
    recording lasts until the end of the file. So does a FLAC file that declares 0 samples: its
    length is found from its last frame (RFC 9639, section 9.1).
    """
    source = check_input(path)
    if not source.is_file():
        raise FileError(f"{source}: is a device or a pipe; name a file.")
    layout = find_layout(source)
    if layout is not None and layout.subtype:
        found = (source, layout.sr, layout.channels, layout.frames)
        coding = (layout.container, layout.subtype)
        info = FileInfo(*found, *coding, lossy=False, truncated=layout.truncated, layout=layout)
    else:
        info = _from_libsndfile(source, layout is not None and layout.truncated, salvage)
    if info.truncated and not salvage:
        is_declared = info.span is None or info.span.declared > 0
        why = "header declares more samples than it holds" if is_declared else "last frame is cut"
        why = "sound ends early, or is damaged" if info.container in NAMES else why
        raise AudioError(f"{source}: is truncated: its {why}; copy it again, or {_SALVAGE}.")
    if info.length == 0:
        raise AudioError(f"{source}: has no samples.")
    return info


def _from_libsndfile(source: Path, truncated: bool, salvage: bool) -> FileInfo:
    """Describe a file that libsndfile decodes."""
    with opened(source) as stream:
        if isinstance(stream, MediaStream):
            return _from_media(source, stream)
        declared, subtype = stream.frames, stream.subtype
        sr, channels, container = stream.samplerate, stream.channels, stream.format
        is_whole = declared < UNKNOWN_LENGTH and _has_last_sample(stream, declared)
    coding = (container, subtype, subtype not in LOSSLESS)
    found = find_span(source)
    if found is not None and not (is_whole and found.first == 0):
        span = _decodable(source, found)
        if span is not None:
            length = span.stop - span.first
            # The last of several segments may declare the samples of them all.
            truncated = span.stop < max(found.declared, found.stop)
            return FileInfo(source, sr, channels, length, *coding, truncated, span=span)
    if declared >= UNKNOWN_LENGTH and not salvage:
        raise AudioError(
            f"{source}: its header does not say how long it is, and its last frame is not found; "
            f"write it again, to a file and not to a pipe, or {_SALVAGE}."
        )
    length = declared if is_whole else _count_samples(source, declared)
    return FileInfo(source, sr, channels, length, *coding, truncated or length < declared)


def _decodable(source: Path, found: FlacSpan) -> FlacSpan | None:
    """Leave out the last frame where it is cut off; None if that does not help."""
    for span in (found, found.without_last_frame()):
        with suppress(AudioError), opened(source, span) as stream:
            if span.stop > span.first and _has_last_sample(stream, span.stop - span.first):
                return span
    return None


def _from_media(source: Path, stream: MediaStream) -> FileInfo:
    """Describe a file that FFmpeg decodes, by decoding all of it: no header counts samples."""
    length = 0
    while n := len(read_samples(stream, PIECE)):
        length += n
    truncated = stream.is_damaged or stream.is_truncated(length)
    coding = (stream.format, stream.subtype, stream.is_lossy)
    return FileInfo(source, stream.samplerate, stream.channels, length, *coding, truncated)


def _has_last_sample(stream: Any, declared: int) -> bool:
    """Return whether the last of the declared samples can be decoded."""
    import soundfile

    if declared == 0:
        return True
    try:
        seek_from_start(stream, declared - 1)
        return len(read_samples(stream, 1)) == 1
    except soundfile.SoundFileError:
        return False


def _count_samples(source: Path, declared: int) -> int:
    """Count the samples that can be decoded; an error loses at most a short piece."""
    import soundfile

    count = 0
    for piece in (PIECE, SHORT_PIECE):
        with opened(source) as stream:
            seek_from_start(stream, count)
            try:
                while n := len(read_samples(stream, min(piece, declared - count))):
                    count += n
            except soundfile.SoundFileError:
                continue
    return count
