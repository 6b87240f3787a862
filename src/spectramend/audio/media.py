"""The first audio track of MP4, QuickTime, Windows Media, Matroska and AAC files, by FFmpeg.

libsndfile reads none of them. The package ``av`` (PyAV) does, which the extra ``media`` installs.
`MediaStream` has what is used of a `soundfile.SoundFile`, so that `decoder` opens either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.errors import AudioError

MAGIC_BYTES = 12  # bytes that tell a container; engineering choice: the longest of those below
ASF = bytes.fromhex("3026b2758e66cf11")  # GUID of the header object of Advanced Systems Format
EBML = bytes.fromhex("1a45dfa3")  # identifier of the EBML header of Matroska and WebM, RFC 8794
ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # first of MP4 and QuickTime files
EXTENSIONS = (  # that are read and not written
    *(".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".3gp", ".aac"),
    *(".wma", ".wmv", ".asf", ".mkv", ".mka", ".webm", ".avi"),
)
PREROLL = 4096  # samples before a target from which is decoded; engineering choice: a frame
# Seconds by which a whole track may be shorter than declared; engineering choice: containers round,
# and count what a coder adds before the sound.
TOLERANCE_S = 0.3
WIDTHS = {"u8": "PCM_U8", "s16": "PCM_16", "s32": "PCM_32", "flt": "FLOAT", "dbl": "DOUBLE"}
TAGS = ("title", "artist", "album", "comment", "date", "genre", "copyright")  # as libsndfile's


NAMES = ("MP4", "ASF", "Matroska", "AVI", "AAC")  # of the containers


def container_of_media(magic: bytes) -> str:
    """Name the container that begins with `MAGIC_BYTES` bytes; empty for all others."""
    if magic[4:8] in ATOMS:
        return "MP4"
    if magic.startswith(ASF):
        return "ASF"
    if magic.startswith(EBML):
        return "Matroska"
    if magic[:4] == b"RIFF" and magic[8:12] == b"AVI ":
        return "AVI"
    # ADTS: a sync word of 12 bits, and 0 for the layer, which MP3 does not have.
    is_adts = len(magic) > 1 and magic[0] == 0xFF and magic[1] & 0xF6 == 0xF0
    return "AAC" if is_adts else ""


class MediaStream:
    """The first audio track of a file, decoded in order; lossless ones of MP4 from any sample on.

    Raises AudioError if ``av`` is not installed, there is no such track, or it is damaged.
    """

    _first: Any = None  # frame that was decoded
    _last: Any = None

    def __init__(self, path: Path, container: str) -> None:
        try:
            import av
        except ImportError:
            raise AudioError(
                f"{path}: is of the kind {container}, which needs FFmpeg: pip install "
                f'"spectramend[media]", or convert it to WAV.'
            ) from None
        self._av, self._path, self.format = av, path, container
        with self._errors():
            self._file = av.open(str(path))
        if not self._file.streams.audio:
            self._file.close()
            raise AudioError(f"{path}: has no audio track.")
        self._track = self._file.streams.audio[0]
        self.is_damaged = False  # whether decoding ended at an error
        self._frames = self._decode()
        self._rest = next(self._frames, None)  # decoded, not yet read; (channels, n)
        if self._rest is None:
            self._file.close()
            raise AudioError(f"{path}: has no samples.")
        codec = self._track.codec_context.codec
        self.is_lossy = not codec.lossless
        width = WIDTHS.get(self._first.format.name.rstrip("p"), "DOUBLE")
        width = "PCM_24" if codec.name.startswith("pcm_s24") else width
        self.subtype = codec.name.upper() if self.is_lossy else width
        # After the first frame: the header of HE-AAC may say half the rate.
        self.samplerate, self.channels = self._first.sample_rate, len(self._rest)

    def __enter__(self) -> MediaStream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def is_truncated(self, length: int) -> bool:
        """Whether the container declares more than `length` samples of each channel."""
        declared_s = 0.0
        if self.format == "MP4" and self._track.duration is not None:
            declared_s = float(self._track.duration * self._track.time_base)
        elif self.format != "AAC" and len(self._file.streams) == 1:
            # Of several tracks the container gives the longest; ADTS does not declare any.
            declared_s = (self._file.duration or 0) / self._av.time_base
        return declared_s > length / self.samplerate + TOLERANCE_S

    def read(self, n: int, **_: Any) -> NDArray[np.float64]:
        """Decode the next n samples, or as many as there are [shape=(n, channels)]."""
        parts, missing = [np.empty((self.channels, 0))], n
        while missing and self._rest is not None:
            part, rest = self._rest[:, :missing], self._rest[:, missing:]
            parts.append(part)
            missing -= part.shape[1]
            self._rest = rest if rest.shape[1] else next(self._frames, None)
        return np.ascontiguousarray(np.concatenate(parts, axis=1).T)

    def seek(self, sample: int) -> None:
        """Go to a sample; `soundfile.SoundFileError` where that might give others than in passing.

        Lossy codings might, since decoders of AAC draw noise, and so might containers whose times
        are not those of samples.
        """
        import soundfile

        track = self._track
        ticks = 1 / (track.time_base * self.samplerate)  # of a sample
        if self.is_lossy or ticks.denominator > 1:
            raise soundfile.SoundFileError("only decoded in order")
        start = max(0, sample - PREROLL)
        with self._errors():
            self._file.seek(self._first.pts + int(start * ticks), stream=track)
        self._frames = self._decode()
        self._rest = next(self._frames, None)
        skipped = sample - int((self._last.pts - self._first.pts) / ticks)
        if skipped < 0:
            raise soundfile.SoundFileError("a jump went too far")
        self.read(skipped)

    def copy_metadata(self) -> dict[str, str]:
        """Give title, artist and the like."""
        known = {name.lower(): text for name, text in self._file.metadata.items()}
        return {name: known[name] for name in TAGS if name in known}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _decode(self) -> Iterator[NDArray[np.float64]]:
        """Decode frame by frame [shape=(channels, n)], full scale at ±1, until the first error."""
        try:
            for frame in self._file.decode(self._track):
                self._first = self._first or frame
                self._last = frame
                yield _samples(frame)
        except self._av.error.FFmpegError:
            self.is_damaged = True

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of FFmpeg into an `AudioError` of one line."""
        try:
            yield
        except self._av.error.FFmpegError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise AudioError(f"{self._path}: cannot be read as {self.format}: {reason}.") from None


def _samples(frame: Any) -> NDArray[np.float64]:
    """Convert a frame to samples [shape=(channels, n)], full scale at ±1."""
    x = frame.to_ndarray()
    if not frame.format.is_planar:
        x = x.reshape(-1, len(frame.layout.channels)).T
    if x.dtype == np.uint8:
        return (x - 128.0) / 128
    if x.dtype.kind == "i":
        return x / 2.0 ** (8 * x.dtype.itemsize - 1)
    return x.astype(np.float64)
