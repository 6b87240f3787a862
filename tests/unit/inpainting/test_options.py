"""Options of inpainting: bad values, and options that have no effect, are refused."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from spectramend import STFT, Dictionary, Mask
from spectramend.errors import ParameterError
from spectramend.inpainting.options import PHASE_ITER, SMOOTH, InpaintKeywords, InpaintOptions

MISSING = Mask(np.array([[True, False]]))
OCCLUDED = Mask(np.array([[True, False]]), damage="occluded")
VOICE = Dictionary(np.ones((3, 1), np.float32), 8000, STFT(n_fft=4, hop_length=2))


def check(mask: Mask = MISSING, *, given: bool = True, **options: Any) -> InpaintOptions:
    settings = InpaintOptions(**options)
    settings.check_fits(mask, (VOICE,) if given else ())
    return settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill": "all"}, "fill='all': give 'hidden' or 'everywhere'"),
        ({"phase": "zero"}, "phase='zero': give 'auto', 'posterior'"),
        ({"phase": "posterior", "fill": "everywhere"}, "give fill='hidden'"),
        ({"phase_iter": -1}, "phase_iter=-1: give at least 0"),
        ({"smooth": -0.1}, "smooth=-0.1"),
        ({"penalty": -1.0}, "penalty=-1.0"),
        ({"keep_reliable": True, "fill": "everywhere"}, "fill='everywhere' replaces reliable"),
        ({"phase_iter": 9, "phase": "mix"}, "phase='mix' does not iterate"),
    ],
)
def test_bad_values_and_contradictions_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        InpaintOptions(**options)


@pytest.mark.parametrize(
    ("mask", "options", "message"),
    [
        (MISSING, {"phase": "mix"}, "phase='mix': missing cells have no phase"),
        (MISSING, {"keep_reliable": False}, "keep_reliable=False: reliable cells are corrected"),
        (
            OCCLUDED,
            {"keep_reliable": False, "phase": "mix"},
            "keep_reliable=False: reliable cells are corrected only",
        ),
        (MISSING, {"smooth": 0.5, "given": False}, "smooth=0.5: nothing is smoothed"),
        (OCCLUDED, {"tol": 1e-3}, "tol=0.001: a smoothed fit does all its iterations"),
        (OCCLUDED, {"phase_iter": 9}, "phase='posterior' does not iterate"),
    ],
)
def test_options_without_an_effect_are_refused(
    mask: Mask, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        check(mask, **options)


@pytest.mark.parametrize("mask", [MISSING, OCCLUDED], ids=["missing", "occluded"])
def test_defaults_depend_on_the_damage(mask: Mask) -> None:
    settings = check(mask)
    assert settings.posterior
    assert settings.n_iter == PHASE_ITER
    assert settings.fit(mask).smooth == SMOOTH[mask.damage]
    assert check(mask, phase="griffin-lim", phase_iter=0).n_iter == 0
    assert check(mask, smooth=0.0, tol=0.5).fit(mask).tol == 0.5


def test_keywords_are_the_fields_of_the_options() -> None:
    assert list(InpaintKeywords.__annotations__) == [f.name for f in fields(InpaintOptions)]
