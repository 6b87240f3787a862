"""Samples to bytes and back: exact, or rounded to the nearest step and clipped."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from spectramend.audio.codings import CODINGS, OTHER


def quantize(x: NDArray[np.float64], bits: int) -> tuple[NDArray[np.int64], int]:
    """Round samples, full scale at ±1, to integers, clip them, and count those over full scale.

    There is no dither. +1, to which no integer corresponds, is not counted.
    """
    full = 1 << (bits - 1)
    steps = np.rint(x * full)
    clipped = int((np.abs(steps) > full).sum())
    return np.clip(steps, -full, full - 1).astype(np.int64), clipped


def full_scale(subtype: str) -> tuple[float, float]:
    """Give the lowest and the highest sample that a coding holds; ±1 of one that holds more.

    >>> full_scale("PCM_16"), full_scale("FLOAT")
    ((-1.0, 0.999969482421875), (-1.0, 1.0))
    """
    coding = CODINGS.get(subtype, OTHER)
    if coding.kind == "companded":
        levels = _levels(subtype)
        return float(levels.min()), float(levels.max())
    return -1.0, 1.0 - (2.0 ** (1 - coding.bits) if coding.kind == "integer" else 0.0)


def decode(raw: bytes, subtype: str, big_endian: bool) -> NDArray[np.float64]:
    """Convert the bytes of samples to float64, full scale at ±1; NaN and infinity are kept."""
    coding, order = CODINGS[subtype], ">" if big_endian else "<"
    if coding.kind == "float":
        with np.errstate(invalid="ignore"):  # a signalling NaN
            return np.frombuffer(raw, f"{order}f{coding.width}").astype(np.float64)
    if coding.kind == "companded":
        return _levels(subtype)[np.frombuffer(raw, np.uint8)]
    if subtype == "PCM_U8":
        return (np.frombuffer(raw, np.uint8) - 128.0) / 128
    if coding.width == 3:
        # Three bytes are the upper ones of four.
        padded = np.zeros((len(raw) // 3, 4), np.uint8)
        upper = slice(0, 3) if big_endian else slice(1, 4)
        padded[:, upper] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return padded.view(order + "i4")[:, 0] / 2.0**31
    return np.frombuffer(raw, f"{order}i{coding.width}") / 2.0 ** (coding.bits - 1)


def encode(x: NDArray[np.float64], subtype: str, big_endian: bool) -> tuple[NDArray[np.uint8], int]:
    """Convert samples [shape=(n,)], full scale at ±1, to bytes [shape=(n, width)].

    Returns them, and how many samples were clipped.
    """
    coding, order = CODINGS[subtype], ">" if big_endian else "<"
    if coding.kind == "float":
        dtype = np.dtype(f"{order}f{coding.width}")
        largest = float(np.finfo(dtype).max)
        clipped = int((np.abs(x) > largest).sum())
        return _as_bytes(np.clip(x, -largest, largest).astype(dtype)), clipped
    if coding.kind == "companded":
        return _nearest_codes(x, subtype)
    steps, clipped = quantize(x, coding.bits)
    if subtype == "PCM_U8":
        return _as_bytes((steps + 128).astype(np.uint8)), clipped
    if coding.width == 3:
        four = _as_bytes(steps.astype(order + "i4"))
        return four[:, 1:] if big_endian else four[:, :3], clipped
    return _as_bytes(steps.astype(f"{order}i{coding.width}")), clipped


def _as_bytes(numbers: NDArray[np.generic]) -> NDArray[np.uint8]:
    """View numbers (n,) as rows of bytes (n, bytes of a number)."""
    return numbers[:, None].view(np.uint8)


@cache
def _levels(subtype: str) -> NDArray[np.float64]:
    """Give the levels of the 256 codes of µ-law or A-law, as libsndfile decodes them."""
    import io

    import soundfile

    codes = io.BytesIO(bytes(range(256)))
    levels: NDArray[np.float64] = soundfile.read(
        codes, format="RAW", subtype=subtype, channels=1, samplerate=8000
    )[0]
    return levels


def _nearest_codes(x: NDArray[np.float64], subtype: str) -> tuple[NDArray[np.uint8], int]:
    """Give the codes (n, 1) of the nearest levels, and how many samples lie beyond all of them."""
    levels = _levels(subtype)
    codes = np.argsort(levels, kind="stable").astype(np.uint8)
    levels = levels[codes]
    nearest = codes[np.searchsorted((levels[1:] + levels[:-1]) / 2, x)]
    return nearest[:, None], int((np.abs(x) > max(levels[-1], -levels[0], 1.0)).sum())
