"""The experiment on declipping: its protocol, its rows, and its command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from commands import Runner
from experiment_runs import inharmonic, small_results, tones
from spectramend.errors import ParameterError
from spectramend.evaluation import snr
from spectramend.experiments import declipping
from spectramend.experiments._common.output import tables
from spectramend.experiments._common.published import read_published
from spectramend.experiments._common.recordings import Recording

SR = 16000


@given(level=st.floats(1, 20), seed=st.integers(0, 9))
def test_the_threshold_gives_the_ratio_that_is_asked_for(level: float, seed: int) -> None:
    x = np.random.default_rng(seed).laplace(size=2000)
    x /= np.abs(x).max()
    bounded = declipping.clipped(x, level)
    assert snr(x, bounded.y) == pytest.approx(level, abs=0.01)
    assert (bounded.lower <= x).all()
    assert (x <= bounded.upper).all()
    reliable = bounded.lower == bounded.upper
    np.testing.assert_array_equal(bounded.y[reliable], x[reliable])
    np.testing.assert_allclose(np.abs(bounded.y[~reliable]), np.abs(bounded.y).max())


def test_ratios_that_no_threshold_gives_are_refused() -> None:
    x = inharmonic(0.1) / np.abs(inharmonic(0.1)).max()
    for level in (0, 400):
        with pytest.raises(ParameterError, match=f"input_sdr={level}: no threshold gives it"):
            declipping.clipped(x, level)


def test_gains_are_of_the_clipped_samples_alone() -> None:
    x = inharmonic(0.5) / np.abs(inharmonic(0.5)).max()
    bounded = declipping.clipped(x, 7)
    free = bounded.lower < bounded.upper
    better = np.where(free, 0.9 * x + 0.1 * bounded.y, 0)
    measured = bounded.measures(x, better)
    assert measured["delta_sdr_db"] == pytest.approx(20)
    assert measured["consistent_share"] == pytest.approx(free.mean(), abs=1e-3)


def test_rows_have_levels_and_published_results() -> None:
    result = small_results()["declipping"]
    rows = {(row["condition"], row["level"]): row for row in result.rows}
    assert rows["clipped", 3]["delta_sdr_db"] == 0
    assert rows["a_spade", 7]["delta_sdr_db"] > 15
    assert (rows["a_spade", 7]["signals"], rows["a_spade", 7]["consistent_share"]) == (2, 1)
    assert rows["a_spade", 7]["pesq_wb"] is None
    assert rows["published a_spade", 7]["delta_sdr_db"] == 10.856
    assert rows["published a_spade", 7]["signals"] == 1
    (table,) = tables(result)
    assert [column.heading for column in table.columns] == [
        "Condition", "3 dB input (dB)", "7 dB input (dB)", "Mean (dB)", "Signals", "PESQ-wb",
        "Consistent", "Time (s)",
    ]  # fmt: skip


def test_published_gains_are_those_of_the_survey() -> None:
    items = read_published("declipping.csv")
    gains = [i["snr_db"] for i in items if (i["condition"], i["group"]) == ("published ss_pew", 7)]
    assert len(gains) == 10
    assert np.mean(gains) == pytest.approx(17.66, abs=0.01)


def test_excerpts_come_from_the_middle_with_a_peak_of_1() -> None:
    x = 0.1 * np.sin(np.arange(3 * SR) / 10)
    x[SR : 2 * SR] *= 2
    quiet = Recording("a", np.concatenate([x, np.zeros(3 * SR)]), SR)
    for seconds, message in ((0.1, "the middle of a is silent"), (0, "give a length above 0")):
        late = Recording("a", np.roll(quiet.samples, 4 * SR), SR) if seconds else quiet
        with pytest.raises(ParameterError, match=message):
            declipping.run([late], input_sdr_db=[7], seconds=seconds, methods=["clipped"])
    whole, middle = (
        declipping.run([Recording("a", x, SR)], input_sdr_db=[7], seconds=s, methods=["clipped"])
        for s in (None, 1.0)
    )
    assert whole.items[0]["sdr_db"] != middle.items[0]["sdr_db"]


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(ParameterError, match="methods has 'magic': give some of clipped, "):
        declipping.run([Recording("a", tones(1), SR)], methods=["magic"])


def test_the_command_prints_and_writes_the_same(run: Runner, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", inharmonic(3), SR)
    out = tmp_path / "out"
    ended = run("experiment", "declipping", "--data", tmp_path, "--input-sdr", "15", "--seconds",
                "0.5", "--methods", "clipped,janssen_gaps", "--json", "-o", out)  # fmt: skip
    assert ended.code == 0
    printed = json.loads(ended.out)
    assert printed == json.loads((out / "metrics.json").read_text())
    assert [row["condition"] for row in printed["rows"]] == ["clipped", "janssen_gaps"]
    assert printed["settings"] == {
        "levels": [15], "methods": ["clipped", "janssen_gaps"], "seconds": 0.5, "recordings": 1,
    }  # fmt: skip
    assert run("experiment", "declipping", "--data", tmp_path / "no").code == 1
