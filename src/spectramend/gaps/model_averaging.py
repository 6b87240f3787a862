"""Other opinions on a gap, where models of what is before and after it do not agree.

A fill y from autoregressive models errs by about ``kappa d``, d being how far its two sides are
apart (`blend`); another one, u, whose errors have other causes, errs by more: of ``|| u - y ||**2``
the most is its own. The mean of both that errs least then gives u the weight

    b  =  kappa d / || u - y ||**2,                                                           (1)

none where the sides agree. There are two such opinions:

- nonnegative factors of the frames around: exact EM (`alternation`) that begins with y;
- passages that sound alike elsewhere in the recording: those of best correlation on either side of
  the gap, as a sum that fits there, by least squares.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.gaps.ar.two_sided import CONTEXT_ORDERS, Fill
from spectramend.gaps.em.iterations import Settings, alternate

FACTORS_SHARE = 0.3  # kappa in (1)
LIKENESS_SHARE = 0.6
MOST = 0.5  # of b
AGREED = 1e-4  # energy between sides, relative to that of the fill, that leaves nothing to ask

FRAME_ORDERS = 4  # samples of a frame, in orders of the fill
SETTINGS = Settings(n_components=8, max_iter=3, am_iter=0, nmf_iter=5, tol=0.0, rng=None)

BESIDE_ORDERS = 1 / 4  # samples on either side of a gap by which passages are found
PASSAGES = 32
APART = 4  # samples between the beginnings of passages
FADE = 2 / 3  # of what is beside: how fast samples count less, away from the gap
RIDGE = 1e-3  # relative to the energy beside
QUIETEST = 1e-6  # passages have no less energy, relative to that beside


class Memory(NamedTuple):
    """What is known of a recording around a signal.

    Parameters
    ----------
    samples : ndarray [shape=(m,)]
        The recording, NaN where it is missing; the signal is a part of it.
    first : int
        Where the signal begins in it.
    """

    samples: NDArray[np.float64]
    first: int


def ask(
    x: NDArray[np.float64],
    start: int,
    fill: Fill,
    *,
    order: int,
    memory: Memory,
) -> NDArray[np.float64]:
    """Let other opinions have their part in a fill.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap with its context; what stands in the gap is not looked at.
    start : int
        First missing sample.
    fill : Fill
        From models of both sides.
    order : int
        Order of these models.
    memory : Memory
        More of the recording.

    Returns
    -------
    ndarray [shape=(h,)]
        The missing samples.
    """
    y, doubt = fill.samples, fill.doubt
    if not doubt > AGREED * np.sum(y**2):
        return y
    gap = slice(start, start + y.size)
    guess = x.copy()
    guess[gap] = y
    found = y.copy()
    for share, opinion in (
        (FACTORS_SHARE, by_factors(guess, gap, order)),
        (LIKENESS_SHARE, by_likeness(guess, gap, memory, round(BESIDE_ORDERS * order))),
    ):
        difference = opinion - y
        energy = float(difference @ difference)
        if energy > 0:
            found += min(MOST, share * doubt / energy) * difference
    return found


def by_factors(x: NDArray[np.float64], gap: slice, order: int) -> NDArray[np.float64]:
    """Infer a gap from nonnegative factors of the frames around it.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap, filled once, with its context.
    gap : slice
        Where it is.
    order : int
        Frames have four times as many samples, and three orders beside the gap hold for all.

    Returns
    -------
    ndarray [shape=(h,)]
        The missing samples.
    """
    first = max(0, gap.start - CONTEXT_ORDERS * order)
    near = x[first : gap.stop + CONTEXT_ORDERS * order]
    lost = np.zeros(near.size, bool)
    lost[gap.start - first : gap.stop - first] = True
    level = np.sqrt(np.mean(near[~lost] ** 2))
    n_fft = FRAME_ORDERS * order
    stft = STFT(n_fft, n_fft // 2, "sine")
    guess = near / level
    return level * alternate(np.where(lost, 0.0, guess), lost, stft, SETTINGS, guess).samples[lost]


def by_likeness(
    x: NDArray[np.float64], gap: slice, memory: Memory, beside: int
) -> NDArray[np.float64]:
    """Sum passages that sound, beside a gap, as what is beside it.

    Parameters
    ----------
    x : ndarray [shape=(n,)]
        The gap, filled once, with its context.
    gap : slice
        Where it is.
    memory : Memory
        Where to look for passages. In the place of the gap they are known; beside it they may
        touch the gap itself, as it is filled, but no other.
    beside : int
        Samples on either side that tell likeness.

    Returns
    -------
    ndarray [shape=(h,)]
        The missing samples; zeros if there is no passage.
    """
    first = max(0, gap.start - beside)
    template = x[first : gap.stop + beside]
    n = np.arange(first, first + template.size)
    distance = np.maximum(gap.start - n, n - gap.stop + 1)
    known = distance > 0
    lost = np.isnan(memory.samples)
    own = slice(memory.first + gap.start, memory.first + gap.stop)
    heard = memory.samples.copy()
    heard[own] = x[gap]
    unknown = np.isnan(heard)
    heard[unknown] = 0.0
    usable = ~(
        _touches(unknown, 0, template.size)
        | _touches(lost, gap.start - first, gap.stop - first)[: lost.size - template.size + 1]
    )
    starts = _alike(np.where(known, template, 0.0), known, heard, usable)
    if not starts.size:
        return np.zeros(gap.stop - gap.start)
    passages = heard[starts + np.arange(template.size)[:, None]]
    fade = np.exp(-distance[known] / (2 * FADE * beside))[:, None]
    A, b = fade * passages[known], fade[:, 0] * template[known]
    ridge = RIDGE * (b @ b) * np.eye(starts.size)
    return passages[~known] @ np.linalg.solve(A.T @ A + ridge, A.T @ b)


def _touches(marks: NDArray[np.bool_], start: int, stop: int) -> NDArray[np.bool_]:
    """Tell for each beginning of a passage whether marks lie from start to stop in it."""
    count = np.concatenate([[0], np.cumsum(marks)])
    return count[stop:] > count[start : count.size - (stop - start)]


def _alike(
    template: NDArray[np.float64],
    known: NDArray[np.bool_],
    heard: NDArray[np.float64],
    usable: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """Find where usable passages begin whose correlation with a template is largest."""
    from scipy.signal import correlate, find_peaks

    own = template @ template
    if not usable.any() or not own > 0:
        return np.empty(0, np.intp)
    product = correlate(heard, template, "valid", "fft")
    energy = correlate(heard**2, known.astype(np.float64), "valid", "fft")
    likeness = np.abs(product) / np.sqrt(np.maximum(energy, QUIETEST * own))
    likeness[~usable] = 0.0
    peaks: NDArray[np.intp] = find_peaks(likeness, distance=APART)[0]
    return peaks[np.argsort(-likeness[peaks], kind="stable")[:PASSAGES]]
