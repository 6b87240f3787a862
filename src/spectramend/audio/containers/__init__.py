"""Headers of audio files, one module a container: where the samples lie, and how they are coded."""

from spectramend.audio.containers.base import Layout, SizeField
from spectramend.audio.containers.flac import copy_with_metadata
from spectramend.audio.containers.flac_frames import FlacOfLength, FlacSpan, find_span
from spectramend.audio.containers.registry import find_layout

__all__ = [
    "FlacOfLength",
    "FlacSpan",
    "Layout",
    "SizeField",
    "copy_with_metadata",
    "find_layout",
    "find_span",
]
