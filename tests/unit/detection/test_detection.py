from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from conftest import DATA, ROOT
from reference import detection as reference
from spectramend.core.intervals import SpanSet, apart, join, runs
from spectramend.core.regions import Region
from spectramend.detection import (
    Thresholds,
    click_classifier,
    clicks,
    damage_kind,
    detect,
    detect_blocks,
    scan,
)
from spectramend.detection.dropouts import repeated_packets
from spectramend.errors import ParameterError

SR = 16000
Array = NDArray[np.float64]


def tone(seconds: float = 2.0, sr: int = SR, seed: int = 0) -> Array:
    """Resonances driven by noise and slow swells: unpredictable enough, and smooth."""
    rng = np.random.default_rng(seed)
    n = round(seconds * sr)
    x = np.zeros(n)
    e = rng.standard_normal(n)
    for k in range(2, n):
        x[k] = 1.8 * x[k - 1] - 0.95 * x[k - 2] + e[k]
    return x * (1 + 0.5 * np.sin(np.arange(n) * 20 / sr)) / np.max(np.abs(x))


def spans(found: list[Region], kind: str | None = None, sr: int = SR) -> list[tuple[int, int]]:
    """Give what was found, in samples."""
    chosen = [r for r in found if kind in (None, r.label)]
    return [r.samples(length=10**9, sr=sr) for r in chosen]


def clipped(x: Array, level: float) -> Array:
    return np.clip(x, -level, level)


# Dropouts


@pytest.mark.parametrize("value", [0.0, 0.3, -0.01])
@pytest.mark.parametrize("length", [64, 320, 1280])
def test_a_run_of_one_value_amid_sound_is_a_dropout(value: float, length: int) -> None:
    x = tone()
    x[9000 : 9000 + length] = value
    assert [r.label for r in detect(x, SR)] == ["dropout"]
    assert spans(detect(x, SR)) == [(9000, 9000 + length)]


def test_silence_at_the_ends_is_none() -> None:
    x = tone()
    x[:800] = x[-900:] = 0.0
    assert detect(x, SR) == []


def test_silence_that_sound_fades_into_is_none() -> None:
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


def test_plateaus_of_soft_sound_are_none() -> None:
    x = np.round(2 * tone() + 0.4) / 32768
    assert np.max(np.diff(np.flatnonzero(np.diff(x)))) > 32
    assert detect(x, SR) == []


@pytest.mark.parametrize("bits", [8, 16])
def test_digital_silence_of_coarse_speech_is_none(bits: int) -> None:
    x = np.round(tone() * np.maximum(0, np.sin(np.arange(2 * SR) / 2000)) ** 4 * 2**bits / 4)
    assert detect(x / 2**bits, SR, kinds=("dropout",)) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_dropouts_of_any_length(bad: float) -> None:
    x = tone()
    x[0:2] = x[7000] = x[12000:30000] = bad
    assert spans(detect(x, SR)) == [(0, 2), (7000, 7001), (12000, 30000)]


def test_a_recording_of_nothing_finite_is_one_dropout() -> None:
    assert spans(detect(np.full(300, np.nan), SR)) == [(0, 300)]


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


# Clipped runs


@pytest.mark.parametrize("gain", [1.0, 0.1])
@pytest.mark.parametrize("bits", [None, 16])
def test_flat_tops_are_clipped_runs_whatever_the_level(gain: float, bits: int | None) -> None:
    x = tone()
    level = float(np.quantile(np.abs(x), 0.98))
    y = gain * clipped(x, level)
    if bits:
        y = np.round(y * 2**15) / 2**15
    found = detect(y, SR)
    assert {r.label for r in found} == {"clipping"}
    at_rail = np.zeros(x.size, bool)
    for start, stop in spans(found):
        at_rail[start:stop] = True
    truth = runs(np.abs(x) >= level)
    assert all(np.all(at_rail[a:b]) for a, b in truth if b - a > 1)
    assert np.all(np.abs(x[at_rail]) >= 0.999 * level)


def test_one_rail_may_be_clipped() -> None:
    x = tone()
    y = np.minimum(x, np.quantile(x, 0.98))
    found = spans(detect(y, SR))
    assert all(np.all(y[a:b] >= 0.999 * y.max()) for a, b in found)
    assert len(found) > 10


