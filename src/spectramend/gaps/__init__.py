"""Models of missing samples: gaps of the whole band, a few samples to some tenths of a second."""

from spectramend.gaps.autoregression import burg, janssen, runs_of
from spectramend.gaps.blend import fill_gap, fill_short_gap
from spectramend.gaps.channels import context_beside, fill_beside
from spectramend.gaps.factorized import N_FFT, Filled, am, am_to_em_tf, em_tf
from spectramend.gaps.filling import (
    METHODS,
    OF_FACTORS,
    SHORT,
    Method,
    context_of,
    fill_gaps,
    model_order,
    suited,
)
from spectramend.gaps.opinions import Memory
from spectramend.gaps.variances import Variances

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
