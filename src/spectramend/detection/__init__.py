"""Detection of damage in recordings: dropouts, clicks, clipped runs and hum."""

from spectramend.detection.api import detect
from spectramend.detection.damage_classifier import COMPARED_S, damage_kind
from spectramend.detection.dropouts import PRECEDING_LENGTHS
from spectramend.detection.scan import detect_blocks
from spectramend.detection.thresholds import KINDS, Thresholds

__all__ = [
    "COMPARED_S",
    "KINDS",
    "PRECEDING_LENGTHS",
    "Thresholds",
    "damage_kind",
    "detect",
    "detect_blocks",
]
