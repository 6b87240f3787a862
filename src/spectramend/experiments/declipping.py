"""Declipping: recordings that are clipped at several levels, and restored.

The protocol is that of Záviška, Rajmic, Ozerov and Rencker ("A survey and an extensive evaluation
of popular audio declipping methods", IEEE JSTSP 15(1), 2021): a recording with a peak of 1 is
clipped at +-T, and T chosen for a signal-to-distortion ratio (SDR) of the clipped recording.
Methods are given the samples with their bounds. Results are the gain in SDR over the clipped
samples, its mean over recordings, and what the survey published where its recordings are given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from spectramend.errors import ParameterError
from spectramend.evaluation import snr
from spectramend.experiments._baselines.a_spade import a_spade
from spectramend.experiments._baselines.autoregression import janssen_bounded, janssen_gaps
from spectramend.experiments._baselines.l1_relaxation import l1_parabola
from spectramend.experiments._baselines.social_sparsity import social_sparsity
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

__all__ = ["INPUT_SDR_DB", "METHODS", "clipped", "load", "run"]

INPUT_SDR_DB = (1, 3, 5, 7, 10, 15, 20)  # dB, SDR of a clipped recording, as in the survey
# Relative to the peak, limits of the search for a threshold; engineering choice: below 1e-6 all is
# clipped, and above the other hardly a sample.
THRESHOLDS = (1e-6, 1 - 1e-6)


def clipped(x: NDArray[Any], input_sdr_db: float) -> BoundedSamples:
    """Clip x [shape=(n,)], of a peak of 1, at the threshold that gives an SDR in dB.

    Raises ParameterError if there is no such threshold.

    Examples
    --------
    >>> x = np.cos(0.1 * np.arange(1000))
    >>> given = clipped(x, 7)
    >>> threshold = given.y.max()
    >>> float(given.upper[x > threshold].min()), bool(given.lower[0] == threshold)
    (inf, True)
    """

    def excess(threshold: float) -> float:
        return snr(x, np.clip(x, -threshold, threshold)) - input_sdr_db

    if not excess(THRESHOLDS[0]) < 0 < excess(THRESHOLDS[1]):
        raise ParameterError(
            f"input_sdr={input_sdr_db:g}: no threshold gives it: give a ratio in dB from 1 to 20."
        )
    t = brentq(excess, *THRESHOLDS, xtol=1e-12)
    y = np.clip(x, -t, t)
    return BoundedSamples(y, np.where(x <= -t, -np.inf, y), np.where(x >= t, np.inf, y))


def run(
    recordings: Sequence[Recording],
    *,
    input_sdr_db: Sequence[int] = INPUT_SDR_DB,
    seconds: float | None = None,
    methods: Collection[str] | None = None,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Clip every recording, or `seconds` in its middle, at several levels; restore it.

    All of `METHODS` are run if None. Raises ParameterError if one is unknown, or no threshold gives
    a level.
    """
    return run_bounded(
        BoundedExperiment("declipping", clipped, METHODS, "dB input", "delta_sdr_db"),
        recordings,
        input_sdr_db,
        seconds=seconds,
        methods=methods,
        progress=progress,
    )


def _untouched(y: NDArray[Any], lower: Any, upper: Any, sr: int) -> NDArray[Any]:
    """Leave the samples clipped."""
    return y


METHODS: dict[str, Method] = {
    "clipped": _untouched,
    "janssen_gaps": janssen_gaps,
    "janssen_bounded": janssen_bounded,
    "l1_parabola": l1_parabola,
    "a_spade": a_spade,
    "social_sparsity": social_sparsity,
    "spectramend_fast": partial(spectramend_within, fast=True),
    "spectramend": spectramend_within,
}
