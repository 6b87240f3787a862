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
    from spectramend import metrics as metrics
    from spectramend import nmf as nmf
    from spectramend.audio import Audio as Audio
    from spectramend.detection import detect as detect
    from spectramend.dictionary import Dictionary as Dictionary
    from spectramend.errors import SpectramendError as SpectramendError
    from spectramend.file_restoration import OutputOptions as OutputOptions
    from spectramend.file_restoration import repair_file as repair_file
    from spectramend.formats import read_regions as read_regions
    from spectramend.formats import write_regions as write_regions
    from spectramend.inpainting import Inpainting as Inpainting
    from spectramend.inpainting import inpaint as inpaint
    from spectramend.masks import Mask as Mask
    from spectramend.metrics import evaluate as evaluate
    from spectramend.nmf import Factorization as Factorization
    from spectramend.nmf.estimator import MaskedNMF as MaskedNMF
    from spectramend.phase import griffin_lim as griffin_lim
    from spectramend.regions import Region as Region
    from spectramend.repair_types import CellOptions as CellOptions
    from spectramend.repair_types import RegionOptions as RegionOptions
    from spectramend.restoration import Repair as Repair
    from spectramend.restoration import repair as repair
    from spectramend.restoration import repair_cells as repair_cells
    from spectramend.restoration import repair_regions as repair_regions
    from spectramend.stft import STFT as STFT

_HOMES = {
    "Audio": "audio",
    "CellOptions": "repair_types",
    "Dictionary": "dictionary",
    "Factorization": "nmf",
    "Inpainting": "inpainting",
    "Mask": "masks",
    "MaskedNMF": "nmf.estimator",
    "OutputOptions": "file_restoration",
    "Region": "regions",
    "RegionOptions": "repair_types",
    "Repair": "restoration",
    "STFT": "stft",
    "SpectramendError": "errors",
    "detect": "detection",
    "evaluate": "metrics",
    "griffin_lim": "phase",
    "inpaint": "inpainting",
    "read_regions": "formats",
    "repair": "restoration",
    "repair_cells": "restoration",
    "repair_file": "file_restoration",
    "repair_regions": "restoration",
    "write_regions": "formats",
}

_MODULES = ("audio", "metrics", "nmf")

# These need an optional package, for want of which ``import *`` must not fail.
_OPTIONAL = {"MaskedNMF"}

__all__ = ["__version__", *(name for name in _HOMES if name not in _OPTIONAL), *_MODULES]


def __getattr__(name: str) -> Any:
    """Load a public name, or a module, when it is first asked for (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f"spectramend.{_HOMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"spectramend.{name}")
    raise AttributeError(f"module 'spectramend' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_OPTIONAL})
