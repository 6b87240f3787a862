"""Quantized samples: the mean of the posterior, not its maximum.

Quantization adds an error of variance D**2/12 to every sample. The most probable samples within
their bounds are too quiet: of a cell far below the error, the weakest value within the bounds is
the most probable one, although any other is as good. The Wiener filter gives the mean. In cell c of
a Parseval frame whose window w has the mean square c_w = sum(w**2)/length,

    X_hat = V/(V + N) Y,   N = c_w * 2 * D**2/12,   V = model(|X_hat|**2 + V N/(V + N))        (1)

with the posterior variance V N/(V + N) in the powers (expectation maximisation). The mean of
several window lengths is projected onto the bounds. The factor 2 was chosen on development music:
where the sound is soft or tonal, the error is neither white nor independent of it.

Reference: A. Ozerov and C. Fevotte, "Multichannel nonnegative matrix factorization in convolutive
mixtures for audio source separation", IEEE TASLP 18(3), 2010, section III (the EM of variances).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectramend.declipping.parseval_frame import OVERLAP, ParsevalFrame
from spectramend.declipping.variances import VarianceModel

N_ITER = 5  # iterations; chosen on development music, as the next
ERROR_FACTOR = 2.0  # of the variance of the error; see above
LEAST_VARIANCE = 1e-3  # of that of the error, at the start


def wiener_estimate(
    frames: Sequence[ParsevalFrame],
    models: Sequence[VarianceModel],
    y: NDArray[np.float32],
    lower: NDArray[np.float32],
    upper: NDArray[np.float32],
    error_variance: float,
) -> NDArray[np.float32]:
    """Iterate (1) from quantized samples [shape=(n,)]; the error's variance is of one sample."""
    N = np.float32(ERROR_FACTOR * error_variance / OVERLAP)
    spectra = [S.analysis(y) for S in frames]
    variances = [
        np.maximum(model.variances(np.abs(Y) ** 2, 0.0) - N, LEAST_VARIANCE * N)
        for model, Y in zip(models, spectra, strict=True)
    ]
    x = y
    for i in range(N_ITER):
        filtered = [
            S.synthesis(V / (V + N) * Y) for S, V, Y in zip(frames, variances, spectra, strict=True)
        ]
        x = np.clip(np.mean(filtered, axis=0, dtype=np.float32), lower, upper)
        if i < N_ITER - 1:
            variances = [
                model.variances(np.abs(S.analysis(x)) ** 2 + V * N / (V + N), 0.0)
                for S, model, V in zip(frames, models, variances, strict=True)
            ]
    return x
