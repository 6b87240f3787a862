"""Samples known only to an interval, clipped or quantized ones: restored within their bounds.

`bounds` states what is known, `estimate` chooses how it is estimated: from a start
(`hermite_start`, `sparse_start`) by maximum a posteriori estimation (`map_estimate`) under
`variances` of the cells of
`parseval_frame`, with the solver of `bounded_least_squares`.
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
from spectramend.declipping.segments import Segment, free_segments, segments

__all__ = [
    "Estimate",
    "EstimateOptions",
    "SampleBounds",
    "Segment",
    "clipping_bounds",
    "estimate_segment",
    "estimate_within",
    "free_segments",
    "quantization_bounds",
    "quantization_step",
    "segments",
]
