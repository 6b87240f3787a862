"""Restore the hidden cells of a spectrogram by masked NMF."""

from spectramend.inpainting.dictionary import Dictionary, as_dictionaries
from spectramend.inpainting.mask_estimation import estimate_mask
from spectramend.inpainting.pipeline import Inpainting, inpaint
from spectramend.inpainting.resynthesis import Phase, complete

__all__ = [
    "Dictionary",
    "Inpainting",
    "Phase",
    "as_dictionaries",
    "complete",
    "estimate_mask",
    "inpaint",
]
