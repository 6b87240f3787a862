"""Container and coding of an output file, from its extension and the recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spectramend.audio.codings import CODINGS, EXACT, LINEAR, converts_exactly
from spectramend.audio.file_info import FileInfo
from spectramend.audio.media import EXTENSIONS
from spectramend.errors import AudioError, ParameterError

WAVE = ("WAV", "WAVEX", "RF64")
# Containers by extension, the first of each the default; others are called as libsndfile does.
CONTAINERS = {
    **dict.fromkeys((".wav", ".wave", ".bwf"), WAVE),
    **dict.fromkeys((".aif", ".aiff", ".aifc"), ("AIFF",)),
    **dict.fromkeys((".au", ".snd"), ("AU",)),
    **dict.fromkeys((".ogg", ".oga", ".opus"), ("OGG",)),
    **{f".{name.lower()}": (name,) for name in ("RF64", "W64", "CAF", "FLAC", "MP3")},
}
# RAW has no header, that of SD2 is a second file, and libsndfile writes the other two with errors.
UNWRITABLE = {"RAW", "SD2", "PAF", "SDS"}
UNLIMITED = {"RF64", "W64", "CAF", "FLAC", "OGG", "MP3"}  # hold more than `MAX_BYTES_32_BIT`
MAX_BYTES_32_BIT = (1 << 32) - 1  # of a file whose lengths are numbers of 32 bits
HEADER_BYTES = 1 << 16  # engineering choice: more than a header with text tags takes


@dataclass(frozen=True)
class OutputFormat:
    """Container and coding of an output file, by their names in libsndfile."""

    container: str
    subtype: str
    in_place: bool  # whether it is a copy of the recording in which samples are replaced
    notes: tuple[str, ...]  # what a user should know, a sentence each


def choose_output_format(
    info: FileInfo, target: Path, subtype: str | None, *, allow_lossy: bool
) -> OutputFormat:
    """Choose the container by the extension, and the coding `subtype` or that of the recording.

    Where the container does not have the coding, the smallest is taken that holds the samples.
    Raises AudioError if the extension is not that of an audio format, ParameterError if the
    container does not have `subtype`, cannot be that long, or is lossy.
    """
    import soundfile

    container = container_of(target, info)
    chosen = subtype or _subtype(info, target, container, allow_lossy)
    available = soundfile.available_subtypes(container)
    if chosen not in available:
        raise ParameterError(
            f"{target}: {container} has no {chosen}; it has {', '.join(available)}."
        )
    if chosen not in EXACT and not allow_lossy:
        raise ParameterError(
            f"{target}: coding it as {chosen} would change every sample: write .wav or .flac, or "
            f"allow it (--lossy, allow_lossy=True)."
        )
    if info.layout is not None and (container, chosen) == (info.container, info.subtype):
        return OutputFormat(container, chosen, True, ())
    notes = []
    if predicted_bytes(info, chosen) > MAX_BYTES_32_BIT and container not in UNLIMITED:
        if container not in WAVE:
            raise ParameterError(f"{target}: {container} ends at 4 GiB: write .wav, .w64 or .caf.")
        container = "RF64"
        notes.append("The file is an RF64, because a WAV ends at 4 GiB.")
    return OutputFormat(container, chosen, False, (*notes, *_notes(info, container, chosen)))


def usual_extension(info: FileInfo) -> str:
    """Give the file extension of a recording's container, or ``".wav"`` if its coding is lossy."""
    own = (extension for extension, names in CONTAINERS.items() if info.container in names)
    return ".wav" if info.lossy else next(own, ".wav")


def predicted_bytes(info: FileInfo, subtype: str) -> int:
    """Predict the largest size of an output file in bytes; a compressed sample counts as 2."""
    width = CODINGS[subtype].width if subtype in EXACT else 2
    return HEADER_BYTES + info.length * info.channels * width


def container_of(target: Path, info: FileInfo | None = None) -> str:
    """Choose the container of an output file by its extension, or as that of a recording.

    Raises AudioError if the extension names no container that can be written.
    """
    import soundfile

    extension = target.suffix.lower()
    if extension in CONTAINERS:
        family = CONTAINERS[extension]
        return info.container if info is not None and info.container in family else family[0]
    if extension in EXTENSIONS:
        raise AudioError(f"{target}: {extension} is read, but not written: name a .wav or .flac.")
    same = info is not None and extension == info.path.suffix.lower()
    container = info.container if info is not None and same else extension[1:].upper()
    if container not in soundfile.available_formats():
        raise AudioError(f"{target}: has no extension of an audio format: try .wav or .flac.")
    if container in UNWRITABLE:
        raise AudioError(f"{target}: {container} cannot be written without an error; try .wav.")
    return container


def _subtype(info: FileInfo, target: Path, container: str, allow_lossy: bool) -> str:
    """Choose a coding that holds the samples of the recording."""
    import soundfile

    if container == "OGG":
        if target.suffix.lower() == ".opus":
            return "OPUS"
        return info.subtype if info.container == "OGG" else "VORBIS"
    same = info.subtype in EXACT or (allow_lossy and container == info.container)
    if same and soundfile.check_format(container, info.subtype):
        return info.subtype
    available = [name for name in LINEAR if soundfile.check_format(container, name)]
    exact = [name for name in available if converts_exactly(info.subtype, name)]
    return (exact or available[-1:] or [str(soundfile.default_subtype(container))])[0]


def _notes(info: FileInfo, container: str, subtype: str) -> list[str]:
    """Describe what changes besides the repaired samples."""
    if subtype not in EXACT:
        return [f"Every sample may change, because it is coded as {subtype} again."]
    notes = []
    if info.subtype not in EXACT:
        notes.append(
            f"The sound decoded from {info.subtype} is written as {container} {subtype}, because "
            f"coding it again would change every sample."
        )
    if not converts_exactly(info.subtype, subtype):
        notes.append(f"Samples are rounded from {info.subtype} to {subtype}.")
    return notes
