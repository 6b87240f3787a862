"""Fast Griffin-Lim: known cells and magnitudes stay, and inconsistency falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.errors import MismatchError, ParameterError
from spectramend.reconstruction.fast_griffin_lim import griffin_lim, inconsistency, unit_phase

Array = NDArray[Any]

SR = 8000
TRANSFORM = STFT(256, 64)


def speech_like(seconds: float = 0.4) -> Array:
    """Make a voice of 12 harmonics with vibrato and tremolo, in a little noise."""
    t = np.arange(round(seconds * SR)) / SR
    turns = np.cumsum(120 + 40 * np.sin(2 * np.pi * 3 * t)) / SR
    voice = sum(np.cos(2 * np.pi * k * turns + k * k) / k for k in range(1, 13))
    noise = np.random.default_rng(0).standard_normal(t.size)
    return np.asarray((0.6 + 0.4 * np.sin(2 * np.pi * 7 * t)) * voice + 0.003 * noise)


def scene(hidden: float = 0.5) -> tuple[Array, Array, Array, int]:
    """True spectrum, mask of fixed cells, spectrum with random phases elsewhere, and length."""
    x = speech_like()
    truth = TRANSFORM.forward(x)
    rng = np.random.default_rng(1)
    fixed = rng.uniform(size=truth.shape) > hidden
    turned = truth * np.exp(2j * np.pi * rng.uniform(size=truth.shape))
    return truth, fixed, np.where(fixed, truth, turned), x.size


def two_sided(Y: Array, length: int) -> float:
    """Distance to the nearest consistent spectrum, over all n_fft frequencies."""
    weight = np.full((Y.shape[0], 1), 2.0)
    weight[[0, -1]] = 1
    P = TRANSFORM.forward(TRANSFORM.inverse(Y, length=length))
    return float(np.sum(weight * np.abs(Y - P) ** 2))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_fixed_cells_stay_and_magnitudes_stay(momentum: float, dtype: Any) -> None:
    _, fixed, guess, length = scene()
    guess = guess.astype(dtype)
    found = griffin_lim(guess, fixed, stft=TRANSFORM, length=length, n_iter=20, momentum=momentum)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[fixed], guess[fixed])
    rtol = 10 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(np.abs(found), np.abs(guess), rtol=rtol)
    assert (found != guess)[~fixed].mean() > 0.99


def test_plain_iterations_never_move_away_from_consistency() -> None:
    _, fixed, Y, length = scene()
    distances = [two_sided(Y, length)]
    for _ in range(15):
        Y = griffin_lim(Y, fixed, stft=TRANSFORM, length=length, n_iter=1, momentum=0)
        distances.append(two_sided(Y, length))
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 0.5 * distances[0]


def test_plain_iterations_can_be_done_in_parts() -> None:
    _, fixed, guess, length = scene()

    def plain(Y: Array, n_iter: int) -> Array:
        return griffin_lim(Y, fixed, stft=TRANSFORM, length=length, n_iter=n_iter, momentum=0)

    np.testing.assert_allclose(plain(plain(guess, 3), 4), plain(guess, 7), atol=1e-10)
    assert (plain(guess, 0) == guess).all()


@pytest.mark.parametrize("hidden", [0.5, 1.0])
def test_the_fast_version_comes_closer_in_as_many_iterations(hidden: float) -> None:
    _, fixed, guess, length = scene(hidden)
    start = inconsistency(guess, stft=TRANSFORM, length=length)
    left = []
    for options in ({"momentum": 0}, {}):
        found = griffin_lim(guess, fixed, stft=TRANSFORM, length=length, n_iter=60, **options)
        left.append(inconsistency(found, stft=TRANSFORM, length=length))
    plain, fast = left
    assert fast < 0.8 * plain
    assert plain < 0.6 * start


def test_the_fast_version_extrapolates_along_the_last_change() -> None:
    _, fixed, guess, length = scene()
    previous = t = guess
    for n in range(3):
        consistent = TRANSFORM.forward(TRANSFORM.inverse(t, length=length))
        extrapolated = consistent + (0.7 * (consistent - previous) if n else 0)
        t = np.where(fixed, guess, np.abs(guess) * np.exp(1j * np.angle(extrapolated)))
        previous = consistent
    found = griffin_lim(guess, fixed, stft=TRANSFORM, length=length, n_iter=3, momentum=0.7)
    np.testing.assert_allclose(found, t, atol=1e-10)


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_the_true_phases_are_a_fixed_point(momentum: float) -> None:
    truth, fixed, _, length = scene()
    found = griffin_lim(truth, fixed, stft=TRANSFORM, length=length, n_iter=50, momentum=momentum)
    np.testing.assert_allclose(found, truth, atol=1e-11 * np.abs(truth).max())


def test_a_spectrum_of_fixed_cells_only_stays_as_it_is() -> None:
    truth, fixed, _, length = scene()
    everything = np.ones_like(fixed)
    found = griffin_lim(truth, everything, stft=TRANSFORM, length=length)
    np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize("window", ["hann", "sine"])
@pytest.mark.parametrize("frequency", [9.0, 9.3])
def test_a_tone_goes_on_through_a_hidden_frame(frequency: float, window: str) -> None:
    stft = STFT(64, 16, window)
    x = np.cos(2 * np.pi * frequency / 64 * np.arange(640) + 0.4)
    truth = stft.forward(x)
    fixed = np.ones(truth.shape, bool)
    fixed[:, 20] = False
    guess = np.where(fixed, truth, np.abs(truth))
    before = np.abs(stft.inverse(guess, length=640) - x).max()
    found = griffin_lim(guess, fixed, stft=stft, length=640, n_iter=100)
    assert before > 0.1
    assert np.abs(stft.inverse(found, length=640) - x).max() < 1e-3


def test_every_channel_is_solved_as_if_it_were_alone() -> None:
    _, fixed, guess, length = scene()
    both = np.stack([guess, 1j * guess[:, ::-1]])
    found = griffin_lim(both, fixed, stft=TRANSFORM, length=length, n_iter=5)
    for channel, one in zip(both, found, strict=True):
        alone = griffin_lim(channel, fixed, stft=TRANSFORM, length=length, n_iter=5)
        np.testing.assert_array_equal(one, alone)


def test_silence_stays_silent() -> None:
    _, fixed, guess, length = scene()
    found = griffin_lim(0 * guess, fixed, stft=TRANSFORM, length=length, n_iter=5)
    assert (found == 0).all()
    assert inconsistency(found, stft=TRANSFORM, length=length) == 0


@pytest.mark.parametrize("n_iter", [0, 5])
def test_the_callers_arrays_are_only_read(n_iter: int) -> None:
    _, fixed, guess, length = scene()
    original = guess.copy()
    for array in (fixed, guess):
        array.setflags(write=False)
    found = griffin_lim(guess, fixed, stft=TRANSFORM, length=length, n_iter=n_iter)
    inconsistency(guess, stft=TRANSFORM, length=length)
    found[...] = 0  # writeable, and no view of an input
    np.testing.assert_array_equal(guess, original)


def test_inconsistency_is_the_relative_distance_to_analysis_after_synthesis() -> None:
    truth, _, guess, length = scene()

    def measure(Y: Array) -> float:
        return inconsistency(Y, stft=TRANSFORM, length=length)

    P = TRANSFORM.forward(TRANSFORM.inverse(guess, length=length))
    expected = np.sqrt((np.abs(guess - P) ** 2).sum() / (np.abs(guess) ** 2).sum())
    assert measure(guess) == pytest.approx(expected, rel=1e-12)
    assert measure(1e9 * guess) == pytest.approx(measure(guess), rel=1e-12)
    assert measure(truth) < 1e-14
    assert measure(guess) > 0.1


def test_unit_phases_have_magnitude_one_and_the_same_direction() -> None:
    Y = np.array([3j, -2.0, 0, 1e-300 + 1e-300j, 1 - 1j])
    unit = unit_phase(Y)
    np.testing.assert_allclose(unit, [1j, -1, 1, (1 + 1j) / 2**0.5, (1 - 1j) / 2**0.5])
    assert unit_phase(Y.astype(np.complex64)).dtype == np.complex64


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fixed": np.ones((129, 2), bool)}, MismatchError, r"fixed has shape \(129, 2\), Y \("),
        ({"length": 100}, MismatchError, r"does not fit: 100 samples"),
        ({"n_iter": -1}, ParameterError, r"n_iter=-1: give at least 0"),
        ({"momentum": -0.1}, ParameterError, r"momentum=-0.1: give at least 0"),
        ({"momentum": np.nan}, ParameterError, r"momentum=nan: give at least 0"),
        ({"momentum": np.inf}, ParameterError, r"momentum=inf: give at least 0"),
    ],
)
def test_what_cannot_work_is_refused(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    _, fixed, guess, length = scene()
    with pytest.raises(error, match=message):
        griffin_lim(guess, **{"fixed": fixed, "stft": TRANSFORM, "length": length, **options})


def test_inconsistency_refuses_a_spectrum_of_another_length() -> None:
    _, _, guess, length = scene()
    with pytest.raises(MismatchError, match=rf"does not fit: {length + 999} samples"):
        inconsistency(guess, stft=TRANSFORM, length=length + 999)
