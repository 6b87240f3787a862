"""Occluded regions: pieces of long events, exemplars, and transforms."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from damaged_scenes import SR, N, scene
from spectramend import STFT, Dictionary, Region, repair
from spectramend.audio import PatchedSource
from spectramend.errors import ParameterError
from spectramend.restoration import event_jobs
from spectramend.restoration.jobs import Channel, DamagedChannel, DamagedRegion
from spectramend.restoration.options import RegionOptions
from spectramend.restoration.segments import Segment
from spectramend.spectral_repair import event_removal
from spectramend.spectral_repair.event_evidence import Outcome
from spectramend.spectral_repair.event_mask import EventMask


@pytest.mark.parametrize("region", [Region(), Region(None, None, 10), Region(0, 2.999)])
@pytest.mark.parametrize("damage", ["missing", "occluded", "auto"])
def test_the_whole_band_of_a_whole_recording_is_refused(region: Region, damage: Any) -> None:
    if damage == "missing" and region != Region():
        return
    with pytest.raises(ParameterError, match=r"region .*: nothing intact is around it"):
        repair(scene(), SR, region, damage=damage, rng=0)


def test_short_recordings_get_short_frames() -> None:
    x = scene()[:400]
    (job,) = repair(x, SR, Region(0.01, 0.04, 500, 1500), damage="occluded", rng=0).jobs
    assert job.n_fft == 128
    with pytest.raises(ParameterError, match="has 20 samples, fewer than n_fft=32: give more"):
        repair(x[:20], SR, Region(0, 0.001, 500, 1500), rng=0)
    with pytest.raises(ParameterError, match="has 400 samples, fewer than n_fft=512"):
        repair(x, SR, Region(0.01, 0.04), damage="occluded", stft=STFT(512, 128))


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
    original = event_removal.remove_event

    def noted(x: NDArray[Any], *args: Any, **kwargs: Any) -> NDArray[Any]:
        seen.append(x.size)
        return original(x, *args, **kwargs)

    monkeypatch.setattr(event_removal, "PIECE_S", 0.5)
    monkeypatch.setattr(event_jobs, "remove_event", noted)
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
    found = list(event_removal.overlapping_pieces(span, SR, STFT(n_fft, 8)))
    for (start, stop), weight in found:
        total[start:stop] += weight
    assert len(found) == 5
    np.testing.assert_allclose(total[100:], 1)
    assert not total[:100].any()


@pytest.mark.parametrize("piece", [(8000, 9000), (9000, 10500), (10000, 12000), (8000, 12000)])
def test_frames_of_a_piece_are_intact_where_no_damage_is_seen(piece: tuple[int, int]) -> None:
    stft, first, last = STFT(256, 64), 4000, 16000
    source = PatchedSource(lambda a, b: np.zeros((1, b - a)), length=20000, channels=1)
    channel = Channel(source, 0, SR)
    others = [(5000, 5300), (8000, 12000), (13000, 13010), (15900, 17000), (3000, 4100)]
    span = (8000, 12000)
    region = Region(1, 1.5, 1000, 2000)
    group = [DamagedRegion(region, span, "occluded", "", False)]
    damage = [DamagedRegion(Region(), other, "occluded", "", False) for other in others]
    damaged = DamagedChannel(channel, damage, [], 0, RegionOptions(), np.random.default_rng(0))
    samples = np.r_[first : span[0], piece[0] : piece[1], span[1] : last]
    whole = event_jobs.Piece(Segment(np.zeros(last - first), first, span, 20000), piece)
    assert whole.samples.size == samples.size
    event = event_jobs._event_mask(damaged, group, whole, stft)
    bad = np.zeros(last, bool)
    for start, stop in others:
        bad[start:stop] = True
    bad, inside = bad[samples], (samples >= span[0]) & (samples < span[1])
    for n, (intact, cells) in enumerate(zip(event.intact, event.cells.T, strict=True)):
        seen = slice(max(0, 64 * n - 128), 64 * n + 128)
        assert intact == (not bad[seen].any()), n
        assert cells.any() == inside[seen].any(), n
        assert not cells.any() or np.flatnonzero(cells).tolist() == list(range(32, 65))


def test_pieces_are_cross_faded(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = iter((1.0, 2.0, 3.0))
    monkeypatch.setattr(event_removal, "PIECE_S", 0.5)
    monkeypatch.setattr(
        event_jobs, "remove_event", lambda x, *_, **__: np.full(x.size, next(levels))
    )
    monkeypatch.setattr(
        event_jobs, "expected_outcome", lambda *_, **__: Outcome("removed", 1.0, None, 1.0)
    )
    options: dict[str, Any] = {"damage": "occluded", "stft": STFT(256, 64)}
    y = repair(scene(), SR, Region(0.75, 2.25), **options).samples
    solved = y[round(0.76 * SR) : round(2.24 * SR)]
    assert set(solved[::1000].round(9)) >= {1.0, 2.0, 3.0}
    np.testing.assert_allclose(np.diff(solved).max(), 1 / 256)
    assert np.diff(solved).min() >= -1e-12


def syllables() -> NDArray[Any]:
    """Tones in a little noise, which come and go and change their pitch, as a voice does."""
    t = np.arange(N) / SR
    pitch = 140 + 30 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / SR
    voice = sum(np.sin(k * phase + k) / k for k in range(1, 16)) * np.sin(2 * np.pi * 2 * t) ** 2
    return np.asarray(0.1 * voice + 0.001 * np.random.default_rng(0).standard_normal(N))


def event_in_band(level_db: float, low: float = 700, high: float = 2000) -> NDArray[Any]:
    """Make noise from 1.05 to 1.55 s, at a level over that of the syllables in their band."""
    event = np.zeros(N)
    n = SR // 2
    noise_ = np.random.default_rng(2).standard_normal(n) * np.hanning(n)
    event[round(1.05 * SR) :][:n] = band_of(noise_, low, high)
    target = band_of(syllables(), low, high)[round(1.05 * SR) :][:n]
    return np.asarray(event * 10 ** (level_db / 20) * np.std(target) / np.std(event[event != 0]))


def band_of(x: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """Take a band of a signal."""
    X, f = np.fft.rfft(x), np.fft.rfftfreq(x.size, 1 / SR)
    X[(f < low) | (f > high)] = 0
    return np.fft.irfft(X, x.size)


BOX = Region(1.0, 1.6, 600, 2100)


def box_snr_db(y: NDArray[Any]) -> float:
    """Measure the SNR in the band and span of the box."""
    inside = slice(*BOX.samples(length=N, sr=SR))
    target, error = (band_of(z[inside], 600, 2100) for z in (syllables(), y - syllables()))
    return float(10 * np.log10(np.sum(target**2) / np.sum(error**2)))


@pytest.mark.parametrize("level_db", [10, 20, 30])
def test_a_loud_event_is_removed_no_worse_than_by_muting(level_db: float) -> None:
    mix = syllables() + event_in_band(level_db)
    fixed = repair(mix, SR, BOX, damage="occluded", rng=0)
    assert box_snr_db(fixed.samples) > -0.1
    assert box_snr_db(mix) < 5 - level_db
    expected = fixed.jobs[0].expected_snr_db
    assert expected is not None
    assert expected < 5
    if level_db == 30:
        assert "little could be recovered: " in fixed.jobs[0].status


@pytest.mark.parametrize("x", [scene(), syllables()])
def test_a_clean_recording_stays_where_a_box_is_drawn(x: NDArray[Any]) -> None:
    fixed = repair(x, SR, BOX, damage="occluded", rng=0)
    np.testing.assert_array_equal(fixed.samples, x)
    assert fixed.jobs[0].status.startswith("left as it is: ")
    expected = fixed.jobs[0].expected_snr_db
    assert expected is not None
    assert expected > 3


def test_a_box_that_is_drawn_too_tight_is_noticed() -> None:
    mix = syllables() + event_in_band(25)
    tight = Region(1.2, 1.45, 600, 2100)
    fixed = repair(mix, SR, tight, damage="occluded", rng=0)
    (said,) = re.findall(r"draw it from ([\d.]+) to ([\d.]+) s", fixed.jobs[0].status)
    start, stop = map(float, said)
    assert 1.05 <= start < 1.15
    assert 1.49 < stop <= 1.56
    # The event is not let through by a fade at the edge.
    first = slice(round(1.2 * SR), round(1.21 * SR))
    change = fixed.samples - syllables()
    assert np.sum(change[first] ** 2) < 0.1 * np.sum((mix - syllables())[first] ** 2)
    (job,) = repair(mix, SR, BOX, damage="occluded", rng=0).jobs
    assert "goes on" not in job.status


def test_a_box_that_is_drawn_too_low_is_noticed() -> None:
    mix = syllables() + event_in_band(25, 700, 3000)
    (job,) = repair(mix, SR, Region(1.0, 1.6, 600, 2000), damage="occluded", rng=0).jobs
    (said,) = re.findall(r"draw it from 600 to (\d+) Hz", job.status)
    assert 2900 < float(said) < 3300


@pytest.mark.parametrize(
    ("low", "high", "reach"), [(600, 2100, 80), (970, 1020, 50), (990, 1000, 10)]
)
def test_nothing_changes_beyond_the_reach(low: float, high: float, reach: float) -> None:
    t = np.arange(N) / SR
    event = np.zeros(N)
    inside = slice(SR, 5 * SR // 2)
    event[inside] = 0.2 * np.sin(2 * np.pi * 995 * t[inside]) * np.hanning(3 * SR // 2)
    mix = syllables() + event
    region = Region(1.0, 2.5, low, high)
    y = repair(mix, SR, region, damage="occluded", rng=0).samples
    assert np.sum((y - mix) ** 2) > 0.1 * np.sum(event**2)
    change, f = np.fft.rfft(y - mix), np.fft.rfftfreq(N, 1 / SR)
    beyond = (f < low - reach) | (f > high + reach)
    power = np.sum(np.abs(change[beyond]) ** 2) / np.sum(np.abs(np.fft.rfft(syllables())) ** 2)
    assert 10 * np.log10(power) < -60
    np.testing.assert_array_equal(np.delete(y, np.r_[inside]), np.delete(mix, np.r_[inside]))


def test_hum_over_all_of_a_recording_leaves_the_tones_of_the_target() -> None:
    x = syllables()
    hum = 0.05 * np.sin(2 * np.pi * 150 * np.arange(N) / SR)
    box = Region(None, None, 145, 155)
    options: dict[str, Any] = {"damage": "occluded", "rng": 0}
    clean = repair(x, SR, box, **options).samples
    mended = repair(x + hum, SR, box, **options).samples
    assert np.sum((clean - x) ** 2) < 0.01 * np.sum(x**2)
    assert np.sum((mended - x) ** 2) < 0.2 * np.sum(hum**2)


def test_a_dictionary_is_something_to_build_on() -> None:
    voice = Dictionary.train([scene()], sr=SR, stft=STFT(256, 64), n_components=3, rng=0)
    (job,) = repair(scene(), SR, Region(), damage="occluded", dictionary=voice, rng=0).jobs
    assert (job.status, job.n_fft) == ("done", 256)


def test_other_events_are_no_exemplars(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = []

    def noted(x: NDArray[Any], event: EventMask, **_: Any) -> NDArray[Any]:
        masks.append(event)
        return x

    monkeypatch.setattr(event_jobs, "remove_event", noted)
    both = [Region(1, 1.1, 500, 900), Region(2, 2.1, 1500, 1900)]
    repair(scene(), SR, both, damage="occluded", stft=STFT(256, 64))
    frames = [event.cells.any(axis=0) for event in masks]
    for event in masks:
        np.testing.assert_array_equal(event.intact, ~(frames[0] | frames[1]))
