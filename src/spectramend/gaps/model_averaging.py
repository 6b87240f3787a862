"""An estimate of a gap averaged with secondary estimates, by inverse variances.

The error of an estimate y from autoregressive models has the energy ``kappa d``, d being the
disagreement of its two sides (`two_sided`). A secondary estimate u, whose error is independent and
larger, accounts for most of ``|| u - y ||**2``. Weights that are inverse to both variances, which
make the error of the mean least, then give u the weight

    b  =  kappa d / || u - y ||**2,                                                           (1)

none where the sides agree. There are two secondary estimates:

- NMF of the power spectrogram around: the EM algorithm of `spectramend.gaps.em`, started from y;
- similar passages of the recording: see `template_matching`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.gaps.ar.two_sided import CONTEXT_ORDERS, TwoSidedEstimate
from spectramend.gaps.em.iterations import EMSettings, infer_and_update
from spectramend.gaps.template_matching import SearchBuffer, template_estimate

# Chosen on the development music with `spectramend experiment gaps`.
KAPPA_NMF = 0.3  # kappa in (1), no unit
KAPPA_TEMPLATES = 0.6  # kappa in (1), no unit
MAX_WEIGHT = 0.5  # largest b, no unit
TEMPLATE_ORDERS = 1 / 4  # samples on either side in the template, in orders of the models
FRAME_ORDERS = 4  # samples of an STFT frame, in orders of the models
N_COMPONENTS = 8  # of the NMF
EM_ITERATIONS = 3  # E-steps
NMF_ITERATIONS = 5  # updates of both factors in each EM iteration
# Disagreement, relative to the energy of the estimate, up to which there is no averaging.
# Engineering choice: -40 dB, where it could change next to nothing.
MIN_DISAGREEMENT = 1e-4


def average_estimates(
    x: NDArray[np.float64],
    start: int,
    estimate: TwoSidedEstimate,
    *,
    order: int,
    search: SearchBuffer,
) -> NDArray[np.float64]:
    """Average an estimate of a gap with secondary estimates, where its sides disagree.

    x [shape=(n,)] is the gap with its context, start its first sample; order is that of the models
    of the estimate. Returns the missing samples [shape=(h,)].
    """
    y, disagreement = estimate
    if not disagreement > MIN_DISAGREEMENT * np.sum(y**2):
        return y
    gap = slice(start, start + y.size)
    guess = x.copy()
    guess[gap] = y
    average = y.copy()
    for kappa, secondary in (
        (KAPPA_NMF, _nmf_estimate(guess, gap, order)),
        (KAPPA_TEMPLATES, template_estimate(guess, gap, search, round(TEMPLATE_ORDERS * order))),
    ):
        difference = secondary - y
        energy = float(difference @ difference)
        if energy > 0:
            average += min(MAX_WEIGHT, kappa * disagreement / energy) * difference
    return average


def _nmf_estimate(x: NDArray[np.float64], gap: slice, order: int) -> NDArray[np.float64]:
    """Estimate a gap of x [shape=(n,)], which holds a first estimate, by NMF around it."""
    first = max(0, gap.start - CONTEXT_ORDERS * order)
    near = x[first : gap.stop + CONTEXT_ORDERS * order]
    lost = np.zeros(near.size, bool)
    lost[gap.start - first : gap.stop - first] = True
    level = np.sqrt(np.mean(near[~lost] ** 2))
    n_fft = FRAME_ORDERS * order
    settings = EMSettings(
        n_components=N_COMPONENTS,
        n_fft=n_fft,
        hop_length=n_fft // 2,
        max_iter=EM_ITERATIONS,
        am_iter=0,
        nmf_iter=NMF_ITERATIONS,
        tol=0.0,
    )
    guess = near / level
    found = infer_and_update(np.where(lost, 0.0, guess), lost, settings, guess=guess)
    return level * found.samples[lost]
