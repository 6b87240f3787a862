"""Find damage in recordings: dropouts, clicks and clipped runs."""

from spectramend.detection.scan import (
    KINDS,
    LOOKBACK,
    Thresholds,
    damage_kind,
    detect,
    detect_blocks,
)

__all__ = ["KINDS", "LOOKBACK", "Thresholds", "damage_kind", "detect", "detect_blocks"]
