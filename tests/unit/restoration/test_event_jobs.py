"""Occluded regions: pieces of long events, exemplars, and transforms."""

from __future__ import annotations

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
from spectramend.spectral_repair.event_removal import EventMask


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

    def constant(x: NDArray[Any], *_: Any, **__: Any) -> NDArray[Any]:
        return np.full(x.size, next(levels))

    monkeypatch.setattr(event_removal, "PIECE_S", 0.5)
    monkeypatch.setattr(
        event_jobs, "remove_event", lambda x, *_, **__: np.full(x.size, next(levels))
    )
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
