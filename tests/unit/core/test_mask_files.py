"""Mask files come back as they went; arrays and pictures are read as they look; others refused."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imsave
from PIL import Image

from hostile_files import Bomb, message_of
from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError, ParameterError

TRANSFORM = STFT(n_fft=8, hop_length=2)
SHAPE = (TRANSFORM.n_bins, 7)
OBSERVED = np.random.default_rng(0).random(SHAPE) < 0.5
BOUND = np.random.default_rng(1).random(SHAPE)
BOUND[0, 0] = np.inf


def mask(**known: Any) -> Mask:
    """Make a mask that can be saved."""
    return Mask(OBSERVED, stft=TRANSFORM, sr=16000, **known)


def assert_same(a: Mask, b: Mask) -> None:
    np.testing.assert_array_equal(a.observed, b.observed, strict=True)
    assert (a.damage, a.ratio, a.floor) == (b.damage, b.ratio, b.floor)
    assert (a.stft, a.sr, type(a.sr)) == (b.stft, b.sr, type(b.sr))
    assert (a.bound is None) == (b.bound is None)
    if a.bound is not None and b.bound is not None:
        np.testing.assert_array_equal(a.bound, b.bound, strict=True)


# Mask files


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"damage": "occluded", "ratio": 0.3, "floor": 1e-9 / 3},
        {"damage": "occluded", "bound": BOUND},
    ],
    ids=["missing", "ratio and floor", "bound"],
)
def test_a_mask_comes_back_as_it_was_saved(tmp_path: Path, known: dict[str, Any]) -> None:
    mask(**known).save(tmp_path / "m.npz")
    assert_same(Mask.load(tmp_path / "m.npz"), mask(**known))
    assert_same(Mask.load(tmp_path / "m.npz", stft=TRANSFORM, sr=16000), mask(**known))


@pytest.mark.parametrize(
    "transform",
    [
        STFT(8, 2, "sine"),
        STFT(8, 2, "hamming", center=False),
        STFT(8, 2, ("kaiser", 8.0)),
        STFT(8, 3, tuple(np.linspace(0.1, 1 / 3, 8))),
    ],
    ids=lambda transform: str(transform.window)[:12],
)
def test_every_kind_of_window_comes_back(tmp_path: Path, transform: STFT) -> None:
    Mask(OBSERVED, stft=transform, sr=8000).save(tmp_path / "m.npz")
    assert Mask.load(tmp_path / "m.npz").stft == transform


def test_a_mask_file_has_the_fields_that_are_promised(tmp_path: Path) -> None:
    mask(damage="occluded", ratio=0.5, floor=2.0).save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as stored:
        fields = {name: stored[name] for name in stored.files}
    np.testing.assert_array_equal(fields.pop("observed"), OBSERVED, strict=True)
    assert {name: value.item() for name, value in fields.items()} == {
        "sr": 16000,
        "n_fft": 8,
        "hop_length": 2,
        "window": "hann",
        "center": True,
        "damage": "occluded",
        "ratio": 0.5,
        "floor": 2.0,
    }


def test_a_mask_is_saved_only_with_its_transform_and_under_its_ending(tmp_path: Path) -> None:
    for incomplete in (Mask(OBSERVED, sr=16000), Mask(OBSERVED, stft=TRANSFORM)):
        with pytest.raises(ParameterError, match="needs the mask's stft and sr"):
            incomplete.save(tmp_path / "m.npz")
    with pytest.raises(ParameterError, match=r"m\.npy: the name of a mask file ends in \.npz"):
        mask().save(tmp_path / "m.npy")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_mask_file_stays_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "m.npz"
    file.write_bytes(b"old")
    with pytest.raises(FileError, match="exists"):
        mask().save(file)
    assert file.read_bytes() == b"old"
    mask().save(file, overwrite=True)
    assert_same(Mask.load(file), mask())


def test_a_mask_file_that_contradicts_the_caller_is_refused(tmp_path: Path) -> None:
    mask().save(tmp_path / "m.npz")
    with pytest.raises(MismatchError, match=r"hop_length=2.*, not with .*hop_length=4"):
        Mask.load(tmp_path / "m.npz", stft=STFT(8, 4))
    with pytest.raises(MismatchError, match="was made at 16000 Hz, not at 8000 Hz"):
        Mask.load(tmp_path / "m.npz", sr=8000)


def test_another_damage_takes_the_place_of_what_the_file_knows(tmp_path: Path) -> None:
    cases: tuple[dict[str, Any], ...] = ({"ratio": 0.5, "floor": 2.0}, {"bound": BOUND})
    for number, known in enumerate(cases):
        file = tmp_path / f"{number}.npz"
        mask(damage="occluded", **known).save(file)
        assert_same(Mask.load(file, damage="missing"), mask())
        assert_same(Mask.load(file, damage="occluded"), mask(damage="occluded", **known))
    mask().save(tmp_path / "m.npz")
    assert_same(Mask.load(tmp_path / "m.npz", damage="occluded"), mask(damage="occluded"))


# Arrays and pictures


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
def test_an_array_is_read_with_what_the_caller_says(tmp_path: Path, dtype: type) -> None:
    np.save(tmp_path / "m.npy", OBSERVED.astype(dtype))
    loaded = Mask.load(tmp_path / "m.npy", stft=TRANSFORM, sr=16000, damage="occluded")
    assert_same(loaded, mask(damage="occluded"))


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "P", "LA", "RGB", "RGBA"])
def test_white_is_kept_and_low_frequencies_are_at_the_bottom(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(np.uint8(255) * OBSERVED[::-1])
    if mode == "I;16":
        picture = Image.fromarray(np.uint16(65535) * OBSERVED[::-1])
    picture.convert(mode).save(tmp_path / "m.PNG")
    loaded = Mask.load(tmp_path / "m.PNG", stft=TRANSFORM, sr=16000, damage="missing")
    assert_same(loaded, mask())


def test_a_picture_by_matplotlib_is_read_as_it_looks(tmp_path: Path) -> None:
    imsave(tmp_path / "m.png", OBSERVED, cmap="gray", origin="lower")
    np.testing.assert_array_equal(
        Mask.load(tmp_path / "m.png", damage="missing").observed, OBSERVED
    )


def test_light_grey_is_kept_and_dark_grey_hidden(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 100, 127, 128, 200, 255]], np.uint8)).save(tmp_path / "m.png")
    loaded = Mask.load(tmp_path / "m.png", damage="missing")
    assert loaded.observed.tolist() == [[False, False, False, True, True, True]]


def test_a_colour_counts_by_the_mean_of_its_parts_whatever_its_opacity(tmp_path: Path) -> None:
    colours = [(255, 255, 0, 0), (255, 0, 0, 255), (0, 255, 0, 255), (0, 255, 255, 9)]
    Image.fromarray(np.array([colours], np.uint8)).save(tmp_path / "m.png")
    loaded = Mask.load(tmp_path / "m.png", damage="missing")
    assert loaded.observed.tolist() == [[True, False, False, True]]


@pytest.mark.parametrize("name", ["m.npy", "m.png"])
def test_arrays_and_pictures_need_the_damage(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "m.npy", OBSERVED)
    imsave(tmp_path / "m.png", OBSERVED)
    with pytest.raises(FileError, match="give the damage, 'missing' or 'occluded'"):
        Mask.load(tmp_path / name, stft=TRANSFORM)


def test_an_array_that_does_not_fit_the_transform_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", OBSERVED[:4])
    with pytest.raises(MismatchError, match="observed has 4 frequencies, but n_fft=8 gives 5"):
        Mask.load(tmp_path / "m.npy", stft=TRANSFORM, damage="missing")


# Hostile files


def refusal(file: Path) -> str:
    """Load a file that is not a mask, and give the one line that says so."""
    return message_of(file, lambda: Mask.load(file, damage="missing"))


@pytest.mark.parametrize("form", ["object array", "pickle"])
@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_a_pickle_is_never_opened(tmp_path: Path, form: str, ending: str) -> None:
    mark, file = tmp_path / "exploded", tmp_path / f"m{ending}"
    bomb = np.array([[Bomb(mark)]], object)
    if form == "pickle":
        file.write_bytes(pickle.dumps(bomb))
    elif ending == ".npz":
        np.savez(file, observed=bomb)
    else:
        np.save(file, bomb)
    refusal(file)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["m.npz", "m.npy", "m.png"])
@pytest.mark.parametrize("content", [b"observed = [[1, 0]]\n", b"\0", b"PK\3\4", b"\x93NUMPY"])
def test_what_is_no_mask_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert "not a mask" in refusal(tmp_path / name)


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("1 0")
    assert "give .npz, .npy or .png" in refusal(tmp_path / "m.txt")
    assert "no such file" in refusal(tmp_path / "m.npz")


def test_an_array_under_the_ending_of_a_mask_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", OBSERVED)
    (tmp_path / "m.npy").rename(tmp_path / "m.npz")
    assert "not a mask file" in refusal(tmp_path / "m.npz")


FIELDS: dict[str, Any] = {
    "observed": OBSERVED,
    "sr": 16000,
    "n_fft": 8,
    "hop_length": 2,
    "window": "hann",
    "center": True,
    "damage": "missing",
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_mask_file_without_a_field_says_which(tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "m.npz", **{key: FIELDS[key] for key in FIELDS if key != name})
    assert f"it has no {name!r}" in refusal(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("observed", ["yes", "no"]),
        ("observed", np.ones((4, 7))),
        ("observed", np.full(SHAPE, 0.5)),
        ("sr", "high"),
        ("sr", [1, 2]),
        ("sr", np.inf),
        ("n_fft", 0),
        ("n_fft", 8j),
        ("hop_length", np.nan),
        ("hop_length", 9),
        ("window", "no such\nwindow"),
        ("window", "[1, 2"),
        ("window", "[1, 2]"),
        ("window", "[" * 100_000),
        ("center", [True, False]),
        ("damage", "lost"),
        ("ratio", 1.0),
        ("floor", "high"),
        ("bound", np.ones(SHAPE)),
    ],
    ids=lambda value: str(value)[:12].replace("\n", ""),
)
def test_a_mask_file_with_an_impossible_field_is_refused(
    tmp_path: Path, field: str, value: Any
) -> None:
    np.savez(tmp_path / "m.npz", **FIELDS | {field: value})
    assert "not a mask file: " in refusal(tmp_path / "m.npz")


@pytest.mark.parametrize("name", ["m.npz", "m.npy", "m.png"])
def test_a_damaged_file_is_a_mask_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if name == "m.npz":
        mask(damage="occluded", bound=BOUND).save(file)
    elif name == "m.npy":
        np.save(file, OBSERVED)
    else:
        imsave(file, OBSERVED)
    whole, rng = file.read_bytes(), np.random.default_rng(0)
    refusals = []
    for trial in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=2):
            damaged[place] = rng.integers(256)
        file.write_bytes(damaged[: rng.integers(1, len(whole))] if trial % 4 == 0 else damaged)
        try:
            Mask.load(file, damage="occluded")
        except FileError as error:
            refusals.append(str(error))
    assert len(refusals) > 100
    assert all(re.fullmatch(rf"{re.escape(str(file))}: .+", message) for message in refusals)
