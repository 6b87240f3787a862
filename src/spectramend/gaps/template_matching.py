"""A gap estimated from similar passages of the recording (template matching).

The context on either side of the gap is the template. Passages whose normalised cross-correlation
with it is largest are found anywhere in the recording, and the sum of them that fits the template
best, by least squares weighted towards the gap, continues into the gap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Chosen on the development music with `spectramend experiment gaps`.
MAX_PASSAGES = 32  # passages in the sum
MIN_SPACING = 4  # samples between the starts of two passages
# Distance from the gap over which squared weights fall to 1 / e, relative to the context.
WEIGHT_DECAY = 2 / 3
# Added to the normal equations, relative to the energy of the weighted template.
PASSAGE_RIDGE = 1e-3
# Least energy of a passage, relative to that of the template. Engineering choice: -60 dB, below
# which a passage is mostly noise.
MIN_ENERGY = 1e-6


class SearchBuffer(NamedTuple):
    """The part of a recording that is searched for passages."""

    samples: NDArray[np.float64]  # [shape=(m,)] NaN where missing; the signal is a part of it
    offset: int  # where the signal begins in it


def template_estimate(
    x: NDArray[np.float64], gap: slice, search: SearchBuffer, context: int
) -> NDArray[np.float64]:
    """Estimate a gap [shape=(h,)] from passages that resemble its context; zeros if there is none.

    x [shape=(n,)] holds a first estimate in the gap; context is the number of samples on either
    side in the template. What passages put into the gap must be known; what they hold beside it may
    overlap the estimate of the gap, but no other missing samples.
    """
    first = max(0, gap.start - context)
    template = x[first : gap.stop + context]
    n = np.arange(first, first + template.size)
    distance = np.maximum(gap.start - n, n - gap.stop + 1)
    known = distance > 0
    lost = np.isnan(search.samples)
    recording = search.samples.copy()
    recording[search.offset + gap.start : search.offset + gap.stop] = x[gap]
    unknown = np.isnan(recording)
    recording[unknown] = 0.0
    usable = ~(
        _any_within(unknown, 0, template.size)
        | _any_within(lost, gap.start - first, gap.stop - first)[: lost.size - template.size + 1]
    )
    starts = _best_matches(np.where(known, template, 0.0), known, recording, usable)
    if not starts.size:
        return np.zeros(gap.stop - gap.start)
    passages = recording[starts + np.arange(template.size)[:, None]]
    weights = np.exp(-distance[known] / (2 * WEIGHT_DECAY * context))[:, None]
    A, b = weights * passages[known], weights[:, 0] * template[known]
    ridge = PASSAGE_RIDGE * (b @ b) * np.eye(starts.size)
    return passages[~known] @ np.linalg.solve(A.T @ A + ridge, A.T @ b)


def _any_within(marks: NDArray[np.bool_], start: int, stop: int) -> NDArray[np.bool_]:
    """Find, for each start of a passage, whether one of its samples start to stop is marked."""
    count = np.concatenate([[0], np.cumsum(marks)])
    return count[stop:] > count[start : count.size - (stop - start)]


def _best_matches(
    template: NDArray[np.float64],
    known: NDArray[np.bool_],
    recording: NDArray[np.float64],
    usable: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """Find the starts of usable passages of the largest normalised cross-correlation."""
    from scipy.signal import correlate, find_peaks

    template_energy = template @ template
    if not usable.any() or not template_energy > 0:
        return np.empty(0, np.intp)
    product = correlate(recording, template, "valid", "fft")
    energy = correlate(recording**2, known.astype(np.float64), "valid", "fft")
    correlation = np.abs(product) / np.sqrt(np.maximum(energy, MIN_ENERGY * template_energy))
    correlation[~usable] = 0.0
    peaks: NDArray[np.intp] = find_peaks(correlation, distance=MIN_SPACING)[0]
    return peaks[np.argsort(-correlation[peaks], kind="stable")[:MAX_PASSAGES]]
