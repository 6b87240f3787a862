"""Damage of all kinds in arrays: channels, kinds, levels, rates, real recordings."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from conftest import ROOT
from damaged_signals import SR, Array, clipped, damaged, spans, tone
from spectramend.detection import KINDS, detect
from spectramend.errors import ParameterError


def test_damage_that_all_channels_share_is_named_once() -> None:
    x = np.stack([tone(), tone(seed=1), tone(seed=2)])
    x[:, 9000:9300] = 0.0
    x[1, 20000:20300] = 0.0
    found = [(r.channel, *r.samples(length=x.shape[1], sr=SR)) for r in detect(x, SR)]
    assert found == [(None, 9000, 9300), (2, 20000, 20300)]
    assert detect(x[:1], SR) == detect(x[0], SR)
    assert detect(x[0], SR)[0].channel is None


@pytest.mark.parametrize("rpm", [100 / 3, 78])
def test_a_scratch_of_a_record_is_found_at_each_turn(rpm: float) -> None:
    x, rng, t = tone(8.0), np.random.default_rng(1), np.arange(64) / SR
    starts = (np.arange(0.3, 7.9, 60 / rpm) * SR).astype(int)
    starts += rng.integers(-20, 20, starts.size)
    for start in starts:  # a crack that rings at 3 kHz for a millisecond
        x[start : start + t.size] += 1.5 * np.exp(-t / 4e-4) * np.cos(6000 * np.pi * t)
    found = spans(detect(x, SR), "click")
    assert len(found) == len(starts)
    for (first, stop), start in zip(found, starts, strict=True):
        assert start - 16 <= first <= start + 2
        assert stop <= start + 56


@pytest.mark.parametrize("scale", [1e-6, 0.25, 4e5])
def test_scale_changes_nothing(scale: float) -> None:
    assert detect(scale * damaged(), SR) == detect(damaged(), SR)


def test_integers_are_read_as_they_are() -> None:
    x = np.round(damaged()[1] * 8000)
    assert detect(x.astype(np.int16), SR) == detect(x, SR)


def test_the_input_stays_and_the_result_too() -> None:
    x = damaged()
    kept = x.copy()
    x.flags.writeable = False
    assert detect(x, SR) == detect(x, SR)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("kind", KINDS)
def test_only_kinds_that_are_asked_for_are_given(kind: str) -> None:
    everything = detect(damaged(), SR)
    assert detect(damaged(), SR, kinds=(kind,)) == [r for r in everything if r.label == kind]


def test_damage_is_in_the_order_of_time() -> None:
    starts = [r.start_s or 0.0 for r in detect(damaged(), SR)]
    assert starts == sorted(starts)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40, 200, 900])
@pytest.mark.parametrize("sr", [10, 8000, 192000])
def test_short_recordings_and_odd_rates_are_used(n: int, sr: int) -> None:
    x = np.random.default_rng(0).standard_normal(n)
    assert all(r.label == "click" for r in detect(x, sr))
    assert detect(np.zeros(n), sr) == detect(np.ones(n), sr) == []


@pytest.mark.parametrize("sr", [8000, 44100, 96000])
def test_every_kind_is_found_at_other_rates(sr: int) -> None:
    x = tone(2.0, sr)
    x[: sr // 2] = clipped(x[: sr // 2], 0.9 * np.abs(x[: sr // 2]).max())
    x[sr : sr + sr // 50] = 0.0
    for at in range(sr + sr // 5, 2 * sr - sr // 5, sr // 5):
        x[at : at + 3] += 3.0
    assert [r.label for r in detect(x, sr)].count("dropout") == 1
    assert [r.label for r in detect(x, sr)].count("click") == 3


@pytest.mark.parametrize(
    ("x", "sr", "options", "message"),
    [
        (np.zeros(0), SR, {}, r"x has shape \(0,\) and"),
        (np.zeros((0, 5)), SR, {}, r"x has shape \(0, 5\) and"),
        (np.zeros((1, 2, 3)), SR, {}, r"shape \(1, 2, 3\)"),
        (np.zeros(5, complex), SR, {}, "complex128: give real samples"),
        (np.zeros(5), 0, {}, "sr=0: give a positive"),
        (np.zeros(5), np.nan, {}, "sr=nan: give a positive"),
        (np.zeros(5), SR, {"kinds": ("hiss",)}, "'hiss' is unknown: choose from dropout"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(
    x: Array, sr: float, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        detect(x, sr, **options)
    assert "\n" not in str(caught.value)


# Real recordings


VOICES = ["arctic_clb", "libri_1688", "libri_2414", "libri_3080", "vctk_p225", "vctk_p226"]


@pytest.mark.slow
def test_real_recordings_reach_the_targets(
    dev_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    benchmark, simulated = import_module("detection"), import_module("simulated_damage")
    names = [*(f"speech/{v}/02" for v in VOICES), "music/piano", "music/trumpet_sorohanro"]
    recordings = []
    for name in names:
        x, sr = soundfile.read(dev_folder / f"{name}.flac", always_2d=True)
        recordings.append(simulated.Recording(name, x.T[:, : 8 * sr], sr))
    assert benchmark.false_alarms(recordings) == {}
    targets = {"dropout": 0.95, "click": 0.8, "clipping": 0.9}
    for name, (kind, damage) in simulated.DAMAGES.items():
        row = benchmark.score(recordings, kind, damage, range(2)).row()
        assert row["f1"] >= targets[name], (name, row)
