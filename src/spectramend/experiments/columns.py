"""Missing columns: spectra of which some frames are lost, and the signal that is recovered.

A spectrum of five seconds has five gaps of a few columns, as in the protocol of U-PHAIN-TF (2026);
all others are given. Frames overlap, so that the others determine most samples: these are recovered
first, and only the rest is interpolated. Results are signal-to-noise ratios of the whole signal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spectramend.core.files import check_input
from spectramend.core.intervals import runs
from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import FileError, ParameterError
from spectramend.evaluation import snr
from spectramend.experiments._common.conditions import timed
from spectramend.experiments._common.mixtures import transform_name
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.recordings import Recording, load_recordings, resampled
from spectramend.experiments._common.results import Progress, Result, Row, gap_result
from spectramend.gaps import janssen
from spectramend.inpainting.pipeline import inpaint
from spectramend.reconstruction import recover

# From the spectrum, its reliable cells and the length of the signal to samples [shape=(n,)].
Method: TypeAlias = Callable[[NDArray[Any], NDArray[np.bool_], int], NDArray[Any]]

load = load_recordings

# The protocol of U-PHAIN-TF (2026).
GAP_COLUMNS = (1, 2, 3, 4, 5, 6)  # columns of a gap
SR = 16000  # Hz
SIGNAL_S = 5  # seconds
PROTOCOL_STFT = STFT(n_fft=2048, hop_length=512, window="hann")  # samples
N_GAPS = 5  # gaps of a signal
SLOT_MARGIN_FRAMES = 6  # frames from a gap to the ends of its slot; engineering choice: 4 overlap
# The baseline. Engineering choices: that of `gaps`, at a lower sample rate.
JANSSEN_CONTEXT = 4096  # samples on either side of a gap to which a model is fitted
JANSSEN_ORDER = 512  # order of the model
JANSSEN_ITERATIONS = 10  # iterations of Janssen's method
PUBLISHED = "columns.csv"  # measured from the sounds that the authors of the protocol published


def read_positions(path: Path) -> dict[int, list[int]]:
    """Read the first frames of the gaps, by number of columns; raise FileError for anything else.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "positions.json"
    ...     _ = file.write_text('{"2": [10, 40]}')
    ...     read_positions(file)
    {2: [10, 40]}
    """
    try:
        content = json.loads(check_input(path).read_text("utf-8"))
        return {int(k): [int(frame) for frame in frames] for k, frames in content.items()}
    except (ValueError, TypeError, AttributeError):
        raise FileError(
            f'{path}: give JSON that maps columns to first frames, such as {{"2": [10, 40]}}.'
        ) from None


def run(
    recordings: list[Recording],
    *,
    columns: Collection[int] = GAP_COLUMNS,
    positions: Mapping[int, list[int]] | None = None,
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Delete columns from the first five seconds of each recording; recover it by every method.

    columns are numbers of columns of a gap, and positions their first frames by that number, drawn
    from the seed if None. Raises ParameterError if a gap does not fit.
    """
    total = len(recordings) * len(columns)
    items: list[Row] = []
    for number, recording in enumerate(recordings):
        x = _excerpt(recording)
        X = PROTOCOL_STFT.forward(x)
        for k in columns:
            progress(f"{recording.name}, {k} columns", len(items) // len(METHODS), total)
            rng = np.random.default_rng((seed, number, k))
            starts = _gap_starts(X.shape[1], k, rng) if positions is None else positions.get(k, [])
            observed = _observed(X.shape, k, starts)
            for name, method in METHODS.items():
                given = np.where(observed, X, np.nan)
                y, seconds = timed(partial(method, given, observed, x.size))
                items.append(
                    {
                        "condition": name,
                        "group": k,
                        "signal": recording.name,
                        "positions": list(starts),
                        "snr_db": snr(x, y),
                        "seconds": seconds,
                    }
                )
    progress("done", total, total)
    examples = {_example(recording.name) for recording in recordings}
    items += read_published(PUBLISHED, examples, columns)
    settings = {
        "seed": seed,
        "columns": list(columns),
        "positions": "from the seed" if positions is None else "given",
        "transform": transform_name(PROTOCOL_STFT),
        "sr": SR,
        "recordings": len(recordings),
    }
    return gap_result("columns", settings, items, "columns")


def _observed(shape: tuple[int, ...], k: int, starts: Sequence[int]) -> NDArray[np.bool_]:
    """Mark the cells that are left without k columns from each start [shape=(F, N)]."""
    if not starts or min(starts) < 0 or max(starts) + k > shape[1]:
        raise ParameterError(
            f"positions of {k} columns are {starts}: give first frames from 0 to {shape[1] - k}."
        )
    observed = np.ones(shape, bool)
    for start in starts:
        observed[:, start : start + k] = False
    return observed


def _example(name: str) -> str:
    """Give the signal of the published table, "example3" of "dual_audio_original_example3" say."""
    found = re.search(r"example_?(\d+)$", name)
    return f"example{found[1]}" if found else ""


def _excerpt(recording: Recording) -> NDArray[Any]:
    """Resample the first seconds to the protocol's rate [shape=(n,)]."""
    return resampled(recording.samples[: SIGNAL_S * recording.sr], recording.sr, SR)


def _gap_starts(n_frames: int, k: int, rng: np.random.Generator) -> list[int]:
    """Draw the first column of a gap of k columns in each of equal slots."""
    slot = n_frames // N_GAPS
    free = slot - 2 * SLOT_MARGIN_FRAMES - k
    if k < 1 or free < 0:
        raise ParameterError(f"columns={k}: give 1 to {max(1, slot - 2 * SLOT_MARGIN_FRAMES)}.")
    return [i * slot + SLOT_MARGIN_FRAMES + int(rng.integers(free + 1)) for i in range(N_GAPS)]


def _zero(X: NDArray[Any], observed: NDArray[np.bool_], length: int) -> NDArray[Any]:
    """Set lost columns to zero."""
    return PROTOCOL_STFT.inverse(np.where(observed, X, 0), length=length)


def _consistency_janssen(X: NDArray[Any], observed: NDArray[np.bool_], length: int) -> NDArray[Any]:
    """Recover determined samples; interpolate the others by one AR model for each gap."""
    recovered = recover(X, observed, stft=PROTOCOL_STFT, length=length)
    y = recovered.samples.copy()
    missing = ~recovered.known
    for start, stop in runs(missing):
        part = slice(max(0, start - JANSSEN_CONTEXT), stop + JANSSEN_CONTEXT)
        y[part] = janssen(y[part], missing[part], order=JANSSEN_ORDER, n_iter=JANSSEN_ITERATIONS)
    return y


def _spectramend(X: NDArray[Any], observed: NDArray[np.bool_], length: int) -> NDArray[Any]:
    """Inpaint by default."""
    return inpaint(X, Mask(observed), stft=PROTOCOL_STFT, sr=SR, length=length).samples


METHODS: dict[str, Method] = {
    "zero": _zero,
    "consistency_janssen": _consistency_janssen,
    "spectramend": _spectramend,
}
