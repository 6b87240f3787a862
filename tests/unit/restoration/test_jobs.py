"""Jobs: how damage is judged, what shares a job, and that cost stays bounded."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spectramend import STFT, Dictionary, Region, repair
from spectramend.audio import PatchedSource
from spectramend.errors import ParameterError
from spectramend.gaps import EM_ALGORITHMS, METHODS, Method, SearchBuffer, context_length, fill_gaps
from spectramend.restoration import gap_jobs as gap_repair
from spectramend.restoration import pipeline as jobs
from spectramend.restoration.crossfade import faded
from spectramend.restoration.damage import Channel, Damaged, suitable_stft
from spectramend.spectral_repair import event_removal as events

SR = 8000
N = 3 * SR


def scene(seed: int = 0) -> NDArray[Any]:
    """Tones in a little noise."""
    t = np.arange(N) / SR
    tones = sum(np.sin(2 * np.pi * 210 * k * t + k) / k for k in range(1, 9))
    return np.asarray(0.1 * tones + 0.01 * np.random.default_rng(seed).standard_normal(N))


def without_band(x: NDArray[Any], start: int, stop: int, low: float, high: float) -> NDArray[Any]:
    """Delete a band of some samples by a transform of them alone."""
    X = np.fft.rfft(x[start:stop])
    f = np.fft.rfftfreq(stop - start, 1 / SR)
    X[(f >= low) & (f <= high)] = 0
    y = x.copy()
    y[start:stop] = np.fft.irfft(X, stop - start)
    return y


def with_value(value: float, start: int = SR, stop: int = SR + 400) -> NDArray[Any]:
    x = scene()
    x[start:stop] = value
    return x


def repeated() -> NDArray[Any]:
    x = scene()
    x[SR : SR + 400] = x[SR - 400 : SR]
    return x


# How damage is judged


@pytest.mark.parametrize(
    ("x", "region", "damage", "reason"),
    [
        (with_value(0.0), Region(1, 1.05), "missing", "100 % digital silence"),
        (with_value(0.0), Region(1, 1.08), "missing", "62 % digital silence"),
        (with_value(np.nan), Region(1, 1.05), "missing", "100 % not finite"),
        (with_value(0.25), Region(1, 1.05), "missing", "100 % one value"),
        (repeated(), Region(1, 1.05), "missing", "a copy of what is before it"),
        (scene(), Region(1, 1.05), "occluded", "there is sound"),
        (scene(), Region(1, 1.5, 500, 1500), "occluded", "there is sound"),
        (without_band(scene(), SR // 2, 2 * SR, 450, 1600), Region(0.5, 2, 500, 1500), "missing",
         "the band is empty"),
        (scene(), Region(1, 1.05, label="click"), "missing", "labelled click"),
        (scene(), Region(1, 1.05, label="dropout"), "missing", "labelled dropout"),
        (scene(), Region(1, 1.05, label="clipping"), "missing", "labelled clipping"),
        (scene(), Region(1, 1.05, label="cough"), "occluded", "there is sound"),
        (scene(), Region(1, 1.5, 500, 1500, label="click"), "occluded", "there is sound"),
    ],
)  # fmt: skip
def test_damage_is_judged_and_a_reason_given(
    x: NDArray[Any], region: Region, damage: str, reason: str
) -> None:
    (job,) = repair(x, SR, region, rng=0).jobs
    assert job.damage == damage
    assert reason in job.reason


@pytest.mark.parametrize("damage", ["missing", "occluded"])
def test_what_is_told_is_not_judged(damage: Any) -> None:
    (job,) = repair(scene(), SR, Region(1, 1.05, label="click"), damage=damage, rng=0).jobs
    assert (job.damage, job.reason) == (damage, "as told")


def test_damage_decides_the_method() -> None:
    for damage, region, method, model, size in (
        ("missing", Region(1, 1.05), "autoregression", "ar", (None, 1024)),
        ("missing", Region(1, 1.05, 500, 1500), "subband prediction", "subband", (64, None)),
        ("occluded", Region(1, 1.05), "semi-supervised NMF", "semisupervised_nmf", (512, None)),
    ):
        options: dict[str, Any] = {"damage": damage}
        (job,) = repair(scene(), SR, region, rng=0, **options).jobs
        assert (job.method, job.model, job.status) == (method, model, "done")
        assert (job.n_fft, job.order) == size
        assert job.regions == (region,)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_has_an_order_or_a_frame(method: Method) -> None:
    gap = Region(1, 1.01)
    (job,) = repair(scene(), SR, gap, damage="missing", method=method, rng=0).jobs
    assert job.model == ("ar" if method == "auto" else method)
    assert (job.order is None) == (job.n_fft is not None) == (method in EM_ALGORITHMS)


# What shares a job


@pytest.mark.parametrize("damage", ["missing", "occluded"])
def test_regions_that_overlap_or_touch_share_a_job(damage: Any) -> None:
    regions = [
        Region(2, 2.1, 500, 900),
        Region(1, 1.1, 500, 900),
        Region(1.1, 1.2, 500, 900),
        Region(1.05, 1.15, 2000, 2500),
    ]
    found = repair(scene(), SR, regions, damage=damage, rng=0).jobs
    assert [(j.start, j.stop, len(j.regions)) for j in found] == [
        (SR, SR + 1600, 3),
        (2 * SR, 2 * SR + 800, 1),
    ]


def test_gaps_within_a_model_share_a_job_and_what_is_between_them_stays() -> None:
    x = scene()
    regions = [Region((SR + 40 * i) / SR, (SR + 40 * i + 8) / SR) for i in range(5)]
    (job,) = repaired = repair(x, SR, regions, damage="missing").jobs
    assert len(repaired) == 1
    assert (job.start, job.stop, job.method) == (SR, SR + 168, "autoregression")
    changed = np.flatnonzero(repair(x, SR, regions, damage="missing").samples != x) - SR
    assert changed.min() >= 0
    assert (changed % 40 < 8).all()


def test_touching_bands_are_one_hole() -> None:
    parts = [Region(1, 1.1, 500, 900), Region(1.1, 1.25, 500, 900)]
    options: dict[str, Any] = {"damage": "missing", "stft": STFT(256, 64)}
    whole = repair(scene(), SR, Region(1, 1.25, 500, 900), **options)
    np.testing.assert_array_equal(repair(scene(), SR, parts, **options).samples, whole.samples)


def burst(start: int, stop: int, hz: float) -> NDArray[Any]:
    """Make a tone that fades in and out, and keeps within a band."""
    x = np.zeros(N)
    window = np.kaiser(stop - start, 20)
    x[start:stop] = window * np.sin(2 * np.pi * hz * np.arange(stop - start) / SR)
    return x


@pytest.mark.parametrize(
    "others",
    [
        [],
        [Region(1.4, 1.6, 600, 800)],
        [Region(1.2, 1.6, 600, 800)],
        [Region(1.15, 1.5, 2000, 2500), Region(1.4, 1.6, 600, 800)],
    ],
)
def test_what_is_missing_in_a_band_is_never_looked_at(others: list[Region]) -> None:
    x = scene()
    spoiled = x + burst(SR + 400, SR + 1600, 700)
    if others:
        spoiled += burst(round(1.42 * SR), round(1.58 * SR), 700)
    regions = [Region(1, 1.25, 500, 900), *others]
    options: dict[str, Any] = {"damage": "missing", "stft": STFT(256, 64)}
    y, other = (repair(z, SR, regions, **options).samples for z in (x, spoiled))
    # Fades are the recording's, and so is what the lobes of the window let out of the band.
    inside = slice(SR + 40, round(1.25 * SR) - 40)
    assert np.abs(y - other)[inside].max() < 1e-2 * np.abs(spoiled - x).max()


def test_missing_samples_are_never_looked_at() -> None:
    regions = [Region(1, 1.02), Region(1.021, 1.03), Region(2.0, 2.1)]
    x = scene()
    y = repair(x, SR, regions, damage="missing").samples
    for value in (0.0, 1e9, np.nan, np.inf):
        spoiled = x.copy()
        for region in regions:
            spoiled[slice(*region.samples(length=N, sr=SR))] = value
        np.testing.assert_array_equal(repair(spoiled, SR, regions, damage="missing").samples, y)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_fills_gaps_without_a_look_into_them(method: Method) -> None:
    regions = [Region(0.5, 0.52), Region(0.8, 0.802)]
    regions += [Region(1.1, 1.25)] if method not in EM_ALGORITHMS else []
    band = Region(0.3, 0.35, 1000, 3000)
    x = scene()[: round(1.5 * SR)]
    spoiled, marked = x.copy(), np.zeros(x.size, bool)
    for region in regions:
        marked[slice(*region.samples(length=x.size, sr=SR))] = True
    spoiled[marked] = 1e3
    copy = spoiled.copy()
    spoiled.setflags(write=False)
    options: dict[str, Any] = {"damage": "missing", "method": method, "rng": 5, "context_s": 0.7}
    found = repair(spoiled, SR, regions, **options)
    np.testing.assert_array_equal(repair(x, SR, regions, **options).samples, found.samples)
    np.testing.assert_array_equal(spoiled, copy)
    np.testing.assert_array_equal(found.samples[~marked], x[~marked])
    assert np.isfinite(found.samples).all()
    assert np.abs(found.samples).max() < 4 * np.abs(x).max()
    assert {job.status for job in found.jobs} == {"done"}
    # Other damage has its own method.
    if method in ("auto", "am"):
        names = [job.method for job in repair(x, SR, [regions[0], band], **options).jobs]
        assert names[1:] == [job.method for job in repair(x, SR, band, damage="missing").jobs]


@pytest.mark.parametrize("method", ["auto", "hybrid"])
def test_passages_come_from_far_but_not_from_what_is_to_be_mended(method: Method) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(8 * SR)
    gap, later, band = Region(4.0, 4.15), Region(5.75, 5.85), Region(2.1, 2.3, 500, 1000)
    inside = slice(*gap.samples(length=x.size, sr=SR))
    poisoned = x.copy()
    for region in (later, band):
        start, stop = region.samples(length=x.size, sr=SR)
        poisoned[start:stop] += 5 * rng.standard_normal(stop - start)
        far = min(abs(start - inside.stop), abs(stop - inside.start))
        assert context_length(inside.stop - inside.start) < far < 2 * SR
    fills = {
        (poison, marked): repair(
            y, SR, [gap, later, band] if marked else gap, damage="missing", method=method
        ).samples[inside]
        for poison, y in ((False, x), (True, poisoned))
        for marked in (True, False)
    }
    np.testing.assert_array_equal(fills[False, True], fills[True, True])
    assert not np.array_equal(fills[False, False], fills[True, False])


def test_a_memory_is_the_recording_around_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal(8 * SR)
    gap, band = Region(4.0, 4.05), Region(2.1, 2.3, 500, 1000)
    start, stop = gap.samples(length=x.size, sr=SR)
    seen = []

    def watched(y: Any, missing: Any, *, search: SearchBuffer, **options: Any) -> NDArray[Any]:
        seen.append((y, missing, search))
        return fill_gaps(y, missing, search=search, **options)

    monkeypatch.setattr(gap_repair, "fill_gaps", watched)
    repair(x, SR, [gap, band], damage="missing", method="hybrid")
    ((y, missing, memory),) = seen
    known = x.copy()
    known[start:stop] = np.nan
    known[slice(*band.samples(length=x.size, sr=SR))] = np.nan
    np.testing.assert_array_equal(memory.samples, known[start - 2 * SR : stop + 2 * SR])
    own = memory.samples[memory.offset : memory.offset + y.size]
    np.testing.assert_array_equal(np.isnan(own), missing)
    np.testing.assert_array_equal(own[~missing], y[~missing])


def test_each_repair_builds_on_what_is_mended() -> None:
    x = with_value(0.0, SR + 3000, SR + 3200)
    gap, event = Region(1.375, 1.4), Region(1, 1.2, 500, 1500)
    both = repair(x, SR, [event, gap], rng=0)
    assert [job.method for job in both.jobs] == ["autoregression", "semi-supervised NMF"]
    first = repair(x, SR, gap, rng=0).samples
    np.testing.assert_array_equal(both.samples, repair(first, SR, event, rng=0).samples)


# What cannot be mended, or only in part


def test_silence_around_a_gap_is_said() -> None:
    x = np.zeros(N)
    x[SR : SR + 400] = scene()[:400]
    found = repair(x, SR, Region(1, 1.05), damage="missing")
    assert not found.samples.any()
    assert found.jobs[0].status == "silence around it: filled with silence"


def test_a_band_of_which_nothing_is_known_is_said() -> None:
    for region in (Region(None, None, 500, 900), Region(0.001, None, 500, 900)):
        (job,) = repair(scene(), SR, region, damage="missing").jobs
        assert job.status == "nothing is known of the band: left empty"
    both = [Region(None, None, 500, 900), Region(1, 1.2, 2000, 2500)]
    (job,) = repair(scene(), SR, both, damage="missing").jobs
    assert job.status == "nothing is known of the band: left empty"
    for region in (Region(1, None, 500, 900), Region(None, 1, 500, 900)):
        (job,) = repair(scene(), SR, region, damage="missing").jobs
        assert job.status == "done"


@pytest.mark.parametrize("region", [Region(), Region(None, None, 10), Region(0, 2.999)])
@pytest.mark.parametrize("damage", ["missing", "occluded", "auto"])
def test_the_whole_band_of_a_whole_recording_is_refused(region: Region, damage: Any) -> None:
    if damage == "missing" and region != Region():
        return
    with pytest.raises(ParameterError, match=r"region .*: nothing intact is around it"):
        repair(scene(), SR, region, damage=damage, rng=0)


def test_nan_that_nobody_marked_is_refused() -> None:
    x = with_value(np.nan, SR, SR + 10)
    for region, damage in (
        (Region(1.01, 1.02), "missing"),
        (Region(1.1, 1.2, 500, 900), "missing"),
        (Region(0.9, 1.2, 500, 900), "auto"),
        (Region(1.1, 1.2), "occluded"),
    ):
        options: dict[str, Any] = {"damage": damage}
        with pytest.raises(ParameterError, match="NaN or infinite samples are in it or around it"):
            repair(x, SR, region, **options)
    gap = Region(1, (SR + 10) / SR)
    assert np.isfinite(repair(x, SR, [Region(1.1, 1.2, 500, 900), gap], rng=0).samples).all()


# Transforms


def test_a_transform_suits_its_region() -> None:
    for sr in (8000, 44100, 192000):
        stft = suitable_stft(sr, (0, sr), 0, sr / 2)
        assert 0.04 < stft.n_fft / sr < 0.1
        assert stft.hop_length * 4 == stft.n_fft
        assert suitable_stft(sr, (0, 30), 0, sr / 2).n_fft == 32
        hum = suitable_stft(sr, (0, 100 * sr), 49, 51)
        assert hum.n_fft * 2 / sr >= 2


def test_short_recordings_get_short_frames() -> None:
    x = scene()[:400]
    (job,) = repair(x, SR, Region(0.01, 0.04, 500, 1500), damage="occluded", rng=0).jobs
    assert job.n_fft == 128
    with pytest.raises(ParameterError, match="has 20 samples, fewer than n_fft=32: give more"):
        repair(x[:20], SR, Region(0, 0.001, 500, 1500), rng=0)
    with pytest.raises(ParameterError, match="has 400 samples, fewer than n_fft=512"):
        repair(x, SR, Region(0.01, 0.04), damage="occluded", stft=STFT(512, 128))


def test_a_transform_that_is_given_is_used() -> None:
    for damage in ("missing", "occluded"):
        options: dict[str, Any] = {"damage": damage, "stft": STFT(128, 32), "rng": 0}
        assert repair(scene(), SR, Region(1, 1.2, 500, 900), **options).jobs[0].n_fft == 128


# Cost


def test_thousands_of_gaps_take_seconds() -> None:
    x = np.tile(scene(), 4)
    starts = np.arange(SR, x.size - SR, 35)
    regions = [Region(s / SR, (s + 1 + s % 7) / SR, label="clipping") for s in starts]
    started = time.process_time()
    y = repair(x, SR, regions).samples
    assert len(regions) > 2000
    assert time.process_time() - started < 10
    assert np.sum((y - x) ** 2) < 0.1 * np.sum(x**2) * 4 / 35


def test_a_sample_of_a_band_takes_no_models_of_hundreds_of_coefficients() -> None:
    x = np.random.default_rng(0).standard_normal(4 * 44100)
    started = time.process_time()
    (job,) = repair(x, 44100, Region(2, 2.00002, 1000, 3000), damage="missing").jobs
    assert job.n_fft is not None
    assert job.n_fft >= 256
    assert time.process_time() - started < 3


@pytest.mark.parametrize("band", [(1000.0, 1800.0), (None, None)])
def test_long_events_are_solved_in_pieces(monkeypatch: pytest.MonkeyPatch, band: Any) -> None:
    x = scene()
    mix = x.copy()
    event = np.random.default_rng(1).standard_normal(N // 2)
    spectrum = np.fft.rfft(event)
    f = np.fft.rfftfreq(event.size, 1 / SR)
    spectrum[(f < 1050) | (f > 1750)] = 0
    mix[N // 4 : 3 * N // 4] += 0.1 * np.fft.irfft(spectrum)
    region = Region(0.75, 2.25, *band)
    options: dict[str, Any] = {"damage": "occluded", "stft": STFT(256, 64), "rng": 0}
    whole = repair(mix, SR, region, **options).samples
    seen = []
    remove_event = events.remove_event

    def noted(x: NDArray[Any], *args: Any, **kwargs: Any) -> NDArray[Any]:
        seen.append(x.size)
        return remove_event(x, *args, **kwargs)

    monkeypatch.setattr(events, "PIECE_S", 0.5)
    monkeypatch.setattr(jobs, "remove_event", noted)
    pieces = repair(mix, SR, region, **options).samples
    assert len(seen) == 3
    assert max(seen) < 12000 + 4000 + 4 * 256
    errors = [np.sum((y - x) ** 2) / np.sum((mix - x) ** 2) for y in (whole, pieces)]
    assert errors[1] < max(1.5 * errors[0], 0.3)
    outside = np.r_[: N // 4, 3 * N // 4 : N]
    np.testing.assert_array_equal(pieces[outside], mix[outside])


@pytest.mark.parametrize("n_fft", [32, 33])
def test_weights_of_pieces_sum_to_1(n_fft: int) -> None:
    span = (100, 12 * SR * 4 + 7)
    total = np.zeros(span[1])
    found = list(events.overlapping_pieces(span, SR, STFT(n_fft, 8)))
    for (start, stop), weight in found:
        total[start:stop] += weight
    assert len(found) == 5
    np.testing.assert_allclose(total[100:], 1)
    assert not total[:100].any()


# Parts


def damaged_of(*spans: tuple[int, int]) -> list[Damaged]:
    return [Damaged(Region(), span, "missing", "", True) for span in spans]


def test_gaps_are_grouped_by_the_reach_of_their_models() -> None:
    def groups(*spans: tuple[int, int]) -> list[int]:
        return [len(group) for group in gap_repair.near(damaged_of(*spans))]

    assert groups((0, 5), (37, 40), (73, 80)) == [2, 1]
    assert groups((0, 500), (10, 20), (510, 511)) == [3]
    assert groups((0, 700), (800, 1200)) == [1, 1]
    assert groups((0, 700), (700, 1200)) == [2]
    assert groups((0, 300), (400, 700), (800, 1100), (1200, 1500), (1530, 1540)) == [3, 2]


def test_repairs_fade_in_and_out_but_not_at_the_ends_of_the_recording() -> None:
    stft, x, y = STFT(64, 16), np.zeros(100), np.ones(100)
    middle = faded(x, y, (20, 60), 0, stft, 100)
    np.testing.assert_allclose(middle, middle[::-1])
    assert (np.diff(middle[:9]) >= 0).all()
    assert 0 < middle[0] < 0.05
    assert (middle[8:32] == 1).all()
    start, end = (faded(x, y, span, 0, stft, 100) for span in ((0, 40), (60, 100)))
    np.testing.assert_array_equal(start, np.where(np.arange(40) < 20, 1, middle))
    np.testing.assert_array_equal(end, np.where(np.arange(40) < 20, middle, 1))
    assert faded(x, y, (20, 23), 0, stft, 100).tolist() == [1, 1, 1]


@pytest.mark.parametrize("piece", [(8000, 9000), (9000, 10500), (10000, 12000), (8000, 12000)])
def test_frames_of_a_piece_are_intact_where_no_damage_is_seen(piece: tuple[int, int]) -> None:
    stft, first, last = STFT(256, 64), 4000, 16000
    source = PatchedSource(lambda a, b: np.zeros((1, b - a)), length=20000, channels=1)
    channel = Channel(source, 0, SR)
    others = [(5000, 5300), (8000, 12000), (13000, 13010), (15900, 17000), (3000, 4100)]
    span = (8000, 12000)
    region = Region(1, 1.5, 1000, 2000)
    group = [Damaged(region, span, "occluded", "", False)]
    samples = np.r_[first : span[0], piece[0] : piece[1], span[1] : last]
    place = jobs._place(channel, group, piece, others, (first, span, samples.size), stft)
    bad = np.zeros(last, bool)
    for start, stop in others:
        bad[start:stop] = True
    damaged, inside = bad[samples], (samples >= span[0]) & (samples < span[1])
    for n, (intact, cells) in enumerate(zip(place.intact, place.cells.T, strict=True)):
        seen = slice(max(0, 64 * n - 128), 64 * n + 128)
        assert intact == (not damaged[seen].any()), n
        assert cells.any() == inside[seen].any(), n
        assert not cells.any() or np.flatnonzero(cells).tolist() == list(range(32, 65))


def test_pieces_are_cross_faded(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = iter((1.0, 2.0, 3.0))
    monkeypatch.setattr(events, "PIECE_S", 0.5)
    monkeypatch.setattr(jobs, "remove_event", lambda x, *_, **__: np.full(x.size, next(levels)))
    options: dict[str, Any] = {"damage": "occluded", "stft": STFT(256, 64)}
    y = repair(scene(), SR, Region(0.75, 2.25, 1000, 1800), **options).samples
    solved = y[round(0.76 * SR) : round(2.24 * SR)]
    assert set(solved[::1000]) >= {1.0, 2.0, 3.0}
    np.testing.assert_allclose(np.diff(solved).max(), 1 / 256)
    assert np.diff(solved).min() >= -1e-12


def test_a_dictionary_is_something_to_build_on() -> None:
    voice = Dictionary.train([scene()], sr=SR, stft=STFT(256, 64), n_components=3, rng=0)
    (job,) = repair(scene(), SR, Region(), damage="occluded", dictionary=voice, rng=0).jobs
    assert (job.status, job.n_fft) == ("done", 256)


def test_other_events_are_no_exemplars(monkeypatch: pytest.MonkeyPatch) -> None:
    places = []

    def noted(x: NDArray[Any], place: Any, **_: Any) -> NDArray[Any]:
        places.append(place)
        return x

    monkeypatch.setattr(jobs, "remove_event", noted)
    both = [Region(1, 1.1, 500, 900), Region(2, 2.1, 1500, 1900)]
    repair(scene(), SR, both, damage="occluded", stft=STFT(256, 64))
    seen = [place.cells.any(axis=0) for place in places]
    for place in places:
        np.testing.assert_array_equal(place.intact, ~(seen[0] | seen[1]))
