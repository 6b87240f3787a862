"""Dropouts: runs of one value, samples that are not finite, repeated packets."""

from __future__ import annotations

import numpy as np
import pytest

from damaged_signals import SR, spans, tone
from reference import detection as reference
from spectramend.detection import Thresholds, detect
from spectramend.detection.dropouts import repeated_packets


@pytest.mark.parametrize("value", [0.0, 0.3, -0.01])
@pytest.mark.parametrize("length", [64, 320, 1280])
def test_a_run_of_one_value_amid_sound_is_a_dropout(value: float, length: int) -> None:
    x = tone()
    x[9000 : 9000 + length] = value
    assert [r.label for r in detect(x, SR)] == ["dropout"]
    assert spans(detect(x, SR)) == [(9000, 9000 + length)]


def test_silence_at_the_ends_is_no_dropout() -> None:
    x = tone()
    x[:800] = x[-900:] = 0.0
    assert detect(x, SR) == []


def test_silence_that_sound_fades_into_is_no_dropout() -> None:
    x = tone()
    x[8000:8400] *= np.linspace(1, 0, 400) ** 2
    x[8400:10000] = 0.0
    x[10000:10400] *= np.linspace(0, 1, 400) ** 2
    assert detect(x, SR) == []


def test_long_silence_between_soft_borders_is_an_edit_and_short_is_not() -> None:
    x = tone()
    x[12000:22000] *= 0.02
    y = x.copy()
    x[15000:19000] = 0.0
    y[15000:15800] = 0.0
    assert detect(x, SR) == []
    assert spans(detect(y, SR)) == [(15000, 15800)]


def test_long_silence_between_loud_borders_is_a_dropout_up_to_a_limit() -> None:
    x = tone(4.0)
    x[20000:27000] = 0.0
    assert spans(detect(x, SR)) == [(20000, 27000)]
    assert detect(x, SR, thresholds=Thresholds(dropout_max_ms=400)) == []


def test_plateaus_of_soft_sound_are_no_dropouts() -> None:
    x = np.round(2 * tone() + 0.4) / 32768
    assert np.max(np.diff(np.flatnonzero(np.diff(x)))) > 32
    assert detect(x, SR) == []


@pytest.mark.parametrize("bits", [8, 16])
def test_digital_silence_of_coarse_speech_is_no_dropout(bits: int) -> None:
    x = np.round(tone() * np.maximum(0, np.sin(np.arange(2 * SR) / 2000)) ** 4 * 2**bits / 4)
    assert detect(x / 2**bits, SR, kinds=("dropout",)) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_dropouts_of_any_length(bad: float) -> None:
    x = tone()
    x[0:2] = x[7000] = x[12000:30000] = bad
    assert spans(detect(x, SR)) == [(0, 2), (7000, 7001), (12000, 30000)]


def test_a_recording_of_nothing_finite_is_one_dropout() -> None:
    assert spans(detect(np.full(300, np.nan), SR)) == [(0, 300)]


# Repeated packets


@pytest.mark.parametrize("copies", [1, 4])
def test_a_repeated_packet_is_a_dropout(copies: int) -> None:
    x = tone()
    x[9000 : 9000 + copies * 320] = np.tile(x[8680:9000], copies)
    assert spans(detect(x, SR)) == [(9000, 9000 + copies * 320)]


def test_repeated_packets_are_those_of_the_slow_search() -> None:
    x = tone(0.5)
    x[3000:3160] = x[2840:3000]
    x[5000:5070] = x[4930:5000]
    assert repeated_packets(x, SR) == reference.repeats(x, 64, 400) == [(3000, 3160), (5000, 5070)]


def test_a_synthesised_tone_repeats_itself_undamaged() -> None:
    x = np.tile(np.sin(2 * np.pi * np.arange(160) / 160), 200)
    assert detect(x, SR) == []
    assert detect(np.tile(tone(0.05), 40), SR, kinds=("dropout",)) == []


def test_minus_zero_repeats_zero() -> None:
    x = tone(0.5)
    x[[2900, 2950]] = 0.0
    x[3000:3320] = x[2680:3000]
    x[3000:3320][x[3000:3320] == 0] = -0.0
    assert spans(detect(x, SR)) == [(3000, 3320)]