def test_rails_of_one_height_lend_each_other_evidence() -> None:
    x = clipped(tone(), 0.7)
    below = spans(detect(x, SR, thresholds=Thresholds(clip_tops=len(detect(x, SR)) // 2)))
    assert any(x[a] > 0 for a, _ in below)
    assert any(x[a] < 0 for a, _ in below)


def test_a_sample_alone_at_the_rail_counts_near_a_run_only() -> None:
    x = tone() * 0.5
    top = 0.8
    for at in (5000, 7000, 9000):
        x[at - 3 : at + 6] = [0.6, 0.7, 0.75, top, top, top, 0.75, 0.7, 0.6]
    x[9040] = x[20000] = top
    x[9038:9043:4] = x[19998:20003:4] = 0.75
    x[9039:9042:2] = x[19999:20002:2] = 0.77
    assert (9040, 9041) in spans(detect(x, SR), "clipping")
    assert (20000, 20001) not in spans(detect(x, SR), "clipping")


@pytest.mark.parametrize(
    "x",
    [
        np.round(100 * np.sin(2 * np.pi * 20 * np.arange(SR) / SR)) / 100,
        0.5 * np.sin(2 * np.pi * 1000 * np.arange(SR) / SR),
        np.round(0.5 * np.sin(2 * np.pi * 30 * np.arange(SR) / SR) * 32768) / 32768,
        np.round(100 * np.sin(2 * np.pi * 130.3 * np.arange(3 * SR) / 44100)) / 128,
        np.round(3 * np.sin(2 * np.pi * 100 * np.arange(SR) / SR)) / 32768,
    ],
    ids=["coarse", "sine", "low", "8 bits", "soft"],
)
def test_crests_are_not_clipped(x: Array) -> None:
    assert detect(x, SR, kinds=("clipping",)) == []


def test_pulses_of_one_height_are_not_clipped() -> None:
    x = 0.1 * tone()
    for at in range(3000, 30000, 3000):
        x[at : at + 6] = 0.9
    found = detect(x, SR)
    assert "clipping" not in {r.label for r in found}
    assert len(spans(found, "click")) == 9


def test_coarse_clipped_sound_is_told_by_what_piles_up_at_the_rail() -> None:
    x = np.round(30 * clipped(tone(), 0.5)) / 128
    assert {r.label for r in detect(x, SR)} == {"clipping"}


# Clicks


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("width", [1, 4, 20])
def test_clicks_of_both_signs_are_found_where_they_are(sign: int, width: int) -> None:
    x = tone()
    rng = np.random.default_rng(1)
    at = [4000, 9000, 15000, 22000, 28000]
    for start in at:
        x[start : start + width] += sign * np.abs(rng.standard_normal(width) + 2)
    found = detect(x, SR)
    assert [r.label for r in found] == ["click"] * 5
    for (start, stop), truth in zip(spans(found), at, strict=True):
        assert truth - 16 <= start <= truth
        assert truth + width <= stop <= truth + width + 16


def test_an_onset_is_no_click() -> None:
    x = 0.01 * tone(seed=1)
    for at in range(3000, 30000, 3000):
        x[at : at + 2000] += tone()[:2000] * np.exp(-np.arange(2000) / 300)
    assert detect(x, SR) == []


def test_pulses_of_a_voice_are_no_clicks() -> None:
    pulses = np.zeros(2 * SR)
    pulses[np.cumsum(np.random.default_rng(0).integers(120, 180, 200))] = 1.0
    ring = 0.97 ** np.arange(300) * np.sin(np.arange(300) * 0.3)
    x = np.convolve(pulses, ring)[: 2 * SR] + 1e-3 * tone()
    assert detect(x, SR) == []


def test_the_disturbance_is_that_of_the_slow_solution() -> None:
    x = tone(0.1)
    a = np.array([1.0, -1.8, 0.95, 0.1])
    x[400:420] += 1.0
    d, energy, fall = clicks._disturbance(x, a, (398, 424))
    slow, left = reference.least_disturbance(x, a, 398, 424)
    np.testing.assert_allclose(d, slow, rtol=1e-9)
    assert energy - fall == pytest.approx(left)


def test_prediction_is_exact_for_what_follows_its_model() -> None:
    x = np.cos(np.arange(SR) * 0.3)
    made = clicks._predict(x, np.ones(x.size), 16, 2, 1e-4)
    inside = slice(600, -600)
    assert np.max(np.abs(made.forward[inside])) < 0.02
    assert np.max(np.abs(made.backward[inside])) < 0.02


def test_usual_peaks_are_those_of_the_slow_search() -> None:
    peaks = np.random.default_rng(0).random(150)
    slow = reference.usual(peaks, clicks.REACH, clicks.GUARD, clicks.RANK)
    np.testing.assert_array_equal(clicks._usual(peaks), slow)


def test_evidence_counts_more_where_clicks_are_common() -> None:
    odds = np.array([2.0] * 5 + [-9.0] * 95)
    alone = np.array([2.0] + [-9.0] * 99)
    assert click_classifier.adapted(odds)[0] > click_classifier.adapted(alone)[0]
    assert click_classifier.adapted(np.zeros(0)).size == 0


def test_the_share_of_clicks_is_where_it_is_most_likely() -> None:
    odds = np.random.default_rng(0).normal(-4, 3, 500)
    shift = click_classifier.adapted(odds)[0] - odds[0]
    usual = np.log(click_classifier.SHARE / (1 - click_classifier.SHARE))

    def likelihood(move: float) -> float:
        share = 1 / (1 + np.exp(-(move + usual)))
        ratio = np.exp(odds - usual)  # of the densities of clicks and others
        return float(np.sum(np.log(share * ratio + 1 - share)))

    assert likelihood(shift) > max(likelihood(shift - 0.05), likelihood(shift + 0.05))


# All kinds


def damaged() -> Array:
    """Make stereo with damage of every kind, some of it in one channel."""
    x = np.stack([tone(4.0), tone(4.0, seed=1)])
    x[0] = clipped(x[0], 0.6)
    x[:, 20000:20500] = 0.0
    x[1, 32700:32900] = 0.2
    x[1, 40000:40320] = x[1, 39680:40000]
    for at in range(3000, 60000, 5000):
        x[1, at : at + 5] += 1.5
    x[0, 50000:50003] = np.nan
    return x


@pytest.mark.parametrize("block", [8192, 10007, 32768])
def test_blocks_give_what_the_whole_gives(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = damaged()
    whole = detect(x, SR)
    assert {r.label for r in whole} == {"dropout", "click", "clipping"}
    assert {r.channel for r in whole} == {None, 1, 2}
    monkeypatch.setattr(scan, "BLOCK", block)
    longest = 0
    told: list[int] = []

    def read(start: int, stop: int) -> Array:
        nonlocal longest
        longest = max(longest, stop - start)
        return x[:, start:stop]

    found = detect_blocks(read, length=x.shape[1], channels=2, sr=SR, progress=told.append)
    assert found == whole
    assert longest <= block + 2 * 1.25 * SR
    assert told == sorted(told)
    assert told[-1] == 2 * x.shape[1]


def test_damage_that_all_channels_share_is_named_once() -> None:
    x = np.stack([tone(), tone(seed=1), tone(seed=2)])
    x[:, 9000:9300] = 0.0
    x[1, 20000:20300] = 0.0
    found = [(r.channel, *r.samples(length=x.shape[1], sr=SR)) for r in detect(x, SR)]
    assert found == [(None, 9000, 9300), (2, 20000, 20300)]
    assert detect(x[:1], SR) == detect(x[0], SR)
    assert detect(x[0], SR)[0].channel is None


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


@pytest.mark.parametrize("kind", scan.KINDS)
def test_only_kinds_that_are_asked_for_are_given(kind: str) -> None:
    everything = detect(damaged(), SR)
    assert detect(damaged(), SR, kinds=(kind,)) == [r for r in everything if r.label == kind]


def test_damage_is_in_the_order_of_time() -> None:
    starts = [r.start_s or 0.0 for r in detect(damaged(), SR)]
    assert starts == sorted(starts)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40, 200, 900])
@pytest.mark.parametrize("sr", [10, 8000, 192000])
def test_short_recordings_and_odd_rates_are_looked_at(n: int, sr: int) -> None:
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


THRESHOLDS: list[tuple[dict[str, Any], Callable[[], Array]]] = [
    ({"dropout_ms": 20}, lambda: damaged()[1]),
    ({"dropout_max_ms": 20}, lambda: damaged()[1]),
    ({"border_steps": 1e9}, lambda: np.round(damaged()[1] * 8000)),
    ({"click_db": 1000}, lambda: damaged()[1]),
    ({"clip_run": 200}, lambda: damaged()[0]),
    ({"clip_tops": 5000}, lambda: damaged()[0]),
]


@pytest.mark.parametrize(("change", "make"), THRESHOLDS, ids=lambda c: str(c))
def test_every_threshold_changes_what_is_found(
    change: dict[str, Any], make: Callable[[], Array]
) -> None:
    thresholds = replace(Thresholds(), **change)
    assert len(detect(make(), SR, thresholds=thresholds)) < len(detect(make(), SR))


@pytest.mark.parametrize("name", [*Thresholds.__dataclass_fields__])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1e9])
def test_thresholds_that_cannot_work_are_refused(name: str, value: float) -> None:
    change: dict[str, Any] = {name: value}
    if name == "click_db" and np.isfinite(value):
        assert Thresholds(**change).click_db == value
        return
    with pytest.raises(ParameterError, match=f"{name}=.*: give a number of at least"):
        Thresholds(**change)


