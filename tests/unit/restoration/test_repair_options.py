"""Options of a repair: records check themselves, and what does not apply is refused."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from spectramend import (
    STFT,
    CellOptions,
    Dictionary,
    Mask,
    OutputOptions,
    Region,
    RegionOptions,
    repair,
    repair_cells,
    repair_file,
    repair_regions,
)
from spectramend.errors import MismatchError, OptionError, ParameterError
from spectramend.inpainting.dictionary import as_dictionaries

SR = 8000
STFT_ = STFT(n_fft=256, hop_length=64)
X = np.sin(0.3 * np.arange(4000)) + 0.01 * np.random.default_rng(0).standard_normal(4000)
X[1600:1760] = 0
OBSERVED = np.ones((129, STFT_.n_frames(4000)), bool)
OBSERVED[:60, 24:28] = False
MASK = Mask(OBSERVED, stft=STFT_, sr=SR)
VOICE = Dictionary.train([X], sr=SR, stft=STFT_, n_components=2, max_iter=2, rng=0)

GAP, BAND, EVENT = Region(0.2, 0.22), Region(0.3, 0.35, 500, 1500), Region(0.1, 0.15)

REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    # Of a mask, given with regions.
    (GAP, {"keep_reliable": True}, r"^keep_reliable=True: goes with a mask; leave it out with reg"),
    (GAP, {"keep_reliable": False}, r"^keep_reliable=False: goes with a mask; leave it out"),
    ([], {"keep_reliable": True}, r"^keep_reliable=True: goes with a mask; leave it out"),
    # Of regions, given with a mask.
    (MASK, {"context_s": 1.0}, r"^context_s=1.0: goes with regions; leave it out with a mask.$"),
    (MASK, {"context_s": -5.0}, r"^context_s=-5.0: goes with regions; leave it out with a mask.$"),
    (MASK, {"method": "ar"}, r"^method='ar': goes with regions; leave it out with a mask.$"),
    (MASK, {"damage": "occluded"}, r"^damage='occluded': the mask says 'missing'; leave it out.$"),
    (MASK, {"damage": "lost"}, r"^damage='lost': the mask says 'missing'; leave it out.$"),
    # Known to apply to no region, whatever these are.
    (GAP, {"damage": "occluded", "method": "ar"}, r"^method='ar': fills gaps, and damage='occlu"),
    (GAP, {"damage": "missing", "dictionary": VOICE}, r"^dictionary: goes with occluded regions"),
    # Known once it is clear what is wrong with the regions.
    (
        GAP,
        {"dictionary": VOICE},
        r"^dictionary: goes with occluded regions, and no region is one",
    ),
    (GAP, {"dictionary": [VOICE, VOICE]}, r"^dictionary: goes with occluded regions"),
    (GAP, {"stft": STFT_}, r"^stft: all regions are gaps over the whole band"),
    (GAP, {"damage": "missing", "stft": STFT_}, r"^stft: all regions are gaps over the whole band"),
    (EVENT, {"method": "janssen"}, r"^method='janssen': fills gaps, and no region is missing over"),
    (BAND, {"method": "ar", "damage": "missing"}, r"^method='ar': fills gaps, and no region is"),
]


@pytest.mark.parametrize(("damaged", "options", "message"), REFUSED)
def test_an_option_that_does_not_apply_is_refused(
    tmp_path: Path, damaged: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message) as refusal:
        repair(X, SR, damaged, rng=0, **options)
    assert "\n" not in str(refusal.value)
    assert refusal.value.option in options
    soundfile.write(tmp_path / "x.wav", X, SR, subtype="DOUBLE")
    with pytest.raises(OptionError, match=message):
        repair_file(tmp_path / "x.wav", tmp_path / "y.wav", damaged, rng=0, **options)
    assert not (tmp_path / "y.wav").exists()


@pytest.mark.parametrize(
    ("damaged", "options"),
    [
        ([GAP, EVENT], {"dictionary": VOICE}),
        ([GAP, EVENT], {"method": "janssen"}),
        ([GAP, BAND], {"stft": STFT_, "damage": "missing"}),
        (MASK, {"damage": "missing"}),
        (MASK, {"damage": "auto", "method": "auto", "keep_reliable": True, "dictionary": VOICE}),
        ([], {"method": "ar"}),
        ([], {"dictionary": VOICE, "stft": STFT_}),
    ],
)
def test_an_option_that_applies_somewhere_is_taken(damaged: Any, options: dict[str, Any]) -> None:
    assert np.isfinite(repair(X, SR, damaged, rng=0, **options).samples).all()


def test_none_is_as_if_an_option_were_not_given() -> None:
    names = ("damage", "dictionary", "stft", "context_s", "method", "keep_reliable")
    nothing: dict[str, Any] = dict.fromkeys(names)
    for damaged in (GAP, EVENT, MASK):
        one, two = (repair(X, SR, damaged, rng=0, **o).samples for o in (nothing, {}))
        np.testing.assert_array_equal(one, two)


def test_an_option_that_is_none_is_no_option() -> None:
    with pytest.raises(TypeError, match=r"^repair has no option 'context': give damage, "):
        repair(X, SR, GAP, context=2.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^repair has no option 'overwrite'"):
        repair_file("x.wav", "y.wav", MASK, overwrite=True)  # type: ignore[call-arg]


def test_repair_is_that_of_regions_or_of_cells() -> None:
    regions = repair_regions(X, SR, EVENT, options=RegionOptions("occluded", 0.2), rng=1)
    expected = repair(X, SR, EVENT, damage="occluded", context_s=0.2, rng=1)
    np.testing.assert_array_equal(regions.samples, expected.samples)
    cells = repair_cells(X, SR, MASK, options=CellOptions(dictionary=VOICE), rng=1)
    expected = repair(X, SR, MASK, dictionary=VOICE, rng=1)
    np.testing.assert_array_equal(cells.samples, expected.samples)
    alone = repair_cells(X, SR, Mask(OBSERVED), options=CellOptions(stft=STFT_), rng=1)
    np.testing.assert_array_equal(alone.samples, repair_cells(X, SR, MASK, rng=1).samples)


# Records


@pytest.mark.parametrize(
    ("record", "values", "message"),
    [
        (RegionOptions, {"damage": "lost"}, "damage='lost': give one of 'auto', 'missing',"),
        (RegionOptions, {"method": "magic"}, "method='magic': give one of auto, hybrid, ar,"),
        (RegionOptions, {"context_s": 0}, "context_s=0: give seconds, at most 60"),
        (RegionOptions, {"context_s": np.nan}, "context_s=nan: give seconds, at most 60"),
        (RegionOptions, {"context_s": "2"}, "context_s=2: give seconds, at most 60"),
        (RegionOptions, {"stft": 512}, "stft=512: give an STFT, or None"),
        (RegionOptions, {"dictionary": "a.safetensors"}, "dictionary holds 'a': give dictionaries"),
        (RegionOptions, {"damage": "missing", "dictionary": VOICE}, "goes with occluded regions"),
        (RegionOptions, {"damage": "occluded", "method": "am"}, "fills gaps"),
        (CellOptions, {"stft": 512}, "stft=512: give an STFT, or None"),
        (CellOptions, {"dictionary": []}, "dictionary is empty: give at least one"),
        (CellOptions, {"keep_reliable": "no"}, "keep_reliable='no': give True or False"),
        (OutputOptions, {"subtype": 16}, "subtype=16: give a name such as 'PCM_16'"),
        (OutputOptions, {"overwrite": 1}, "overwrite=1: give True or False"),
        (OutputOptions, {"allow_lossy": None}, "allow_lossy=None: give True or False"),
    ],
)
def test_records_check_themselves(record: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        record(**values)


@pytest.mark.parametrize("record", [RegionOptions(), CellOptions(), OutputOptions()])
def test_records_are_frozen(record: Any) -> None:
    for field in dataclasses.fields(record):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field.name, None)


def test_dictionaries_are_a_tuple_of_one_kind() -> None:
    assert as_dictionaries(None) == ()
    assert as_dictionaries(VOICE) == (VOICE,)
    assert as_dictionaries([VOICE, VOICE]) == (VOICE, VOICE)
    for record in (RegionOptions, CellOptions):
        assert record().dictionaries == ()
        assert record(dictionary=VOICE).dictionaries == (VOICE,)
        assert record(dictionary=[VOICE]).dictionaries == (VOICE,)
        with pytest.raises(MismatchError, match="2 dictionaries of 2 kinds"):
            record(dictionary=[VOICE, replace(VOICE, beta=1.0)])
    with pytest.raises(ParameterError, match="dictionary holds 5: give dictionaries"):
        as_dictionaries(5)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="target is empty"):
        as_dictionaries([], "target")
