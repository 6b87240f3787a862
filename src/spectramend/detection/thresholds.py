"""The kinds of damage that are looked for, and what counts as damage."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from spectramend.errors import ParameterError

KINDS = ("dropout", "click", "clipping")


@dataclass(frozen=True)
class Thresholds:
    """What counts as damage.

    Parameters
    ----------
    dropout_ms : float, > 0
        Shortest run of one value that is a dropout. Samples that are not finite always are.
    dropout_max_ms : float, >= dropout_ms
        Longest run of one value that is a dropout; longer ones are silence.
    border_steps : float, >= 0
        Least level of the sound right next to a dropout, in quantisation steps.
    click_db : float
        Least odds of a click, as ten times their decimal logarithm. Higher finds fewer.
    clip_run : int, >= 2
        Samples in a row at the extreme value of a recording that make a flat top.
    clip_tops : int, >= 1
        Flat tops that make a recording a clipped one.

    Raises
    ------
    ParameterError
        If a value is out of range.

    Examples
    --------
    >>> Thresholds(dropout_ms=5).dropout_ms
    5
    """

    dropout_ms: float = 2.0
    dropout_max_ms: float = 500.0
    border_steps: float = 2.0
    click_db: float = 10.0
    clip_run: int = 3
    clip_tops: int = 3

    def __post_init__(self) -> None:
        least = {"dropout_ms": 1e-3, "dropout_max_ms": self.dropout_ms, "clip_run": 2}
        least |= {"clip_tops": 1, "border_steps": 0.0, "click_db": -np.inf}
        for item in fields(self):
            value = getattr(self, item.name)
            if not np.isfinite(value) or value < least[item.name]:
                raise ParameterError(
                    f"{item.name}={value}: give a number of at least {least[item.name]:g}."
                )


DEFAULT_THRESHOLDS = Thresholds()
