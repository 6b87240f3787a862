"""Kinds of damage, and thresholds of their detection."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from spectramend.errors import ParameterError

KINDS = ("dropout", "click", "clipping", "hum")


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of detection; ParameterError if one is out of range."""

    dropout_ms: float = 2.0  # > 0, shortest run of one value that is a dropout
    dropout_max_ms: float = 500.0  # >= dropout_ms, longest run that is one; longer ones are silence
    border_steps: float = 2.0  # >= 0, least level right next to a dropout, in quantisation steps
    click_db: float = 10.0  # least odds of a click, in dB; higher finds fewer
    clip_run: int = 3  # >= 2, samples in a row at the extreme value that make a flat top
    clip_tops: int = 3  # >= 1, flat tops that make a recording a clipped one
    clip_tolerance_db: float | None = None  # >= 0, what is so near to the extreme value is clipped

    def __post_init__(self) -> None:
        least = {"dropout_ms": 1e-3, "dropout_max_ms": self.dropout_ms, "clip_run": 2}
        least |= {"clip_tops": 1, "border_steps": 0.0, "click_db": -np.inf}
        least |= {"clip_tolerance_db": 0.0}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None and item.default is None:
                continue
            if not np.isfinite(value) or value < least[item.name]:
                raise ParameterError(
                    f"{item.name}={value}: give a number of at least {least[item.name]:g}."
                )


DEFAULT_THRESHOLDS = Thresholds()
