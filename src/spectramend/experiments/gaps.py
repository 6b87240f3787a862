"""Missing samples: recordings with gaps of tens of milliseconds, filled.

Ten gaps are cut into each recording at random places, of every length in turn, as in the protocol
of Mokrý, Magron, Oberlin and Févotte ("Algorithms for audio inpainting based on probabilistic
nonnegative matrix factorization", Signal Processing 206, 2023). Methods know where the gaps are,
and see zeros there. Results are the signal-to-noise ratio over the missing samples of a recording,
its mean over recordings, and what the authors published where their recordings are given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.regions import Region
from spectramend.core.threads import limited_threads
from spectramend.errors import ParameterError
from spectramend.evaluation import snr
from spectramend.experiments._common.conditions import timed
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.results import Progress, Result, Row, length_result
from spectramend.experiments._common.scenes import Recording, load_recordings
from spectramend.gaps import EMAlgorithm, interpolate_by_em, janssen
from spectramend.gaps import Method as FillMethod
from spectramend.restoration.recording import repair

Method: TypeAlias = Callable[[NDArray[Any], int, Sequence[tuple[int, int]], int], NDArray[Any]]

load = load_recordings

GAP_MS = (20, 30, 40, 50, 60, 70, 80)
GAPS = 10  # of a recording
MARGIN_S = 0.25  # without gaps at both ends
LEAST_SLOT_S = 0.5  # a gap of a recording that is short has at least so much for itself
SLOT_MARGIN = 2048  # samples between a gap and the ends of its slot
PUBLISHED = "time_gaps.csv"  # results that the authors stored, final iterations
ORDER, CONTEXT, ITERATIONS = 1024, 4096, 10  # of the baseline


def run(
    recordings: list[Recording],
    *,
    gap_ms: Collection[int] = GAP_MS,
    methods: Collection[str] | None = None,
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Cut gaps into every recording and fill them by every method.

    Parameters
    ----------
    recordings : list of Recording
        Recordings.
    gap_ms : collection of int
        Lengths of the gaps in milliseconds.
    methods : collection of str, optional
        Which of `METHODS`; all if None.
    seed : int
        Fixes the places of the gaps, and random starts.
    progress : callable
        Called with what is being done, the number of items so far, and of all.

    Returns
    -------
    Result
        Groups are lengths in milliseconds; items have the places of the gaps in samples.

    Raises
    ------
    ParameterError
        If a method is unknown, or a gap does not fit into its slot.
    """
    names = [name for name in METHODS if methods is None or name in methods]
    unknown = [name for name in methods or () if name not in METHODS]
    if unknown:
        raise ParameterError(f"methods has {unknown[0]!r}: give some of {', '.join(METHODS)}.")
    total = len(recordings) * len(gap_ms) * len(names)
    items: list[Row] = []
    for number, recording in enumerate(recordings):
        for ms in gap_ms:
            rng = np.random.default_rng((seed, number, ms))
            gaps = places(recording, ms, rng)
            for name in names:
                progress(f"{recording.name}, {ms} ms, {name}", len(items), total)
                items.append(_item(recording, ms, gaps, name, seed))
    progress("done", total, total)
    given = {recording.name for recording in recordings}
    published = [
        item
        for item in read_published(PUBLISHED)
        if item["signal"] in given and item["group"] in gap_ms
    ]
    settings = {
        "seed": seed,
        "gap_ms": list(gap_ms),
        "methods": names,
        "recordings": len(recordings),
    }
    return length_result("gaps", settings, [*items, *published], "ms")


def places(recording: Recording, ms: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw the places of the gaps.

    Parameters
    ----------
    recording : Recording
        The recording.
    ms : int
        Length of the gaps in milliseconds.
    rng : Generator
        Source of the places.

    Returns
    -------
    list of (start, stop)
        A gap in each of equal slots, uniformly at least 2048 samples from the slot's ends; ten, or
        one for each half second of a recording that is shorter than 5.5 s.

    Raises
    ------
    ParameterError
        If a gap does not fit.
    """
    n, sr = recording.samples.size, recording.sr
    margin, length = round(MARGIN_S * sr), round(ms * sr / 1000)
    count = min(GAPS, int((n / sr - 2 * MARGIN_S) / LEAST_SLOT_S))
    slot = (n - 2 * margin) / max(count, 1)
    free = int(slot) - 2 * SLOT_MARGIN - length
    if length < 1 or free < 0:
        raise ParameterError(
            f"gap_ms={ms}: does not fit into a slot of {slot / sr:.2f} s of {recording.name}: give "
            f"a length between one sample and {max(0, int(slot) - 2 * SLOT_MARGIN)} samples."
        )
    starts = [
        margin + int(i * slot) + SLOT_MARGIN + int(rng.integers(free + 1)) for i in range(count)
    ]
    return [(start, start + length) for start in starts]


def _item(
    recording: Recording, ms: int, gaps: Sequence[tuple[int, int]], name: str, seed: int
) -> Row:
    """Fill the gaps of a recording by one method, and measure it."""
    x = recording.samples
    missing = _marked(x, gaps)
    with limited_threads(1):  # as repairs have it, which makes times worth comparing
        y, seconds = timed(
            lambda: METHODS[name](np.where(missing, 0.0, x), recording.sr, gaps, seed)
        )
    return {
        "condition": name,
        "group": ms,
        "signal": recording.name,
        "positions": [start for start, _ in gaps],
        "snr_db": snr(x[missing], y[missing]) if x[missing].any() else float("inf"),
        "seconds": seconds,
    }


def _marked(x: NDArray[Any], gaps: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Mark the missing samples of a recording."""
    missing = np.zeros(x.size, bool)
    for start, stop in gaps:
        missing[start:stop] = True
    return missing


def _zero(x: NDArray[Any], sr: int, gaps: Sequence[tuple[int, int]], seed: int) -> NDArray[Any]:
    """Leave the gaps silent."""
    return x


def _janssen(x: NDArray[Any], sr: int, gaps: Sequence[tuple[int, int]], seed: int) -> NDArray[Any]:
    """Fill gap by gap with one autoregressive model of high order."""
    y = x.copy()
    for start, stop in gaps:
        first, last = max(0, start - CONTEXT), min(x.size, stop + CONTEXT)
        missing = _marked(x, [(start, stop)])[first:last]
        y[first:last] = janssen(x[first:last], missing, order=ORDER, n_iter=ITERATIONS)
    return y


def _by_factors(algorithm: EMAlgorithm) -> Method:
    """Make a method that fills all gaps from nonnegative factors of the recording."""

    def method(
        x: NDArray[Any], sr: int, gaps: Sequence[tuple[int, int]], seed: int
    ) -> NDArray[Any]:
        return interpolate_by_em(x, _marked(x, gaps), algorithm=algorithm, rng=seed).samples

    return method


def _repaired(how: FillMethod) -> Method:
    """Make a method that repairs the gaps as regions."""

    def method(
        x: NDArray[Any], sr: int, gaps: Sequence[tuple[int, int]], seed: int
    ) -> NDArray[Any]:
        regions = [Region(start / sr, stop / sr) for start, stop in gaps]
        return repair(x, sr, regions, damage="missing", method=how, rng=seed).samples

    return method


METHODS: dict[str, Method] = {
    "zero": _zero,
    "janssen": _janssen,
    "em_tf": _by_factors("em_tf"),
    "am": _by_factors("am"),
    "am_to_em_tf": _by_factors("am_to_em_tf"),
    "ar": _repaired("ar"),
    "hybrid": _repaired("hybrid"),
    "spectramend": _repaired("auto"),
}
