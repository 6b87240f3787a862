"""Recordings as files: the only package that knows file formats."""

from spectramend.audio.patching import Patch, PatchReport, write_patched
from spectramend.audio.reading import FileInfo, inspect, read_part
from spectramend.audio.recordings import Audio, read, read_same_rate, recordings_in, write
from spectramend.audio.targets import choose_target, usual_ending

__all__ = [
    "Audio",
    "FileInfo",
    "Patch",
    "PatchReport",
    "choose_target",
    "inspect",
    "read",
    "read_part",
    "read_same_rate",
    "recordings_in",
    "usual_ending",
    "write",
    "write_patched",
]
