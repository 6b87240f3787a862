"""Samples as bytes: exact both ways, rounded to the nearest, limited and never wrapped."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
FLOATS = {"FLOAT": "f4", "DOUBLE": "f8"}


def quantize(x: NDArray[np.float64], bits: int) -> tuple[NDArray[np.int64], int]:
    """Round samples to whole steps, without dither.

    Parameters
    ----------
    x : ndarray [float64]
        Samples, full scale at ±1.
    bits : int
        Bits of a sample.

    Returns
    -------
    steps : ndarray [int64]
        Whole steps, limited to full scale.
    clipped : int
        How many lay beyond full scale; +1, which has no step of its own, does not count.

    Examples
    --------
    >>> quantize(np.array([0.5, 1.0, -3.0]), 8)
    (array([  64,  127, -128]), 1)
    """
    full = 1 << (bits - 1)
    steps = np.rint(x * full)
    clipped = int((np.abs(steps) > full).sum())
    return np.clip(steps, -full, full - 1).astype(np.int64), clipped


def decode(raw: bytes, subtype: str, big_endian: bool) -> NDArray[np.float64]:
    r"""Turn bytes into samples.

    Parameters
    ----------
    raw : bytes
        Bytes of whole samples.
    subtype : str
        How they are coded, in libsndfile's words.
    big_endian : bool
        Whether the first byte of a sample is the highest.

    Returns
    -------
    ndarray [shape=(n,), float64]
        Samples, full scale at ±1; NaN and infinite ones are as they are.

    Examples
    --------
    >>> decode(b"\x00\x40", "PCM_16", big_endian=False)
    array([0.5])
    """
    order = ">" if big_endian else "<"
    if subtype in FLOATS:
        with np.errstate(invalid="ignore"):  # a signalling NaN
            return np.frombuffer(raw, order + FLOATS[subtype]).astype(np.float64)
    if subtype in ("ULAW", "ALAW"):
        return _table(subtype)[np.frombuffer(raw, np.uint8)]
    if subtype == "PCM_U8":
        return (np.frombuffer(raw, np.uint8) - 128.0) / 128
    width = BITS[subtype] // 8
    if width == 3:
        # Three bytes are the upper ones of four.
        padded = np.zeros((len(raw) // 3, 4), np.uint8)
        padded[:, slice(0, 3) if big_endian else slice(1, 4)] = np.frombuffer(
            raw, np.uint8
        ).reshape(-1, 3)
        return padded.view(order + "i4")[:, 0] / 2.0**31
    return np.frombuffer(raw, f"{order}i{width}") / 2.0 ** (BITS[subtype] - 1)


def encode(x: NDArray[np.float64], subtype: str, big_endian: bool) -> tuple[NDArray[np.uint8], int]:
    """Turn samples into bytes.

    Parameters
    ----------
    x : ndarray [shape=(n,), float64]
        Samples, full scale at ±1.
    subtype : str
        How to code them, in libsndfile's words.
    big_endian : bool
        Whether the first byte of a sample is the highest.

    Returns
    -------
    content : ndarray [shape=(n, bytes of a sample), uint8]
        The bytes.
    clipped : int
        How many samples were limited to full scale.

    Examples
    --------
    >>> encode(np.array([0.5, 2.0]), "PCM_16", big_endian=True)
    (array([[ 64,   0],
           [127, 255]], dtype=uint8), 1)
    """
    order = ">" if big_endian else "<"
    if subtype in FLOATS:
        numbers = np.dtype(order + FLOATS[subtype])
        largest = float(np.finfo(numbers).max)
        clipped = int((np.abs(x) > largest).sum())
        return _as_bytes(np.clip(x, -largest, largest).astype(numbers)), clipped
    if subtype in ("ULAW", "ALAW"):
        return _nearest(x, subtype)
    steps, clipped = quantize(x, BITS[subtype])
    if subtype == "PCM_U8":
        return _as_bytes((steps + 128).astype(np.uint8)), clipped
    if subtype == "PCM_24":
        four = _as_bytes(steps.astype(order + "i4"))
        return four[:, 1:] if big_endian else four[:, :3], clipped
    return _as_bytes(steps.astype(f"{order}i{BITS[subtype] // 8}")), clipped


def _as_bytes(numbers: NDArray[np.generic]) -> NDArray[np.uint8]:
    """See numbers as rows of bytes."""
    return numbers[:, None].view(np.uint8)


@cache
def _table(subtype: str) -> NDArray[np.float64]:
    """Give what the 256 codes of µ-law or A-law stand for, as libsndfile decodes them."""
    import io

    import soundfile

    codes = io.BytesIO(bytes(range(256)))
    table: NDArray[np.float64] = soundfile.read(
        codes, format="RAW", subtype=subtype, channels=1, samplerate=8000
    )[0]
    return table


def _nearest(x: NDArray[np.float64], subtype: str) -> tuple[NDArray[np.uint8], int]:
    """Give the codes of a table that come nearest."""
    table = _table(subtype)
    order = np.argsort(table, kind="stable").astype(np.uint8)
    levels = table[order]
    codes = order[np.searchsorted((levels[1:] + levels[:-1]) / 2, x)]
    return codes[:, None], int((np.abs(x) > max(levels[-1], -levels[0], 1.0)).sum())
