"""Samples known only to an interval, clipped or quantized ones: restored within their bounds.

`bounds` states what is known; `estimate` chooses how it is estimated: from a start
(`cubic_bridges`, `sparse_spectra`) the most probable samples (`posterior_mode`), or of quantized
samples the mean (`posterior_mean`), under `variances` of the cells of `parseval_frame`.
"""

from spectramend.declipping.bounds import (
    SampleBounds,
    clipping_bounds,
    quantization_bounds,
    quantization_step,
)
from spectramend.declipping.estimate import (
    Estimate,
    EstimateOptions,
    estimate_segment,
    estimate_within,
)
from spectramend.declipping.segmentation import Segment, free_segments, plan_segments

__all__ = [
    "Estimate",
    "EstimateOptions",
    "SampleBounds",
    "Segment",
    "clipping_bounds",
    "estimate_segment",
    "estimate_within",
    "free_segments",
    "plan_segments",
    "quantization_bounds",
    "quantization_step",
]
