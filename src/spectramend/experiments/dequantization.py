"""Dequantization: recordings with few bits a sample, and the samples that were rounded.

The protocol is that of the published results: a recording with a peak of 1 is quantized mid-riser,
in steps of ``2**(1 - bits)``, without dither. Methods are given the middle of each step and its
ends. Results are signal-to-distortion ratios of whole recordings, their mean, and published ones
where their recordings are given: consistent and inconsistent B-PHADQ, and the l1 norm of a Gabor
transform by Chambolle and Pock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.errors import ParameterError
from spectramend.experiments._baselines.l1_relaxation import l1_unweighted
from spectramend.experiments._common.bounded_samples import (
    BoundedExperiment,
    BoundedSamples,
    Method,
    load,
    run_bounded,
    spectramend_within,
)
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments._common.results import Progress, Result

__all__ = ["BITS", "METHODS", "load", "quantized", "run"]

BITS = (6, 7, 8)  # bits a sample, as published


def quantized(x: NDArray[Any], bits: int) -> BoundedSamples:
    """Quantize x [shape=(n,)], of a peak of 1, to 2**bits levels; raise ParameterError below 1 bit.

    Examples
    --------
    >>> given = quantized(np.array([-1.0, -0.1, 0.0, 0.3, 1.0]), 2)
    >>> given.y.tolist()
    [-0.75, -0.25, 0.25, 0.25, 0.75]
    >>> given.upper.tolist()
    [-0.5, 0.0, 0.5, 0.5, 1.0]
    """
    if bits < 1:
        raise ParameterError(f"bits={bits}: give a number of bits of at least 1.")
    step = 2.0 ** (1 - bits)
    lower = step * np.clip(np.floor(x / step), -1 / step, 1 / step - 1)
    return BoundedSamples(lower + step / 2, lower, lower + step)


def run(
    recordings: Sequence[Recording],
    *,
    bits: Sequence[int] = BITS,
    seconds: float | None = None,
    methods: Collection[str] | None = None,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Quantize every recording, or `seconds` in its middle, to several numbers of bits; restore it.

    All of `METHODS` are run if None. Raises ParameterError if one is unknown.
    """
    return run_bounded(
        BoundedExperiment("dequantization", quantized, METHODS, "bits", "sdr_db"),
        recordings,
        bits,
        seconds=seconds,
        methods=methods,
        progress=progress,
    )


def _untouched(y: NDArray[Any], lower: Any, upper: Any, sr: int) -> NDArray[Any]:
    """Leave each sample in the middle of its step."""
    return y


METHODS: dict[str, Method] = {
    "quantized": _untouched,
    "l1": l1_unweighted,
    "spectramend": spectramend_within,
}
