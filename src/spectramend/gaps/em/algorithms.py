"""The EM algorithms for missing samples: input validation, scaling and a limit on the level.

The algorithms are those of O. Mokrý, P. Magron, T. Oberlin and C. Févotte, "Algorithms for audio
inpainting based on probabilistic nonnegative matrix factorization", Signal Processing 206, 2023.
What they find may be silent, but its RMS level does not exceed the peak of known samples around.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from spectramend.core.intervals import runs
from spectramend.core.threads import limited_threads
from spectramend.errors import ParameterError
from spectramend.gaps.em.iterations import EMResult, EMSettings, infer_and_update
from spectramend.gaps.inputs import known_samples
from spectramend.gaps.limits import limit_level
from spectramend.nmf.solve import RngLike

EMAlgorithm: TypeAlias = Literal["em_tf", "am", "am_to_em_tf"]
EM_ALGORITHMS: tuple[EMAlgorithm, ...] = get_args(EMAlgorithm)


def interpolate_by_em(
    x: ArrayLike,
    missing: ArrayLike,
    *,
    algorithm: EMAlgorithm = "em_tf",
    settings: EMSettings | None = None,
    rng: RngLike = None,
) -> EMResult:
    """Interpolate missing samples by NMF of the power of all frames.

    ``"em_tf"`` maximises the likelihood of the known samples by the EM algorithm; ``"am"`` that of
    all samples by alternating minimisation; ``"am_to_em_tf"`` begins with the latter. x
    [shape=(n,), real] and its mask may have any number of gaps. Settings are the published ones if
    None; rng gives the random start. Raises ParameterError if no sample is known, a known one is
    not finite, or the shapes differ.
    """
    settings = settings or EMSettings()
    known, lost = known_samples(x, missing)
    if not np.isfinite(known).all():
        raise ParameterError("x has NaN or infinite samples that are not missing: mark them.")
    peak = np.abs(known).max()
    if not lost.any() or not peak:
        return EMResult(known, None, "silence" if lost.any() else "converged", np.zeros(0))
    am_iter = {"em_tf": 0, "am": settings.max_iter, "am_to_em_tf": settings.am_iter}[algorithm]
    # A power of two keeps every digit.
    level = peak * np.sqrt(np.mean((known[~lost] / peak) ** 2))
    unit = 2.0 ** np.round(np.log2(level))
    # Matrices are thin: beside other processes, a second thread waits more than it works.
    with limited_threads(1):
        found = infer_and_update(known / unit, lost, replace(settings, am_iter=am_iter), rng=rng)
    for start, stop in runs(lost):
        limit_level(found.samples, lost, start, stop, settings.n_fft)
    with np.errstate(over="ignore", under="ignore"):
        V = unit * (unit * found.V)
    return replace(found, samples=np.where(lost, unit * found.samples, known), V=V)
