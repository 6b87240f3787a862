"""The experiment with events over recordings: methods, measures, and a run on a tiny folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from event_scenes import EVENT, RECORDING, SR, noise, tones
from spectramend.errors import AudioError, FileError, ParameterError
from spectramend.experiments import occlusion
from spectramend.experiments._common.events import place_event
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments.occlusion import CONDITIONS, Material, measures, methods


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two voices, a piece and two events."""
    rng = np.random.default_rng(0)
    for name, x in {
        "speech/one/02": tones(3.2, 120),
        "speech/one/01": tones(3.5, 130) * (1 + np.sin(np.arange(28000) / 900)),
        "speech/two/01": tones(3.1, 220) * (1 + np.sin(np.arange(24800) / 700)),
        "music/piece": np.stack([tones(3.5), tones(3.5, 211)]),
        "music/short": tones(2.9),
        "events/hiss": noise(0.3),
        "events/long": rng.standard_normal(2 * SR) * np.linspace(0, 1, 2 * SR),
    }.items():
        file = tmp_path / f"{name}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, 0.5 * x.T / np.abs(x).max(), SR, "PCM_16")
    return tmp_path


def test_without_processing_all_of_the_event_remains() -> None:
    scene = place_event(RECORDING, EVENT)
    untouched = measures(scene, scene.mix)
    assert untouched["residual_db"] == pytest.approx(0, abs=1e-9)
    cells = scene.box.cells
    T, N = (scene.stft.forward(z)[cells] for z in (RECORDING.samples, scene.N))
    ratio = 10 * np.log10(np.sum(np.abs(T) ** 2) / np.sum(np.abs(N) ** 2))
    assert untouched["snr_db"] == pytest.approx(ratio)
    assert untouched["pesq_wb"] is None
    perfect = measures(scene, RECORDING.samples)
    assert perfect["residual_db"] == -200
    assert perfect["snr_db"] > 200
    assert perfect["lsd_db"] == pytest.approx(0, abs=1e-6)
    half = measures(scene, RECORDING.samples + 0.5 * scene.N)
    assert half["residual_db"] == pytest.approx(-6.02, abs=0.01)


def test_magnitudes_and_phases_of_a_steady_tone_are_interpolated() -> None:
    # On a bin, so that phases advance exactly, by a quarter of a turn a hop.
    t = np.arange(4 * SR)
    steady = Recording("tone", np.cos(2 * np.pi * 129 / 512 * t), SR, "music")
    for damage in ("occluded", "missing"):
        options: dict[str, Any] = {"damage": damage}
        scene = place_event(steady, EVENT, **options)
        X = scene.stft.forward(scene.mix)
        y = occlusion.interpolated(scene, X, damage)
        found = measures(scene, y)["snr_db"]
        # The event remains outside its box, in the frames beside it, too.
        assert found > measures(scene, scene.mix)["snr_db"] + (5 if damage == "occluded" else 30)


def test_wiener_gains_are_the_share_of_the_context_in_the_power() -> None:
    scene = place_event(RECORDING, EVENT)
    gain = occlusion.wiener_gain(scene.stft.forward(scene.mix), scene)
    assert gain.shape == (scene.box.stop_bin - scene.box.first_bin,)
    assert ((gain > 0) & (gain <= 1)).all()
    f = scene.stft.frequencies(SR)[scene.box.cells[0]]
    partial = np.abs((f + 105) % 210 - 105) < 10
    between = np.abs(f % 210 - 105) < 10
    assert gain[partial].mean() > 2 * gain[between].mean()
    np.testing.assert_allclose(
        occlusion.wiener_gain(scene.stft.forward(RECORDING.samples), scene)[partial], 1, atol=0.02
    )


@pytest.mark.parametrize("damage", ["occluded", "missing"])
def test_our_default_is_better_than_the_other_methods(damage: Any) -> None:
    # Partials that beat: what is steady is interpolated without an error.
    beating = Recording("beats", tones() + tones(base_hz=212.0), SR, "music")
    scene = place_event(beating if damage == "missing" else RECORDING, EVENT, damage=damage)
    rows = {name: measures(scene, m()) for name, m in methods(scene, damage, 0).items()}
    assert list(rows) == [n for n in CONDITIONS if (n, damage) != ("wiener", "missing")]
    if damage == "occluded":
        assert rows["zeroed"]["residual_db"] < -3
        assert rows["wiener"]["snr_db"] > rows["untouched"]["snr_db"] + 3
    for name, other in rows.items():
        if name != "spectramend":
            assert rows["spectramend"]["snr_db"] > other["snr_db"] + 1, name


def test_recordings_are_the_first_of_each_voice_and_all_pieces(folder: Path) -> None:
    recordings, events = occlusion.load(folder)
    assert [(r.name, r.kind) for r in recordings] == [
        ("one", "speech"), ("two", "speech"), ("piece", "music"),
    ]  # fmt: skip
    assert [r.samples.shape for r in recordings] == [(28000,), (24800,), (28000,)]
    assert [(e.name, e.kind) for e in events] == [("hiss", "event"), ("long", "event")]


@pytest.mark.parametrize("damage", ["occluded", "missing"])
def test_a_run_has_all_scenes_and_rows(folder: Path, damage: Any) -> None:
    seen: list[tuple[str, int, int]] = []
    material = occlusion.load(folder)
    if damage == "missing":
        material = Material(material.recordings[1:], material.events[:1])
    result = occlusion.run(material, damage=damage, progress=lambda *state: seen.append(state))
    total = len(material.recordings) * len(material.events)
    names = [n for n in CONDITIONS if (n, damage) != ("wiener", "missing")]
    assert len(result.items) == total * len(names)
    assert seen[-1] == ("done", total, total)
    for group in ("all", "speech", "music"):
        rows = [row for row in result.rows if row["group"] == group]
        assert [r["condition"] for r in rows] == names
        for r in rows:
            assert np.isfinite([r["snr_db"], r["lsd_db"], r["residual_db"]]).all()
            assert (r["pesq_wb"] is None) == (group == "music")
    assert [drawing.file for drawing in result.drawings] == [
        f"{material.recordings[i].name}_under_{event.name}.png"
        for i, event in enumerate(material.events)
    ]


def test_the_seed_fixes_a_run(folder: Path) -> None:
    recordings, events = occlusion.load(folder)
    some = Material(recordings[2:], events[:1])
    found = [occlusion.run(some, seed=seed).rows[-1]["snr_db"] for seed in (3, 3, 4)]
    assert found[0] == found[1] != found[2]


def test_unusable_folders_and_unknown_damage_are_refused(folder: Path) -> None:
    with pytest.raises(ParameterError, match="damage='lost': give 'occluded' or 'missing'"):
        occlusion.run(Material([], []), damage="lost")  # type: ignore[arg-type]
    soundfile.write(folder / "events" / "silent.flac", np.zeros(800), SR)
    with pytest.raises(AudioError, match=r"silent.flac: is digital silence"):
        occlusion.load(folder)
    for file in (folder / "events").iterdir():
        file.unlink()
    with pytest.raises(FileError, match="has 3 recordings longer than 3 s and 0 events"):
        occlusion.load(folder)
    (folder / "events").rmdir()
    with pytest.raises(FileError, match="events: no such folder: give one with speech, music"):
        occlusion.load(folder)
