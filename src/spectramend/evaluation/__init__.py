"""Metrics of a restored recording against its reference."""

from spectramend.evaluation.metrics import (
    evaluate,
    log_spectral_distance,
    missing_metrics,
    pesq_wb,
    si_sdr,
    snr,
)
from spectramend.evaluation.region_metrics import evaluate_regions

__all__ = [
    "evaluate",
    "evaluate_regions",
    "log_spectral_distance",
    "missing_metrics",
    "pesq_wb",
    "si_sdr",
    "snr",
]
