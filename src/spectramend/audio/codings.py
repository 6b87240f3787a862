"""Codings of samples by their libsndfile names, and what each of them can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Coding:
    """How a sample is stored."""

    kind: Literal["integer", "companded", "float"]  # companded: integers on a logarithmic scale
    bits: int  # of the integers that it is decoded to, or of the significand
    width: int = 0  # bytes of a stored sample; 0 where samples are compressed
    lossless: bool = True  # whether samples on its own levels are kept


# Linear codings from narrow to wide: the first that holds the samples makes the smallest file.
CODINGS = {
    "PCM_S8": Coding("integer", 8, 1),
    "PCM_U8": Coding("integer", 8, 1),
    "PCM_16": Coding("integer", 16, 2),
    "PCM_24": Coding("integer", 24, 3),
    "PCM_32": Coding("integer", 32, 4),
    "FLOAT": Coding("float", 24, 4),
    "DOUBLE": Coding("float", 53, 8),
    "ULAW": Coding("companded", 16, 1),
    "ALAW": Coding("companded", 16, 1),
    "ALAC_16": Coding("integer", 16),
    "ALAC_20": Coding("integer", 20),
    "ALAC_24": Coding("integer", 24),
    "ALAC_32": Coding("integer", 32),
    "VORBIS": Coding("float", 24, lossless=False),
    "OPUS": Coding("float", 24, lossless=False),
    "MPEG_LAYER_I": Coding("float", 24, lossless=False),
    "MPEG_LAYER_II": Coding("float", 24, lossless=False),
    "MPEG_LAYER_III": Coding("float", 24, lossless=False),
}
OTHER = Coding("integer", 16, lossless=False)  # ADPCM, GSM 6.10 and others are decoded to 16 bits

LOSSLESS = {name for name, coding in CODINGS.items() if coding.lossless}
# What is decoded from these can be coded again without a change. ALAC is not among them, because
# libsndfile codes it with errors.
EXACT = {name for name, coding in CODINGS.items() if coding.width}
LINEAR = tuple(name for name in CODINGS if name in EXACT and CODINGS[name].kind != "companded")
FLOATING = {name for name, coding in CODINGS.items() if coding.kind == "float"}


def bits_of(subtype: str) -> int:
    """Give the bits of the integers that libsndfile decodes a coding to."""
    return CODINGS.get(subtype, OTHER).bits


def converts_exactly(old: str, new: str) -> bool:
    """Return whether the coding `new`, one of `EXACT`, holds all samples of `old` unrounded."""
    if new in (old, "DOUBLE"):
        return True
    source, target = CODINGS.get(old, OTHER), CODINGS[new]
    if target.kind == "integer" and (source.kind == "float" or not source.lossless):
        return False
    return target.kind != "companded" and source.bits <= target.bits
