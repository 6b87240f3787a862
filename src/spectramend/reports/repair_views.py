"""What the script of a report draws around a repair: spectrograms as images, waveforms as numbers.

A waveform is an envelope, the least and the largest sample of each of many bins, and the samples
themselves around the beginning of the repair. Both are 16-bit numbers in base64, in units of the
peak of all.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectramend.display.html_audio import overview_power
from spectramend.display.spectrograms import DYNAMIC_RANGE_DB, Extent, cell_extent

# Engineering choices:
FRAME_S = 0.032  # s, frame of the spectrograms, rounded to a power of two samples
MAX_BINS = 1500  # bins of an envelope, columns of a spectrogram: more than pixels of a page
MAX_DETAIL = 12_000  # samples that can be seen one by one: a quarter of a second at 48 kHz
BEFORE_S = 0.02  # s, samples before the repair that can be seen one by one
LANES = 2  # channels that are drawn


def write_view(
    folder: Path,
    stem: str,
    sounds: Mapping[str, NDArray[np.float64]],
    *,
    sr: int,
    start: int,
    repair: tuple[int, int],
    boxes: Sequence[Extent],
    levels: Sequence[float] = (),
) -> dict[str, Any]:
    """Write the spectrograms of sounds [shapes=(channels, n)], and describe the view for JSON.

    Images are named ``stem_name.png``. `start` is the first sample of the sounds in the recording,
    `repair` the first sample of the repair and the one after its last, and `boxes` have first and
    last second, lowest and highest Hz. `levels` are drawn as lines in the waveforms.
    """
    n = next(iter(sounds.values())).shape[-1]
    powers = {name: overview_power(x, sr, FRAME_S, MAX_BINS) for name, x in sounds.items()}
    loudest = max(float(power.max()) for power, _, _ in powers.values()) or 1.0
    peak = max(float(np.abs(x).max()) for x in sounds.values()) or 1.0
    first = int(np.clip(repair[0] - start - round(BEFORE_S * sr), 0, n))
    last = min(n, first + MAX_DETAIL, repair[1] - start + round(BEFORE_S * sr))
    images = {}
    for name, (power, hop_s, bin_hz) in powers.items():
        images[name] = f"{stem}_{name}.png"
        (folder / images[name]).write_bytes(_png(power / loudest))
        extent = cell_extent(power.shape, hop_s=hop_s, bin_hz=bin_hz, start_s=start / sr)
    return {
        "images": images,
        "extent": [round(edge, 6) for edge in extent],  # of all: their shapes are equal
        "time": [start / sr, (start + n) / sr],
        "hz": sr / 2,
        "boxes": [[round(edge, 6) for edge in box] for box in boxes],
        "peak": float(f"{peak:.3g}"),
        "levels": [round(level / peak, 6) for level in levels],
        "detail": [(start + first) / sr, (start + last) / sr],
        "waves": {
            name: [
                {
                    "bins": _coded(envelope(channel) / peak),
                    "detail": _coded(channel[first:last] / peak),
                }
                for channel in x[:LANES]
            ]
            for name, x in sounds.items()
        },
    }


def envelope(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the least and the largest sample of at most 1500 bins of a signal [shape=(bins, 2)].

    >>> envelope(np.array([0.0, 0.5, -1.0])).tolist()
    [[0.0, 0.0], [0.5, 0.5], [-1.0, -1.0]]
    """
    edges = np.linspace(0, x.size, min(x.size, MAX_BINS) + 1)[:-1].astype(int)
    return np.stack([np.minimum.reduceat(x, edges), np.maximum.reduceat(x, edges)], axis=1)


def _coded(values: NDArray[np.float64]) -> str:
    """Write numbers within ±1 as 16-bit integers in base64, little-endian."""
    integers = np.rint(np.clip(values, -1, 1) * 32767).astype("<i2")
    return base64.b64encode(integers.tobytes()).decode("ascii")


def _png(power: NDArray[np.float64]) -> bytes:
    """Draw power relative to the loudest [shape=(F, N)], a pixel a cell, 0 Hz at the bottom."""
    from matplotlib.image import imsave

    decibels = 10 * np.log10(np.maximum(power, 10 ** (-DYNAMIC_RANGE_DB / 10)))
    buffer = io.BytesIO()
    imsave(
        buffer,
        decibels,
        cmap="magma",
        vmin=-DYNAMIC_RANGE_DB,
        vmax=0,
        origin="lower",
        format="png",
    )
    return buffer.getvalue()
