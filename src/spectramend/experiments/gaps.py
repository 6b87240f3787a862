"""Missing samples: recordings with gaps of tens of milliseconds, interpolated.

Ten gaps of each length are cut into every recording at random positions, as in the protocol of
Mokrý, Magron, Oberlin and Févotte ("Algorithms for audio inpainting based on probabilistic
nonnegative matrix factorization", Signal Processing 206, 2023). Methods are given the positions,
and zeros there. Results are the signal-to-noise ratio over the missing samples of a recording, its
mean over recordings, and what the authors published where their recordings are given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.intervals import Span, marked
from spectramend.core.regions import Region
from spectramend.core.threads import limited_threads
from spectramend.errors import ParameterError
from spectramend.evaluation import snr
from spectramend.experiments._common.conditions import timed
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.recordings import Recording, load_recordings
from spectramend.experiments._common.results import Progress, Result, Row, gap_result
from spectramend.gaps import EMAlgorithm, interpolate_by_em, janssen
from spectramend.gaps import Method as RepairMethod
from spectramend.restoration.recording import repair

# From samples with zeros in the gaps [shape=(n,)], Hz, gaps, and a seed to samples [shape=(n,)].
Method: TypeAlias = Callable[[NDArray[Any], int, Sequence[Span], int], NDArray[Any]]

load = load_recordings

# The protocol of Mokrý et al. (2023).
GAP_MS = (20, 30, 40, 50, 60, 70, 80)  # milliseconds of a gap
N_GAPS = 10  # gaps of a recording
END_MARGIN_S = 0.25  # seconds without gaps at both ends
MIN_SLOT_S = 0.5  # seconds of a slot at least; a short recording has fewer gaps
SLOT_MARGIN = 2048  # samples from a gap to the ends of its slot
# The baseline. Engineering choices: one stronger than the published results of Janssen's method,
# which are of order 512.
JANSSEN_CONTEXT = 2 * SLOT_MARGIN  # samples on either side of a gap to which a model is fitted
JANSSEN_ORDER = 1024  # order of the model
JANSSEN_ITERATIONS = 10  # iterations of Janssen's method
PUBLISHED = "time_gaps.csv"  # results that the authors stored, final iterations


def run(
    recordings: list[Recording],
    *,
    gap_ms: Collection[int] = GAP_MS,
    methods: Collection[str] | None = None,
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Cut gaps of several lengths into every recording; interpolate them by some of `METHODS`.

    All methods if None. Raises ParameterError if one is unknown, or if a gap does not fit.
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
            gaps = gap_positions(recording, ms, rng)
            for name in names:
                progress(f"{recording.name}, {ms} ms, {name}", len(items), total)
                items.append(_item(recording, ms, gaps, name, seed))
    progress("done", total, total)
    items += read_published(PUBLISHED, {recording.name for recording in recordings}, gap_ms)
    settings = {
        "seed": seed,
        "gap_ms": list(gap_ms),
        "methods": names,
        "recordings": len(recordings),
    }
    return gap_result("gaps", settings, items, "ms")


def gap_positions(recording: Recording, ms: int, rng: np.random.Generator) -> list[Span]:
    """Draw a gap of `ms` milliseconds in each of equal slots, half-open spans of samples.

    There are ten slots, or one for each half second of a recording shorter than 5.5 s. Raises
    ParameterError if a gap does not fit.
    """
    n, sr = recording.samples.size, recording.sr
    margin, length = round(END_MARGIN_S * sr), round(ms * sr / 1000)
    count = min(N_GAPS, int((n / sr - 2 * END_MARGIN_S) / MIN_SLOT_S))
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


def _item(recording: Recording, ms: int, gaps: Sequence[Span], name: str, seed: int) -> Row:
    """Interpolate the gaps of a recording by one method, and measure it."""
    x = recording.samples
    missing = marked(gaps, x.size)
    given = np.where(missing, 0.0, x)
    with limited_threads(1):  # as in repairs: times are comparable
        y, seconds = timed(partial(METHODS[name], given, recording.sr, gaps, seed))
    return {
        "condition": name,
        "group": ms,
        "signal": recording.name,
        "positions": [start for start, _ in gaps],
        "snr_db": snr(x[missing], y[missing]) if x[missing].any() else float("inf"),
        "seconds": seconds,
    }


def _zero(x: NDArray[Any], sr: int, gaps: Sequence[Span], seed: int) -> NDArray[Any]:
    """Leave the gaps silent."""
    return x


def _janssen(x: NDArray[Any], sr: int, gaps: Sequence[Span], seed: int) -> NDArray[Any]:
    """Interpolate gap by gap with one autoregressive model of high order."""
    y = x.copy()
    for start, stop in gaps:
        part = slice(max(0, start - JANSSEN_CONTEXT), stop + JANSSEN_CONTEXT)
        missing = marked([(start, stop)], x.size)[part]
        y[part] = janssen(x[part], missing, order=JANSSEN_ORDER, n_iter=JANSSEN_ITERATIONS)
    return y


def _em(algorithm: EMAlgorithm) -> Method:
    """Make a method that interpolates all gaps by NMF of the whole recording."""
    return lambda x, sr, gaps, seed: (
        interpolate_by_em(x, marked(gaps, x.size), algorithm=algorithm, rng=seed).samples
    )


def _repair(method: RepairMethod) -> Method:
    """Make a method that repairs the gaps as regions."""

    def repaired(x: NDArray[Any], sr: int, gaps: Sequence[Span], seed: int) -> NDArray[Any]:
        regions = [Region(start / sr, stop / sr) for start, stop in gaps]
        return repair(x, sr, regions, damage="missing", method=method, rng=seed).samples

    return repaired


METHODS: dict[str, Method] = {
    "zero": _zero,
    "janssen": _janssen,
    "em_tf": _em("em_tf"),
    "am": _em("am"),
    "am_to_em_tf": _em("am_to_em_tf"),
    "ar": _repair("ar"),
    "hybrid": _repair("hybrid"),
    "spectramend": _repair("auto"),
}
