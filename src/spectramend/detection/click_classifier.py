"""Click classifier: a logistic model of click candidates, adapted to the base rate of clicks.

The log-odds of a candidate are quadratic in its `click_features.FEATURES`, with constants that
``tools/fit_click_classifier.py`` has fitted to recordings damaged at random. Features are limited
to the usual range of clicks, so that an extreme one compensates for no other.

The base rate of a recording is the share of clicks among its candidates, estimated by maximum
likelihood from their odds (Saerens, Latinne & Decaestecker 2002): in a clean recording a candidate
needs much more evidence than in one full of clicks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_BASE_RATE = 1e-4  # share of clicks among candidates; engineering choice: keeps the shift finite
MAX_BASE_RATE = 0.5  # share of clicks among candidates; engineering choice: most are no clicks
ITERATIONS = 100  # of EM; engineering choice: the base rate no longer changes
MAX_LOG_ODDS = 40.0  # engineering choice: beyond, a posterior is 0 or 1 to 17 digits

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClickModel:
    """A logistic model that is quadratic in 11 features, fitted at a base rate of clicks."""

    low: Array  # (11,), range of each feature
    high: Array
    mean: Array  # (11,), of the limited features of all candidates
    std: Array
    weights: Array  # (78,), of `terms`
    base_rate: float  # share of clicks among the candidates

    def terms(self, features: Array) -> Array:
        """Compute 1, limited features (n, 11) and their products, (n, 78)."""
        z = (np.clip(features, self.low, self.high) - self.mean) / self.std
        i, j = np.triu_indices(z.shape[1])
        return np.concatenate([np.ones((len(z), 1)), z, z[:, i] * z[:, j]], axis=1)

    def log_odds(self, features: Array) -> Array:
        """Compute the log-odds (n,) of features (n, 11) at the base rate of the model."""
        return self.terms(features) @ self.weights

    def adapt(self, log_odds: Array) -> Array:
        """Shift the log-odds (n,) of a recording to its base rate, estimated by EM."""
        fitted = np.log(self.base_rate / (1 - self.base_rate))
        shift = 0.0
        for _ in range(ITERATIONS if log_odds.size else 0):
            posterior = 1 / (1 + np.exp(-np.clip(log_odds + shift, -MAX_LOG_ODDS, MAX_LOG_ODDS)))
            share = max(MIN_BASE_RATE, min(MAX_BASE_RATE, float(np.mean(posterior))))
            shift = float(np.log(share / (1 - share)) - fitted)
        return log_odds + shift


# Written by tools/fit_click_classifier.py: begin.
# fmt: off
MODEL = ClickModel(
    low=np.array((
        -0.2654, -6.5677, 0.7293, 0.0313, 0.7779, -0.761, -4.3367, -3.049, 0.5473, -0.4264, -4.034
    )),
    high=np.array((
        0.0, -0.317, 6.9159, 7.7902, 4.5036, 1.2817, 0.9211, 4.4988, 2.8964, 2.0839, 2.8975
    )),
    mean=np.array((
        -0.1756, -2.1466, 1.3684, 1.0864, 3.1877, 0.1189, -1.1766, 0.7034, 0.9585, -0.0928,
        -0.3334
    )),
    std=np.array((
        0.0897, 0.8904, 1.0263, 1.1024, 1.0439, 0.3617, 1.5242, 1.238, 0.5429, 0.5222, 1.687
    )),
    weights=np.array((
        -7.099, 0.909, -0.651, -0.116, 1.088, -1.482, 0.104, 0.349, -0.868, -0.771, 3.029, 0.77,
        0.18, -0.669, 0.677, 0.652, -0.66, -0.317, 0.422, -0.208, -0.283, -0.088, -0.049, -0.297,
        0.117, 0.481, -0.296, -0.135, 0.398, -0.339, -0.124, 0.079, -0.369, -0.228, 0.055, 0.599,
        0.003, 0.45, -0.099, -0.008, -0.099, 0.002, -0.056, 0.055, 0.07, -0.392, 0.291, 0.533,
        -0.497, 0.072, -0.146, 0.175, 0.499, -0.37, -0.091, -0.178, -0.151, -0.067, -0.159, 0.274,
        0.301, -0.305, 0.042, -0.051, -0.004, 0.711, -1.134, -0.316, 0.233, -1.082, 1.09, 0.203,
        -0.831, 1.154, -0.573, -0.71, 0.365, 0.503
    )),
    base_rate=0.0239,
)
# fmt: on
# end.
