"""Recordings as files: the only package that knows file formats."""

from spectramend.audio.file_info import FileInfo, inspect
from spectramend.audio.output_format import choose_output_format, usual_extension
from spectramend.audio.patch import Change, Patch, PatchedSource, TurnedDown, overlay
from spectramend.audio.patched_file import PatchReport, write_patched
from spectramend.audio.pcm import full_scale
from spectramend.audio.reader import Reader, read_part
from spectramend.audio.recordings import Audio, read, read_same_rate, recordings_in, write

__all__ = [
    "Audio",
    "Change",
    "FileInfo",
    "Patch",
    "PatchReport",
    "PatchedSource",
    "Reader",
    "TurnedDown",
    "choose_output_format",
    "full_scale",
    "inspect",
    "overlay",
    "read",
    "read_part",
    "read_same_rate",
    "recordings_in",
    "usual_extension",
    "write",
    "write_patched",
]
