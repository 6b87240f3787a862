"""Hum is found and subtracted beside voices, and notes are not taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hum_signals import SR, best_notch_db, hum, notes, snr_db, voice
from spectramend.hum import Grid, Hum, ToneSearch, Wanted, find_hums, hum_samples

ORDERS = (1, 2, 3, 5, 7)


def found(x: NDArray[np.float64], wanted: Wanted | None = None, sr: int = SR) -> list[Hum]:
    """Find the hums of a recording."""
    grid = Grid.over(0, x.size, sr)
    return find_hums(lambda start, stop: x[start:stop], grid, wanted or Wanted())


def cleaned(x: NDArray[np.float64], sr: int = SR) -> NDArray[np.float64]:
    """Subtract the hums of a recording."""
    return np.asarray(x - hum_samples(found(x, sr=sr), 0, x.size))


@pytest.mark.parametrize(("f0", "drift", "gain"), [(50.07, 0, 12), (59.9, 5e-4, 8)])
@pytest.mark.parametrize("level", [0.01, 0.1])
def test_hum_is_subtracted_better_than_by_notch_filters(
    f0: float, drift: float, gain: float, level: float
) -> None:
    x = voice(8.0)
    y = x + hum(x.size, f0=f0, drift=drift, level=level)
    (one,) = found(y)
    assert [tone.k for tone in one.tones] == list(ORDERS)
    assert one.kind == "hum"
    assert one.mean_fundamental == pytest.approx(f0, abs=0.02)
    z = y - hum_samples([one], 0, y.size)
    assert snr_db(x, z) >= best_notch_db(x, y, f0, ORDERS) + gain


@pytest.mark.parametrize("sr", [8000, 44100])
@pytest.mark.parametrize("seconds", [3.0, 6.0])
def test_short_recordings_of_other_rates(sr: int, seconds: float) -> None:
    x = voice(seconds, sr)
    y = x + hum(x.size, sr, f0=60.03)
    assert snr_db(x, cleaned(y, sr)) >= snr_db(x, y) + 15


def test_a_whine_is_found() -> None:
    x = voice(6.0)
    whine = 0.01 * np.cos(2 * np.pi * 6031.3 * np.arange(x.size) / SR)
    (one,) = found(x + whine)
    assert one.kind == "whine"
    assert one.mean_fundamental == pytest.approx(6031.3, abs=0.05)
    assert snr_db(x, cleaned(x + whine)) >= 40


def test_hum_that_begins_midway_is_left_alone_before() -> None:
    x = voice(14.0)
    own = hum(x.size)
    own[: 6 * SR] = 0
    (one,) = found(x + own)
    ((start, stop),) = one.spans
    assert start / SR == pytest.approx(6, abs=0.5)
    assert stop == x.size
    estimate = hum_samples([one], 0, x.size)
    assert not estimate[: 5 * SR].any()
    assert snr_db(x, x + own - estimate) >= snr_db(x, x + own) + 10


@pytest.mark.parametrize("seed", range(4))
def test_no_hum_in_a_voice(seed: int) -> None:
    assert found(voice(8.0, seed=seed)) == []


@pytest.mark.parametrize("f", [50.0, 60.0, 100.0, 440.0])
def test_notes_are_not_taken(f: float) -> None:
    x = notes(f, 8.0)
    assert found(x) == []
    assert found(x, Wanted(fundamental=f)) == []
    assert found(x + voice(8.0), Wanted(((f - 5, f + 5),), told=True)) == []


@pytest.mark.parametrize("f", [50.0, 262.0, 440.0])
def test_a_held_note_is_not_taken(f: float) -> None:
    t = np.arange(4 * SR) / SR
    envelope = np.clip(np.minimum(t - 0.5, 3.2 - t) / 0.05, 0, 1)
    assert found(0.2 * envelope * np.sin(2 * np.pi * f * t)) == []


@pytest.mark.parametrize(("f", "gain"), [(98.0, 12), (100.0, 0)])
def test_notes_beside_hum_stay(f: float, gain: float) -> None:
    x = notes(f, 8.0)
    y = x + hum(x.size, f0=50.0, level=0.05)
    assert snr_db(x, cleaned(y)) >= snr_db(x, y) + gain


def test_only_tones_in_the_bands_are_taken() -> None:
    x = voice(5.0)
    y = x + hum(x.size)
    (one,) = found(y, Wanted(((95.0, 105.0), (245.0, 255.0)), told=True))
    assert [tone.frequency for tone in one.tones] == pytest.approx([100.1, 250.4], abs=0.3)


def test_what_is_missing_is_left_out() -> None:
    x = voice(5.0)
    y = x + hum(x.size)
    y[SR : 2 * SR] = np.nan
    z = np.where(np.isnan(y), x, cleaned(y))
    assert snr_db(x, z) >= 30


def test_samples_do_not_depend_on_the_parts_in_which_they_are_computed() -> None:
    x = voice(4.0)
    hums = found(x + hum(x.size))
    whole = hum_samples(hums, 0, x.size)
    parts = [hum_samples(hums, a, min(a + 7001, x.size)) for a in range(0, x.size, 7001)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-12)


def test_silence_and_little_sound_have_no_hum() -> None:
    assert found(np.zeros(3 * SR)) == []
    assert found(voice(0.9)[:2000]) == []
    search = ToneSearch(SR, 100)
    search.finish()
    assert search.lines() == []


def test_a_recording_of_a_tone_is_not_its_own_hum() -> None:
    x = np.clip(1.2 * np.sin(2 * np.pi * 300 * np.arange(2 * SR) / SR), -1, 1)
    assert found(x) == []
    assert found(x, Wanted(fundamental=300.0))
