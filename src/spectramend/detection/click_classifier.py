"""How likely candidates are clicks: the weight of evidence, and how common clicks are.

The odds of a candidate are a logistic model, quadratic in its signs, whose constants
``python benchmarks/detection.py --fit`` has found on recordings damaged at random. Signs are cut to
what is usual of clicks: beyond it, more of one sign makes up for nothing.

Odds also depend on how common clicks are. Mouths click in clean speech about once in a minute, and
one sign of those is that they are alone, while a bad record crackles all along. So the share of
clicks among the candidates is estimated from the recording itself, as its most likely value given
all of the evidence (Saerens, Latinne & Decaestecker 2002): in a clean recording a candidate
needs far more evidence than in one that is full of clicks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGNS = (
    "share of the residual's energy that a disturbance of the span explains",
    "residual that is left, over what is usual",
    "its disturbance over the residual of 5 ms on either side",
    "its disturbance over the third largest peak of 30 ms on either side",
    "width",
    "residual after it over that before it",
    "roughness of the disturbance",
    "its roughness over that of the sides",
    "its height over the RMS value of the louder side",
    "its height over the peak of the sides",
    "its height over the level of the recording",
)

# Made by benchmarks/detection.py --fit: begin.
# fmt: off
LOW = np.array((
    -0.2654, -6.5677, 0.7293, 0.0313, 0.7779, -0.761, -4.3367, -3.049, 0.5473, -0.4264, -4.034
))
HIGH = np.array((
    0.0, -0.317, 6.9159, 7.7902, 4.5036, 1.2817, 0.9211, 4.4988, 2.8964, 2.0839, 2.8975
))
MEAN = np.array((
    -0.1756, -2.1466, 1.3684, 1.0864, 3.1877, 0.1189, -1.1766, 0.7034, 0.9585, -0.0928, -0.3334
))
SPREAD = np.array((
    0.0897, 0.8904, 1.0263, 1.1024, 1.0439, 0.3617, 1.5242, 1.238, 0.5429, 0.5222, 1.687
))
WEIGHTS = np.array((
    -7.099, 0.909, -0.651, -0.116, 1.088, -1.482, 0.104, 0.349, -0.868, -0.771, 3.029, 0.77, 0.18,
    -0.669, 0.677, 0.652, -0.66, -0.317, 0.422, -0.208, -0.283, -0.088, -0.049, -0.297, 0.117,
    0.481, -0.296, -0.135, 0.398, -0.339, -0.124, 0.079, -0.369, -0.228, 0.055, 0.599, 0.003,
    0.45, -0.099, -0.008, -0.099, 0.002, -0.056, 0.055, 0.07, -0.392, 0.291, 0.533, -0.497, 0.072,
    -0.146, 0.175, 0.499, -0.37, -0.091, -0.178, -0.151, -0.067, -0.159, 0.274, 0.301, -0.305,
    0.042, -0.051, -0.004, 0.711, -1.134, -0.316, 0.233, -1.082, 1.09, 0.203, -0.831, 1.154,
    -0.573, -0.71, 0.365, 0.503
))
SHARE = 0.0239
# fmt: on
# end.

LEAST_SHARE = 1e-4  # of clicks among the candidates of a recording
ROUNDS = 100


def terms(signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make the terms of the model, 1, signs and products, (n, 78), of signs (n, 11)."""
    z = (np.clip(signs, LOW, HIGH) - MEAN) / SPREAD
    i, j = np.triu_indices(z.shape[1])
    return np.concatenate([np.ones((len(z), 1)), z, z[:, i] * z[:, j]], axis=1)


def log_odds(signs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh candidates as if clicks were as common as where the constants are from."""
    return terms(signs) @ WEIGHTS


def adapted(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take into account how common clicks are among the candidates of a recording (EM)."""
    usual = np.log(SHARE / (1 - SHARE))
    shift = 0.0
    for _ in range(ROUNDS if odds.size else 0):
        posterior = 1 / (1 + np.exp(-np.clip(odds + shift, -40.0, 40.0)))
        share = max(LEAST_SHARE, min(0.5, float(np.mean(posterior))))
        shift = float(np.log(share / (1 - share)) - usual)
    return odds + shift
