"""Published methods that restore samples from bounds: what each of them promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from experiment_runs import inharmonic
from spectramend.evaluation import snr
from spectramend.experiments._baselines.a_spade import a_spade
from spectramend.experiments._baselines.autoregression import janssen_bounded, janssen_gaps
from spectramend.experiments._baselines.l1_relaxation import l1_parabola, l1_unweighted
from spectramend.experiments._baselines.social_sparsity import shrunk, social_sparsity
from spectramend.experiments._baselines.survey_frame import window_length
from spectramend.experiments._common.bounded_samples import BoundedSamples, Method
from spectramend.experiments.declipping import clipped
from spectramend.experiments.dequantization import quantized

SR = 8000
# The gain in SDR over clipped samples that each reaches at least on steady tones at 10 dB.
DECLIPPERS: dict[Method, float] = {
    janssen_gaps: 20,
    janssen_bounded: 20,
    a_spade: 20,
    social_sparsity: 20,
    l1_parabola: 10,
}


@pytest.fixture(scope="module")
def tones() -> NDArray[Any]:
    """Four tones with a peak of 1 [shape=(n,)]."""
    x = inharmonic(0.5, SR)
    return x / np.abs(x).max()


def restored(method: Method, given: BoundedSamples) -> NDArray[Any]:
    """Run a method, and see that it does not change what it is given."""
    arrays = (given.y, given.lower, given.upper)
    before = [array.copy() for array in arrays]
    x = method(*arrays, SR)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)
    return x


@pytest.mark.parametrize("method", DECLIPPERS, ids=lambda method: method.__name__)
def test_steady_tones_are_declipped_within_their_bounds(
    method: Method, tones: NDArray[Any]
) -> None:
    given = clipped(tones, 10)
    measured = given.measures(tones, x := restored(method, given))
    assert measured["delta_sdr_db"] > DECLIPPERS[method]
    assert (given.lower <= x).all()
    assert (x <= given.upper).all()


@pytest.mark.parametrize("method", DECLIPPERS, ids=lambda method: method.__name__)
def test_reliable_samples_and_silence_stay(method: Method, tones: NDArray[Any]) -> None:
    for x in (tones[:1000], np.zeros(1000)):
        np.testing.assert_array_equal(method(x, x, x, SR), x)


def test_bounds_help_where_gaps_are_long(tones: NDArray[Any]) -> None:
    given = clipped(tones, 3)
    gains = [
        given.measures(tones, restored(method, given))["delta_sdr_db"]
        for method in (janssen_gaps, janssen_bounded)
    ]
    assert gains[1] > gains[0] + 1


@pytest.mark.parametrize("method", [l1_unweighted, a_spade, social_sparsity])
def test_quantized_tones_come_nearer_within_their_steps(
    method: Method, tones: NDArray[Any]
) -> None:
    given = quantized(tones, 6)
    x = restored(method, given)
    assert snr(tones, x) > snr(tones, given.y) + 3
    assert (given.lower <= x).all()
    assert (x <= given.upper).all()


def test_windows_last_about_as_long_at_every_sample_rate() -> None:
    assert [window_length(sr) for sr in (8000, 16000, 22050, 44100, 48000, 96000)] == [
        1024, 2048, 4096, 8192, 8192, 16384,
    ]  # fmt: skip


def test_shrinkage_depends_on_the_mean_power_of_neighbours() -> None:
    z = np.zeros((15, 9), np.complex64)
    z[7, 4] = 21**0.5 * 1j  # mean power 1 over 7 frames and 3 bins
    np.testing.assert_allclose(shrunk(z, 0.5)[7, 4], 0.75 * z[7, 4], rtol=1e-5)
    assert not shrunk(z, 1.001).any()
