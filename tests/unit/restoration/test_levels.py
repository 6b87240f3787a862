"""Levels of clipping: what may be given, what is found, and where samples may change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clipped_signals import LEVEL, SR, clean, clipped
from spectramend import Region
from spectramend.detection import ClippingLevel
from spectramend.errors import ParameterError
from spectramend.restoration.levels import chosen_levels, given_levels, wanted_spans

Y = clipped(clean())[None]


def chosen(levels: Any = None, tolerance: Any = None) -> tuple[ClippingLevel, ...]:
    """Choose the levels of a clipped mono recording."""
    return chosen_levels(
        lambda a, b: Y[:, a:b], levels, tolerance, length=Y.shape[1], channels=1, sr=SR
    )


def test_one_level_two_or_those_of_all_channels_are_taken() -> None:
    own = (ClippingLevel(-0.1, 0.2, 0.01), ClippingLevel(high=0.5))
    assert given_levels(0.5, 2) == (ClippingLevel(-0.5, 0.5),) * 2
    assert given_levels((None, np.float64(0.5)), 1) == (ClippingLevel(None, 0.5),)
    assert given_levels(own, 2) == own


@pytest.mark.parametrize(
    "levels", [0, -0.5, np.inf, np.nan, True, (0.1, 0.5), (-0.1, -0.5), (None, None), (1, 2, 3),
               ("a", 0.5), (), (ClippingLevel(), ClippingLevel())],
)  # fmt: skip
def test_other_levels_are_refused(levels: Any) -> None:
    with pytest.raises(ParameterError, match="levels"):
        given_levels(levels, 1)


def test_levels_are_found_unless_they_are_given_and_so_is_the_tolerance() -> None:
    (found,) = chosen()
    assert (found.low, found.high) == (-LEVEL, LEVEL)
    assert chosen(0.5) == (ClippingLevel(-0.5, 0.5),)
    assert chosen(0.5, 0.1) == (ClippingLevel(-0.5, 0.5, 0.1),)
    assert chosen(tolerance=0.1)[0].high == LEVEL
    for tolerance in (-1, np.nan, "a", True):
        with pytest.raises(ParameterError, match="give a number of at least 0"):
            chosen(tolerance=tolerance)


def test_regions_become_spans_of_their_channels() -> None:
    def spans(*regions: Region) -> list[list[tuple[int, int]]]:
        return wanted_spans(regions, length=SR, channels=2, sr=SR)

    assert wanted_spans(None, length=9, channels=2, sr=SR) == [[(0, 9)]] * 2
    assert spans(Region(0, 0.5, channel=2), Region(0.25, 0.75)) == [
        [(SR // 4, 3 * SR // 4)], [(0, 3 * SR // 4)],
    ]  # fmt: skip
    with pytest.raises(ParameterError, match="names a band"):
        spans(Region(0, 0.5, 100, 200))
