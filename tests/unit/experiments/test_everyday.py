"""The experiment with everyday damage: conditions, rows, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiment_runs import inharmonic, tones
from spectramend.detection import detect
from spectramend.errors import FileError, ParameterError
from spectramend.experiments import everyday
from spectramend.experiments._common.everyday_damage import KINDS, lay
from spectramend.experiments._common.recordings import Recording

SR = 8000
PIECE = Recording("piece", inharmonic(3, SR), SR, "music")


@pytest.mark.slow
def test_a_run_has_all_conditions_and_counts() -> None:
    seen: list[tuple[str, int, int]] = []
    result = everyday.run(
        [PIECE],
        kinds=["dropout_exact", "undamaged"],
        progress=lambda *state: seen.append(state),
    )
    assert seen[-1] == ("done", 3, 3)
    exact = [item for item in result.items if item["level"] == "20 ms"]
    assert [item["condition"] for item in exact] == list(everyday.CONDITIONS)
    by_name = {item["condition"]: item for item in exact}
    assert by_name["untouched"]["snr_db"] == by_name["muted"]["snr_db"] == pytest.approx(0)
    assert by_name["spectramend"]["snr_db"] > 20
    assert by_name["spectramend"]["worse"] == 0
    assert by_name["spectramend_detected"]["hits"] == by_name["spectramend_detected"]["damaged"]
    rows = {(row["group"], row["condition"]): row for row in result.rows}
    detected = rows["dropout_exact 20 ms", "spectramend_detected"]
    assert detected["f1"] == 1
    others = set(everyday.CONDITIONS) - set(everyday.LAYOUT.conditions)
    best = max(by_name[name]["snr_db"] for name in others)
    assert by_name[detected["best_other"]]["snr_db"] == best
    assert rows["dropout_exact 20 ms", "spectramend"]["margin_db"] == pytest.approx(
        by_name["spectramend"]["snr_db"] - best
    )
    false = detect(PIECE.samples, PIECE.sr)
    assert rows["undamaged -", "spectramend_detected"]["found"] == len(false)
    assert rows["undamaged -", "spectramend_detected"]["snr_db"] is None
    assert rows["all", "spectramend"]["scenes"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_conditions_of_each_kind_change_nothing_elsewhere(kind: str) -> None:
    scene = lay(PIECE, kind, next(iter(KINDS[kind].levels)), np.random.default_rng(0))
    methods = everyday.methods(scene, 0)
    methods.pop("spectramend", None)
    for name, method in methods.items():
        y = method()
        assert y.shape == scene.mix.shape
        if scene.spans:
            assert scene.outside_db(y) == -200, name
    if kind != "undamaged":
        assert {"untouched", "muted"} <= methods.keys()
    assert ("interpolated" in methods) == bool(scene.spans or scene.box)


@pytest.mark.parametrize("kind", ["hum_steady", "whine", "vinyl_clicks", "crackle", "loud_event"])
def test_the_usual_filter_is_better_than_nothing(kind: str) -> None:
    scene = lay(PIECE, kind, list(KINDS[kind].levels)[-1], np.random.default_rng(0))
    methods = everyday.methods(scene, 0)
    assert scene.snr_db(methods["simple"]()) > scene.snr_db(scene.mix) + 3


def test_the_other_kinds_do_not_change_the_draws_of_a_kind() -> None:
    found = [
        everyday.run([PIECE], kinds=kinds).items[-1]["snr_db"]
        for kinds in (["whine"], ["emptied_band", "whine"])
    ]
    assert found[0] == found[1]


def test_excerpts_are_of_the_first_recording_of_each_voice(tmp_path: Path) -> None:
    for name, x in {
        "speech/one/01": tones(2, sr=SR),
        "speech/one/02": tones(7, 130, sr=SR),
        "speech/one/03": tones(7, sr=SR),
        "music/long": tones(2.5, sr=SR),
        "music/short": tones(1.8, sr=SR),
    }.items():
        file = tmp_path / f"{name}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, x, SR, "PCM_16")
    found = everyday.load(tmp_path)
    assert [(r.name, r.kind, r.samples.size) for r in found] == [
        ("one", "speech", 4 * SR), ("long", "music", 20000),
    ]  # fmt: skip
    for file in [*tmp_path.glob("speech/*/*"), *tmp_path.glob("music/*")]:
        file.unlink()
    with pytest.raises(FileError, match=r"has no speech of 3 s or music over 1\.9 s"):
        everyday.load(tmp_path)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ParameterError, match="kinds: 'fog' is unknown: choose from hum_steady, "):
        everyday.run([PIECE], kinds=["fog"])
