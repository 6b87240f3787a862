"""Classify the damage of a region: its samples are missing, or another sound covers them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectramend.core.intervals import Span, hull, join
from spectramend.detection import abrupt_gaps, dropouts, packet_concealment
from spectramend.errors import ParameterError

MISSING_SHARE = 0.5  # of the samples of a region; engineering choice: the greater part
SHORTEST_RUN = 4  # samples of one value; engineering choice: crests have shorter ones
TYPICAL_PLATEAU = 0.75  # quantile of the samples around a region by the run of one value that they
# are in; engineering choice: a quarter of them may be lost, too
BORDER_STEPS = (
    2.0  # least level next to a run of one value in coarse sound, in steps; see `Thresholds`
)
COMPARED_S = 0.06  # s on either side that are compared; engineering choice: two contexts of a model
MARGIN_S = 0.01  # s of intact sound in a region on either side; engineering choice: drawn by hand

Samples: TypeAlias = NDArray[np.float64]


def damage_kind(
    x: ArrayLike, start: int, stop: int, sr: float | None = None
) -> tuple[Literal["missing", "occluded"], str]:
    """Classify the damage of the samples ``x[start:stop]`` of a channel, and give the reason.

    They are missing if at least half of them are not finite, in runs of one value that quantisation
    does not explain, or a copy of those before; and, if the sample rate `sr` in Hz is given, where
    sound is cut off and goes on abruptly, or a packet fades that is a copy of one before, in half
    of the region or up to `MARGIN_S` from its ends. `x` [shape=(n,), real] may begin at
    `dropouts.PRECEDING_LENGTHS` lengths of the region or `COMPARED_S` before it, and end
    `COMPARED_S` after it.
    """
    samples = _checked(x, start, stop)
    inside = samples[start:stop]
    bad = ~np.isfinite(inside)
    finite = np.where(np.isfinite(samples), samples, 0.0)
    flat = _flat(finite, (start, stop), sr)
    shares = {
        "not finite": np.mean(bad),
        "digital silence": np.mean(flat & (inside == 0)),
        "one value": np.mean(flat & (inside != 0)),
        "a copy of what is before it": dropouts.repeated_share(finite, start, stop),
    }
    reason = max(shares, key=lambda name: shares[name])
    share = max(float(np.mean(bad | flat)), float(shares[reason]))
    if share >= MISSING_SHARE:
        return "missing", f"{round(100 * share)} % {reason}"
    for reason, spans in _lost(finite, (start, stop), sr) if sr else ():
        lost = sum(b - a for a, b in spans)
        first, last = hull(spans)
        reaches_ends = max(first - start, stop - last) <= round(MARGIN_S * (sr or 0.0))
        if lost >= MISSING_SHARE * ((last - first) if reaches_ends else (stop - start)):
            return "missing", f"{round(100 * lost / (stop - start))} % {reason}"
    return "occluded", "there is sound"


def _checked(x: ArrayLike, start: int, stop: int) -> Samples:
    """Check the arguments of `damage_kind`."""
    samples = np.asarray(x)
    if samples.ndim != 1 or samples.dtype.kind not in "fiu":
        raise ParameterError(f"x: has shape {samples.shape}: give real samples of one channel.")
    if not 0 <= start < stop <= samples.size:
        raise ParameterError(
            f"start={start}, stop={stop}: give a region within {samples.size} samples."
        )
    return samples.astype(np.float64)


def _flat(x: Samples, region: Span, sr: float | None) -> NDArray[np.bool_]:
    """Mark the samples of a region in runs of one value that quantisation does not explain."""
    start, stop = region
    flat = np.zeros(stop - start, bool)
    plateau = _typical_plateau(x, region)
    for a, b in dropouts.flat_runs(x[start:stop], min(SHORTEST_RUN, stop - start)):
        flat[a:b] = True
    if flat.any():
        values, counts = np.unique(x[start:stop][flat], return_counts=True)
        flat &= x[start:stop] == values[np.argmax(counts)]
    if sr is None or plateau == 1:
        return flat
    # Coarse sound: as in the detection of dropouts, with the whole run and what borders it.
    level = float(np.sqrt(np.mean(x**2)))
    coarse = np.zeros(x.size, bool)
    for a, b in dropouts.flat_runs(x, max(SHORTEST_RUN, round(dropouts.PLATEAUS * plateau))):
        coarse[a:b] = dropouts.is_dropout(x, (a, b), sr, level=level, border_steps=BORDER_STEPS)
    return flat & coarse[start:stop]


def _typical_plateau(x: Samples, region: Span) -> float:
    """Find the length of the run of one value that typical samples around a region are in."""
    lengths = []
    for side in (x[: region[0]], x[region[1] :]):
        edges = np.concatenate(([0], np.flatnonzero(np.diff(side)) + 1, [side.size]))
        if edges.size > 2:  # there is sound
            lengths.append(np.diff(edges))
    if not lengths:
        return 1.0
    of_samples = np.concatenate([np.repeat(length, length) for length in lengths])
    return float(np.quantile(of_samples, TYPICAL_PLATEAU))


def _lost(x: Samples, region: Span, sr: float) -> Iterator[tuple[str, list[Span]]]:
    """Find where sound is cut off in a region, and concealed packets, with the reason of each."""
    context = np.concatenate((x[: region[0]], x[region[1] :]))
    if not context.any():
        return
    steps = np.abs(np.diff(context))
    step = float(np.min(steps, where=steps > 0, initial=np.inf))
    level = float(np.sqrt(np.mean(context**2)))
    longest = region[1] - region[0]
    gaps = abrupt_gaps.find_gaps(x, sr, level=level, step=step, longest=longest, marked=region)
    lost = [gap.span for gap in gaps if gap.is_certain(sr) or gap.span == region]
    copies = packet_concealment.concealed_packets(x, sr, step=step)
    found = {
        "much softer than what is around it": lost,
        "a fading copy of what is before it": copies,
    }
    for reason, spans in found.items():
        own = [(max(a, region[0]), min(b, region[1])) for a, b in join(spans)]
        if inside := [(a, b) for a, b in own if a < b]:
            yield reason, inside
