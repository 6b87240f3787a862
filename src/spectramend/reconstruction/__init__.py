"""From a spectrum with hidden cells to samples: Griffin-Lim, least squares, consistent Wiener."""

from spectramend.reconstruction.consistent_wiener import Prior, consistent_mean
from spectramend.reconstruction.fast_griffin_lim import griffin_lim, inconsistency, unit_phase
from spectramend.reconstruction.stft_recovery import MAX_CONDITION, determined_samples, recover

__all__ = [
    "MAX_CONDITION",
    "Prior",
    "consistent_mean",
    "determined_samples",
    "griffin_lim",
    "inconsistency",
    "recover",
    "unit_phase",
]
