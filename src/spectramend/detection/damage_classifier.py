"""Classify the damage of a region: its samples are missing, or another sound covers them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from spectramend.detection import dropouts
from spectramend.errors import ParameterError

MISSING_SHARE = 0.5  # of the samples of a region; engineering choice: the greater part
SHORTEST_RUN = 4  # samples of one value; engineering choice: crests have shorter ones


def damage_kind(x: ArrayLike, start: int, stop: int) -> tuple[Literal["missing", "occluded"], str]:
    """Classify the damage of the samples ``x[start:stop]`` of a channel, and give the reason.

    They are missing if at least half of them are not finite, in runs of one value, or a copy of
    those before. `x` [shape=(n,), real] may begin at `dropouts.PRECEDING_LENGTHS` lengths of the
    region before it.
    """
    samples = np.asarray(x)
    if samples.ndim != 1 or samples.dtype.kind not in "fiu":
        raise ParameterError(f"x: has shape {samples.shape}: give real samples of one channel.")
    if not 0 <= start < stop <= samples.size:
        raise ParameterError(
            f"start={start}, stop={stop}: give a region within {samples.size} samples."
        )
    samples = samples.astype(np.float64)
    inside = samples[start:stop]
    bad = ~np.isfinite(inside)
    flat = np.zeros(inside.size, bool)
    for a, b in dropouts.flat_runs(inside, min(SHORTEST_RUN, inside.size)):
        flat[a:b] = True
    finite = np.where(np.isfinite(samples), samples, 0.0)
    shares = {
        "not finite": np.mean(bad),
        "digital silence": np.mean(flat & (inside == 0)),
        "one value": np.mean(flat & (inside != 0)),
        "a copy of what is before it": dropouts.repeated_share(finite, start, stop),
    }
    reason = max(shares, key=lambda name: shares[name])
    share = max(float(np.mean(bad | flat)), float(shares[reason]))
    if share < MISSING_SHARE:
        return "occluded", "there is sound"
    return "missing", f"{round(100 * share)} % {reason}"
