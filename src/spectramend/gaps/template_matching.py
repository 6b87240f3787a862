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
DECAY = 2 / 3  # distance from the gap at which squared weights fall by 1 / e, in contexts
RIDGE = 1e-3  # added to the normal equations, relative to the energy of the weighted template
# Least energy of a passage, relative to that of the template. Engineering choice: -60 dB, below
# which a passage is mostly noise.
MIN_ENERGY = 1e-6


class SearchBuffer(NamedTuple):
    """The part of a recording that is searched for passages.

    Parameters
    ----------
    samples : ndarray [shape=(m,)]
        The recording, NaN where it is missing; the signal with the gap is a part of it.
    offset : int
        Where the signal begins in it.
    """

    samples: NDArray[np.float64]
    offset: int


def template_estimate(
    x: NDArray[np.float64], gap: slice, search: SearchBuffer, context: int
) -> NDArray[np.float64]:
    """Estimate a gap from passages that resemble its context.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap, with a first estimate in it, and its context.
    gap : slice
        Where it is.
    search : SearchBuffer
        Where to look for passages. What they put into the gap must be known; what they hold beside
        it may overlap the estimate of the gap, but no other missing samples.
    context : int
        Samples on either side in the template.

    Returns
    -------
    ndarray [shape=(h,)]
        The missing samples; zeros if there is no passage.
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
    weights = np.exp(-distance[known] / (2 * DECAY * context))[:, None]
    A, b = weights * passages[known], weights[:, 0] * template[known]
    ridge = RIDGE * (b @ b) * np.eye(starts.size)
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
