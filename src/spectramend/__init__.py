"""Spectramend restores missing or covered parts of an audio spectrum.

It does so by nonnegative matrix factorization. The names below are loaded when they are first used,
so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spectramend._version import __version__

if TYPE_CHECKING:
    from spectramend import audio as audio
    from spectramend import nmf as nmf
    from spectramend.audio import Audio as Audio
    from spectramend.audio import read as read
    from spectramend.audio import write as write
    from spectramend.core.masks import Mask as Mask
    from spectramend.core.regions import Region as Region
    from spectramend.core.stft import STFT as STFT
    from spectramend.detection import detect as detect
    from spectramend.errors import SpectramendError as SpectramendError
    from spectramend.evaluation import metrics as metrics
    from spectramend.evaluation.metrics import evaluate as evaluate
    from spectramend.inpainting.dictionary import Dictionary as Dictionary
    from spectramend.inpainting.pipeline import Inpainting as Inpainting
    from spectramend.inpainting.pipeline import inpaint as inpaint
    from spectramend.labels import read_regions as read_regions
    from spectramend.labels import write_regions as write_regions
    from spectramend.nmf import Factorization as Factorization
    from spectramend.nmf.estimator import MaskedNMF as MaskedNMF
    from spectramend.reconstruction.fast_griffin_lim import griffin_lim as griffin_lim
    from spectramend.restoration.bounded_files import declip_file as declip_file
    from spectramend.restoration.bounded_files import dequantize_file as dequantize_file
    from spectramend.restoration.bounded_recording import Restoration as Restoration
    from spectramend.restoration.bounded_recording import declip as declip
    from spectramend.restoration.bounded_recording import dequantize as dequantize
    from spectramend.restoration.options import CellOptions as CellOptions
    from spectramend.restoration.options import OutputOptions as OutputOptions
    from spectramend.restoration.options import RegionOptions as RegionOptions
    from spectramend.restoration.recording import repair as repair
    from spectramend.restoration.recording import repair_cells as repair_cells
    from spectramend.restoration.recording import repair_regions as repair_regions
    from spectramend.restoration.recording_files import repair_file as repair_file
    from spectramend.restoration.repair_result import Repair as Repair

_HOMES = {
    "Audio": "audio",
    "CellOptions": "restoration.options",
    "Dictionary": "inpainting.dictionary",
    "Factorization": "nmf",
    "Inpainting": "inpainting.pipeline",
    "Mask": "core.masks",
    "MaskedNMF": "nmf.estimator",
    "OutputOptions": "restoration.options",
    "Region": "core.regions",
    "RegionOptions": "restoration.options",
    "Repair": "restoration.repair_result",
    "Restoration": "restoration.bounded_recording",
    "STFT": "core.stft",
    "SpectramendError": "errors",
    "declip": "restoration.bounded_recording",
    "declip_file": "restoration.bounded_files",
    "dequantize": "restoration.bounded_recording",
    "dequantize_file": "restoration.bounded_files",
    "detect": "detection",
    "evaluate": "evaluation.metrics",
    "griffin_lim": "reconstruction.fast_griffin_lim",
    "inpaint": "inpainting.pipeline",
    "read": "audio",
    "read_regions": "labels",
    "repair": "restoration.recording",
    "repair_cells": "restoration.recording",
    "repair_file": "restoration.recording_files",
    "repair_regions": "restoration.recording",
    "write": "audio",
    "write_regions": "labels",
}

_MODULES = {"audio": "audio", "metrics": "evaluation.metrics", "nmf": "nmf"}

# These need an optional package, for want of which ``import *`` must not fail.
_OPTIONAL = {"MaskedNMF"}

__all__ = ["__version__", *(name for name in _HOMES if name not in _OPTIONAL), *_MODULES]


def __getattr__(name: str) -> Any:
    """Load a public name, or a module, when it is first asked for (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f"spectramend.{_HOMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"spectramend.{_MODULES[name]}")
    raise AttributeError(f"module 'spectramend' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_OPTIONAL})
