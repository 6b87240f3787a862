"""Headroom: the least gain with which restored peaks fit, and when it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from spectramend.audio import Change, Patch, PatchedSource
from spectramend.errors import OptionError, ParameterError
from spectramend.restoration.headroom import (
    Room,
    check_headroom,
    gain_db,
    least_gain,
    peaks,
    turned_down,
)

X = np.array([[0.0, 0.5, -0.25, 0.1], [0.2, np.nan, 0.3, -0.9]])


def source(*patches: Change) -> PatchedSource:
    """A recording of two channels with patches."""
    return PatchedSource(lambda a, b: X[:, a:b], length=4, channels=2, patches=patches)


def test_peaks_are_those_of_all_finite_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spectramend.restoration.headroom.BLOCK", 3)
    assert peaks(source()) == (-0.9, 0.5)
    assert peaks(source(Patch(0, 2, np.array([-2.0])))) == (-2.0, 0.5)


@pytest.mark.parametrize(
    ("found", "limits", "gain"),
    [((-1.0, 0.9), (-1.0, 1.0), 1.0), ((-2.0, 1.1), (-1.0, 1.0), 0.5),
     ((-1.0, 1.0), (-1.0, 0.75), 0.75), ((0.0, 0.0), (-1.0, 1.0), 1.0)],
)  # fmt: skip
def test_the_gain_is_the_least_that_fits(
    found: tuple[float, float], limits: tuple[float, float], gain: float
) -> None:
    assert least_gain(found, limits) == gain


def test_all_of_the_recording_is_turned_down_but_what_is_not_finite() -> None:
    patch = Patch(0, 1, np.array([1.25]))
    changes = turned_down([patch], 0.5, length=4, channels=2)
    y = source(*changes).read(0, 4)
    expected = 0.5 * source(patch).read(0, 4)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(source(*changes).read(1, 3), expected[:, 1:3])
    assert turned_down([patch], 1.0, length=4, channels=2) == [patch]


def test_none_is_refused_where_integers_would_clip() -> None:
    loud = source(Patch(0, 0, np.array([1.25])))
    assert Room("FLOAT", "none", "a.wav").gain(loud) == 1.0
    assert Room("FLOAT", "auto", "a.wav").gain(loud) == 0.8
    assert Room("PCM_16", "auto", "a.wav").gain(loud) == (1 - 2**-15) / 1.25
    assert Room("PCM_16", "none", "a.wav").gain(source()) == 1.0
    with pytest.raises(ParameterError, match=r"a\.wav exceed full scale by 1\.94 dB, and PCM_16"):
        Room("PCM_16", "none", "a.wav").gain(loud)
    with pytest.raises(OptionError, match="is for clipped regions"):
        Room("FLOAT", "none", "a.wav").check_applicable(False)
    Room("FLOAT", "none", "a.wav").check_applicable(True)
    with pytest.raises(ParameterError, match="give 'auto' or 'none'"):
        check_headroom("some")
    assert gain_db(0.8) == -1.94
    assert str(gain_db(1.0)) == "0.0"
