"""A repair in Jupyter: both sounds, the regions drawn, an excerpt of what is long."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from spectramend import Mask, Region, repair
from spectramend.core.stft import STFT
from spectramend.display import before_after
from spectramend.display.before_after import before_after_html

SR = 8000
X = 0.5 * np.sin(0.3 * np.arange(SR))


def damaged() -> np.ndarray:
    x = X.copy()
    x[4000:4040] = 0
    return x


def test_a_repair_shows_before_and_after_with_its_regions() -> None:
    shown = repair(damaged(), SR, Region(0.5, 0.505))._repr_html_()
    assert shown.count("<audio") == 2
    assert shown.count("<img") == 2
    assert re.findall(r"<strong>(.*?)</strong>", shown) == ["Before", "After"]
    assert shown.count("with the repaired regions") == 2
    assert "missing (100 % digital silence)" in shown


def test_the_regions_are_in_the_pictures() -> None:
    boxed, plain = (
        before_after_html(X, X, SR, boxes=boxes) for boxes in ([(0.4, 0.6, 1000.0, 3000.0)], [])
    )
    box_color = np.array([0x4F, 0xD8, 0xEB]) / 255

    def pixels(text: str) -> int:
        code = re.findall(r'src="data:image/png;base64,([^"]*)"', text)[0]
        picture = imread(io.BytesIO(base64.b64decode(code)))[..., :3]
        return int((np.abs(picture - box_color).max(axis=2) < 0.02).sum())

    assert pixels(plain) == 0
    assert pixels(boxed) > 100


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_a_repair_of_integers_and_of_two_channels_is_shown(dtype: str) -> None:
    full = 2**15 if dtype == "int16" else 1
    x = (np.stack([damaged(), damaged()]) * full).astype(dtype)
    assert repair(x, SR, Region(0.5, 0.505))._repr_html_().count("<audio") == 2


def test_hidden_cells_draw_no_box_around_everything() -> None:
    stft = STFT(64, 16)
    observed = np.ones((33, stft.n_frames(SR)), bool)
    observed[:20, 30] = False
    fixed = repair(X, SR, Mask(observed, stft=stft), rng=0)
    shown = fixed._repr_html_()
    assert "with the repaired regions" not in shown
    np.testing.assert_array_equal(fixed.before, X)


def test_of_a_long_recording_the_surroundings_of_the_first_region_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(before_after, "SHOWN_S", 0.5)
    monkeypatch.setattr(before_after, "BEFORE_FIRST_S", 0.1)
    shown = before_after_html(X, X, SR, boxes=[(0.4, 0.45, 0, 4000)], facts=["a"] * 20)
    assert "Shown: 0.30 s to 0.80 s of 1.00 s." in shown
    assert "and 8 more." in shown
    assert shown.count("0.50 s ·") == 2
