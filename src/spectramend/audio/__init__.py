"""Recordings as files: the only package that knows file formats."""

from spectramend.audio.output_format import choose_target, usual_ending
from spectramend.audio.patch import Patch, PatchedSource, overlay
from spectramend.audio.patched_file import PatchReport, write_patched
from spectramend.audio.reader import FileInfo, Reader, inspect, read_part
from spectramend.audio.recordings import Audio, read, read_same_rate, recordings_in, write

__all__ = [
    "Audio",
    "FileInfo",
    "Patch",
    "PatchReport",
    "PatchedSource",
    "Reader",
    "choose_target",
    "inspect",
    "overlay",
    "read",
    "read_part",
    "read_same_rate",
    "recordings_in",
    "usual_ending",
    "write",
    "write_patched",
]
