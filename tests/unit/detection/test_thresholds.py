"""Thresholds of detection: every one has an effect, and a range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from damaged_signals import SR, Array, damaged
from spectramend.detection import Thresholds, detect
from spectramend.errors import ParameterError

THRESHOLDS: list[tuple[dict[str, Any], Callable[[], Array]]] = [
    ({"dropout_ms": 20}, lambda: damaged()[1]),
    ({"dropout_max_ms": 20}, lambda: damaged()[1]),
    ({"border_steps": 1e9}, lambda: np.round(damaged()[1] * 8000)),
    ({"click_db": 1000}, lambda: damaged()[1]),
    ({"clip_run": 200}, lambda: damaged()[0]),
    ({"clip_tops": 5000}, lambda: damaged()[0]),
]


@pytest.mark.parametrize(
    ("change", "make"), THRESHOLDS, ids=[name for change, _ in THRESHOLDS for name in change]
)
def test_every_threshold_changes_what_is_found(
    change: dict[str, Any], make: Callable[[], Array]
) -> None:
    thresholds = replace(Thresholds(), **change)
    assert len(detect(make(), SR, thresholds=thresholds)) < len(detect(make(), SR))


@pytest.mark.parametrize("name", [*Thresholds.__dataclass_fields__])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1e9])
def test_thresholds_that_cannot_work_are_refused(name: str, value: float) -> None:
    change: dict[str, Any] = {name: value}
    if name == "click_db" and np.isfinite(value):
        assert Thresholds(**change).click_db == value
        return
    with pytest.raises(ParameterError, match=f"{name}=.*: give a number of at least"):
        Thresholds(**change)
