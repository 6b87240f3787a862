"""The experiment on gaps: their positions, its rows, and its command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from commands import Runner
from experiment_runs import inharmonic
from spectramend.errors import ParameterError
from spectramend.experiments import gaps
from spectramend.experiments._common.recordings import Recording
from spectramend.experiments.gaps import N_GAPS, gap_positions

SR = 16000


@given(
    seconds=st.floats(3, 20),
    sr=st.sampled_from([16000, 44100, 48000]),
    ms=st.integers(1, 100),
    seed=st.integers(0, 9),
)
def test_every_gap_lies_well_inside_its_slot(seconds: float, sr: int, ms: int, seed: int) -> None:
    recording = Recording("a", np.zeros(round(seconds * sr)), sr)
    found = gap_positions(recording, ms, np.random.default_rng(seed))
    assert len(found) == min(N_GAPS, int((recording.samples.size / sr - 0.5) / 0.5))
    margin = round(0.25 * sr)
    slot = (recording.samples.size - 2 * margin) / len(found)
    for i, (start, stop) in enumerate(found):
        assert stop - start == round(ms * sr / 1000)
        assert start - 2048 >= margin + int(i * slot)
        assert stop + 2048 <= margin + (i + 1) * slot + 1


def test_positions_depend_on_the_seed_alone() -> None:
    recording = Recording("a", inharmonic(6), SR)
    first, again, other = (
        gaps.run([recording], gap_ms=[20], methods=["zero"], seed=s).items[0]["positions"]
        for s in (0, 0, 1)
    )
    assert first == again != other


def test_gaps_that_do_not_fit_are_refused() -> None:
    recording = Recording("a", np.zeros(4 * SR), SR)
    for ms in (0, 400):
        with pytest.raises(ParameterError, match=f"gap_ms={ms}: does not fit into a slot"):
            gap_positions(recording, ms, np.random.default_rng(0))


@pytest.mark.slow
def test_rows_have_measured_and_published_results() -> None:
    recording = Recording("a08_violin", inharmonic(4), SR)
    quick = ["spectramend", "zero", "janssen"]
    result = gaps.run([recording], gap_ms=[20], methods=quick)
    rows = {(row["condition"], row["group"]): row for row in result.rows}
    assert list(rows)[:3] == [("zero", 20), ("janssen", 20), ("spectramend", 20)]
    assert rows["zero", 20]["snr_db"] == 0
    for name in ("janssen", "spectramend"):
        assert rows[name, 20]["snr_db"] > 30
        assert rows[name, 20]["signals"] == 1
        assert rows[name, 20]["seconds"] > 0
    assert rows["published EMtf", 20]["snr_db"] == 7.6374
    assert rows["published EMtf", 20]["seconds"] is None


@pytest.mark.slow
def test_gaps_are_interpolated_by_nmf_and_progress_names_the_method() -> None:
    names = ["em_tf", "am", "am_to_em_tf"]
    steps: list[tuple[str, int, int]] = []
    result = gaps.run(
        [Recording("a", inharmonic(3), SR)],
        gap_ms=[20],
        methods=names,
        progress=lambda *step: steps.append(step),
    )
    assert [item["condition"] for item in result.items] == names
    found = [item["snr_db"] for item in result.items]
    assert min(found) > 25
    assert len(set(found)) == 3
    assert steps == [*((f"a, 20 ms, {name}", i, 3) for i, name in enumerate(names)), ("done", 3, 3)]


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(ParameterError, match="methods has 'magic': give some of zero, "):
        gaps.run([Recording("a", inharmonic(3), SR)], methods=["magic"])


def test_the_command_prints_and_writes_the_same(run: Runner, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", inharmonic(3), SR)
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
