"""How likely candidates are clicks: the weight of evidence, and how common clicks are.

The odds of a candidate are a logistic model, quadratic in its signs, whose constants
``python benchmarks/detection.py --fit`` has found on recordings damaged at random. Signs are cut to
what is usual of clicks: beyond it, more of one sign makes up for nothing.

Odds also depend on how common clicks are. Mouths click in clean speech about once in a minute, and
one sign of those is that they are alone, while a bad record crackles all along. So the share of
clicks among the candidates is estimated from the recording itself, as its most likely value given
all of the evidence (Saerens, Latinne & Decaestecker 2002, eq. 6): in a clean recording a candidate
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
    -0.2574, -6.5694, 0.7367, 0.0324, 0.7779, -0.7591, -4.3374, -3.0492, 0.5605, -0.4086, -4.0202
))
HIGH = np.array((
    0.0, -0.3168, 6.9162, 7.7924, 4.5024, 1.2805, 0.921, 4.5008, 2.8971, 2.0844, 2.8981
))
MEAN = np.array((
    -0.1718, -2.1547, 1.3864, 1.1007, 3.189, 0.1198, -1.179, 0.7069, 0.9713, -0.0775, -0.3253
))
SPREAD = np.array((
    0.0877, 0.9106, 1.0549, 1.1331, 1.0413, 0.3636, 1.527, 1.2471, 0.5467, 0.5273, 1.6853
))
WEIGHTS = np.array((
    -6.902, 0.987, -0.728, -0.05, 1.156, -1.56, 0.091, 0.36, -0.945, -0.818, 3.096, 0.762, 0.153,
    -0.646, 0.671, 0.656, -0.606, -0.306, 0.4, -0.16, -0.248, -0.141, -0.049, -0.32, 0.119, 0.501,
    -0.302, -0.137, 0.399, -0.332, -0.118, 0.068, -0.381, -0.242, 0.06, 0.592, 0.003, 0.452,
    -0.103, -0.011, -0.109, 0.016, -0.059, 0.036, 0.068, -0.383, 0.283, 0.52, -0.492, 0.072,
    -0.154, 0.174, 0.49, -0.371, -0.096, -0.152, -0.159, -0.066, -0.163, 0.273, 0.298, -0.302,
    0.04, -0.049, -0.01, 0.738, -1.148, -0.315, 0.234, -1.099, 1.125, 0.185, -0.859, 1.214,
    -0.606, -0.748, 0.389, 0.518
))
SHARE = 0.0272
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
