"""Interpolation of missing samples: gaps of the whole band, up to some tenths of a second.

`dispatch` validates the input and selects the method, `multichannel` uses intact channels; `ar` and
`em` hold the algorithms, `model_averaging` and `template_matching` what is averaged with them.
"""

from spectramend.gaps.ar.janssen_ar import janssen
from spectramend.gaps.dispatch import (
    METHODS,
    SHORT_GAP,
    GapFill,
    Method,
    choose_method,
    context_length,
    fill_and_assess,
    fill_gaps,
    model_order,
)
from spectramend.gaps.em.algorithms import EM_ALGORITHMS, EMAlgorithm, interpolate_by_em
from spectramend.gaps.em.iterations import N_FFT, EMResult, EMSettings
from spectramend.gaps.multichannel import interpolate_from_channels, multichannel_context
from spectramend.gaps.template_matching import SearchBuffer

__all__ = [
    "EM_ALGORITHMS",
    "METHODS",
    "N_FFT",
    "SHORT_GAP",
    "EMAlgorithm",
    "EMResult",
    "EMSettings",
    "GapFill",
    "Method",
    "SearchBuffer",
    "choose_method",
    "context_length",
    "fill_and_assess",
    "fill_gaps",
    "interpolate_by_em",
    "interpolate_from_channels",
    "janssen",
    "model_order",
    "multichannel_context",
]
