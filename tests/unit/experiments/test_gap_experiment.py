"""The experiment on gaps: places, rows, published results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from commands import Runner
from spectramend.errors import FileError, ParameterError
from spectramend.experiments import gaps
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.scenes import Recording
from spectramend.experiments.gaps import GAPS, load, places

SR = 16000


def tones(seconds: float, sr: int = SR) -> NDArray[Any]:
    n = np.arange(round(seconds * sr))
    parts = [np.sin(2 * np.pi * f / sr * n + f) for f in (220, 331, 550, 1234)]
    return 0.2 * np.sum(parts, axis=0) + 1e-3 * np.random.default_rng(0).standard_normal(n.size)


@given(
    seconds=st.floats(3, 20),
    sr=st.sampled_from([16000, 44100, 48000]),
    ms=st.integers(1, 100),
    seed=st.integers(0, 9),
)
def test_every_gap_lies_well_inside_its_slot(seconds: float, sr: int, ms: int, seed: int) -> None:
    recording = Recording("a", np.zeros(round(seconds * sr)), sr)
    found = places(recording, ms, np.random.default_rng(seed))
    assert len(found) == min(GAPS, int((recording.samples.size / sr - 0.5) / 0.5))
    margin = round(0.25 * sr)
    slot = (recording.samples.size - 2 * margin) / len(found)
    for i, (start, stop) in enumerate(found):
        assert stop - start == round(ms * sr / 1000)
        assert start - 2048 >= margin + int(i * slot)
        assert stop + 2048 <= margin + (i + 1) * slot + 1


def test_places_follow_from_the_seed_alone() -> None:
    recording = Recording("a", tones(6), SR)
    first, again, other = (
        gaps.run([recording], gap_ms=[20], methods=["zero"], seed=s).items[0]["positions"]
        for s in (0, 0, 1)
    )
    assert first == again != other


def test_gaps_that_do_not_fit_are_refused() -> None:
    recording = Recording("a", np.zeros(4 * SR), SR)
    for ms in (0, 400):
        with pytest.raises(ParameterError, match=f"gap_ms={ms}: does not fit into a slot"):
            places(recording, ms, np.random.default_rng(0))


def test_published_results_are_those_of_the_paper() -> None:
    table = read_published(gaps.PUBLISHED)
    means = {
        (method, ms): np.mean(
            [
                item["snr_db"]
                for item in table
                if (item["condition"], item["group"]) == (f"published {method}", ms)
            ]
        )
        for method, ms in (("AMtoEMtf", 20), ("AMtoEMtf", 80), ("Janssen", 50))
    }
    assert means[("AMtoEMtf", 20)] == pytest.approx(12.67, abs=0.01)
    assert means[("AMtoEMtf", 80)] == pytest.approx(4.04, abs=0.01)
    assert len({item["signal"] for item in table}) == 10


def test_rows_hold_what_was_measured_and_what_was_published() -> None:
    recording = Recording("a08_violin", tones(4), SR)
    quick = ["spectramend", "zero", "janssen"]
    result = gaps.run([recording], gap_ms=[20, 30], methods=quick)
    rows = {(row["condition"], row["group"]): row for row in result.rows}
    assert list(rows)[:3] == [("zero", 20), ("janssen", 20), ("spectramend", 20)]
    for ms in (20, 30):
        assert rows["zero", ms]["snr_db"] == 0
        for name in ("janssen", "spectramend"):
            assert rows[name, ms]["snr_db"] > 30
            assert rows[name, ms]["signals"] == 1
            assert rows[name, ms]["seconds"] > 0
    assert rows["published EMtf", 20]["snr_db"] == 7.6374
    assert rows["published EMtf", 20]["seconds"] is None


def test_gaps_are_filled_from_factors_and_progress_is_told_by_method() -> None:
    names, told = ["em_tf", "am", "am_to_em_tf"], []
    result = gaps.run(
        [Recording("a", tones(3), SR)],
        gap_ms=[20],
        methods=names,
        progress=lambda *what: told.append(what),
    )
    assert [item["condition"] for item in result.items] == names
    found = [item["snr_db"] for item in result.items]
    assert min(found) > 25
    assert len(set(found)) == 3
    assert told == [*((f"a, 20 ms, {name}", i, 3) for i, name in enumerate(names)), ("done", 3, 3)]


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(ParameterError, match="methods has 'magic': give some of zero, "):
        gaps.run([Recording("a", tones(3), SR)], methods=["magic"])


def test_load_takes_the_first_channel_of_what_is_long_enough(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        load(tmp_path / "absent")
    with pytest.raises(FileError, match="has no recording of 3 s or more"):
        load(tmp_path)
    soundfile.write(tmp_path / "short.wav", tones(2.9), SR)
    soundfile.write(tmp_path / "long.wav", np.stack([tones(3), np.zeros(3 * SR)], axis=1), SR)
    (recording,) = load(tmp_path)
    assert recording.name == "long"
    np.testing.assert_allclose(recording.samples, tones(3), atol=2**-15)


def test_the_command_prints_and_writes_the_same(run: Runner, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tones(3), SR)
    out = tmp_path / "out"
    ended = run("experiment", "gaps", "--data", tmp_path, "--gap-ms", "20", "--methods",
                "zero,janssen", "--json", "-o", out)  # fmt: skip
    assert ended.code == 0
    printed = json.loads(ended.out)
    written = json.loads((out / "metrics.json").read_text())
    assert printed == written
    assert [row["condition"] for row in printed["rows"]] == ["zero", "janssen"]
    assert len(printed["items"][0]["positions"]) == 5
    table = run("experiment", "gaps", "--data", tmp_path, "--gap-ms", "20", "--methods", "zero")
    assert "20 ms (dB)" in table.out
    assert run("experiment", "gaps", "--data", tmp_path, "--gap-ms", "x").code == 2
    assert run("experiment", "gaps", "--data", tmp_path / "no").code == 1
