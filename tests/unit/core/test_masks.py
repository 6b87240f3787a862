"""Masks: what they say by definition, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spectramend.core.masks import Mask
from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError

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
    """Make a mask of a transform."""
    return Mask(OBSERVED, stft=TRANSFORM, sr=16000, **known)


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


# The nearest allowed values


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
