"""Models of missing samples: gaps of the whole band, a few samples to some tenths of a second."""

from spectramend.gaps.ar.janssen_ar import burg, janssen, runs_of
from spectramend.gaps.ar.two_sided import fill_gap, fill_short_gap
from spectramend.gaps.dispatch import (
    METHODS,
    OF_FACTORS,
    SHORT,
    Method,
    context_of,
    fill_gaps,
    model_order,
    suited,
)
from spectramend.gaps.em.algorithms import N_FFT, Filled, am, am_to_em_tf, em_tf
from spectramend.gaps.em.frame_variances import Variances
from spectramend.gaps.model_averaging import Memory
from spectramend.gaps.multichannel import context_beside, fill_beside

__all__ = [
    "METHODS",
    "N_FFT",
    "OF_FACTORS",
    "SHORT",
    "Filled",
    "Memory",
    "Method",
    "Variances",
    "am",
    "am_to_em_tf",
    "burg",
    "context_beside",
    "context_of",
    "em_tf",
    "fill_beside",
    "fill_gap",
    "fill_gaps",
    "fill_short_gap",
    "janssen",
    "model_order",
    "runs_of",
    "suited",
]
