"""Clicks: short disturbances that prediction explains neither forward nor backward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectramend.detection.spans import Span


def clicks(x: NDArray[np.float64], sr: float, *, click_db: float) -> list[Span]:
    """Find clicks (none yet)."""
    return []