@pytest.mark.parametrize(
    ("x", "sr", "options", "message"),
    [
        (np.zeros(0), SR, {}, "has 1 channels of 0 samples"),
        (np.zeros((0, 5)), SR, {}, "has 0 channels of 5 samples"),
        (np.zeros((1, 2, 3)), SR, {}, r"shape \(1, 2, 3\)"),
        (np.zeros(5, complex), SR, {}, "complex128: give real samples"),
        (np.zeros(5), 0, {}, "sr=0: give a positive"),
        (np.zeros(5), np.nan, {}, "sr=nan: give a positive"),
        (np.zeros(5), SR, {"kinds": ("hum",)}, "'hum' is none: choose from dropout"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(
    x: Array, sr: float, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        detect(x, sr, **options)
    assert "\n" not in str(caught.value)


# Missing or occluded


@pytest.mark.parametrize(
    ("fill", "reason"),
    [
        (lambda x: 0.0, "100 % digital silence"),
        (lambda x: 0.25, "100 % one value"),
        (lambda x: np.nan, "100 % not finite"),
        (lambda x: x[600:800], "100 % a copy of what is before it"),
        (lambda x: np.tile(x[700:800], 2), "100 % a copy of what is before it"),
    ],
)
def test_what_holds_nothing_is_missing(fill: Callable[[Array], Any], reason: str) -> None:
    x = tone(0.2)
    x[800:1000] = fill(x.copy())
    assert damage_kind(x, 800, 1000) == ("missing", reason)
    assert damage_kind(x, 750, 1000)[0] == "missing"
    assert damage_kind(x, 300, 1000) == ("occluded", "there is sound")


def test_a_synthesised_tone_is_not_missing() -> None:
    x = np.tile(np.sin(2 * np.pi * np.arange(50) / 50), 40)
    assert damage_kind(x, 800, 1000) == ("occluded", "there is sound")


def test_a_region_at_the_start_and_one_of_a_sample_are_told() -> None:
    x = tone(0.1)
    assert damage_kind(x, 0, 100)[0] == "occluded"
    assert damage_kind(x, 5, 6)[0] == "occluded"
    x[5] = np.nan
    assert damage_kind(x, 5, 6)[0] == "missing"


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 5), (0, 101)])
def test_regions_outside_are_refused(start: int, stop: int) -> None:
    with pytest.raises(ParameterError, match=f"start={start}, stop={stop}: give a region within"):
        damage_kind(np.zeros(100), start, stop)
    with pytest.raises(ParameterError, match=r"shape \(2, 5\)"):
        damage_kind(np.zeros((2, 5)), 0, 1)


# Spans


def test_spans_join_keep_apart_and_never_overlap() -> None:
    assert join([(8, 9), (1, 3), (3, 4), (6, 7)], 1) == [(1, 4), (6, 9)]
    assert apart([(0, 2), (5, 6), (9, 12)], [(3, 4)], 1) == [(0, 2), (5, 6), (9, 12)]
    assert apart([(0, 2), (5, 6), (9, 12)], [(3, 4)], 2) == [(9, 12)]
    found = SpanSet()
    for span in [(5, 9), (0, 5), (8, 10), (4, 6), (9, 11)]:
        found.add(span)
    assert found.spans == [(0, 5), (5, 9), (9, 11)]
    assert runs(np.array([True, False, True, True])).tolist() == [[0, 1], [2, 4]]
    assert runs(np.zeros(0, bool)).size == runs(np.zeros(3, bool)).size == 0


# Real recordings

VOICES = ["arctic_clb", "libri_1688", "libri_2414", "libri_3080", "vctk_p225", "vctk_p226"]


def program(name: str) -> ModuleType:
    """Import a benchmark, which is no module of the package."""
    spec = spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_real_recordings_reach_the_targets() -> None:
    folder = DATA / "dev"
    if not folder.is_dir():
        pytest.skip("the recordings are absent: set SPECTRAMEND_DATA to the parent of dev")
    benchmark: Any = program("detection")
    names = [*(f"speech/{v}/02" for v in VOICES), "music/piano", "music/trumpet_sorohanro"]
    recordings = []
    for name in names:
        x, sr = soundfile.read(folder / f"{name}.flac", always_2d=True)
        recordings.append(benchmark.Recording(name, x.T[:, : 8 * sr], sr))
    assert benchmark.false_alarms(recordings) == {}
    targets = {"dropout": 0.95, "click": 0.8, "clipping": 0.9}
    for name, (kind, damage) in benchmark.DAMAGES.items():
        row = benchmark.score(recordings, kind, damage, range(2)).row()
        assert row["f1"] >= targets[name], (name, row)
