"""Missing columns: spectra with some frames lost, and the signal that is left.

Five times a few neighbouring columns of the spectrum of five seconds are lost, as in the protocol
of U-PHAIN-TF. Given are all others. Overlapping frames say most samples twice: what they determine
is recovered first, and only the others have to be guessed. Results are signal-to-noise ratios of
the whole signal.
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
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.results import Progress, Result, Row, length_result
from spectramend.experiments._common.scenes import (
    Recording,
    described,
    load_recordings,
    resampled,
)
from spectramend.gaps import janssen
from spectramend.inpainting import inpaint
from spectramend.reconstruction import recover

Method: TypeAlias = Callable[[NDArray[Any], NDArray[np.bool_], int], NDArray[Any]]

load = load_recordings

COLUMNS = (1, 2, 3, 4, 5, 6)
SR = 16000  # Hz
SECONDS = 5
STFT_OF_PROTOCOL = STFT(n_fft=2048, hop_length=512, window="hann")
GAPS = 5  # of a signal
SLOT_MARGIN = 6  # frames between a gap and the ends of its slot
CONTEXT = 4096  # samples on either side that a model sees
ORDER, ITERATIONS = 512, 10  # of the baseline
PUBLISHED = "columns.csv"  # measured from the sounds that the authors of the protocol published


def read_positions(path: Path) -> dict[int, list[int]]:
    """Read where columns are lost.

    Parameters
    ----------
    path : Path
        JSON that maps a number of columns to the first frames of the gaps.

    Returns
    -------
    dict
        Frames by number of columns.

    Raises
    ------
    FileError
        If it is something else.

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
    columns: Collection[int] = COLUMNS,
    positions: Mapping[int, list[int]] | None = None,
    seed: int = 0,
    progress: Progress = lambda name, done, total: None,
) -> Result:
    """Lose columns of every recording, and restore its signal by every method.

    Parameters
    ----------
    recordings : list of Recording
        Recordings, of which the first five seconds are taken at 16 kHz.
    columns : collection of int
        Columns of each gap.
    positions : mapping, optional
        First columns of the gaps by their number of columns; from the seed if None.
    seed : int
        Fixes the places of the gaps.
    progress : callable
        Called with what is being done, the number of recordings done, and of all.

    Returns
    -------
    Result
        Groups are numbers of columns; items have the first frames of the gaps.

    Raises
    ------
    ParameterError
        If a gap does not fit.
    """
    total = len(recordings) * len(columns)
    items: list[Row] = []
    for number, recording in enumerate(recordings):
        x = _excerpt(recording)
        X = STFT_OF_PROTOCOL.forward(x)
        for k in columns:
            progress(f"{recording.name}, {k} columns", len(items) // len(METHODS), total)
            rng = np.random.default_rng((seed, number, k))
            starts = _places(X.shape[1], k, rng) if positions is None else positions.get(k, [])
            observed = _without(X.shape, k, starts)
            for name, method in METHODS.items():
                given = np.where(observed, X, np.nan), observed, x.size
                y, seconds = timed(partial(method, *given))
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
    published = [
        item
        for item in read_published(PUBLISHED)
        if item["signal"] in examples and item["group"] in columns
    ]
    settings = {
        "seed": seed,
        "columns": list(columns),
        "positions": "from the seed" if positions is None else "given",
        "transform": described(STFT_OF_PROTOCOL),
        "sr": SR,
        "recordings": len(recordings),
    }
    return length_result("columns", settings, [*items, *published], "columns")


def _without(shape: tuple[int, ...], k: int, starts: Sequence[int]) -> NDArray[np.bool_]:
    """Hide k columns from each of the first ones [shape=(F, N)]."""
    if not starts or min(starts) < 0 or max(starts) + k > shape[1]:
        raise ParameterError(
            f"positions of {k} columns are {starts}: give first frames from 0 to {shape[1] - k}."
        )
    observed = np.ones(shape, bool)
    for start in starts:
        observed[:, start : start + k] = False
    return observed


def _example(name: str) -> str:
    """Give the number of a published recording, ``dual_audio_original_example3`` say."""
    found = re.search(r"example_?(\d+)$", name)
    return f"example{found[1]}" if found else ""


def _excerpt(recording: Recording) -> NDArray[Any]:
    """Take the first seconds at the protocol's rate [shape=(n,)]."""
    return resampled(recording.samples[: SECONDS * recording.sr], recording.sr, SR)


def _places(n_frames: int, k: int, rng: np.random.Generator) -> list[int]:
    """Draw the first column of a gap in each of equal slots."""
    slot = n_frames // GAPS
    free = slot - 2 * SLOT_MARGIN - k
    if k < 1 or free < 0:
        raise ParameterError(f"columns={k}: give 1 to {max(1, slot - 2 * SLOT_MARGIN)}.")
    return [i * slot + SLOT_MARGIN + int(rng.integers(free + 1)) for i in range(GAPS)]


def _zero(X: NDArray[Any], observed: NDArray[np.bool_], length: int) -> NDArray[Any]:
    """Take lost columns for silence."""
    return STFT_OF_PROTOCOL.inverse(np.where(observed, X, 0), length=length)


def _consistency_janssen(X: NDArray[Any], observed: NDArray[np.bool_], length: int) -> NDArray[Any]:
    """Recover what is determined, and fill the rest by one autoregressive model for each gap."""
    found = recover(X, observed, stft=STFT_OF_PROTOCOL, length=length)
    y = found.samples.copy()
    missing = ~found.known
    for start, stop in runs(missing):
        part = slice(max(0, start - CONTEXT), stop + CONTEXT)
        y[part] = janssen(y[part], missing[part], order=ORDER, n_iter=ITERATIONS)
    return y


def _spectramend(X: NDArray[Any], observed: NDArray[np.bool_], length: int) -> NDArray[Any]:
    """Inpaint by default."""
    return inpaint(X, Mask(observed), stft=STFT_OF_PROTOCOL, sr=SR, length=length).samples


METHODS: dict[str, Method] = {
    "zero": _zero,
    "consistency_janssen": _consistency_janssen,
    "spectramend": _spectramend,
}
