"""Removal of events: the gain of the target, stacks of frames, and what stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend.core.stft import STFT
from spectramend.spectral_repair.event_mask import EventMask
from spectramend.spectral_repair.event_removal import (
    KAPPA,
    LOUD,
    SLOPE,
    _stack,
    _steady_gain,
    _target_gain,
    _trust,
    _unstack,
    remove_event,
)

SR = 8000
STFT_ = STFT(512, 128)
N = SR  # a second before, half a second of event, a second after


def tone(n: int = 5 * SR // 2) -> NDArray[Any]:
    t = np.arange(n) / SR
    return np.asarray(sum(np.sin(2 * np.pi * 210 * k * t + k) / k for k in range(1, 9)))


def event_of(x: NDArray[Any], low: int = 60, high: int = 120) -> EventMask:
    cells = np.zeros((STFT_.n_bins, STFT_.n_frames(x.size)), bool)
    cells[low:high, SR // 128 : 3 * SR // 256] = True
    intact = np.ones(cells.shape[1], bool)
    intact[SR // 128 - 4 : 3 * SR // 256 + 4] = False
    return EventMask(cells, intact)


def noisy(x: NDArray[Any], scale: float = 1.0) -> NDArray[Any]:
    """Add noise from about 1000 to 1800 Hz for half a second."""
    rng = np.random.default_rng(1)
    noise = np.zeros(x.size)
    spectrum = np.fft.rfft(rng.standard_normal(SR // 2 - 256) * np.hanning(SR // 2 - 256))
    spectrum[: int(1000 * spectrum.size / 4000)] = 0
    spectrum[int(1800 * spectrum.size / 4000) :] = 0
    noise[SR + 128 : 3 * SR // 2 - 128] = np.fft.irfft(spectrum)
    return x + scale * noise


def residual_db(x: NDArray[Any], y: NDArray[Any], mix: NDArray[Any]) -> float:
    return float(10 * np.log10(np.sum((y - x) ** 2) / np.sum((mix - x) ** 2)))


def test_noise_over_a_steady_tone_is_removed() -> None:
    x = tone()
    mix = noisy(x)
    y = remove_event(mix, event_of(x), stft=STFT_, rng=np.random.default_rng(0))
    assert residual_db(x, y, mix) < -8


def test_samples_far_from_the_event_stay() -> None:
    x = noisy(tone())
    y = remove_event(x, event_of(x), stft=STFT_, rng=np.random.default_rng(0))
    reach = 2 * STFT_.n_fft
    for side in (slice(0, SR - reach), slice(3 * SR // 2 + reach, None)):
        np.testing.assert_array_equal(y[side], x[side])


@pytest.mark.parametrize("exponent", [-600, -30, 40, 600])
def test_scale_changes_nothing(exponent: int) -> None:
    x = noisy(tone())
    exemplars = np.abs(STFT_.forward(x)[:, :3]) ** 2
    y, scaled = (
        remove_event(
            np.ldexp(x, e),
            event_of(x),
            stft=STFT_,
            exemplars=np.ldexp(exemplars, 2 * e) if abs(e) < 500 else None,
            rng=np.random.default_rng(0),
        )
        for e in (0 if abs(exponent) < 500 else 599, exponent)
    )
    if abs(exponent) > 500:
        y = np.ldexp(y, -599)
    np.testing.assert_array_equal(np.ldexp(y, exponent), scaled)


def test_silence_stays_silence() -> None:
    x = tone()
    x[SR - 1024 : 3 * SR // 2 + 1024] = 0
    for z in (x, np.zeros(x.size)):
        y = remove_event(z, event_of(x), stft=STFT_, rng=np.random.default_rng(0))
        np.testing.assert_array_equal(y, z)


def test_gains_are_between_0_and_1_and_1_outside_the_band() -> None:
    x = noisy(tone())
    event = event_of(x)
    A = np.abs(STFT_.forward(x))
    gain = _target_gain(A, event, rng=np.random.default_rng(0))
    assert gain.shape == (STFT_.n_bins, event.frames.stop - event.frames.start)
    assert ((gain >= 0) & (gain <= 1)).all()
    assert (gain[~event.widened()] == 1).all()
    # Partials at 1050, 1260, 1470 and 1680 Hz are the target's, what lies between them is not.
    partials = [round(210 * k * 512 / SR) for k in (5, 6, 7)]
    between = [round(210 * (k + 0.5) * 512 / SR) for k in (5, 6, 7)]
    middle = slice(8, -8)
    assert gain[partials, middle].mean() > gain[between, middle].mean() + 0.3


def test_exemplars_help_where_nothing_is_intact() -> None:
    x = tone()
    mix = noisy(x, 3)
    event = event_of(x)
    event = EventMask(event.cells, np.zeros_like(event.intact))
    exemplars = np.abs(STFT_.forward(x)[:, 20:23]) ** 2
    options: dict[str, Any] = {"stft": STFT_, "rng": np.random.default_rng(0)}
    with_exemplars = residual_db(x, remove_event(mix, event, exemplars=exemplars, **options), mix)
    assert with_exemplars < min(-8, residual_db(x, remove_event(mix, event, **options), mix) - 3)


def test_levels_are_interpolated_across_the_band_where_nothing_is_intact() -> None:
    rng = np.random.default_rng(0)
    A = np.exp(0.01 * np.arange(257))[:, None] * np.ones((1, 40))
    cells = np.zeros(A.shape, bool)
    cells[100:120, 10:20] = True
    event = EventMask(cells, np.zeros(40, bool))
    loud = A.copy()
    loud[100:120] *= 4
    gain = _target_gain(loud, event, rng=rng)
    np.testing.assert_allclose(gain[100:120], 1 / 16, rtol=1e-3)
    np.testing.assert_allclose(_target_gain(A, event, rng=rng), 1, rtol=1e-5)


def test_gains_compare_powers_in_the_band_of_each_frame() -> None:
    # The event adds 2 to magnitudes of 1, so that the gain is 1 of 1 + 4.
    A = np.ones((257, 60))
    cells = np.zeros(A.shape, bool)
    cells[60:100, 20:40] = True
    cells[160:200, 30:40] = True
    A[cells] = 3
    event = EventMask(cells, np.logical_not(cells.any(axis=0)))
    gain = _target_gain(A, event, rng=np.random.default_rng(0))
    hidden = cells[:, event.frames]
    assert gain[hidden].mean() == pytest.approx(0.2, abs=0.04)
    assert (gain[~event.widened()] == 1).all()


@pytest.mark.parametrize("louder", [1, 100, 1e4])
def test_cells_far_above_the_context_are_not_trusted(louder: float) -> None:
    P = np.ones((257, 60))
    cells = np.zeros(P.shape, bool)
    cells[60:160, 20:40] = True
    P[cells] = louder
    trust = _trust(P, EventMask(cells, np.logical_not(cells.any(axis=0))))
    assert trust.shape == (257, 20)
    # Of equation (3), P / M = E = louder.
    expected = 1 / (1 + louder / (louder + LOUD) * (louder / KAPPA) ** SLOPE)
    np.testing.assert_allclose(trust[110, 10], expected, rtol=1e-4)
    np.testing.assert_array_equal(_trust(P, EventMask(cells, np.zeros(60, bool))), 1)


def test_what_comes_and_goes_is_no_steady_event() -> None:
    A = np.ones((257, 40))
    A[100:110, ::2] = 8
    cells = np.zeros(A.shape, bool)
    cells[100:110] = True
    np.testing.assert_array_equal(_steady_gain(A, EventMask(cells, np.zeros(40, bool))), 1)
    cells[:] = True
    np.testing.assert_array_equal(_steady_gain(A, EventMask(cells, np.zeros(40, bool))), 1)


@pytest.mark.parametrize("stacked", [1, 3, 5])
def test_frames_are_stacked_on_their_neighbours_and_back(stacked: int) -> None:
    A = np.random.default_rng(0).exponential(size=(4, 11))
    V, reach = _stack(A, stacked), stacked // 2
    for n in range(11):
        for i in range(stacked):
            neighbour = min(max(n + i - reach, 0), 10)
            np.testing.assert_array_equal(V[4 * i : 4 * i + 4, n], A[:, neighbour])
    np.testing.assert_allclose(_unstack(V, stacked), A, rtol=1e-12)
    np.testing.assert_allclose(_unstack(_stack(A[:, :1], stacked), stacked), A[:, :1])


def test_the_seed_fixes_the_result() -> None:
    x = noisy(tone())
    one, same, other = (
        remove_event(x, event_of(x), stft=STFT_, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
