"""Masks: what they say by definition, what they refuse, and files that come back as they went."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imsave
from numpy.typing import NDArray
from PIL import Image

from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import FileError, MismatchError, ParameterError

TRANSFORM = STFT(n_fft=8, hop_length=2)
SHAPE = (TRANSFORM.n_bins, 7)
OBSERVED = np.random.default_rng(0).random(SHAPE) < 0.5

seeds = st.integers(0, 2**32 - 1)
gains = st.floats(0.1, 10)


def spectra(seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw a target and an interferer whose levels are log-uniform over six decades."""
    rng = np.random.default_rng(seed)
    level = 10 ** rng.uniform(-3, 3, (2, *SHAPE))
    T, N = level * np.exp(2j * np.pi * rng.random((2, *SHAPE)))
    return T, N


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


# Ideal masks


@pytest.mark.parametrize(
    ("gain", "floor_db", "expected"),
    [
        (1.0, None, [False, False, True, True, True]),  # equally loud is hidden
        (2.0, None, [False, False, False, True, True]),
        (0.5, None, [False, True, True, True, True]),
        (1.0, 20.0, [False, False, False, False, True]),  # so is what lies at the floor
        (1.0, 20.1, [False, False, False, True, True]),
        (0.5, 40.0, [False, False, True, True, True]),
    ],
)
def test_an_ideal_mask_keeps_what_is_louder_than_interferer_and_floor(
    gain: float, floor_db: float | None, expected: list[bool]
) -> None:
    T = np.array([[0.0, 1.0, 2.0, 10.0, 100j]])
    N = np.array([[0.0, -1.0, 1j, 1.0, 1.0]])
    ideal = Mask.ideal(T, N, gain=gain, floor_db=floor_db)
    assert ideal.observed.tolist() == [expected]
    assert ideal.damage == "occluded"


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seed=seeds, gain=gains, mix_gain=gains, floor_db=st.none() | st.floats(0, 80))
def test_hidden_cells_are_those_of_which_ratio_and_floor_are_true(
    seed: int, gain: float, mix_gain: float, floor_db: float | None
) -> None:
    T, N = spectra(seed)
    ideal = Mask.ideal(T, N, gain=gain, mix_gain=mix_gain, floor_db=floor_db)
    X = T + mix_gain * N
    assert ideal.ratio is not None
    said = (abs(T) <= ideal.ratio * abs(X - T)) | (abs(T) <= ideal.floor)
    np.testing.assert_array_equal(~ideal.observed, said)


def test_the_gain_of_the_mix_is_that_of_the_mask_if_not_said() -> None:
    T, N = spectra(0)
    assert Mask.ideal(T, N, gain=3.0).ratio == 1.0
    assert Mask.ideal(T, N, gain=3.0, mix_gain=2.0).ratio == 1.5
    assert Mask.ideal(T, N, mix_gain=2.0).ratio == 0.5


def test_the_floor_is_so_many_decibels_under_the_loudest_cell_of_the_target() -> None:
    assert Mask.ideal([[2.0, 300j]], [[5000.0, 0.0]], floor_db=40.0).floor == pytest.approx(3.0)
    assert Mask.ideal([[2.0, 300j]], [[5000.0, 0.0]]).floor == 0.0


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seed=seeds, exponent=st.integers(-60, 60), gain=gains, floor_db=st.none() | st.floats(0, 80))
def test_scaling_both_spectra_scales_the_floor_and_nothing_else(
    seed: int, exponent: int, gain: float, floor_db: float | None
) -> None:
    T, N = spectra(seed)
    scale = 2.0**exponent
    one = Mask.ideal(T, N, gain=gain, floor_db=floor_db)
    other = Mask.ideal(scale * T, scale * N, gain=gain, floor_db=floor_db)
    np.testing.assert_array_equal(one.observed, other.observed)
    assert (one.ratio, one.floor * scale) == (other.ratio, other.floor)


