"""Hum of mains and whines: steady tones are found, followed and taken away as tones."""

from spectramend.hum.amplitudes import Grid
from spectramend.hum.finding import Wanted, examine, find_hums
from spectramend.hum.search import ToneSearch
from spectramend.hum.subtraction import HumPatch, hum_samples
from spectramend.hum.tones import Hum, Kind, Tone

__all__ = [
    "Grid",
    "Hum",
    "HumPatch",
    "Kind",
    "Tone",
    "ToneSearch",
    "Wanted",
    "examine",
    "find_hums",
    "hum_samples",
]
