"""Which container and coding a file is written in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spectramend.audio.containers import WIDTHS
from spectramend.audio.reader import FileInfo
from spectramend.errors import AudioError, ParameterError

WAVE = ("WAV", "WAVEX", "RF64")
ENDINGS = {
    ".wav": WAVE,
    ".wave": WAVE,
    ".bwf": WAVE,
    ".rf64": ("RF64",),
    ".w64": ("W64",),
    ".aif": ("AIFF",),
    ".aiff": ("AIFF",),
    ".aifc": ("AIFF",),
    ".caf": ("CAF",),
    ".au": ("AU",),
    ".snd": ("AU",),
    ".flac": ("FLAC",),
    ".mp3": ("MP3",),
    ".ogg": ("OGG",),
    ".oga": ("OGG",),
    ".opus": ("OGG",),
}
# What is decoded from these can be coded again without a change. ALAC is not among them, because
# libsndfile codes it with errors.
EXACT = set(WIDTHS)
# From narrow to wide, so that the first one that holds the samples makes the smallest file.
PLAIN = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
# Codings of whole numbers; others are decoded to floating point.
WHOLE = {*PLAIN[:5], "ULAW", "ALAW", "ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32"}
# RAW says nothing of what it holds, SD2 says it in a second file, and libsndfile writes the other
# two with errors.
UNWRITABLE = {"RAW", "SD2", "PAF", "SDS"}
UNLIMITED = {"RF64", "W64", "CAF", "FLAC", "OGG", "MP3"}  # may be longer than 4 GiB
LARGEST = (1 << 32) - 1
HEADER = 1 << 16  # more than a header with text tags takes


@dataclass(frozen=True)
class Target:
    """How a file is written.

    Parameters
    ----------
    container, subtype : str
        Its form, in libsndfile's words.
    in_place : bool
        Whether it is a copy of the recording with other samples.
    notes : tuple of str
        What a user should know, a sentence each.
    """

    container: str
    subtype: str
    in_place: bool
    notes: tuple[str, ...]


def choose_target(
    info: FileInfo, target: Path, subtype: str | None, *, allow_lossy: bool
) -> Target:
    """Choose container and coding of a recording that is written again.

    Parameters
    ----------
    info : FileInfo
        The recording.
    target : Path
        The file to be written.
    subtype : str or None
        The coding that is asked for; None for that of the recording.
    allow_lossy : bool
        Whether it may be a lossy one.

    Returns
    -------
    Target
        How it is written.

    Raises
    ------
    AudioError
        If the ending is none of an audio format.
    ParameterError
        If the container does not have the coding, cannot be that long, or is lossy.
    """
    container = _container(info, target)
    chosen = subtype or _subtype(info, target, container, allow_lossy)
    _check_subtype(target, container, chosen)
    if chosen not in EXACT and not allow_lossy:
        raise ParameterError(
            f"{target}: coding it as {chosen} would change every sample: write .wav or .flac, or "
            f"allow it."
        )
    if info.layout is not None and (container, chosen) == (info.container, info.subtype):
        return Target(container, chosen, True, ())
    notes = []
    if predicted_bytes(info, chosen) > LARGEST and container not in UNLIMITED:
        if container not in WAVE:
            raise ParameterError(f"{target}: {container} ends at 4 GiB: write .wav, .w64 or .caf.")
        container = "RF64"
        notes.append("The file is an RF64, because a WAV ends at 4 GiB.")
    return Target(container, chosen, False, (*notes, *_notes(info, container, chosen)))


def usual_ending(info: FileInfo) -> str:
    """Choose an ending for a file that has no name of its own.

    Parameters
    ----------
    info : FileInfo
        The recording that it is made of.

    Returns
    -------
    str
        That of its container, or ``".wav"`` if its coding is lossy.
    """
    own = (ending for ending, names in ENDINGS.items() if info.container in names)
    return ".wav" if info.lossy else next(own, ".wav")


def bits_of(subtype: str) -> int:
    """Give the bits of the whole numbers that a coding holds.

    Parameters
    ----------
    subtype : str
        The coding, in libsndfile's words.

    Returns
    -------
    int
        Bits; what is decoded from any other is 16 bits wide in libsndfile.

    Examples
    --------
    >>> bits_of("ALAC_20"), bits_of("PCM_U8"), bits_of("ULAW")
    (20, 8, 16)
    """
    name, _, bits = subtype.partition("_")
    return int(bits.strip("SU")) if name in ("PCM", "ALAC") else 16


def predicted_bytes(info: FileInfo, subtype: str) -> int:
    """Predict how long an uncompressed file can become.

    Parameters
    ----------
    info : FileInfo
        The recording.
    subtype : str
        The coding of the file.

    Returns
    -------
    int
        Bytes, with room for a header.
    """
    return HEADER + info.length * info.channels * WIDTHS.get(subtype, 2)


def _container(info: FileInfo, target: Path) -> str:
    """Choose the container by the ending."""
    import soundfile

    ending = target.suffix.lower()
    if ending in ENDINGS:
        family = ENDINGS[ending]
        return info.container if info.container in family else family[0]
    same = ending == info.path.suffix.lower()
    name = info.container if same else ending[1:].upper()
    if name not in soundfile.available_formats():
        raise AudioError(f"{target}: {name or 'no'} ending of an audio format; try .wav.")
    if name in UNWRITABLE:
        raise AudioError(f"{target}: {name} cannot be written without an error; try .wav.")
    return name


def _subtype(info: FileInfo, target: Path, container: str, allow_lossy: bool) -> str:
    """Choose a coding that holds what the recording holds."""
    import soundfile

    if container == "OGG":
        same = info.container == "OGG" and target.suffix.lower() != ".opus"
        return info.subtype if same else "OPUS" if target.suffix.lower() == ".opus" else "VORBIS"
    same = info.subtype in EXACT or (allow_lossy and container == info.container)
    if same and soundfile.check_format(container, info.subtype):
        return info.subtype
    there = [name for name in PLAIN if soundfile.check_format(container, name)]
    fitting = [name for name in there if holds(info.subtype, name)]
    return (fitting or there[-1:] or [str(soundfile.default_subtype(container))])[0]


def _check_subtype(target: Path, container: str, subtype: str) -> None:
    """Refuse a coding that a container does not have."""
    import soundfile

    there = soundfile.available_subtypes(container)
    if subtype not in there:
        raise ParameterError(f"{target}: {container} has no {subtype}; it has {', '.join(there)}.")


def holds(old: str, new: str) -> bool:
    """Tell whether a coding holds exactly what another one does.

    Parameters
    ----------
    old, new : str
        The codings, in libsndfile's words.

    Returns
    -------
    bool
        Whether no sample is rounded.

    Examples
    --------
    >>> holds("PCM_24", "FLOAT"), holds("PCM_32", "FLOAT"), holds("VORBIS", "PCM_24")
    (True, False, False)
    """
    if new in (old, "DOUBLE"):
        return True
    if old not in WHOLE or new in ("ULAW", "ALAW"):
        return new == "FLOAT" and old != "DOUBLE"
    return bits_of(old) <= (24 if new == "FLOAT" else bits_of(new))


def _notes(info: FileInfo, container: str, subtype: str) -> list[str]:
    """Say what changes besides the patches."""
    notes = []
    if subtype not in EXACT:
        notes.append(f"Every sample may change, because it is coded as {subtype} again.")
    elif info.subtype not in EXACT:
        notes.append(
            f"The sound decoded from {info.subtype} is written as {container} {subtype}, because "
            f"coding it again would change every sample."
        )
    if subtype in EXACT and not holds(info.subtype, subtype):
        notes.append(f"Samples are rounded from {info.subtype} to {subtype}.")
    return notes