def test_an_ideal_mask_carries_transform_and_sample_rate() -> None:
    ideal = Mask.ideal(*spectra(0), stft=TRANSFORM, sr=16000)
    assert (ideal.stft, ideal.sr) == (TRANSFORM, 16000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gain": 0.0}, "gain=0.0: give a positive number"),
        ({"gain": -1.0}, "gain=-1.0: give a positive"),
        ({"gain": np.nan}, "gain=nan: give a positive"),
        ({"mix_gain": 0.0}, "mix_gain=0.0: give a positive"),
        ({"mix_gain": np.inf}, "mix_gain=inf: give a positive"),
        ({"floor_db": np.nan}, "floor_db=nan: give a number of decibels"),
    ],
)
def test_an_ideal_mask_refuses_options_that_cannot_work(
    options: dict[str, float], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        Mask.ideal([[1.0]], [[1.0]], **options)  # type: ignore[arg-type]


def test_an_ideal_mask_refuses_spectra_that_do_not_fit() -> None:
    with pytest.raises(MismatchError, match=r"target has shape \(1, 2\), interferer \(1, 3\)"):
        Mask.ideal(np.ones((1, 2)), np.ones((1, 3)))
    with pytest.raises(ParameterError, match=r"shape \(0, 3\): give a matrix"):
        Mask.ideal(np.ones((0, 3)), np.ones((0, 3)), floor_db=60.0)


# What a mask says


@pytest.mark.parametrize("observed", [[[0, 1]], [[0.0, 1.0]], [[False, True]]])
def test_cells_are_truth_values_or_zeros_and_ones(observed: list[list[float]]) -> None:
    cells = Mask(np.array(observed)).observed
    np.testing.assert_array_equal(cells, [[False, True]], strict=True)


def test_occlusion_without_more_means_that_mask_and_mix_agree() -> None:
    occluded = mask(damage="occluded")
    assert (occluded.ratio, occluded.floor, occluded.bound) == (1.0, 0.0, None)


def test_nothing_is_known_of_missing_cells_whatever_the_mix() -> None:
    assert (mask().upper_bound(np.full(SHAPE, np.nan)) == np.inf).all()


def test_a_bound_may_be_one_number_for_all_cells() -> None:
    bound = mask(damage="occluded", bound=2.0).bound
    np.testing.assert_array_equal(bound, np.full(SHAPE, 2.0), strict=True)


@pytest.mark.parametrize(
    ("observed", "options", "message"),
    [
        ([True], {}, r"observed has shape \(1,\): give a matrix"),
        (np.ones((0, 3)), {}, r"observed has shape \(0, 3\): give a matrix"),
        ([[0.5, 1.0]], {}, "observed holds other values than True and False"),
        ([[np.nan, 1.0]], {}, "observed holds other values"),
        ([["a", "b"]], {}, "observed holds other values"),
        ([[True]], {"damage": "lost"}, "damage='lost': give 'missing' or 'occluded'"),
        ([[True]], {"ratio": 1.0}, "with damage='missing' nothing is known"),
        ([[True]], {"floor": 1.0}, "with damage='missing' nothing is known"),
        ([[True]], {"bound": 1.0}, "with damage='missing' nothing is known"),
        ([[True]], {"damage": "occluded", "bound": 1.0, "ratio": 1.0}, "give one of them"),
        ([[True]], {"damage": "occluded", "bound": 1.0, "floor": 1.0}, "give one of them"),
        ([[True]], {"damage": "occluded", "bound": -1.0}, "bound has negative or NaN cells"),
        ([[True]], {"damage": "occluded", "bound": np.nan}, "bound has negative or NaN cells"),
        ([[True]], {"damage": "occluded", "ratio": -1.0}, "ratio=-1.0: give a finite value"),
        ([[True]], {"damage": "occluded", "ratio": np.inf}, "ratio=inf: give a finite value"),
        ([[True]], {"damage": "occluded", "floor": -1.0}, "floor=-1.0: give a finite value"),
        ([[True]], {"damage": "occluded", "floor": np.nan}, "floor=nan: give a finite value"),
    ],
)
def test_contradictions_are_refused(observed: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Mask(np.asarray(observed), **options)


def test_shapes_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(MismatchError, match=r"bound has shape \(3,\), observed \(5, 7\)"):
        mask(damage="occluded", bound=np.ones(3))
    with pytest.raises(MismatchError, match="observed has 4 frequencies, but n_fft=8 gives 5"):
        Mask(OBSERVED[:4], stft=TRANSFORM)


# Whether it fits


@pytest.mark.parametrize("channels", [(), (2,)])
def test_a_mask_fits_its_spectrum_on_every_channel(channels: tuple[int, ...]) -> None:
    X = np.ones((*channels, *SHAPE), complex)
    mask().check_fits(X, stft=TRANSFORM, sr=16000)
    Mask(OBSERVED).check_fits(X, stft=STFT(), sr=8000)


def test_a_mask_that_does_not_fit_says_both_sides() -> None:
    X = np.ones((5, 9), complex)
    with pytest.raises(MismatchError, match=r"shape \(5, 7\) \(.*\), the recording \(5, 9\)"):
        mask().check_fits(X, stft=TRANSFORM, sr=16000)
    with pytest.raises(MismatchError, match="made at 16000 Hz, the recording has 8000 Hz"):
        mask().check_fits(X, stft=TRANSFORM, sr=8000)
    with pytest.raises(MismatchError, match=r"hop_length=2.*, the spectrum with .*hop_length=4"):
        mask().check_fits(X, stft=STFT(n_fft=8, hop_length=4), sr=16000)


# Mask files

bound = np.random.default_rng(1).random(SHAPE)
bound[0, 0] = np.inf


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"damage": "occluded", "ratio": 0.3, "floor": 1e-9 / 3},
        {"damage": "occluded", "bound": bound},
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
    cases: tuple[dict[str, Any], ...] = ({"ratio": 0.5, "floor": 2.0}, {"bound": bound})
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
    with pytest.raises(FileError) as caught:
        Mask.load(file, damage="missing")
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert len(message.splitlines()) == 1
    return message


class Bomb:
    """An object that touches a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


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
        mask(damage="occluded", bound=bound).save(file)
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


@pytest.mark.parametrize(
    ("ratio", "floor"), [(0.5, 0.0), (1.0, 0.0), (2.0, 0.0), (0.7, 0.3), (0, 0.1)]
)
def test_the_nearest_allowed_value_is_allowed_and_nearest(ratio: float, floor: float) -> None:
    rng = np.random.default_rng(0)
    X, T = (rng.standard_normal((4, 5, 2)) @ [1, 1j] for _ in range(2))
    observed = rng.random(X.shape) < 0.3
    mask = Mask(observed, damage="occluded", ratio=ratio, floor=floor)
    found = mask.nearest_allowed(T, X)
    np.testing.assert_array_equal(found[observed], T[observed])

    def allowed(t: NDArray[Any], x: NDArray[Any], slack: float) -> NDArray[np.bool_]:
        return (np.abs(t) <= ratio * np.abs(x - t) + slack) | (np.abs(t) <= floor + slack)

    assert allowed(found, X, 1e-9)[~observed].all()
    grid = np.linspace(-8, 8, 801)
    plane = grid[:, None] + 1j * grid
    for t, x, nearest in zip(T[~observed], X[~observed], found[~observed], strict=True):
        distance = np.abs(plane - t)[allowed(plane, x, 0.0)]
        if distance.size:
            assert abs(nearest - t) <= distance.min() + 0.03


def test_the_nearest_allowed_value_obeys_a_bound_and_leaves_missing_cells_alone() -> None:
    T = np.array([[3j, 1.0, 5.0]])
    none = np.zeros((1, 3), bool)
    bounded = Mask(none, damage="occluded", bound=np.array([[1.0, 4.0, np.inf]]))
    np.testing.assert_allclose(bounded.nearest_allowed(T, T), [[1j, 1.0, 5.0]])
    np.testing.assert_array_equal(Mask(none).nearest_allowed(T, T), T)
