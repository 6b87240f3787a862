"""Dense crackle: clicks found in passes, the strongest first, each subtracted before the next pass.

Where clicks follow each other in some milliseconds, they are the background of each other's
residual, and the prediction is fitted to them. So the background is limited by the lower quartile
of the peaks, a model of its own tells clicks from candidates, and the least disturbance of each
click found, `click_features` (1), is subtracted from the samples before they are predicted again.

Recordings without clicks have no such places: crackle is where several candidates of some
milliseconds are likely clicks at the base rate of `click_classifier.MODEL`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, SpanSet, marked
from spectramend.detection import click_classifier, clicks
from spectramend.detection.click_features import least_disturbance, widened
from spectramend.detection.linear_prediction import Samples

NEAR_S = 0.1  # s on either side of clicks of crackle where there may be more; engineering choice
WINDOW_S = 0.1  # s in which several clicks are crackle; engineering choice: 30 clicks a second
LEAST_CLICKS = 3  # in a window; engineering choice: none in undamaged recordings, at even odds
EVEN = 0.0  # log-odds of these clicks; engineering choice: as likely as not
PASSES = 6  # at most; engineering choice: later ones find few
# Times the lower quartile of the peaks, upper limit of the background. Engineering choice: above
# the ratio of glottal pulses to what is between them.
QUARTILES = 8.0


def dense_spans(spans: list[Span], log_odds: Samples, sr: float) -> list[Span]:
    """Find the spans around clicks that are crackle among candidates and their log-odds (n,)."""
    likely = click_classifier.likely(spans, log_odds, EVEN)
    starts = np.array([a for a, _ in likely])
    half, near = WINDOW_S / 2 * sr, round(NEAR_S * sr)
    around = np.searchsorted(starts, starts + half) - np.searchsorted(starts, starts - half)
    return [
        (a - near, b + near)
        for (a, b), count in zip(likely, around, strict=True)
        if count >= LEAST_CLICKS
    ]


def find_crackle(
    x: Samples, sr: float, dense: list[Span], *, level: float, least: float, offset: int = 0
) -> list[Span]:
    """Find the clicks of crackle in and near `dense` spans of a part of a recording, in order.

    `least` are the log-odds of a click; for `level` and `offset` see `clicks.find_candidates`.
    """
    found, near = SpanSet(), round(NEAR_S * sr)
    where, left = _marked(dense, x.size), x.copy()
    for _ in range(PASSES):
        p, lead = clicks.predict_on_grid(left, sr, level=level, offset=offset, quartiles=QUARTILES)
        begins = np.arange(p.forward.peaks.size) * p.cell - lead
        allowed = (begins >= 0) & where[np.clip(begins, 0, x.size - 1)]
        spans, features = clicks.candidates_of(p, sr, lead=lead, allowed=allowed)
        log_odds = click_classifier.CRACKLE.log_odds(features)
        chosen = click_classifier.likely([widened(span) for span in spans], log_odds, least)
        if not chosen:
            break
        for span in chosen:
            first, d, *_ = least_disturbance(p, span)
            left[first - lead : first - lead + d.size] -= d
            found.add((span[0] - lead, span[1] - lead))
        where |= _marked([(a - lead - near, b - lead + near) for a, b in chosen], x.size)
    return found.spans


def _marked(spans: list[Span], n: int) -> NDArray[np.bool_]:
    """Mark the samples of spans that may reach beyond the ends: (n,)."""
    return marked([(max(0, a), min(n, b)) for a, b in spans], n)
