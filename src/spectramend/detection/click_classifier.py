"""Click classifier: a logistic model of click candidates, adapted to the base rate of clicks.

The log-odds of a candidate are quadratic in its `click_features.FEATURES`, with constants that
``tools/fit_click_classifier.py`` has fitted to recordings damaged at random. Features are limited
to the usual range of clicks, so that an extreme one compensates for no other.

The base rate of a recording is the share of clicks among its candidates, estimated by maximum
likelihood from their odds (Saerens, Latinne & Decaestecker 2002): in a clean recording a candidate
needs much more evidence than in one full of clicks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, SpanSet

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


def likely(
    spans: Sequence[Span], log_odds: Array, least: float, chosen: Sequence[Span] = ()
) -> list[Span]:
    """Choose spans of which none overlaps a likelier one, in order.

    Their log-odds (n,) are at least `least`; the likeliest of all are those that are `chosen`.
    """
    kept = SpanSet()
    for span in chosen:
        kept.add(span)
    for i in np.argsort(-log_odds, kind="stable"):
        if log_odds[i] < least:
            break
        kept.add(spans[i])
    return kept.spans


# Of single clicks, and of those of dense crackle.
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
CRACKLE = ClickModel(
    low=np.array((
        -0.2879, -4.6514, -0.3311, 0.3331, 0.3724, -3.8919, -2.8726, -1.2835, 0.3152, -1.0639,
        -3.7269
    )),
    high=np.array((
        -0.0, -1.4571, 5.7058, 5.6449, 4.5326, 1.5506, 0.8573, 4.2381, 2.2057, 1.3129, 2.3652
    )),
    mean=np.array((
        -0.0941, -2.5238, 2.0411, 2.1117, 2.866, 0.0613, -0.3788, 1.3319, 1.2362, 0.0861, 0.2167
    )),
    std=np.array((
        0.1067, 0.8309, 1.6617, 1.6467, 1.3041, 0.8612, 1.1419, 1.5103, 0.5985, 0.7034, 1.7128
    )),
    weights=np.array((
        -0.521, 2.273, -0.864, 1.376, 0.799, -1.778, -0.872, 1.064, 0.144, -0.334, 1.107, 1.085,
        1.403, 0.098, -0.382, -0.465, -1.017, -0.362, 0.207, -0.654, -1.105, 0.712, -0.168,
        -0.119, -0.104, -0.254, -0.231, 0.09, -0.129, -0.301, 0.29, -0.029, -0.138, 2.213, -0.226,
        -0.156, -0.385, 0.48, -1.03, -0.55, 0.025, -0.593, -0.504, 0.323, 0.124, -0.677, 1.105,
        0.365, -0.779, 1.899, 0.946, 0.511, -0.003, 0.436, 1.297, -1.047, -0.205, 0.017, -0.114,
        0.183, 0.208, -0.23, -0.076, -0.078, 0.241, 0.217, -0.836, -0.063, 0.377, -0.115, 0.494,
        0.102, -0.05, -1.015, -0.835, 0.802, 0.558, 0.154
    )),
    base_rate=0.3583,
)
# fmt: on
# end.
