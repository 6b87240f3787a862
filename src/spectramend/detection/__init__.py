"""Detection of damage in recordings: dropouts, clicks, clipped runs and hum."""

from spectramend.detection.api import clipping_levels, detect
from spectramend.detection.clipping_search import ClippingLevel
from spectramend.detection.damage_classifier import COMPARED_S, damage_kind
from spectramend.detection.dropouts import PRECEDING_LENGTHS
from spectramend.detection.scan import Detection, detect_blocks, scan_blocks, scan_levels
from spectramend.detection.thresholds import KINDS, Thresholds

__all__ = [
    "COMPARED_S",
    "KINDS",
    "PRECEDING_LENGTHS",
    "ClippingLevel",
    "Detection",
    "Thresholds",
    "clipping_levels",
    "damage_kind",
    "detect",
    "detect_blocks",
    "scan_blocks",
    "scan_levels",
]
